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
    NOT_A_PORT = "{text!r} is not a port: give 1 to {high}, or 0 for a free one"
    NOT_ONE_OF = "must be one of {names:list}, not {text!r}{hint}"
    NOT_A_SWITCH = "must be true or false, not {text!r}"
