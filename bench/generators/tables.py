"""The results as Markdown tables: medians with their spread, and what this suite is beside each generator."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.generators.session import AccuracyCell, Cell, MemoryCell, Results, counted_from
from bench.generators.work import FRACTIONS, OURS, SEND
from perfsuite.format import UNKNOWN, number, percent

TITLES = {
    "a": "a. Bare GET",
    "b": "b. GET with status and JSON check",
    "c": "c. The seven-role mix with checks",
    "d": "d. Memory per idle user",
    "e": "e. Accuracy",
}
REFERENCE = "wrk"
"""In part b it stands beside the others, though it checks nothing."""


_REACHED = 0.95
"""Below this part of the rate that was asked for, the table says what was reached."""


def median(values: Iterable[float]) -> float | None:
    """None without values."""
    found = list(values)
    return statistics.median(found) if found else None


def ratio(ours: float | None, other: float | None) -> float | None:
    """Ours ÷ the other; None where one is unknown."""
    return ours / other if ours is not None and other else None


def spread(values: Sequence[float]) -> str:
    """ "4,838 (4,700–4,990)": the median, and the least and the most of several."""
    if not values:
        return UNKNOWN
    middle = number(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({number(min(values))}–{number(max(values))})"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; "|" in a cell is made harmless."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)


def with_reference(results: Results) -> dict[str, Cell]:
    """The cells of part b, with the reference of part a."""
    reference = results.cells.get("a", {}).get(REFERENCE)
    return {**results.cells.get("b", {}), **({f"{REFERENCE}, bare": reference} if reference else {})}


def rate_table(cells: Mapping[str, Cell]) -> str:
    """Requests a second, CPU time and memory of each generator, the fastest first."""
    ours = cells.get(OURS, Cell())
    rps, cpu = (median(found) for found in (_rps(ours), _cpu(ours)))
    rows = []
    for name, cell in sorted(cells.items(), key=lambda item: -(median(_rps(item[1])) or 0)):
        problem = _problem(cell)
        first = problem if not cell.samples else spread(_rps(cell)) + (f"; {problem}" if problem else "")
        own = name == OURS
        rows.append(
            (
                f"**{name}**" if own else name,
                first,
                "1" if own else number(ratio(rps, median(_rps(cell)))),
                spread(_cpu(cell)),
                "1" if own else number(ratio(cpu, median(_cpu(cell)))),
                number(median(sample.memory_bytes / 1e6 for sample in cell.samples)),
            )
        )
    head = ("generator", "requests/s", "suite ÷ it", "CPU µs per request", "suite ÷ it", "peak memory, MB")
    return markdown(head, rows)


def memory_table(memory: Mapping[str, Sequence[MemoryCell]]) -> str:
    """kB per idle user, and all memory in MB."""
    sizes = sorted({cell.users for cells in memory.values() for cell in cells})
    rows = []
    for name, cells in memory.items():
        known = {cell.users: cell for cell in cells}
        rows.append((f"**{name}**" if name == OURS else name, *(_memory(known.get(size)) for size in sizes)))
    return markdown(("generator", *(f"{number(size)} users" for size in sizes)), rows)


def _memory(cell: MemoryCell | None) -> str:
    if cell is None:
        return UNKNOWN
    return cell.problem or f"{number(cell.bytes_per_user / 1e3)} kB ({number(cell.bytes / 1e6)} MB in all)"


def accuracy_table(cells: Mapping[str, Sequence[AccuracyCell]]) -> str:
    """By how much percentiles are off, by generator and rate."""
    rows = []
    for name, levels in cells.items():
        for since in counted_from(levels):
            for cell in levels:
                title = f"{name}, {since}" if since else name
                rows.append((f"**{title}**" if title == OURS else title, *_accuracy(cell, since)))
    return markdown(("generator", "rate", *(f"p{number(fraction * 100)} off by" for fraction in FRACTIONS)), rows)


def _accuracy(cell: AccuracyCell, since: str) -> list[str]:
    rate, reached = f"{number(cell.rate)}/s ({percent(cell.level)})", cell.reached_rps
    if reached is not None and reached < _REACHED * cell.rate:
        rate += f", {number(reached)}/s reached"
    texts = []
    for place in range(len(FRACTIONS)):
        off = median(cell.errors_ms(since, place))
        true = median(found for one in cell.rounds.get(since, []) if (found := one.truth[place]) is not None)
        texts.append(UNKNOWN if off is None or true is None else f"{signed(off)} ms of {number(true)} ms")
    if cell.problems and since == SEND:
        texts[0] = f"{texts[0]}; {_shortened(cell.problems)}" if cell.rounds else _shortened(cell.problems)
    return [rate, *texts]


def signed(value: float) -> str:
    """ "+0.12", "-0.05"."""
    return ("+" if value >= 0 else "-") + number(abs(value))


def _rps(cell: Cell) -> list[float]:
    return [sample.rps for sample in cell.samples]


def _cpu(cell: Cell) -> list[float]:
    return [sample.cpu_us for sample in cell.samples]


def _problem(cell: Cell) -> str:
    return _shortened(cell.problems)


def _shortened(problems: Sequence[str]) -> str:
    """The first of several, on one line."""
    if not problems:
        return ""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"failed: {' '.join(problems[0].split())[:200]}{more}"


# ── goals ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Goal:
    """Something that this suite is to reach. `measured` None: a generator that it needs was not measured."""

    text: str
    limit: float
    measured: float | None
    at_most: bool = False

    @property
    def held(self) -> bool | None:
        """None where it cannot be said."""
        if self.measured is None:
            return None
        return self.measured <= self.limit if self.at_most else self.measured >= self.limit


_RATES = (
    ("a", "k6", 2.0),
    ("b", "Locust FastHttpUser", 4.0),
    ("b", "k6", 3.0),
    ("b", "k9-load, Python script", 2.0),
    ("b", "wrk, bare", 0.2),
    ("c", "Locust FastHttpUser", 3.0),
    ("c", "k6", 1.0),
    ("c", "k9-load, Python script", 1.0),
)
_CPU = ("b", "Locust FastHttpUser", 0.2)
_IDLE_USERS, _IDLE_KB = 20_000, 30.0


def goals(results: Results) -> list[Goal]:
    """Those of the parts that were measured."""
    cells = {**results.cells, "b": with_reference(results)}
    found = [
        Goal(f"{part}: requests/s ÷ those of {name}", limit, _rate_ratio(cells[part], name))
        for part, name, limit in _RATES
        if OURS in cells.get(part, {})
    ]
    part, name, limit = _CPU
    if OURS in cells.get(part, {}):
        ours, other = (cells[part].get(each, Cell()) for each in (OURS, name))
        measured = ratio(median(_cpu(ours)), median(_cpu(other)))
        found.append(Goal(f"{part}: CPU per request ÷ that of {name}", limit, measured, at_most=True))
    for cell in results.memory.get(OURS, []):
        if cell.users == _IDLE_USERS:
            kb = None if cell.problem else cell.bytes_per_user / 1e3
            found.append(Goal(f"d: kB per idle user at {number(_IDLE_USERS)}", _IDLE_KB, kb, at_most=True))
    worst = {each: _largest_error_ms(levels) for each, levels in results.accuracy.items()}
    peers = [error for each, error in worst.items() if each != OURS and error is not None]
    if OURS in worst and peers:
        text = "e: largest error of the 99th percentile, ms; the best peer's is the limit"
        found.append(Goal(text, min(peers), worst[OURS], at_most=True))
    return found


def _rate_ratio(cells: Mapping[str, Cell], name: str) -> float | None:
    return ratio(median(_rps(cells[OURS])), median(_rps(cells.get(name, Cell()))))


def _largest_error_ms(levels: Sequence[AccuracyCell]) -> float | None:
    """The largest of the medians over all rates; None where a rate was not measured."""
    errors = [median(cell.errors_ms(SEND, 1)) for cell in levels]
    return max(abs(error) for error in errors if error is not None) if errors and None not in errors else None


def goals_table(found: Iterable[Goal]) -> str:
    """What is to be reached beside what was."""
    words = {True: "yes", False: "NO", None: "not measured"}
    rows = [
        (goal.text, f"{'≤' if goal.at_most else '≥'} {number(goal.limit)}", number(goal.measured), words[goal.held])
        for goal in found
    ]
    return markdown(("goal", "limit", "measured", "held"), rows)
