"""Sentences for the user. Each has a code, and the values in it stay readable as fields.

A catalogue is an enumeration of codes: the value of a code is its template, and calling the code renders it.

    class Reason(Code):
        TOO_FEW_SAMPLES = "{samples:n sample}, {needed:number} needed for {metric}"

    reason = Reason.TOO_FEW_SAMPLES(samples=1, needed=200, metric="p95")
    reason                       "1 sample, 200 needed for p95"
    reason.code, reason.fields   Reason.TOO_FEW_SAMPLES, {"samples": 1, "needed": 200, "metric": "p95"}

Templates know these format specifications, each the function of `perfsuite/format.py`:
    n row, n policy/policies    a number with its noun: "1 row", "1,200 policies"
    list                        "a, b, c"; of more than ten the first ten and how many more there are
    number, ms                  a figure: "1,240", "8.25"; "8.25 ms"
    setting                     a number as a user has set it: "0.5"
    signed                      a difference of counts: "+12"
    percent                     a share: "1.82 %"
    p                           "p = 0.012"
    seconds                     a duration: "54 s", "2 min 30 s"
    time                        a UTC epoch second: "12:03:10 UTC"
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import partial
from string import Formatter
from typing import Any, Self

from perfsuite import format


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

    def at(self, place: str) -> Message:
        """The same message after the place that it is about; the code stays."""
        return Message(f"{place} {self}", self.code, {**self.fields, "place": place}, self.details)

    def also(self, *details: Message | None, separator: str = "; ") -> Message:
        """The same message, followed by these; None is skipped."""
        more = tuple(detail for detail in details if detail)
        return Message(separator.join((self, *more)), self.code, self.fields, (*self.details, *more))


def text_of(value: Any) -> str:
    """What msgspec encodes for a message: it takes no subclass of str by itself. Raises TypeError for anything else."""
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written to a file")


class Code(Enum):
    """Base of every catalogue: NAME = template."""

    @property
    def id(self) -> str:
        """The code as files have it: "too_few_samples"."""
        return self.name.lower()

    def __call__(self, **fields: Any) -> Message:
        """The sentence with these values. Raises KeyError for a field that is missing."""
        return Message(_FORMATTER.vformat(self.value, (), fields), self, fields)


class _Fields(Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec.startswith("n "):
            noun, _, nouns = format_spec.removeprefix("n ").partition("/")
            return format.plural(value, noun, nouns)
        own = _FORMATS.get(format_spec)
        return own(value) if own else str(super().format_field(value, format_spec))


_FORMATS: dict[str, Any] = {
    "list": format.listed,
    "ms": partial(format.quantity, unit="ms"),
    "number": format.number,
    "p": format.p_value,
    "percent": format.percent,
    "seconds": format.duration,
    "setting": format.setting,
    "signed": format.signed,
    "time": format.time_of_day,
}
_FORMATTER = _Fields()
