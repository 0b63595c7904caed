"""How many load processes a load needs on this machine."""

from __future__ import annotations

from perfsuite.messages import Code


class CalibrationMessage(Code):
    """What is shown while a request's cost is measured, and why it is not known."""

    MEASURING = "Measuring what a request costs this machine: a few seconds, without the target"
    NOT_ENDED = "the load did not end within {limit_s:seconds}"
    LOAD_FAILED = "the load process ended with exit code {code}"
    NOTHING_MEASURED = "{requests:n request} in the second that counts, {failed:number} of them failed"


class ProcessNote(Code):
    """What a dry run says about load processes; `TOO_FEW` and `MAYBE_TOO_FEW` stand before the load of a run, too."""

    ENOUGH = "{planned:n load process/load processes}: enough, at {used} of capacity"
    MAYBE_TOO_FEW = (
        "{planned:n load process/load processes} may be too few for {rps:number} requests/s on {where}: at"
        " {used} of capacity; {more} would be enough"
    )
    TOO_FEW = (
        "{planned:n load process/load processes} cannot generate {rps:number} requests/s on {where}: about"
        " {needed:number} are needed ({fewest:number} to {most:number}), give {more}"
    )
    TOO_FEW_CORES = (
        "{processes:n load process/load processes} need more than the {cores} of this machine: use one with more, or"
        " less load"
    )
    TOO_FEW_CORES_BESIDE = (
        "{processes:n load process/load processes} and the target need more than the {cores} of this machine: use one"
        " with more, another machine than the target's, or less load"
    )
    COST = (
        "{rps:number} requests/s at most (answers that take no time), {cpu_us:number} µs of CPU for each: measured here"
        " on {date} against canned answers without TLS{shared}"
    )
    SHARED_CORE = ", on one core that the answering server used, too"
    UNLIMITED = "without think times, users send as fast as the target answers: no number of load processes is enough"
    NOT_KNOWN = "how many load processes are needed is not known: {why}"
