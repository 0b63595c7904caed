"""One session of measurements: rounds of all generators in turn, so that what disturbs one disturbs all."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from bench.generators.machine import OtherWork
from bench.generators.measure import Accuracy, Sample, accuracy, idle_memory, measured
from bench.generators.mix import write_mix
from bench.generators.nginx import Nginx, nginx
from bench.generators.work import DUE, OURS, SEND, Generator, GeneratorFailed, Kind, Work
from perfsuite.format import number, percent

PARTS = {"a": Kind.BARE, "b": Kind.CHECKED, "c": Kind.MIX, "d": Kind.IDLE, "e": Kind.ARRIVALS}
BY_RATE = ("a", "b", "c")
"""Parts that take requests a second and CPU time."""
LEVELS = (0.1, 0.5, 0.8)
"""Parts of its own saturation at which a generator is compared with the server's record."""
_IDLE_BASE = 10
_IDLE_S = 900
_RATE_USERS = 200
_LEAST_RATE_S = 2
_FILES_BESIDE = 200


@dataclass(frozen=True, slots=True)
class Settings:
    """How much is measured. `idle_users`: of this suite; peers go up to `peer_idle_users`."""

    parts: Collection[str]
    rounds: int
    window_s: int
    users: int = 50
    idle_users: tuple[int, ...] = (200, 1000, 5000, 20_000)
    peer_idle_users: int = 1000
    levels: tuple[float, ...] = LEVELS
    accuracy_rounds: int = 3
    most_rate: int = 20_000
    """Of part e. Its server answers more, but then its own queue would be in the times."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is measured: cores, folder of all files, limit of open files."""

    server_core: int
    core: int
    folder: Path
    most_files: int


@dataclass(slots=True)
class Cell:
    """The samples of one generator in one part, and what went wrong."""

    samples: list[Sample] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class MemoryCell:
    """Memory with so many idle users, `base_bytes` with few; or what went wrong."""

    users: int
    bytes: int = 0
    base_bytes: int = 0
    problem: str = ""

    @property
    def bytes_per_user(self) -> float:
        """What one more user needs."""
        return (self.bytes - self.base_bytes) / (self.users - _IDLE_BASE)


@dataclass(slots=True)
class AccuracyCell:
    """A generator at one part of its saturation. `rounds`: by where it counts a time from."""

    level: float
    rate: int
    rounds: dict[str, list[Accuracy]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def reached_rps(self) -> float | None:
        """Requests per second as the server counted them; None where nothing was measured."""
        found = [one.rps for one in self.rounds.get(SEND, [])]
        return statistics.median(found) if found else None

    def errors_ms(self, since: str, place: int) -> list[float]:
        """Measured less true, of each round."""
        pairs = [(one.measured[place], one.truth[place]) for one in self.rounds.get(since, [])]
        return [ours - true for ours, true in pairs if ours is not None and true is not None]


@dataclass(slots=True)
class Results:
    """All that was measured. `cells`: part → name of the generator; the others: name of the generator."""

    cells: dict[str, dict[str, Cell]] = field(default_factory=dict)
    memory: dict[str, list[MemoryCell]] = field(default_factory=dict)
    accuracy: dict[str, list[AccuracyCell]] = field(default_factory=dict)
    other_work: OtherWork = field(default_factory=OtherWork)

    @property
    def problems(self) -> list[str]:
        """A line for everything that failed."""
        lines = [
            f"part {part}, {name}: {problem}"
            for part, cells in self.cells.items()
            for name, cell in cells.items()
            for problem in cell.problems
        ]
        lines += [
            f"part d, {name}, {cell.users:,} users: {cell.problem}"
            for name, memory in self.memory.items()
            for cell in memory
            if cell.problem
        ]
        return lines + [
            f"part e, {name}, {percent(cell.level)}: {problem}"
            for name, cells_e in self.accuracy.items()
            for cell in cells_e
            for problem in cell.problems
        ]

    def median_rps(self, part: str, name: str) -> float | None:
        """None where nothing was measured."""
        cell = self.cells.get(part, {}).get(name)
        return statistics.median(sample.rps for sample in cell.samples) if cell and cell.samples else None


class Session:
    """Runs the parts that `settings` name, one generator at a time."""

    def __init__(
        self, settings: Settings, place: Place, generators: Collection[Generator], say: Callable[[str], None]
    ) -> None:
        self._settings, self._place, self._generators, self._say = settings, place, generators, say
        self._numbers = count(1)
        self._mix = place.folder / "mix.json"
        write_mix(self._mix, settings.users)
        self.results = Results()

    def run(self) -> Results:
        """Everything; what fails is noted and the rest goes on."""
        parts = [part for part in BY_RATE if part in self._settings.parts]
        if parts:
            with self._nginx() as server:
                for number_of_round in range(1, self._settings.rounds + 1):
                    for part in parts:
                        self._round(part, number_of_round, server)
        if "d" in self._settings.parts:
            self._idle()
        if "e" in self._settings.parts:
            self._accuracy()
        return self.results

    def _nginx(self, processes: int = 1):  # type: ignore[no-untyped-def]
        place = self._place
        return nginx(place.folder / f"nginx-{next(self._numbers)}", place.server_core, place.most_files, processes)

    def _folder(self) -> Path:
        return self._place.folder / f"run-{next(self._numbers)}"

    def _doing(self, kind: Kind) -> Iterable[Generator]:
        return (generator for generator in self._generators if kind in generator.kinds)

    # ── a, b, c ─────────────────────────────────────────────────────────────────────────────────────

    def _round(self, part: str, number_of_round: int, server: Nginx) -> None:
        cells = self.results.cells.setdefault(part, {})
        for generator in self._doing(PARTS[part]):
            cell = cells.setdefault(generator.name, Cell())
            before = f"part {part}, round {number_of_round} of {self._settings.rounds}, {generator.name}: "
            try:
                sample = self._sample(generator, PARTS[part], server)
            except (GeneratorFailed, OSError) as error:
                cell.problems.append(f"round {number_of_round}: {error}")
                self._say(before + str(error))
                continue
            cell.samples.append(sample)
            self._say(before + f"{number(sample.rps)} requests/s, {number(sample.cpu_us)} µs CPU per request")

    def _sample(self, generator: Generator, kind: Kind, server: Nginx) -> Sample:
        settings = self._settings
        seconds = settings.window_s + generator.beside_s
        work = Work(kind, server.url, settings.users, seconds, self._folder(), mix=self._mix)
        return measured(generator, work, server, self._place.core, settings.window_s, self.results.other_work)

    # ── d ───────────────────────────────────────────────────────────────────────────────────────────

    def _idle(self) -> None:
        most = self._place.most_files - _FILES_BESIDE
        with self._nginx(1 if max(self._settings.idle_users) < most else 2) as server:
            for generator in self._doing(Kind.IDLE):
                bases: dict[int, int] = {}
                for users in self._settings.idle_users:
                    if generator.name == OURS or users <= self._settings.peer_idle_users:
                        cell = self._memory(generator, users, 1 if users < most else 2, server, bases)
                        self.results.memory.setdefault(generator.name, []).append(cell)

    def _memory(
        self, generator: Generator, users: int, processes: int, server: Nginx, bases: dict[int, int]
    ) -> MemoryCell:
        cell, before = MemoryCell(users), f"part d, {generator.name}, {number(users)} users: "

        def idle(size: int) -> int:
            work = Work(Kind.IDLE, server.url, size, _IDLE_S, self._folder(), processes=processes)
            return idle_memory(generator, work, server, self._place.core)

        try:
            if processes not in bases:
                bases[processes] = idle(_IDLE_BASE)
            cell.base_bytes, cell.bytes = bases[processes], idle(users)
        except (GeneratorFailed, OSError) as error:
            cell.problem = str(error)
            self._say(before + cell.problem)
        else:
            self._say(before + f"{number(cell.bytes_per_user / 1e3)} kB each, {number(cell.bytes / 1e6)} MB in all")
        return cell

    # ── e ───────────────────────────────────────────────────────────────────────────────────────────

    def _accuracy(self) -> None:
        settings, generators = self._settings, list(self._doing(Kind.ARRIVALS))
        for generator in generators:
            self.results.accuracy[generator.name] = self._cells_of(generator)
        for number_of_round in range(1, settings.accuracy_rounds + 1):
            for place in range(len(settings.levels)):
                for generator in generators:
                    cell = self.results.accuracy[generator.name][place]
                    if cell.rate:
                        self._compare(generator, cell, f"round {number_of_round} of {settings.accuracy_rounds}")

    def _cells_of(self, generator: Generator) -> list[AccuracyCell]:
        """The rates at which it is compared: parts of what it reaches when more is asked of it."""
        name, settings = generator.name, self._settings
        closed = self.results.median_rps("b", name) or self.results.median_rps("a", name) or settings.most_rate
        asked = AccuracyCell(1.0, min(round(closed), settings.most_rate))
        self._compare(generator, asked, "saturation")
        rates = [round((asked.reached_rps or 0) * level) for level in settings.levels]
        return [
            AccuracyCell(level, rate, problems=list(asked.problems))
            for level, rate in zip(settings.levels, rates, strict=True)
        ]

    def _compare(self, generator: Generator, cell: AccuracyCell, what: str) -> None:
        place = self._place
        before = f"part e, {what}, {generator.name}, {percent(cell.level)} = {number(cell.rate)}/s: "
        seconds = max(self._settings.window_s, _LEAST_RATE_S) + generator.beside_s - 2
        work = Work(Kind.ARRIVALS, "", _RATE_USERS, seconds, self._folder(), cell.rate)
        try:
            found = accuracy(generator, work, place.server_core, place.core)
        except (GeneratorFailed, OSError) as error:
            cell.problems.append(f"{what}: {error}")
            self._say(before + str(error))
            return
        for since, one in found.items():
            cell.rounds.setdefault(since, []).append(one)
        self._say(before + f"{number(found[SEND].rps)}/s reached, 99th percentile {_off(found[SEND])}")


def _off(found: Accuracy) -> str:
    measured_ms, true_ms = found.measured[1], found.truth[1]
    return f"{number(measured_ms)} ms, the server's {number(true_ms)} ms"


def counted_from(cells: Iterable[AccuracyCell]) -> Iterator[str]:
    """From where the generator of these cells counts its times."""
    known = {since for cell in cells for since in cell.rounds}
    yield from (since for since in (SEND, DUE) if since in known or since == SEND)
