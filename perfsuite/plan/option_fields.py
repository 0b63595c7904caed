"""Fields of records that declare their option: its name, how its value is read, and its help, in one place.

`perfsuite/cli/parser.py` fills such records from the command line, the environment and the [run] table of
scenarios.toml. Imports nothing slow: `--help` needs it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from perfsuite.errors import UsageError, nearest
from perfsuite.format import option_duration
from perfsuite.messages.plan import PlanMessage

ROOT = Path(__file__).resolve().parents[2]
MAX_WAIT_S = 3600.0
MAX_USERS = 1_000_000
_HIGHEST_PORT = 65535


# ── how a value is read ─────────────────────────────────────────────────────────────────────────────

_UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0}
_PARTS = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def parse_duration(text: str) -> float:
    """Seconds of "90s", "5m", "1h30m"; a bare number is seconds. Raises UsageError unless it is above 0."""
    cleaned = text.strip().lower()
    seconds = float(cleaned) if _NUMBER.fullmatch(cleaned) else _sum_of_parts(cleaned)
    if seconds is None:
        raise UsageError(PlanMessage.NOT_A_DURATION(text=text))
    if not 0 < seconds < math.inf:
        raise UsageError(PlanMessage.DURATION_NOT_POSITIVE(text=text))
    return seconds


def _sum_of_parts(text: str) -> float | None:
    found = _PARTS.fullmatch(text)
    if not text or found is None:
        return None
    return sum(float(part) * unit for part, unit in zip(found.groups(), _UNITS_S.values(), strict=True) if part)


def text_of(text: str) -> str:
    """Valid UTF-8: Python decodes bytes that the locale does not know as surrogates, which cannot be written."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def whole(low: int, high: int) -> Callable[[str], int]:
    """Reads a whole number in this range."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise UsageError(PlanMessage.NOT_WHOLE(low=low, high=high, text=text))
        return value

    return read


def above_zero(text: str) -> float:
    """A finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        raise UsageError(PlanMessage.NOT_A_NUMBER(text=text)) from None
    if not (math.isfinite(value) and value > 0):
        raise UsageError(PlanMessage.NOT_POSITIVE(text=text))
    return value


def seconds_to_wait(text: str) -> float:
    """A duration of at most an hour, in seconds."""
    value = parse_duration(text)
    if value > MAX_WAIT_S:
        raise UsageError(PlanMessage.DURATION_TOO_LONG(most=option_duration(MAX_WAIT_S), text=text))
    return value


def port(text: str) -> int:
    """A TCP port; 0 takes a free one."""
    if not text.isdecimal() or int(text) > _HIGHEST_PORT:
        raise UsageError(PlanMessage.NOT_A_PORT(text=text, high=_HIGHEST_PORT))
    return int(text)


def one_of(*names: str) -> Callable[[str], str]:
    """Reads one of these names."""

    def read(text: str) -> str:
        if text not in names:
            raise UsageError(PlanMessage.NOT_ONE_OF(names=names, text=text, hint=nearest(text, names)))
        return text

    return read


def yes_or_no(text: str) -> bool:
    """A switch in a variable or file: true or false, yes or no, on or off, 1 or 0."""
    cleaned = text.strip().lower()
    if cleaned not in (*_YES, *_NO):
        raise UsageError(PlanMessage.NOT_A_SWITCH(text=text))
    return cleaned in _YES


def data_file(name: str) -> Path:
    """A file of that name in the current folder or, if there is none, the suite's own."""
    here = Path(name)
    return here if here.exists() else ROOT / name


# ── how a record declares its options ───────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Option:
    """An option, or an argument if `name` has no dashes."""

    name: str
    help: str
    metavar: str = ""
    kind: Callable[[str], Any] = str
    implied: str = ""
    """The value of an option that is given without one, such as --web."""
    several: str = ""
    """Separator of its values in a variable, if it can be repeated; "" otherwise."""
    many: bool = False
    """It takes all following arguments."""
    switch: bool = False
    secret: bool = False
    """Its value may contain a password, and is then neither stored nor shown."""
    optional: bool = False
    """An argument that can be left out."""
    section: str = ""
    typed_only: bool = False
    """No variable or file can set it."""

    @property
    def is_argument(self) -> bool:
        """True if it is written without its name."""
        return not self.name.startswith("-")

    @property
    def key(self) -> str:
        """Its name in a [run] table: "spawn_rate"."""
        return self.name.lstrip("-").replace("-", "_")

    def read(self, texts: Sequence[str]) -> Any:
        """The value of these texts. Raises UsageError without the name of the option."""
        if self.switch:
            return yes_or_no(texts[-1])
        if self.several == ",":
            texts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
            if not texts:
                raise UsageError(PlanMessage.NO_VALUE())
        if self.several or self.many:
            return tuple(self.kind(text) for text in texts)
        if self.implied and texts[-1].lower() in (_YES[:3] + _NO[:3]):
            return self.kind(self.implied) if texts[-1].lower() in _YES else None
        return self.kind(texts[-1])


@dataclass(frozen=True, slots=True)
class _Group:
    """Which options of a nested record its owner has."""

    only: tuple[str, ...]
    without: tuple[str, ...]

    def takes(self, option: Option) -> bool:
        names = (option.name, option.section)
        return (not self.only or any(name in self.only for name in names)) and option.name not in self.without


def option(name: str, help_text: str, metavar: str = "", *, default: Any = None, **more: Any) -> Any:
    """A field for an option. `default` can be a function that returns it."""
    made = {"default_factory": default} if callable(default) else {"default": default}
    described = Option(name, help_text, metavar, **more)
    return field(**made, repr=not described.secret, metadata={"option": described})


def argument(name: str, help_text: str, **more: Any) -> Any:
    """A field for an argument without dashes. `name`: as in the usage line."""
    return option(name, help_text, name, **more)


def switch(name: str, help_text: str, *, default: bool = False, **more: Any) -> Any:
    """A field for an option without value, which turns `default` into its opposite."""
    return option(name, help_text, default=default, switch=True, **more)


def group(record: Callable[[], Any], *, only: Sequence[str] = (), without: Sequence[str] = ()) -> Any:
    """A field for a nested record. `only`: names or sections of the options that the owner has; `without`: names."""
    return field(default_factory=record, metadata={"group": _Group(tuple(only), tuple(without)), "record": record})


def options_in(record: Any) -> Iterator[Option]:
    """The options of a record or its class, with those of nested records."""
    for each in fields(record):
        if "option" in each.metadata:
            yield each.metadata["option"]
        elif "group" in each.metadata:
            takes = each.metadata["group"].takes
            yield from (one for one in options_in(each.metadata["record"]) if takes(one))


def filled(record: Any, values: Mapping[str, Any]) -> Any:
    """A copy of a record with these values: name of an option → value."""
    given: dict[str, Any] = {}
    for each in fields(record):
        if "option" in each.metadata:
            described: Option = each.metadata["option"]
            if described.name in values:
                value = values[described.name]
                given[each.name] = value != each.default if described.switch else value
        elif "group" in each.metadata:
            takes = each.metadata["group"].takes
            inner = getattr(record, each.name)
            names = {one.name for one in options_in(inner) if takes(one)}
            given[each.name] = filled(inner, {name: value for name, value in values.items() if name in names})
    return replace(record, **given)
