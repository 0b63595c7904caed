"""Findings: what a run shows about where the time went. They start with a capital: each stands on a line of its own."""

from __future__ import annotations

from perfsuite.messages import Code


class FindingMessage(Code):
    """One sentence each; what follows a colon or a semicolon has a code of its own."""

    # ── response times and failures ─────────────────────────────────────────────────────────────────────────────
    ONSET = "{what} from {at:time} on"
    ONSET_IN_RUN = ONSET + ", {into_s:seconds} into the run"
    RESPONSE_TIMES = "Response times rose ({change} on average)"
    RESPONSE_TIMES_MOSTLY = "Response times rose ({change} on average, most of it {operation} as {role})"
    OPERATIONS_SLOWER = "{operations:list} took longer ({change} on average)"
    TOO_FEW_BEFORE = (
        "{operations:list} took {after:ms} on average, {before:ms} in {requests:n request} before (too few to call it a"
        " change)"
    )
    FAILED = "{share:percent} of the requests failed (before: {before:percent})"
    AGAIN = "{times:n time} in the run"
    CORRELATED = "left their band with it: {metrics:list}"
    NOTHING_CORRELATED = "no monitored metric left its normal range with it"
    TOO_SHORT_BEFORE = "what was monitored before it is too short to compare"
    ESTIMATE = "if {operations:list} alone ran them, that is {more:n statement} more in each of those requests"

    # ── incidents ───────────────────────────────────────────────────────────────────────────────────────────────
    LASTED = "for {for_s:seconds} from {at:time} on"
    LASTED_TIMES = LASTED + ", {times:n time} in all"
    BACKEND_GONE = "The backend's process was gone {when}"
    NO_ANSWER = "{part} gave no answer {when}"
    BLOCKED = "Sessions of PostgreSQL were blocked by a lock, up to {sessions:number} at once, {when}"
    WORK_PER_REQUEST = "Work per request changed: {what} {change} from {at:time} on"
    CPU_TAKEN = "Other processes used {cpu:percent} of a core, on a machine that was full, {when}"
    OUTAGE = "The target gave no answer {spans:list}: {failed:n request} failed, most of them with {message}"
    SPAN = "from {start:time} to {end:time} ({for_s:seconds})"

    # ── resources ───────────────────────────────────────────────────────────────────────────────────────────────
    AT_LIMIT = "At its limit in {share:percent} of the samples: {what}, {value} (median)"
    LOCKED = "Sessions of PostgreSQL blocked each other in {share:percent} of the samples"
    CACHE_UNUSED = "The cache was not used: Redis is there, but no request looked anything up in it"
    CACHE_EMPTY = "The cache was nearly empty: {hits:percent} of the lookups found their key"
    CPU_OF_OTHERS = (
        "Other processes used {cpu:percent} of a core (median), on a machine that was full in {share:percent} of the"
        " samples"
    )
    POOL_FULL = (
        "The application's pool was full in {full:percent} of the samples, with requests waiting for a connection in"
        " {waited:percent}"
    )
    POOL_OF_SIZE_FULL = (
        "The application's pool of {size:n connection} was full in {full:percent} of the samples, with requests waiting"
        " for one in {waited:percent}"
    )
    GENERATOR_AT_LIMIT = "The load generator itself was at its limit: {figures:list}"
    GREW = "The {what} only grew: {change} in {for_s:seconds}, at the end by {per_minute} a minute"
    GREW_FROM = (
        "The {what} only grew from {at:time} on: {change} in {for_s:seconds}, at the end by {per_minute} a minute"
    )
    USED_UP = "at this rate it is used up in {left_s:seconds}"

    # ── the database ────────────────────────────────────────────────────────────────────────────────────────────
    N_PLUS_ONE = (
        "{operation} as {role} runs {queries:n query/queries} of one kind in one request, which looks like N+1:"
        " {statement}"
    )
    N_PLUS_ONE_FOR_ROWS = (
        "{operation} as {role} runs {queries:n query/queries} of one kind in one request for {rows:n row}, which looks"
        " like N+1: {statement}"
    )
    SAME_STATEMENT = "the same in {operations:list}"
    MORE_QUERIES = "Measured alone, {costs}"
    MEASURED_ALONE = "measured alone, {costs}"
    COSTS = "{operation} as {role} costs {before} → {after} {figure} per request, before and after the load"
    COSTLIER = "{operation} as {role} costs the database more than in the earlier fingerprint: {differences:list}"
    DIFFERENCE = "{before} → {after} {figure} per request"
    CACHE_LOST = "a repeated request runs all its queries now, where a cache answered some or all of them before"
    FULL_SCANS = (
        "Table {table} was read from end to end {per_s:number}/s, {per_request:number} times per request, {rows:n row}"
        " each time: an index may be missing"
    )
    IDLE_IN_TRANSACTION = (
        "A session of PostgreSQL was idle in a transaction for {for_s:seconds} from {at:time} on: it kept its locks,"
        " and kept dead rows from being removed"
    )
    IDLE_SINCE_BEFORE = (
        "A session of PostgreSQL was idle in a transaction for {for_s:seconds}, since before the load: it kept its"
        " locks, and kept dead rows from being removed"
    )
    NO_POOL = "The application keeps no pool (NullPool) and opens a database connection per request"
    NO_POOL_COUNTED = NO_POOL + ": {opened}"
    CONNECTION_PER_REQUEST = "The application opens a database connection per request: {opened}"
    OPENED = "{sessions:number} sessions of PostgreSQL were opened per second, for {requests:number} requests"
    BESIDE_POOL = "beside a pool of {size:number}: those beyond it are closed after use"

    # ── loads that differ ───────────────────────────────────────────────────────────────────────────────────────
    GROWS_FASTER = (
        "{operation} took {times:number} times as long at {high} as at {low} ({change} from the send, on average), for"
        " {load_times:number} times the load"
    )
    ALSO_FASTER = "service times that grew faster than the load as well: {operations:list}"
    FIRST_RESOURCE = "First resource outside its normal range: {resource}, at {load}"
    BECAME = "{what} {change}"
    WITHIN_RANGE = "No monitored resource left its normal range, up to {load}"

    # ── the ramp-up ─────────────────────────────────────────────────────────────────────────────────────────────
    RAMP_UP = "In the ramp-up {parts:list}, from {at:time} on"
    SLOW_TO_OPEN = "{connections:n connection} took {mean:ms} to open on average"
    SLOW_TO_OPEN_AT_BEST = SLOW_TO_OPEN + " ({best:ms} at best)"
    WAITED_IN_QUEUE = "up to {connections:n connection} waited to be accepted"
    DROPPED = "{connections:n connection} were dropped because the listen queue was full"
    LOGIN_STORM = "Login storm during the ramp-up: {logins:n login} took {mean:ms} on average and {most:ms} at most"
    ALONE = "{mean:ms} alone"
    OUTLASTED = "and went on for {for_s:seconds} after the last user was started"
    SERVER_CPU = "the server used {cpu:percent} of a core meanwhile"
    RATE_LIMITED = "a rate limit refused {share:percent}"
    START_SLOWLY = "start users more slowly, and give each user an account of its own"
    START_AT_RATE = "start users more slowly (--spawn-rate {rate:number}), and give each user an account of its own"

    # ── what every run shows ────────────────────────────────────────────────────────────────────────────────────
    MOST_TIME = (
        "{operation} takes the largest share of the response time: {share:percent} ({requests:n request}, {mean:ms} on"
        " average)"
    )
    WAITS_MOST = (
        "{role} makes {requests:percent} of the requests and has {time:percent} of the response time: {mean:ms} on"
        " average, compared with {all_roles:ms} over all roles"
    )
    OUTSIDE = (
        "Most of the time is spent outside the application: {inside:ms} in it on average, {outside:ms} outside"
        " (network, proxies, queues before it)"
    )
    INSIDE = (
        "Most of the time is spent inside the application: {inside:ms} in it on average, {outside:ms} outside"
        " (network, proxies, queues before it)"
    )
