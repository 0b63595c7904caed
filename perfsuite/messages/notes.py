"""Notes on a run: what a reader should know beside the verdict. None of them changes it."""

from __future__ import annotations

from perfsuite.messages import Code


class Note(Code):
    """One sentence each."""

    # ── circumstances of every run like this one ────────────────────────────────────────────────────────────────
    ONE_MACHINE_DEMO = "load and target on one machine (demo)"
    ONE_MACHINE = "load and target on one machine (or a tunnel)"
    MERGED = "merged from {runs:n run}: seconds of one are those of another as far as the clocks of their masters agree"
    SHARED_ACCOUNTS = "{users:n user} on {accounts:n account}"
    PROXY = "all requests went through {proxy}: response times include the proxy"
    NOT_DONE = (
        "{missing:number} of {requested:number} users had not made their {iterations:number} iterations within"
        " {duration_s:seconds}; a longer --duration gives them time"
    )
    ABSENT_ROLES = "with {users:n user}, no user ran as {roles:list}"

    # ── what makes figures doubtful ─────────────────────────────────────────────────────────────────────────────
    FAST_ERRORS = "targets are judged without {left_out:n failed request}, the tables include them: {differences:list}"
    FIGURE_DIFFERS = "{figure} {judged} instead of {every}"
    SLOW_ERRORS = (
        "failed requests took longer than the others: the {figure} is {judged} without them, as judged, and {every}"
        " with them"
    )
    SLOW_ERRORS_WOULD_MISS = SLOW_ERRORS + ", which would miss the limit of {limit}"
    OUTAGE = (
        "the target did not answer from {start:time} to {end}: {failed:n request} failed, most of them with {message}"
    )
    CUT_OFF = (
        "the end of the load cut off {requests:n request} of the steady state: they count as unfinished and do not"
        " make the run fail on their own"
    )
    DRIFT = (
        "{figure} {direction} during the steady state from about {start} to {end} ({change}, {p_value:p}): the"
        " figures are averages over this change; run longer, or look for what fills up or warms up"
    )
    LATE_LOGINS = (
        "{late:number} of {users:n user} were still logging in when the steady state began, a quarter into the plateau:"
        " {share:percent} of the requests that ended in it are logins; lower --spawn-rate, or run longer"
    )
    NOTHING_CHECKED = (
        "no check of correctness had a result ({why}): this run does not show whether the answers stay right under load"
    )
    ONLY_WATCHED = (
        "no check of correctness that sends requests had a result ({why}): only answers that the load got anyway were"
        " looked at"
    )
    NO_CHECK_SENT = "no check of correctness sent a request: only answers that the load got anyway were looked at"
    NO_CHECK_MADE = "no check of correctness was made: this run does not show whether the answers stay right under load"
    CLOCK_SET = (
        "the system clock was set {direction} by {by_s:seconds} during the run, or the machine slept; the times of"
        " this run follow the clock as it was when the run began"
    )
    CLOCK_UNCERTAIN = (
        "the clock of {workers:list} is only known to within {uncertainty}, limit {limit}: in figures by second, its"
        " requests may stand in the second beside theirs"
    )
    RAW_SAMPLES_LEFT_OUT = (
        "the files of raw samples lack {left_out:n request} and have {written:number}: {why}; the figures of the run"
        " include all requests"
    )
    RAW_SAMPLES_CUT_OFF = "a file of raw samples ends where its load process was killed, with the last whole second"
    LONG_GC_PAUSE = "the load generator paused for {longest} (garbage collection): the slowest requests may be its own"
    THROTTLED = (
        "{limit} stopped the load generator in {share:percent} of its periods: the slowest requests may be"
        " its own; raise that limit"
    )

    # ── what the target reports and the suite does not use ──────────────────────────────────────────────────────
    SERVER_TIME_SOME = "{header} of {ignored:number} of {reported:n answer} was ignored: {example}; {why}"
    SERVER_TIME_ALL = "{header} was ignored: {example}; {why}"
    SERVER_TIME_MANY = (
        "{header} was ignored: {example}; {why}; this affected {ignored:number} of {reported:number} answers, so none"
        " is used"
    )
    SERVER_TIME_ZEROS = "the server's own time was ignored: it was 0 in {zeros:number} of {reported:n answer}"
    SERVER_TIME_TOO_LONG = "the server's own time was ignored: on average it was longer than the answers took"
    TOKEN_LIFETIME = "{what} is {example}; {why}"
    TOKEN_EXPIRED = (
        "the target refused {requests:n request} because the token had expired: after a new login each was sent once"
        " more; these refusals count neither as requests nor as failures"
    )

    IDLE_CLOSED = (
        "the target closed {closed:n idle connection} just as a request was sent, after about {after:list} without a"
        " request: {repeated:n GET/GETs} sent once more, {failed:n failed request}; raise the server's keep-alive time"
        " above the users' think time"
    )

    CLOSED_IN_USE = (
        "the target closed {closed:n connection} in use just as a request was sent, which no keep-alive time explains;"
        " GETs were sent once more, so the failure rate does not show it: look for workers that restart or crash, and"
        " for a proxy that drops connections (`--no-retry` counts each as a failure)"
    )

    # ── what was not exercised ──────────────────────────────────────────────────────────────────────────────────
    DIFFERS = "answers that differ from the contract but were used: {answers:list}"
    LEFT_OUT = "left out, {why}: {operations:list}"
    DEAD_BEHAVIOURS = "not exercised, because none of their operations was left: {behaviours:list}"
    LACKING = "{operations:list} as {role} could not be made {times:n time}: {why}"
    LACKING_DATA = "{operation} could not be made {times:n time}: the target holds no data for it"
    LACKING_OWN_ROWS = (
        "{operation} could not be made {times:n time}: it works on rows that the same load process created, and none"
        " was left"
    )
    EMPTY_DESPITE_ROWS = "as {role}, {answer}: does the target hide an error?"

    # ── what was left at the target ─────────────────────────────────────────────────────────────────────────────
    MAY_HAVE_LEFT_ROWS = "rows that this run created may still be at the target: remove them with the command cleanup"
    NOT_PUT_BACK = "changed by this run and not put back: {changes:list}"
    SOFT_DELETED = "{rows} marked {status}; the target keeps deleted rows of this kind"
