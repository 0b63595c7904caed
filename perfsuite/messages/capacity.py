"""What a search for the most load found: the answer, what goes with it, and what stayed open."""

from __future__ import annotations

from perfsuite.messages import Code


class CapacityText(Code):
    """The answer, sentence by sentence. `report/capacity.py` adds the full stops."""

    INTERVAL = "Meets all targets up to {range} {unit} (95 % CI), {rps} requests/s"
    CLIFF = "Meets all targets up to {low} {unit}, {rps} requests/s, and collapses at {high}"
    AT_LEAST = "Meets all targets up to at least {low} {unit}, {rps} requests/s; {why}"
    FIRST_LOAD_FAILS = "Does not meet all targets even at {load} {unit}"
    NONE = "No capacity was found; {why}"

    FIRST_TO_FAIL = "First to fail: {target}"
    RECOVERED = "Recovered within {recovery_s:seconds}"
    NOT_RECOVERED = "Did not recover within {watched_s:seconds}"

    # ── what goes with it ───────────────────────────────────────────────────────────────────────────────────────
    WIDE = "The interval is {width:percent} wide. About {needed_s:seconds} of search would narrow it to 8 %"
    HOLDS_FROM_ABOVE = "Right after an overload, it met all targets again at {load} {unit}"
    FAILS_FROM_ABOVE = (
        "Right after an overload, it did not meet all targets within {watched_s:seconds} at {load} {unit}"
    )
    SATURATION = "Saturates at {load} {unit}: it completes no more than that"
    PEAK = (
        "Throughput peaks at {peak} concurrent requests (95 % CI {low}–{high}) and falls beyond (Universal Scalability"
        " Law: contention {sigma}, coherency {kappa})"
    )
    NO_PEAK = (
        "No peak of the throughput was observed (Universal Scalability Law: contention {sigma}, coherency {kappa})"
    )
    NO_FIT = "No fit of the Universal Scalability Law: the throughput did not bend, or does not follow the law"
    NOT_SEARCHED = "{targets:list}: {why}"

    # ── notes on a level ────────────────────────────────────────────────────────────────────────────────────────
    ABORTED = "ended early: far beyond a limit"
    SATURATED = "saturated: requests piled up"
    GENERATOR_LIMITED = "load generator near its limit"
    VISIT_RECOVERED = "recovered after {after_s:seconds}"


class CapacityChangeText(Code):
    """What two searches found, and what became of it."""

    AT_LEAST = "at least {load}"
    BELOW = "less than {load}"
    NOT_FOUND = "not found"

    LOWER = "lower by {least}–{most}"
    LOWER_BY_AT_LEAST = "lower by at least {least}"
    HIGHER = "higher by {least}–{most}"
    HIGHER_BY_AT_LEAST = "higher by at least {least}"
    SAME = "the same within {bound} (from {low} to {high})"
    OVERLAP = "cannot be distinguished (from {low} to {high})"
    OPEN = "cannot be compared, since an end is open"
    COMPARED = "Capacity {a}, then {b}: {change}"


class NotAnsweredText(Code):
    """Why a part of the question has no answer. Names are those of `NotAnswered`."""

    GENERATOR = "the load generator was the limit: use more --processes, or workers on other machines"
    MOST_LOAD = "no higher load was allowed: raise --max-users"
    DURATION = "the time ran out first: raise --max-duration"
    FIRST_LOAD_FAILS = "the lowest load failed"
    TOO_FEW_SAMPLES = "too few requests to judge"
    METRIC = "not part of a search: it does not get worse with the load, or needs a whole run"


class CapacityReason(Code):
    """What the answer of a search makes of its verdict."""

    FOUND = "the search found the limit"
    MOST_REACHED = "all targets are met at {load}, the most that the search was allowed to offer"
    NOT_FOUND = "the search did not find the limit"
    GATE_MET = "the target takes {load} or more, as asked for"
    GATE_MISSED = "the target does not take {load}, as asked for"
    TOO_WIDE = "it lies within the interval, which more time (--max-duration) makes narrower"
    GATE_OPEN = "whether the target takes {load}, as asked for, is not known"


class SearchPlanLine(Code):
    """What `--dry-run` says of a search."""

    DURATION = "at most {duration}, logins and changes of the load included"
    LOADS = "first {loads} {unit}, in turn, until a target is missed"
    THEN = "then loads in between, chosen by what was measured, 15 different ones at most"
    REQUESTS = "{low} requests/s at the first load, {high} at the highest: at most {most:number} requests"
    NO_THINK_TIMES = "without think times, users send as fast as the target answers: how many requests is not known"
    SESSIONS = "up to {sessions:number} sessions, enough for {most:setting} actions/s at twice the response-time limit"
    GATE = "passes if the target takes {load:setting} {unit} or more"
    TAKES_PART = "decides at each load"
