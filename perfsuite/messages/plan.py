"""Errors in options and in the files that users edit."""

from __future__ import annotations

from perfsuite.messages import Code


class PlanMessage(Code):
    """What keeps a plan from being made; nothing was sent."""

    # values of options; the option or the variable comes before them
    NOT_A_DURATION = "{text!r} is not a duration. Write it as 90s, 5m, 1h or 1h30m"
    DURATION_NOT_POSITIVE = "a duration must be above 0 and finite, not {text!r}"
    DURATION_TOO_LONG = "must be at most {most}, not {text!r}"
    NOT_WHOLE = "must be a whole number from {low} to {high}, not {text!r}"
    NOT_A_NUMBER = "must be a number such as 2.5, not {text!r}"
    NOT_POSITIVE = "must be above 0, not {text}"
    NOT_A_FACTOR = "must be a number from 0 to {most:setting}, not {text!r}"
    NO_VALUE = "must have at least one value"
    NOT_A_PORT = "{text!r} is not a port: give 1 to {high}, or 0 for a free one"
    NOT_AN_ADDRESS = (
        "{text!r} is not an address of this machine. Write it as 0.0.0.0:{port} (all of them), or [::]:{port}"
    )
    NOT_ONE_OF = "must be one of {names:list}, not {text!r}{hint}"
    NOT_A_SWITCH = "must be true or false, not {text!r}"

    # combinations of options
    ONE_OF_TWO = "{option} and {other} contradict each other: leave one of them out"
    DEMO_HAS_ITS_OWN = "{option}: --demo starts its own backend, to which it does not apply. Leave one out"
    NEEDS_DEMO = "{option} works on the reference backend only: add --demo, or leave {option} out"
    NEEDS_WORKERS = "{option} is about workers elsewhere: add --expect-workers N, or leave {option} out"
    WORKERS_OF_DEMO = (
        "--bind {address}: workers on other machines cannot reach a demo, which answers on this machine only.\n"
        "Leave --bind out, or load a target that they can reach with --host"
    )
    WORKERS_OF_LOOPBACK = (
        "--bind {address}: workers on other machines would each load a target of their own at {host}.\n"
        "Give --host the address by which all machines reach the target, or leave --bind out"
    )
    WORKER_TOKEN_MISSING = (
        "{option} {address}: beyond this machine {variable} is required, the same on every machine;\n"
        'make one with: python -c "import secrets; print(secrets.token_urlsafe(32))"'
    )
    WORKER_TOKEN_SHORT = (
        "{variable}: a token has at least {least} characters, this one has {length};\n"
        'make one with: python -c "import secrets; print(secrets.token_urlsafe(32))"'
    )
    POD_INDEX = "{variable}: must be a whole number from 0, not {text!r}"
    TOO_MANY_FILES = (
        "{users} users need {needed} open files in a load process, and {allowed} are allowed here.\n"
        "Allow more (ulimit -n {needed}, as root), spread the users with --processes, or take fewer"
    )
    RESULTS_UNWRITABLE = "{path}: the results cannot be written there: {why}. Choose another folder with --results"
    UNKNOWN_SCENARIO = "--scenario: unknown scenario {name!r}{hint}\nKnown: {known}"

    # how the target is reached; no sentence repeats a value that may be secret
    HEADER_AGAIN = 'this run added the header {name}: give it again, --header "{name}: env:VARIABLE"'
    HEADER_TWICE = "--header: {name} is given twice"
    HEADER_FORM = '--header: write it as "Name: value", or as "Name: env:VARIABLE"'
    HEADER_OF_SUITE = "--header: the suite sends {name} itself; it cannot be changed"
    HEADER_OF_CONNECTION = "--header: {name} is about the connection, which the suite manages itself"
    HEADER_VARIABLE = "--header: the variable {variable!r}, from which {name} is to come, is not set"
    HEADER_VALUE = "--header: the value of {name} is empty, or has characters that are not ASCII"
    CERTIFICATES_MISSING = "{option} {path}: there is no such file"
    CERTIFICATES_UNREADABLE = "{option} {path}: cannot be read: {why}"
    CERTIFICATES_FORM = (
        "{option} {path}: has no certificate in PEM form (-----BEGIN CERTIFICATE-----).\n"
        "If it is in DER form: openssl x509 -inform der -in FILE -out FILE.pem"
    )
    CLIENT_KEY_ALONE = "--client-key: needs the certificate of this key as well: add --client-cert FILE"
    CLIENT_KEY_MISSING = (
        "--client-cert {path}: contains no key (-----BEGIN PRIVATE KEY-----). Name its key with --client-key FILE"
    )
    CLIENT_KEY_FORM = "--client-key {path}: contains no key in PEM form (-----BEGIN PRIVATE KEY-----)"
    CLIENT_KEY_OTHER = "{option} {path}: is not the key of the certificate in {certificate}"
    CLIENT_KEY_NO_PASSWORD = "{option} {path}: the key is encrypted. Set {variable} to its password"
    CLIENT_KEY_PASSWORD = "{option} {path}: {variable} is not the password of this key"
    CLIENT_KEY_UNREADABLE = "{option} {path}: TLS does not accept this certificate or key: {why}"
    PROXY_PASSWORD = (
        "--proxy: a proxy that asks for a name and password is not supported. Load past it, or through a forwarder"
    )
    PROXY_FORM = "--proxy: {url!r} is not the address of a proxy. Write it as http://proxy.example:3128"

    # the credentials file; no sentence repeats a cell: where columns are swapped, any may be the password
    PHONE_NUMBER = "{place}: the phone number must be digits only"
    UNKNOWN_ROLE = "{place}: the third cell is not a role. Known: {known}; --mapping adds names"
    SHARED_ROLE_NAME = "{place}: the target has this name for several roles ({roles}); write which of them is meant"
    PHONE_NUMBER_TWICE = "{place}: the phone number is already in an earlier line; give each account once"
    NO_PASSWORD = "{place}: the password is empty. Write it there, or set {variable}"
    NO_ACCOUNT = "{path}: has no account. Add lines {columns}"
    NO_ACCOUNT_FOR = "the credentials have no account for {roles}. Add a line for each of these roles to the file"
    CREDENTIALS_HEAD = "{place}: the first line must be {columns}"
    CREDENTIALS_CELLS = "{place}: has {cells} cells instead of 3"
    CREDENTIALS_CSV = "{place}: is not proper CSV (an open quote?)"
    CREDENTIALS_MISSING = "{path}: there is no such file. Create it with columns {columns}, or name it by --credentials"
    CREDENTIALS_UNREADABLE = "{path}: cannot be read: {why}"
    CREDENTIALS_NOT_UTF8 = "{path}: is not UTF-8 text"

    # target.toml, scenarios.toml, targets.toml; the key comes before the sentence
    NO_SUCH_PATHS = "{key}: no path of the contract begins with it"
    UNKNOWN_PATH = "unknown path {key!r}{hint}"
    STAR_OF_ONE_PATH = "the {star} has to be at the end of both paths, or of none"
    NOT_A_PATH = 'must be a path without a query, such as "/api/v2/policies/"'
    OTHER_IDS = "must have the same ids in braces as the contract's path ({ids})"
    NO_SCENARIO = "{file}: has no scenario. Add a table such as [scenario.basic]"
    SCENARIO_NAME = "the name of a scenario may have letters, digits, _ and - only"
    NEEDS_ARRIVAL_RATE = "needs an arrival_rate"
    EMPTY_LIST = "names nothing; leave {key} out for all of them"
    LOGIN_EXCLUDED = "every user has to log in: login cannot be excluded"
    WEIGHT_OF_NO_ROLE = "this role is not among the scenario's roles"
    TOO_HIGH = "must be at most {most:setting}"
    NO_THINK_TIMES = "with an arrival rate nobody thinks: leave the factor of the think times out, or the arrival rate"
    ITERATIONS_OF_RATE = (
        "arrival rate and duration say how many actions there are: leave the iterations out, or the arrival rate"
    )
    ITERATIONS_OF_STAGES = "stages and refill say how long the load lasts: leave the iterations out, or these"
    NOTHING_LEFT = "no operation is left that any of its roles could send. Exclude less, or take other roles"
    NOTHING_LEFT_FOR = "no operation is left for {roles:list}. Exclude less, or leave these roles out: --roles {others}"
    STAGES_FORM = "must be a list of tables, each with a name, a duration, and users or an arrival_rate"
    STAGES_SAY_SO = "a scenario with stages has no {key}: the stages say it"
    STAGES_OF_TWO_MODELS = "either all stages have users, or all have an arrival_rate"
    STAGES_WITHOUT_LOAD = "at least one stage needs users or an arrival_rate above 0"
    STAGE_NAME = "may have letters, digits, spaces and _./- only, at most 40, and not be {reserved:list}"
    STAGE_TWICE = "an earlier stage has this name; give each its own"
    STAGE_LEVEL = "needs exactly one of 'users' and 'arrival_rate'"
    TRUE_OR_FALSE = "must be true or false"
    REFILL_TOO_SHORT = (
        "scenario {scenario} has refill = true, and its duration is that of the first fill: at least {least} are needed"
    )
    REFILL_RATE = "with refill = true both fills need the same load; leave arrival_rate_end out"
    SEARCH_TOO_SHORT = "a search needs at least {least_s:seconds}, not {text!r}"
    SEARCH_OF_STAGES = (
        "--scenario {scenario}: a search sets the load itself, and so does this scenario. "
        "Take one without stages, refill and iterations"
    )
    SEARCH_OF_SEVERAL = "--scenario: a search is of one scenario. Leave the others out"
    AT_LEAST_BEYOND = (
        "--at-least {load:setting}: the search goes up to {most:setting} {unit} only. "
        "Raise --max-users, or ask for less"
    )
    TOO_FEW_SESSIONS = (
        "--max-users {sessions}: too few sessions for a search by arrival rate, which needs {needed} or more"
    )
    SCENARIO_HAS_STAGES = "{option}: the stages of scenario {scenario} say it. Change them in the file, or leave it out"
    TARGETS_FORM = "{file}: targets are written as [[target]], with two brackets"
    NO_TARGET = "{file}: has no target, so nothing could be judged. Add a [[target]]"
    TARGET_TWICE = "{file}: two targets have the name {name!r}. Give each its own"
    USERS_OF_OPERATION = "users are not counted by operation; leave it out"
    QUERIES_BELOW = "queries per request are limited with 'below'"
    RECOVERY_OF_PART = "recovery is seen over all requests; leave it out"
    RECOVERY_BELOW = "a recovery is limited with 'below'"
    METRIC_OF_RUN = "{metric} belongs to the whole run; leave stages out"
    NO_STOP_RULE = "{metric} cannot end a run; response times, failure_rate and rps can"
    STOP_RULE_TOO_SHORT = "must be at least {least}"
    READING_OF_PART = "a monitor reads the whole target; leave it out"
    UNKNOWN_METRIC = "unknown metric {metric!r}{hint}"
    NO_STATISTIC = "only readings of monitors have one; {metric} names its figure"
    OTHER_STATISTIC = "{statistic} does not go with {direction!r}; use {others}"
    ONE_LIMIT = "needs exactly one of 'below' and 'above'"
    APDEX_LIMIT = "an Apdex score is between 0 and 1, and more is better: write above = 0.85"
    RATE_IS_FRACTION = "a failure rate is a fraction: write {fraction} for {percent} %"


class PlannedReason(Code):
    """Why a target could not be judged in a planned run; as in the verdict, but before it."""

    NO_SUCH_STAGES = "the scenario has no stage {stages:list}"
    NO_SPIKE = "the load never goes back after a rise"
    ONLY_IN = "only judged in {scenarios:list}"
    ROLE_LEFT_OUT = "the run is made without the role {role}"
    EXCLUDED = "{operation} is excluded"
    ROLE_ABSENT = "no user is a {role}"
    TOO_FEW_USERS = "runs {users:n user}, more than {limit:setting} needed"
    NO_FINGERPRINT = "no fingerprint is taken: {remedy}"
    NO_STEADY_STATE = "the load is never steady"
    OFFERS_TOO_LITTLE = "offers {offered} at the response-time limit, more than {limit:setting} needed"
    TOO_FEW_SAMPLES = "about {samples:n sample}, {needed:number} needed"
    NOT_MONITORED = "not monitored: {remedy}"
    TOO_SHORT = "a run of {needed_s:seconds} or longer is needed"
