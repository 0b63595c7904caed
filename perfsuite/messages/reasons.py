"""Reasons: for the outcome of a run, and for the outcome of each target."""

from __future__ import annotations

from perfsuite.messages import Code


class Reason(Code):
    """One sentence each, with cause and fix. What is known beyond it follows as `Detail`."""

    # ── the outcome of a run ────────────────────────────────────────────────────────────────────────────────────
    PASSED = (
        "{judged:n judged target} met over {steady_s:seconds} of steady state with {requests:n request},"
        " {failures:n failure}"
    )
    INTERRUPTED = "interrupted after {duration_s:seconds} of {planned_s:seconds}"
    WRONG_UNDER_LOAD = (
        "wrong under load ({invariant}): {operation} as {roles}, {rule}: expected {expected}, seen {seen};"
        " {count:n time}, first at {at:time} ({id})"
    )
    MORE_WRONG_UNDER_LOAD = "wrong under load: {violations:n more violation} of {rules:list}"
    WRONG_ANSWERS = "{answers:n wrong answer} (the status was right, the content was not)"
    ABORTED = (
        "stopped at {at:time} by a stop rule: {target} was missed over the last {window_s:seconds}"
        " ({observed}, limit {limit})"
    )
    NOT_RECOVERED = "response times were not back in their range within {watched_s:seconds}"
    TARGET_LOST = "the target was lost: it answered no request from {since:time} on; check whether it is still running"
    TARGET_LOST_STOPPED = "the target was lost, and the load was stopped"
    RATE_NOT_REACHED = (
        "{asked_per_s:number} actions/s were planned, {begun_per_s:number}/s could be started:"
        " {not_started:number} of {due:number} never started{late}; the target was too slow for that rate, or"
        " {sessions:n session} (--users) are too few for it"
    )
    RATE_LIMITED = (
        "the target's rate limit refused {limited:n request} of {requests:number} ({answer}): raise it for the load"
        " accounts, or lower the load"
    )
    TOO_MANY_FAILED = (
        "{failed:number} of {requests:number} requests failed ({share:percent}), limit {limit:percent} where no target"
        " on the failure rate applies"
    )
    TOO_MANY_FAILED_OUTSIDE = (
        "{failed:number} of {requests:number} requests outside the scope of the targets on the failure rate failed"
        " ({share:percent}), limit {limit:percent} where no such target applies"
    )
    NO_TARGETS = "no target applies to this scenario: add one to the targets file"
    NOTHING_JUDGED = "no target could be judged ({why})"
    NOTHING_JUDGED_RUN = NOTHING_JUDGED + ": run {remedies}"

    # ── the load generator cannot be trusted ────────────────────────────────────────────────────────────────────
    GENERATOR_SATURATED = (
        "the load generator was saturated: {signs}; use more load processes ({more}), fewer users, or"
        " a machine with nothing else on it"
    )
    GENERATOR_THROTTLED = (
        "the load generator was saturated: {signs}; {limit} stopped it in {share:percent} of its periods: raise that"
        " limit (docker --cpus, limits.cpu of a pod, CPUQuota of a unit), or use fewer users; more load processes would"
        " share it"
    )
    HELD_BACK = (
        "load processes held requests back for {held_s:seconds}, since they did not hear the master: its machine or the"
        " network stood still; give the master a machine with nothing else on it, and run again"
    )
    WORKER_LOST = (
        "load process {worker} was lost at {at:time} ({reason}): {users}; see its log for the cause, and run again"
    )
    LOAD_DIED = "the load process died after {duration_s:seconds}: see its log for the cause, and run again"
    CUT_OFF_RUN = (
        "the run was cut off after {duration_s:seconds} without a record of how it ended: the suite was killed, its"
        " machine stopped, the disk was full, or the run is still in progress; run again"
    )

    GENERATOR_LIMIT = (
        "{failed:n request} never left the load machine ({cause}), so the target got less load than planned: {fix}"
    )

    # ── the run is not valid ────────────────────────────────────────────────────────────────────────────────────
    NOTHING_SENT = "no request was recorded, although there were users: see the log of the load process"
    NOTHING_SENT_NO_USERS = (
        "no request was recorded, because no user was started: see the log of the load process, or run longer"
    )
    TOO_LITTLE = (
        "too little was measured: {requests:n request} in {steady_s:seconds} of steady state, at least"
        " {requests_needed} in {steady_needed_s:seconds} are needed; run {remedies}"
    )
    USERS_NOT_STARTED = (
        "only {peak:number} of {requested:number} users were started: this machine may be too slow for them; use fewer"
        " users or a lower --spawn-rate"
    )
    RAMP_UP_TOO_LONG = (
        "only {peak:number} of {requested:number} users were started: at {spawn_rate} users/s the ramp-up takes"
        " {ramp_up_s:seconds} of {duration_s:seconds}; raise --spawn-rate or --duration"
    )
    USERS_ENDED = (
        "users ended before the load did: from {since:time} on some were missing, on average {users:list} were active"
        " in the steady state; see the log of the load process for the cause, and run again"
    )
    ACTIONS_NOT_DUE = (
        "the schedule planned about {expected:number} actions in the steady state, only {due:number} became due: the"
        " load generator was too slow to follow it; use more load processes ({more}), or a lower rate"
    )
    ACTIONS_NOT_DUE_LOST = (
        "the schedule planned about {expected:number} actions in the steady state, only {due:number} became due: the"
        " others belonged to {workers}"
    )
    LITTLES_LAW = (
        "Little's law does not hold for {roles:list}: users spent time on something that was not recorded, or actions"
        " are missing; the load generator may be too slow, run again with fewer users or more --processes"
    )
    LITTLES_LAW_LOST = (
        "Little's law does not hold for {roles:list}: the last actions of {workers}, were not handed over"
    )
    COUNTS_DISAGREE = (
        "the counts of requests disagree: {recorded:number} recorded, {others:list}; some were counted twice or not at"
        " all, so no figure is certain: run again"
    )
    COUNTS_DISAGREE_LOST = (
        "the counts of requests disagree: {recorded:number} recorded, {others:list}: the last ones of {workers}, were"
        " not handed over"
    )
    UNRECORDED = (
        "{unrecorded:number} of {sent:n request} that were sent are in no figure: recording them raised an error of the"
        " suite itself"
    )
    NO_LAST_RECORD = (
        "a load process ended without its last record, so it is not known whether all requests were recorded: see"
        " {log} and load.log, and run again"
    )
    REPORTS_LOST = (
        "{reports:n report} of the load processes never arrived, so some requests are missing here; run again"
    )
    LEDGER = (
        "the ledger of the load processes does not balance, so some requests may be missing here: {gaps}; run again"
    )
    SUITE_ERRORS = "the suite itself met {errors:n error}, so its report may be incomplete: {examples}"
    SUITE_FAILED = SUITE_ERRORS + "; this ended the load after {duration_s:seconds}"

    # ── rows that should have been removed ──────────────────────────────────────────────────────────────────────
    ROWS_REMAIN = "rows of this run remain at the target: {rows}"
    ROWS_MAY_REMAIN = "rows of this run may remain at the target: {rows}"

    # ── a target that was judged ────────────────────────────────────────────────────────────────────────────────
    MAXIMUM = "{figure} {observed}, limit {limit}"
    MINIMUM = "{figure} {observed}, more than {limit} needed"
    INFORMATION = "information only in scenario {scenario}, {outcome}: {reason}"

    # ── a target that was not judged ────────────────────────────────────────────────────────────────────────────
    NO_FIGURE = "the figure is not known"
    STAGES_NOT_REACHED = "the run ended before {stages:list}"
    NO_SPIKE = "the load never went back after a rise, so there was nothing to recover from"
    RECOVERY_NOT_SEEN = "no recovery was seen in {watched_s:seconds} of {stage}: make that stage longer"
    NO_STEADY_STATE = "there was no steady state"
    AT_THE_END = "judged at the end of the run"
    STEADY_NOT_REACHED = "the steady state has not begun"
    ENDED_BEFORE_STEADY = "{what} before the steady state"
    NO_STEADY_USERS = "no steady state: only {peak:number} of {requested:number} users were started"
    DONE_BEFORE_STEADY = (
        "no steady state: the first user had made its iterations before all had started and the load had settled"
    )
    NO_STEADY = "no steady state: the load ended before it had settled"
    TOO_FEW_SAMPLES = "{samples:n sample}, {needed:number} needed for {figure}"
    TOO_FEW_WITHOUT_FAILED = (
        "{samples:n sample} without {left_out:n failed request}, {needed:number} needed for {figure}"
    )
    NO_FAILURE_RATE = "no request, so no failure rate"
    NO_THROUGHPUT = "no request, so no throughput"
    TOO_FEW_USERS = "ran {users:number} {whom}, more than {limit} needed"
    USERS_RUNNING = "{users:number} of {planned:number} {whom} are running, more than {limit} needed"
    USERS_STARTED = "only {users:number} of {planned:number} {whom} were started, more than {limit} needed"
    RATE_OFFERS_TOO_LITTLE = "{rate} actions/s generate only {offered}; more than {limit} needed"
    USERS_OFFER_TOO_LITTLE = (
        "if answers take {limit_ms:ms}, {users:n user} can generate only {offered}; more than {limit} needed"
    )
    ROLE_LEFT_OUT = "the run was made without the role {role}"
    EXCLUDED = "{operation} was excluded"
    ROLE_ABSENT = "with {users:n user}, no user ran as {role}"
    ROLE_SENT_NOTHING = "no request as {role} in the steady state"
    NO_ROLE_CALLS = "no role with users calls {operation}{whom}"
    NOT_EXERCISED = "{operation}{whom} was not exercised: {why}"
    NOT_OFFERED = "not offered by the target"
    FAILED_BEFORE_LOAD = "it failed before the load and was left out"
    READ_ONLY = "it writes, and the run is read-only"
    DATA_MISSING = "the data for it was missing"
    NOT_REACHED = "no action of the steady state reached it"

    # ── a target on what was read at the target ─────────────────────────────────────────────────────────────────
    NO_MONITOR = "no monitor of {what} in this run"
    NOT_READ = "the monitor of {what} did not read {metric} in the steady state"
    NO_VALUE = "the monitor of {what} returned no value of {metric} in the steady state"
    NEVER_ANSWERED = "the monitor of {what} never answered"
    TOO_FEW_READINGS = "{samples:n sample}, {needed} needed"
    TOO_MANY_GAPS = "{gaps:number} of {readings:n reading} are gaps"
    NO_FINGERPRINT = "no fingerprint was taken in this run"
    NOT_IN_FINGERPRINT = "the fingerprint does not contain such an operation, or could not measure it"
    COST_UNKNOWN = "the cost of {operation} as {role}{more} is not known: {why}"

    # ── the comparison with a baseline ──────────────────────────────────────────────────────────────────────────
    NOT_COMPARABLE = "it cannot be compared with {baseline}: {why}"
    COSTS_MORE = "{operation} as {role}: {before} → {after} {unit}, compared with {baseline}"
    CACHE_LOST = (
        "{operation} as {role}: a cache answered queries of repeated requests, now each of them queries the database,"
        " compared with {baseline}"
    )
    CACHE_GAINED = "{operation} as {role}: a cache now answers queries of repeated requests, compared with {baseline}"
    BECAME_WORSE = "{figure} {before} → {after}{change}, {outcome}, compared with {baseline}"
    MORE_BECAME_WORSE = "and {more:n more figure} that became worse"
    NO_REGRESSION = "no regression compared with {baseline} ({runs:n run} compared with {baseline_runs:n run})"


class Detail(Code):
    """What follows a reason: what else is known, and where to look."""

    ALSO_VIOLATED = "also {places}"
    AFTER_SPIKE = "in {stage}, after {highest}; range: up to {range} on average, as in {before}"

    COMPARISON_NOTE = "{note}"
    RATE_LAG = ", others up to {lag_ms:ms} late"
    OTHERS_FAILED = "of the other {served:n request} {share:percent} failed"
    ALL_IN_ONE = "{operation} as {role}: {message}"
    MOST_IN_ONE = "most ({count:number}) in {operation} as {role}: {message}"
    PATTERNS = "{patterns}"
    PATTERNS_OF_RUN = "in the whole run: {patterns}"
    STANDS_OUT = "most: {operation} as {role} {failures:number} of {requests:n request}"
    SLOWEST = "slowest: {operation} as {role} {value}"
    OFFERED_BY_RATE = "{rate} actions/s generate {offered}"
    OFFERED_BY_USERS = "the users can generate {offered} if answers take {limit_ms:ms}"
    ANSWERS_TOOK = "answers took {average_ms:ms} on average"
    WITHOUT_FAILED = "without {left_out:n failed request} ({every} with them)"
    TOO_CLOSE = "too close to call"
    INTERVAL = "95 % CI {interval}"
    FAILURES_MORE = "{failures:n more failure} would miss the target"
    FAILURES_FEWER = "with {failures:n fewer failure} the target would be met"
    FAILURES_FEWER_RUN = "too close to call: with {failures:n fewer failure} the run would not have failed"
    STILL_WAITING = (
        "{waiting:number} of {failures:n failed request} were still waiting when the load ended; without them the"
        " target is met"
    )
    GENERATOR_NOT_FIT = "the load generator cannot show whether the target caused this"
    RUN_NOT_VALID = "the run is not valid, so the target may not have caused this"
    GENERATOR_CAUSED = "without the requests that never left the load machine the target would be met"
    SUITE_CAUSED = "without the errors of the suite itself the target would be met"
    CANNOT_TELL = "{unsure:number} of {figures:n figure} are inconclusive"
    ACCEPTED = "accepted with --accept-leftovers"
    ROW_IDS = "their ids are in {file}"
    CLEAN_AGAIN = "run the command cleanup to try again"


class GeneratorFix(Code):
    """What to do about each `GeneratorLimit`."""

    OPEN_FILES = "raise ulimit -n, or use more --processes"
    OPEN_FILES_OF_SYSTEM = "raise fs.file-max (sysctl), or use more machines"
    LOCAL_PORTS = (
        "widen net.ipv4.ip_local_port_range (sysctl), add source addresses, or use more machines; if the target closes"
        " its connections after each request, let it keep them open"
    )
    BUFFERS = "raise net.ipv4.tcp_mem and net.core.wmem_max (sysctl), or use fewer users or more machines"
    MEMORY = "use fewer users, give the load more memory, or use more machines"
    UNKNOWN = "use fewer users, or more machines"


class Sign(Code):
    """Evidence within a reason."""

    BUSY = "{process} used {used} of a core on average{waited} and wanted over 90 % in {share:percent} of seconds"
    LIMITED = "{process} wanted {wanted} of what its CPU limit allows"
    LATE = "its event loop was {lag} late at the 99th percentile, limit {limit}"
    SENDS_LATE = "scheduled requests began {lag} late at the 99th percentile, limit {limit}"
    COLLECTING = "it paused for garbage collection {share:percent} of the time, up to {longest}"
    UNACCOUNTED = "{role} ({users:number} users, {accounted:number} accounted for, {share:percent} apart)"
    BATCHES_MISSING = "of {sent:n batch/batches} of {worker} {missing:number} did not arrive"
    NO_LEDGER = "none was written"
    BATCHES_UNKNOWN = "{worker} did not say how many batches it sent"
    REQUESTS_UNLIKE = "{worker} recorded {said:n request}, {arrived:number} arrived"
    REQUESTS_NOT_WRITTEN = "{arrived:n request} arrived, {recorded:number} are in the measurements"
    COUNT = "{count:number} {by} ({more:signed})"
    REPEATED = "{count:n repetition} counted by the client and {repeated:number} recorded"
