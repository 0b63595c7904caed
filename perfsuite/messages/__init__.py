"""Sentences for the user. Each has a code, and the values in it stay readable as fields.

A catalogue is an enumeration of codes: the value of a code is its template, and calling the code renders it.

    class Reason(Code):
        TOO_FEW_SAMPLES = "{samples:n sample}, {needed:,} needed for {metric}"

    reason = Reason.TOO_FEW_SAMPLES(samples=1, needed=200, metric="p95")
    reason                       "1 sample, 200 needed for p95"
    reason.code, reason.fields   Reason.TOO_FEW_SAMPLES, {"samples": 1, "needed": 200, "metric": "p95"}

Templates know the format specifications of Python and these:
    n row, n policy/policies    a number with its noun: "1 row", "1,200 policies"
    list                        names with commas; of more than ten the first ten and how many more there are
    percent                     a share: "12 %", with one decimal below 10 %
    seconds                     "54 s", "7.5 s"
    time                        a UTC epoch second: "12:03:10 UTC"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from string import Formatter
from typing import Any, Self

_LISTED = 10


class Message(str):
    """A rendered sentence: a string that keeps its code, the fields in it, and the messages that were appended."""

    code: Code
    fields: Mapping[str, Any]
    details: tuple[Message, ...]

    def __new__(cls, text: str, code: Code, fields: Mapping[str, Any], details: tuple[Message, ...] = ()) -> Self:
        message = super().__new__(cls, text)
        message.code, message.fields, message.details = code, fields, details
        return message

    def __getnewargs__(self) -> tuple[Any, ...]:
        return str(self), self.code, self.fields, self.details

    def also(self, *details: Message | None, separator: str = "; ") -> Message:
        """The same message, followed by these; None is skipped."""
        more = tuple(detail for detail in details if detail)
        return Message(separator.join((self, *more)), self.code, self.fields, (*self.details, *more))


class Code(Enum):
    """Base of every catalogue: NAME = template."""

    def __call__(self, **fields: Any) -> Message:
        """The sentence with these values. Raises KeyError for a field that is missing."""
        return Message(_FORMATTER.vformat(self.value, (), fields), self, fields)


class _Fields(Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec.startswith("n "):
            return count(value, format_spec.removeprefix("n "))
        own = _FORMATS.get(format_spec)
        return own(value) if own else str(super().format_field(value, format_spec))


def count(number: int, noun: str) -> str:
    """ "1 request", "1,200 requests"; a noun with an irregular plural is "policy/policies"."""
    one, _, many = noun.partition("/")
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(entries: Sequence[str]) -> str:
    """The entries with commas; of more than ten the first ten and how many more there are."""
    shown = ", ".join(entries[:_LISTED])
    return shown if len(entries) <= _LISTED else f"{shown} and {len(entries) - _LISTED:,} more"


def percent(share: float) -> str:
    """A share as "12 %", with a decimal below 10 %."""
    hundred = share * 100
    return f"{hundred:.0f} %" if hundred >= 10 or hundred == 0 else f"{hundred:.1f} %"


def seconds(value: float) -> str:
    """ "54 s", "7.5 s"."""
    return f"{value:,.0f} s" if float(value).is_integer() or value >= 100 else f"{value:,.1f} s"


def time_of_day(second: float) -> str:
    """A UTC epoch second as "12:03:10 UTC"."""
    return f"{datetime.fromtimestamp(int(second), UTC):%H:%M:%S} UTC"


_FORMATS: dict[str, Any] = {"list": listed, "percent": percent, "seconds": seconds, "time": time_of_day}
_FORMATTER = _Fields()
