"""Sentences about what the checks of correctness found."""

from __future__ import annotations

from perfsuite.messages import Code


class CorrectnessText(Code):
    """Without their full stop."""

    CHECKED = "Correctness: {held}; {reached:number} of {rules:n rule} checked"
    CHECKS_HELD = "{held:number} of {checks:n check} held"
    ANSWERS_HELD = "{held:number} of {answers:n watched answer} held"
    BOTH_HELD = "{held:number} of {checks:n check} and {answers_held:number} of {answers:n watched answer} held"
    NO_CHECK = "Correctness: no check was made"
    NO_RESULT = "Correctness: no check had a result; {rules:n rule} not checked"
    NOT_CHECKED = "Correctness was not checked ({why})"
    COST = "{requests:n request} of checks beside {load:number} of the load ({share:percent}), level {level}"
    WATCHED = "watched answers cost no request"
    EVIDENCE = "{actor}: {request}, {answer}, sent at {at:time}, request id {request_id}"
    VIOLATED = "{operation} as {roles}: expected {expected}, seen {seen}; {count:n time}, first at {at:time}"
    FIRST_AT = "{count:n time}, first at {at:time}"
    OTHERS_NOT_CHECKED = "not checked: {reasons}"
    RULES_NOT_CHECKED = "{rules:n rule} not checked"
    RULE_VIOLATED = "{violations:n violation}: {ids:list}"


class OffText(Code):
    """Why nothing was checked, by `ChecksOff`."""

    OPTION = "switched off with --check-correctness off"
    REMOTE = "off by default beyond this machine"
    SEARCH = "a search for the capacity makes no checks"
