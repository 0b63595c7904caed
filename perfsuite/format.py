"""Numbers, durations and units as text: the one place where a number becomes something that a person reads.

How to use it. Pick the function by what you have, and never write a format spec such as `:.1f` or `:,` yourself
(`tests/test_architecture.py` finds it). Templates of messages name these functions instead (`perfsuite/messages`); the
scripts of the pages follow the same rules in `report/templates/format.js`, which changes together with this module.

    number(1234), number(8.249)            "1,234", "8.25"             a figure whose unit stands elsewhere
    quantity(310.2, "ms")                  "310 ms"                    … with a unit of `model/monitor.py`
    figure("p95_ms", 310.2)                "310 ms"                    … named as in summary.json or METRICS
    plain("failure_rate", 0.0182)          "1.82 %"                    … for a column that names the unit ("p95 ms")
    percent(0.6707)                        "67.1 %"                    a share
    signed_percent(0.124)                  "+12 %"                     a change (rough_percent: an estimate)
    interval_text("p95_ms", (1890, 2110))  "1,890–2,110 ms"            a 95 % CI
    limit_text("failure_rate", 0.015)      "1.5 %"                     what a user has set
    bound("avg_ms", 500, below=True)       "< 500 ms"
    plural(3, "query")                     "3 queries"
    listed(names), joined(names)           "a, b, c", "a, b and c"
    duration(754.2)                        "12 min 34 s"               how long something takes, in a sentence
    clock(754.2)                           "12:34"                     a position in a run, in a table or chart
    clean(text), csv_cell(text)            on one line; and no formula for a spreadsheet
    time_of_day(epoch_s), utc(epoch_s)     "12:03:10 UTC", "2026-03-01T12:03:10Z" (exact=True: "12:03:10.250")

The rules:

- A figure has three significant digits: 1,240 · 310 · 82.5 · 8.25 · 0.50; below 0.1 it has two: 0.012. Digits before
  the decimal point are never rounded away, trailing zeros stay (3.30 next to 1.82), a whole number has no decimals.
- Thousands are separated by a comma, a unit by a space; only "/s" follows its number without one ("12/s").
- Response times are in ms at any size, so that they can be compared down a column. Durations are in the unit that
  suits them.
- A share that is not 0 is never "0 %", one that is not 1 never "100 %": "< 0.01 %", "> 99.99 %".
- What a user has set is shown as it was set, with all its digits.
- An unknown value is "–".
- The unit of a rate of requests is "requests/s", of actions "actions/s"; bytes are decimal (kB, MB, GB).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

# C0/C1 controls, bidirectional overrides (they reverse what a reader sees), surrogates and the non-characters
# that UTF-8 or XML 1.0 cannot hold.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+")
_FORMULA_STARTS: Final = ("=", "+", "-", "@")

UNKNOWN: Final = "–"
"""Stands for an unknown value."""
NO_ANSWER: Final = "no answer"
"""Stands for a reading that could not be had."""
CI: Final = "95 % CI"
"""Label of a 95 % confidence interval."""

_BYTES: Final = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_DURATION: Final = "duration"
_NAMED_UNITS: Final = {"rps": "requests/s", "max_queries_per_request": "queries", "lasts_at_least": _DURATION}
_UNITS_BY_ENDING: Final = (
    ("_rate", "fraction"),
    ("_percent", "percent"),
    ("_ms_per_s", "ms per second"),
    ("_per_s", "per second"),
    ("_bytes", "bytes"),
    ("_ms", "ms"),
    ("_s", "s"),
)
_SUFFIXES: Final = {
    "": "",
    "count": "",
    "percent": " %",
    "fraction": " %",
    "per second": "/s",
    "ms per second": " ms/s",
}
_MOST_DECIMALS: Final = 9
_MINUTES_FROM_S, _HOURS_FROM_S = 120, 3600
_LEAST_P: Final = 0.0001


def number(value: float | None) -> str:
    """ "1,234", "310", "82.5", "8.25", "0.012"; "–" for None, infinity and NaN."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return _fixed(value, _decimals(value))


def setting(value: float) -> str:
    """A number as it was set, with all its digits: "0.5", "1,500"."""
    return f"{round(value, _MOST_DECIMALS):,.10g}"


def percent(fraction: float | None) -> str:
    """0.0123 → "1.23 %"; "–" for None. Never rounds something to 0 % or to 100 %."""
    if fraction is None or not math.isfinite(fraction):
        return UNKNOWN
    if 0 < fraction < 0.0001:
        return "< 0.01 %"
    if 0.9999 < fraction < 1:
        return "> 99.99 %"
    decimals = 2 if 0 < fraction < 0.01 or 0.99 < fraction < 1 else _decimals(fraction * 100)
    return f"{_fixed(fraction * 100, decimals)} %"


def rough_percent(fraction: float) -> str:
    """A share that is an estimate, with two digits: 0.1234 → "12 %", 0.0321 → "3.2 %"."""
    return signed_percent(fraction).removeprefix("+")


def signed_percent(fraction: float | None, *, unit: bool = True) -> str:
    """A change: 0.1234 → "+12 %", -0.0321 → "-3.2 %", 0 → "0 %"; "–" for None. One decimal below 10 %."""
    if fraction is None or not math.isfinite(fraction):
        return UNKNOWN
    hundred = fraction * 100
    text = "0" if abs(hundred) < 0.05 else f"{hundred:+,.{0 if abs(hundred) >= 9.95 else 1}f}"
    return f"{text} %" if unit else text


def signed(value: int) -> str:
    """ "+1,204", "-3", "0": a difference of counts."""
    return f"{value:+,}" if value else "0"


def p_value(p: float) -> str:
    """ "p = 0.012", "p < 0.0001"."""
    return f"p = {p:.2g}" if p >= _LEAST_P else f"p < {_LEAST_P:g}"


def unit_of(name: str) -> str:
    """The unit of a figure by its name in summary.json or METRICS, with a statistic after it or not.

    "p95_ms" → "ms", "failure_rate" → "fraction", "server.memory_bytes max" → "bytes"; "count" for other names.
    """
    figure_name = name.partition(" ")[0]
    if figure_name in _NAMED_UNITS:
        return _NAMED_UNITS[figure_name]
    unit = next((unit for ending, unit in _UNITS_BY_ENDING if figure_name.endswith(ending)), "count")
    return "bytes per second" if unit == "per second" and "bytes" in figure_name else unit


def suffix(unit: str) -> str:
    """What follows a number of that unit: " ms", " %", "/s"; "" for counts. A fraction is shown times 100."""
    return _SUFFIXES.get(unit, f" {unit}")


def quantity(value: float | None, unit: str, *, unknown: str = UNKNOWN) -> str:
    """ "310 ms", "82.5 %", "1.25 GB", "0.42/s"; `unknown` for None, infinity and NaN."""
    if value is None or not math.isfinite(value):
        return unknown
    if unit == "fraction":
        return percent(value)
    if unit == _DURATION:
        return rough_duration(value)
    if unit.startswith("bytes"):
        return _bytes(value) + ("/s" if unit.endswith("per second") else "")
    return f"{number(value)}{suffix(unit)}"


def figure(name: str, value: float | None) -> str:
    """The value of the figure called `name`, with its unit: "1,240 ms", "0.50 %", "8.25 requests/s"; "–" for None."""
    return quantity(value, unit_of(name))


def plain(name: str, value: float | None) -> str:
    """The same without its unit, but for shares ("1.82 %") and bytes ("1.25 GB"); "–" for None."""
    unit = unit_of(name)
    with_unit = unit in ("fraction", _DURATION) or unit.startswith("bytes")
    return quantity(value, unit) if with_unit else number(value)


def change(before: float | None, after: float | None, unit: str) -> str:
    """ "12 ms → 310 ms"; only the later value if the earlier is unknown. None after: "no answer"."""
    later = quantity(after, unit, unknown=NO_ANSWER)
    return later if before is None else f"{quantity(before, unit)} → {later}"


def interval_text(name: str, ends: tuple[float, float] | None, *, plain: bool = False) -> str:
    """An interval: "1,890–2,110 ms", "1,890–2,110" where it shall be `plain`; "" for None."""
    if ends is None:
        return ""
    unit, (low, high) = unit_of(name), ends
    if unit.startswith("bytes"):
        return f"{quantity(low, unit)}–{quantity(high, unit)}"
    times = 100 if unit == "fraction" else 1
    return f"{number(low * times)}–{number(high * times)}{'' if plain and times == 1 else suffix(unit)}"


def limit_text(name: str, value: float) -> str:
    """A limit as it was set, with its unit: "2,000 ms", "1.5 %"."""
    unit = unit_of(name)
    if unit == _DURATION:
        return duration(value)
    if unit.startswith("bytes"):
        return quantity(value, unit)
    return f"{setting(_shown(value, unit))}{suffix(unit)}"


def bound(name: str, value: float, *, below: bool) -> str:
    """A limit with its direction: "< 500 ms", "> 100 requests/s"."""
    return f"{'<' if below else '>'} {limit_text(name, value)}"


def apart(name: str, observed: float, allowed: float) -> tuple[str, str]:
    """What was observed and its limit, the former with enough digits to differ from the limit and from 0."""
    unit = unit_of(name)
    if unit.startswith("bytes"):
        return quantity(observed, unit), quantity(allowed, unit)
    shown, shown_limit = _shown(observed, unit), _shown(allowed, unit)
    others = {value for value in (shown_limit, 0.0) if value != shown}
    decimals = _decimals(shown)
    while decimals < _MOST_DECIMALS and round(shown, decimals) in others:
        decimals += 1
    return f"{_fixed(shown, decimals)}{suffix(unit)}", limit_text(name, allowed)


def number_range(low: float, high: float) -> str:
    """ "3" if both are the same, else "3–7"."""
    return number(low) if low == high else f"{number(low)}–{number(high)}"


def plural(count: int, noun: str, nouns: str = "") -> str:
    """ "1 target", "3 targets", "1,204 queries". `nouns`: the plural if it is irregular."""
    if count == 1:
        return f"1 {noun}"
    if not nouns:
        nouns = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"
    return f"{number(count)} {nouns}"


def ordinal(count: int) -> str:
    """ "1st", "2nd", "103rd", "1,111th"."""
    last = "th" if count % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{number(count)}{last}"


def listed(entries: Sequence[str], most: int = 10) -> str:
    """ "a, b, c"; of more than `most` entries the first ones "and 12 more"."""
    shown = ", ".join(entries[:most])
    return shown if len(entries) <= most else f"{shown} and {number(len(entries) - most)} more"


def joined(entries: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"; "" for none."""
    return " and ".join(filter(None, (", ".join(entries[:-1]), entries[-1]))) if entries else ""


def duration(seconds: float) -> str:
    """ "350 ms", "7.5 s", "54 s", "12 min 30 s", "3 h 5 min"."""
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if 0 < seconds < 0.9995:
        return f"{number(seconds * 1000)} ms"
    if seconds < _MINUTES_FROM_S:
        tenths = round(float(seconds), 1)
        return f"{tenths:.0f} s" if tenths.is_integer() else f"{tenths:.1f} s"
    step, big, small = (60, "min", "s") if seconds < _HOURS_FROM_S - 0.5 else (3600, "h", "min")
    whole, rest = divmod(round(seconds / (step // 60)), 60)
    return f"{number(whole)} {big} {rest} {small}" if rest else f"{number(whole)} {big}"


def rough_duration(seconds: float) -> str:
    """A forecast, in whole units: "45 min", "11 h", "12 days", "more than a year"."""
    for size_s, name, until_s in ((60, "min", 7_200), (3_600, "h", 259_200), (86_400, "days", 31_622_400)):
        if seconds < until_s:
            return f"{number(round(seconds / size_s))} {name}"
    return "more than a year"


def clock(seconds: float) -> str:
    """A position in a run as mm:ss, or h:mm:ss from an hour on."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def option_duration(seconds: float) -> str:
    """As an option takes it: 90.0 → "1m30s", 3600.0 → "1h", 0.5 → "0.5s"."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    text = "".join(f"{int(count)}{unit}" for count, unit in ((hours, "h"), (minutes, "m")) if count)
    return f"{text}{left:g}s" if left or not text else text


def time_of_day(epoch_s: float, *, exact: bool = False) -> str:
    """A UTC epoch second as "12:03:10 UTC"; `exact`: "12:03:10.250", for a column that names the time zone."""
    if exact:
        return datetime.fromtimestamp(epoch_s, UTC).time().isoformat("milliseconds")
    return f"{datetime.fromtimestamp(epoch_s, UTC):%H:%M:%S} UTC"


def utc(epoch_s: float) -> str:
    """A UTC epoch second as ISO 8601: "2026-03-01T09:30:05Z"."""
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


def clean(text: str) -> str:
    """`text` on one line: every run of control and other unprintable characters becomes one space."""
    return _UNPRINTABLE.sub(" ", text)


def csv_cell(text: str) -> str:
    """`text` for a cell of CSV: a leading apostrophe keeps a spreadsheet from reading it as a formula."""
    formula = text.lstrip().startswith(_FORMULA_STARTS) or text.startswith(("\t", "\r", "\n"))
    return f"'{clean(text)}" if formula else clean(text)


def _decimals(value: float) -> int:
    """Three significant digits, two below 0.1, none for a whole number."""
    size = abs(value)
    if size < 1e-9 or math.isclose(size, round(size), rel_tol=1e-12, abs_tol=1e-9):
        return 0
    if size < 0.0995:
        return min(1 - math.floor(math.log10(size)), _MOST_DECIMALS)
    return 2 if size < 9.995 else 1 if size < 99.95 else 0


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    return text.removeprefix("-") if not text.strip("-0.,") else text


def _bytes(value: float) -> str:
    for size, name in _BYTES:
        if abs(value) >= size:
            return f"{number(value / size)} {name}"
    return f"{number(round(value))} bytes"


def _shown(value: float, unit: str) -> float:
    """A fraction times 100, rounded where only the arithmetic of floats differs: 0.07 · 100 = 7.000000000000001."""
    return round(value * 100, 12) if unit == "fraction" else value
