"""Load shapes: the stages of a scenario, and the load at any time within them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from perfsuite.format import setting
from perfsuite.model.periods import settling_s

HOLD = "hold"
RAMP = "ramp"
READ_ONLY = "read-only"

REFILL_STAGES = FILL_1, PAUSE, FILL_2 = "fill 1", "pause", "fill 2"
"""The stages of a scenario with `refill`."""
FEWEST_FILL_S = 600.0
"""A shorter fill shows no growth, and a shorter pause does not show that there is none."""
_SHARE_OF_FILL = 3


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a scenario, with the users (closed model) or the actions a second (open model) at its end.

    The load gets there evenly over the whole stage; with `held` at once, at its beginning, and stays. In a `read_only`
    stage users leave out operations that write.
    """

    name: str
    duration_s: float
    users: int | None = None
    arrival_rate: float | None = None
    held: bool = False
    read_only: bool = False

    @property
    def level(self) -> float:
        """Users, or actions a second."""
        return float(self.users if self.users is not None else self.arrival_rate or 0.0)


@dataclass(frozen=True, slots=True)
class StageSpan:
    """When a stage is planned, in seconds after the start, and the load at its beginning and end."""

    stage: Stage
    start_s: float
    end_s: float
    start_level: float
    end_level: float

    @property
    def kind(self) -> str:
        """ "hold": the load is the same all the time; "read-only": not all of it is made; else "ramp"."""
        if self.stage.read_only:
            return READ_ONLY
        return RAMP if self.changes else HOLD

    @property
    def changes(self) -> bool:
        """Whether the load changes while the stage goes on."""
        return self.start_level != self.end_level

    def level_at(self, at_s: float) -> float:
        """The load at a time of the stage; beyond its ends, that at the end."""
        share = min(max((at_s - self.start_s) / (self.end_s - self.start_s), 0.0), 1.0)
        return self.start_level + (self.end_level - self.start_level) * share


def spans_of(stages: Sequence[Stage]) -> tuple[StageSpan, ...]:
    """The stages one after the other. Before the first there is no load."""
    spans: list[StageSpan] = []
    start_s, level = 0.0, 0.0
    for stage in stages:
        before = stage.level if stage.held else level
        spans.append(StageSpan(stage, start_s, start_s + stage.duration_s, before, stage.level))
        start_s, level = start_s + stage.duration_s, stage.level
    return tuple(spans)


def refilled(first: Stage) -> tuple[Stage, ...]:
    """The first fill, a pause in which nothing is written, and a second fill with the same load."""
    rest_s = max(first.duration_s / _SHARE_OF_FILL, FEWEST_FILL_S)
    pause = replace(first, name=PAUSE, duration_s=rest_s, read_only=True)
    return first, pause, replace(first, name=FILL_2, duration_s=rest_s)


def load_text(span: StageSpan) -> str:
    """The load of a stage in words: "40 users", "40 to 200 users", "50 users, reads only"."""
    start, end = setting(span.start_level), setting(span.end_level)
    unit = "actions/s" if span.stage.users is None else "user" if span.end_level == 1 else "users"
    load = f"{start} to {end} {unit}" if span.changes else f"{end} {unit}"
    return f"{load}, reads only" if span.stage.read_only else load


def jump_s(span: StageSpan, before: float, spawn_rate: float) -> float:
    """How long starting the missing users of a held stage takes; 0 in the open model."""
    if not span.stage.held or span.stage.users is None:
        return 0.0
    return max(span.start_level - before, 0.0) / spawn_rate


def steady_lengths(stages: Sequence[Stage], spawn_rate: float) -> dict[str, float]:
    """Name of each hold stage → seconds of it that are planned to be steady."""
    lengths: dict[str, float] = {}
    before = 0.0
    for span in spans_of(stages):
        if span.kind == HOLD:
            plateau_s = max(span.stage.duration_s - jump_s(span, before, spawn_rate), 0.0)
            lengths[span.stage.name] = plateau_s - settling_s(plateau_s)
        before = span.end_level
    return lengths


def mean_share(stages: Sequence[Stage], steady: Mapping[str, float]) -> float:
    """The mean load of the stages over their steady seconds, as a share of the most; 1 without any."""
    most, length_s = max((stage.level for stage in stages), default=0.0), sum(steady.values())
    if not most or not length_s:
        return 1.0
    return sum(stage.level * steady.get(stage.name, 0.0) for stage in stages) / length_s / most


def place_before(here: int, spans: Sequence[StageSpan]) -> int | None:
    """The nearest earlier hold stage whose load this one is back at, or below, after a higher load between.

    None where there is none, or where this one is no hold stage.
    """
    for place in range(here - 1, -1, -1):
        level = spans[place].end_level
        higher = any(span.end_level > level for span in spans[place + 1 : here])
        if spans[place].kind == spans[here].kind == HOLD and higher and level >= spans[here].end_level:
            return place
    return None


def falls_back(stages: Sequence[Stage]) -> bool:
    """Whether there is anything to recover from."""
    spans = spans_of(stages)
    return any(place_before(here, spans) is not None for here in range(len(spans)))


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long response times took to be back in the range that they had before the load rose.

    Of averages over single seconds. `before`, `highest`: the stages that the load had been in. `range_ms`: the highest
    average of `before`, and a tenth more. `recovery_s`: since the load was back; None where they were not back within
    `watched_s`.
    """

    before: str
    highest: str
    range_ms: float
    recovery_s: float | None
    watched_s: float


@dataclass(frozen=True, slots=True)
class StageSeconds:
    """The whole seconds of one stage, [first, stop), and its steady part within; None where it has none."""

    name: str
    first: int
    stop: int
    steady: tuple[int, int] | None = None

    @property
    def counted(self) -> tuple[int, int]:
        """What its figures are over: the steady part, or the whole stage where it has none."""
        return self.steady or (self.first, self.stop)

    @property
    def length_s(self) -> int:
        """How many seconds these are."""
        start, end = self.counted
        return end - start


@dataclass(frozen=True, slots=True)
class RatePiece:
    """A rate that changes evenly: `rate` at `start_s`, by `slope` a second. `before`: actions due until `start_s`."""

    start_s: float
    rate: float
    slope: float
    before: float

    def expected(self, at_s: float) -> float:
        """How many actions are due until `at_s`."""
        past_s = at_s - self.start_s
        return self.before + self.rate * past_s + self.slope * past_s * past_s / 2

    def time_of(self, number: float) -> float:
        """When that many actions are due; inf when never."""
        rest = number - self.before
        root = self.rate * self.rate + 2 * self.slope * rest
        if rest <= 0 or root < 0:
            return self.start_s if rest <= 0 else math.inf
        divisor = self.rate + math.sqrt(root)
        return self.start_s + 2 * rest / divisor if divisor else math.inf


def pieces_of(corners: Sequence[tuple[float, float, float, float]]) -> tuple[RatePiece, ...]:
    """The pieces of a rate from (start, end, rate at the start, rate at the end), one after the other."""
    pieces: list[RatePiece] = []
    due = 0.0
    for start_s, end_s, low, high in corners:
        if end_s <= start_s:
            continue
        piece = RatePiece(start_s, low, (high - low) / (end_s - start_s), due)
        pieces.append(piece)
        due = piece.expected(end_s)
    return tuple(pieces)
