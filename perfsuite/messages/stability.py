"""Stability: what became of each resource over a long run, and what that means for `lasts_at_least`."""

from __future__ import annotations

from perfsuite.messages import Code


class StabilityMessage(Code):
    """What a resource did. The first words are the outcome."""

    STEADY = "steady, at most {most}/min"
    SETTLES = "settles: it grew at first, then by at most {most}/min"
    GROWS = "grows {rate}/min ({low} to {high})"
    LAST_GOOD = "{rate}/min in the last good run, {run}"
    LIMIT_IN = "limit in {low} to {high}"
    LIMIT_IN_ABOUT = "limit in {low}"
    LIMIT_AFTER = "limit in {low} or later"
    GROWS_BY_WRITES = "grows {rate}/min ({low} to {high}), {per_1000} per 1,000 writes"
    STOPPED_IN_PAUSE = "it stopped in the pause without writes"
    WENT_ON_IN_PAUSE = "it went on in the pause without writes"
    PAUSE_UNCLEAR = (
        "cannot tell whether by time or by writes: in the pause without writes it neither stopped nor went on"
    )
    ALIKE = (
        "at a constant load a leak, a cache that still fills and growth with the rows written look alike: refill = true"
        " distinguishes them"
    )
    STILL_SETTLING = (
        "cannot tell: it grew ever more slowly, and still did at the end (at most {most}/min); a longer run shows"
        " whether it stops"
    )
    UNCLEAR = "cannot tell: {low} to {high} per minute; a longer run shows whether it grows"
    TOO_SHORT = "cannot tell: readings of {needed:n whole minute} are needed"
    FILL_TOO_SHORT = (
        "cannot tell: in each of the two fills, readings of {needed:n whole minute} are needed after its beginning"
    )


class LastingReason(Code):
    """Why a target on how long the target lasts is met, missed, or not judged."""

    TOO_SHORT = "the run took {duration_s:seconds}, at least {needed_s:seconds} are needed"
    NO_MEMORY = "the backend's memory was not monitored: use --monitor-server"
    NO_GROWTH = "nothing grows; even at the fastest growth that this run leaves possible, {label} lasts {lasts}"
    REACHED = "{label} grows {rate}/min and reaches its limit in {lasts}, limit {limit}"
    NO_LIMIT = "{label} grows {rate}/min, and its limit is not known"
    NOT_EXCLUDED = "this run leaves possible that {label} reaches its limit in {lasts}: a longer run shows more"
    NO_LIMIT_KNOWN = "the limit of {label} is not known"
    UNKNOWN = "{label}: {why}"
