"""Why runs of several masters are not one run."""

from __future__ import annotations

from perfsuite.messages import Code


class MergeMessage(Code):
    """Errors of the command `merge`."""

    TOO_FEW = "merge: name two runs at least, as in: {program} {example}"
    DO_NOT_FIT = "{b} is not part of one run with {a}: {why}"
    SAME_RUN = "it is the same run"
    HOST = "they loaded different targets ({a} and {b})"
    DEMO = "each demo loads a backend of its own, so these are two targets"
    VERSION = "they were made by different versions of the suite ({a} and {b})"
    SCHEMA = "their measurements have different schemas ({a} and {b}), so they are of different versions of the suite"
    SCENARIO = "they made different scenarios ({a} and {b})"
    SCENARIO_FIELD = "the scenario {scenario} had another {field} in each ({a} and {b})"
    TARGETS = "they have different limits: {names:list}"
    OPTION = "they differ in {field} ({a} and {b})"
    LEFT_OUT = "different operations were left out of them: {operations:list}"
    NOT_TOGETHER = (
        "they did not make load at the same time: {first} ended at {ended:time}, {then} began at {began:time}"
    )
    RATE_BEGAN_APART = "their arrival rate changes over time, so both have to begin within {within_s:seconds}"
    MERGED = "Merged {runs:n run} into {folder}"
    CLEAN_UP_EACH = "{folder} was merged from several runs: clean up each of them ({runs:list})"
