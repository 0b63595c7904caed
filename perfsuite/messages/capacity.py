"""What a search for the most load found: the answer, what goes with it, and what stayed open."""

from __future__ import annotations

from perfsuite.messages import Code


class CapacityText(Code):
    """The answer, sentence by sentence. `report/capacity.py` adds the full stops."""

    INTERVAL = "Meets all targets up to {range} {unit} (95 % CI), {rps} requests/s"
    CLIFF = "Meets all targets up to {low} {unit}, {rps} requests/s, and collapses at {high}"
    AT_LEAST = "Meets all targets up to at least {low} {unit}, {rps} requests/s; {why}"
    FIRST_LOAD_FAILS = "Does not meet all targets even at {load} {unit}, the lowest load tried"
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
