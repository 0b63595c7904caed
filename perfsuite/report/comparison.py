"""Comparisons as text: what changed between two groups of runs, for every report; and the noise of an environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from perfsuite.format import CI, UNKNOWN, figure, number, plural, rough_percent, signed, signed_percent
from perfsuite.messages import text_of
from perfsuite.model import ALL
from perfsuite.model.fingerprint import Difference, Spread
from perfsuite.model.history import CapacityOutcome, Change, Comparison, ComparisonOutcome, MetricNoise, Noise
from perfsuite.report.capacity_change import change_line, ends_text, past_text
from perfsuite.report.terminal.console import bullet, plain_table, to_text
from perfsuite.report.text import clean, markdown, markdown_table, rounded, shortened
from perfsuite.report.wording import figure_labels

COLUMNS = ("What", "Role", "Figure", "Baseline", "This run", "Change", "Result")
ALL_ROLES = "all roles"
PRIMARY = "avg_ms"
MOST_LINES = 20

_FIGURES = {
    "avg_ms": "average",
    "rps": "throughput",
    "failure_rate": "failure rate",
    "queries": "queries per request",
    "rows": "rows per request",
    "shared_blocks": "blocks per request",
    "temp_blocks": "temporary blocks per request",
    "caching": "answers from a cache",
}
_OTHERS = ("p50_ms", "p95_ms", "p99_ms", "rps", "failure_rate")
_SHORT = {
    ComparisonOutcome.SLOWER: "worse",
    ComparisonOutcome.FASTER: "better",
    ComparisonOutcome.SAME: "same",
    ComparisonOutcome.CANNOT_TELL: "?",
}
_STYLES = {
    ComparisonOutcome.SLOWER: "bold red",
    ComparisonOutcome.FASTER: "green",
    ComparisonOutcome.SAME: "",
    ComparisonOutcome.CANNOT_TELL: "yellow",
}
_COUNTED = {
    ComparisonOutcome.SLOWER: "slower",
    ComparisonOutcome.FASTER: "faster",
    ComparisonOutcome.SAME: "the same",
    ComparisonOutcome.CANNOT_TELL: "unclear",
}
_ORDER = (ComparisonOutcome.SLOWER, ComparisonOutcome.FASTER, ComparisonOutcome.CANNOT_TELL, ComparisonOutcome.SAME)
_REGRESSION, _UNCLEAR = "REGRESSION", ComparisonOutcome.CANNOT_TELL.value.upper()
_NAME_LENGTH, _SHORT_NAME = 30, 23
_WIDE = 110

_Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ChangedFigure:
    """One figure that changed: the cells under COLUMNS, and whether it is a regression."""

    cells: tuple[str, ...]
    worse: bool

    @property
    def change(self) -> str:
        """ "average 42 ms → 104 ms (+148 %)"."""
        _what, _role, name, before, after, change, _result = self.cells
        return f"{name} {before} → {after}{f' ({change})' if change else ''}"


@dataclass(frozen=True, slots=True)
class ComparisonSummary:
    """What every report shows: the name of the baseline, a sentence, the figures that changed, and notes."""

    name: str
    headline: str
    changed: tuple[ChangedFigure, ...]
    notes: tuple[str, ...]
    refused: bool

    @property
    def regressed(self) -> bool:
        """True where something became worse."""
        return any(each.worse for each in self.changed)


def summarize_comparison(comparison: Comparison) -> ComparisonSummary:
    """What became worse comes first, then what became better; unchanged figures are only counted."""
    worse = [_changed_cost(cost, worse=True) for cost in comparison.costlier]
    worse += [_changed_figure(change) for change in comparison.regressions]
    capacity = _changed_capacity(comparison)
    worse = [*capacity, *worse] if comparison.is_lower else worse
    others = [_changed_cost(cost, worse=False) for cost in comparison.costs if cost not in comparison.costlier]
    others += [_changed_figure(change) for change in comparison.changes if change.outcome is ComparisonOutcome.FASTER]
    others = others if comparison.is_lower else [*capacity, *others]
    return ComparisonSummary(
        clean(comparison.a.name),
        _headline(comparison, len(worse)),
        (*worse, *others),
        tuple(map(clean, (*comparison.mismatches, *comparison.notes))),
        comparison.refused,
    )


def _headline(comparison: Comparison, worse: int) -> str:
    if comparison.refused:
        return "Not compared: the baseline was measured under other conditions."
    if comparison.capacity is not None:
        return f"{change_line(comparison.capacity)}."
    outcomes = [change.outcome for change in comparison.changes]
    parts = [f"{plural(worse, 'figure')} worse" if worse else "Nothing worse"]
    parts += [
        f"{number(count)} {text}"
        for outcome, text in (_COUNTED | {ComparisonOutcome.FASTER: "better"}).items()
        if outcome is not ComparisonOutcome.SLOWER and (count := outcomes.count(outcome))
    ]
    return f"{', '.join(parts)}, compared with {plural(len(comparison.a.run_ids), 'run')}."


def _changed_cost(cost: Difference, *, worse: bool) -> ChangedFigure:
    names = (cost.operation, cost.role, _FIGURES.get(cost.metric, cost.metric))
    if cost.metric == "caching":
        values = (_yes(cost.before), _yes(cost.after), "", "worse" if worse else "better")
    else:
        change = signed(round(cost.after.maximum - cost.before.maximum))
        values = (cost.before.text, cost.after.text, change, "worse" if worse else "more" if cost.worse else "less")
    return ChangedFigure(tuple(map(clean, (*names, *values))), worse)


def _changed_figure(change: Change) -> ChangedFigure:
    worse = change.outcome is ComparisonOutcome.SLOWER
    time = change.metric.endswith("_ms")
    cells = (
        "all operations" if change.operation == ALL else change.operation,
        ALL_ROLES if change.role == ALL else change.role,
        _FIGURES.get(change.metric) or change.metric.removesuffix("_ms").replace("p999", "p99.9"),
        figure(change.metric, median(change.a)),
        figure(change.metric, median(change.b)),
        signed_percent(change.shift_rate),
        change.outcome.value if time else _SHORT[change.outcome],
    )
    return ChangedFigure(tuple(map(clean, cells)), worse)


def _changed_capacity(comparison: Comparison) -> list[ChangedFigure]:
    """One line where the capacity became lower or higher."""
    found = comparison.capacity
    if found is None or found.outcome not in (CapacityOutcome.LOWER, CapacityOutcome.HIGHER):
        return []
    names = ("capacity", ALL_ROLES, "all targets met up to")
    cells = (*names, past_text(found.a), past_text(found.b), ends_text(found), found.outcome.value)
    return [ChangedFigure(tuple(map(clean, cells)), comparison.is_lower)]


def _yes(value: Spread) -> str:
    return "yes" if value.maximum else "no"


def comparison_dict(comparison: Comparison | None) -> dict[str, Any] | None:
    """For `summary.json`; None without a baseline."""
    if comparison is None:
        return None
    return {
        "name": comparison.a.name,
        "runs": list(comparison.a.run_ids),
        "compared": not comparison.refused,
        "regressions": len(comparison.costlier) + len(comparison.regressions),
        "changes": [_change_dict(change) for change in comparison.changes],
        "costs": [asdict(cost) | {"regression": cost in comparison.costlier} for cost in comparison.costs],
        "mismatches": list(comparison.mismatches),
        "notes": list(comparison.notes),
    }


def _change_dict(change: Change) -> dict[str, Any]:
    metric = change.metric
    record: dict[str, Any] = msgspec.to_builtins(change, enc_hook=text_of)
    return record | {
        "a": [rounded(metric, value) for value in change.a],
        "b": [rounded(metric, value) for value in change.b],
        "shift": rounded(metric, change.shift),
        "shift_rate": rounded("shift_rate", change.shift_rate),
        "interval": [rounded(metric, end) for end in change.interval] if change.interval else None,
        "p_value": rounded("p_value_rate", change.p_value),
    }


# ── the command `compare`: terminal and Markdown


def overall(comparison: Comparison) -> str:
    """One result for all: REGRESSION, or an outcome in capitals."""
    if comparison.regressions or comparison.costlier or comparison.is_lower:
        return _REGRESSION
    if comparison.capacity is not None:
        return comparison.capacity.outcome.value.upper()
    if any(change.outcome is ComparisonOutcome.FASTER for change in comparison.changes):
        return "FASTER"
    totals = [
        change.outcome
        for change in comparison.changes
        if change.metric == PRIMARY and change.role == change.operation == ALL
    ]
    return "SAME" if totals == [ComparisonOutcome.SAME] else _UNCLEAR


def comparison_sentence(comparison: Comparison) -> str:
    """ "Averages of 30 operations: 1 slower, 14 the same, 15 unclear."; of two searches their capacities."""
    if comparison.capacity is not None:
        return f"{change_line(comparison.capacity)}."
    outcomes = [
        change.outcome
        for change in comparison.changes
        if change.metric == PRIMARY and change.role == ALL and change.operation != ALL
    ]
    if not outcomes:
        return "No times were compared."
    counts = ", ".join(f"{outcomes.count(each)} {text}" for each, text in _COUNTED.items() if each in outcomes)
    return f"Averages of {plural(len(outcomes), 'operation')}: {counts}."


def render_comparison(comparison: Comparison, *, width: int = 80, color: bool = False) -> str:
    """Both groups, a line for the total, each role and each operation, what changed, notes; last the overall result."""
    parts: list[RenderableType] = [Text(f"{_group(comparison, 'A')}\n{_group(comparison, 'B')}"), ""]
    forced = "not compared" if comparison.refused else "compared by force"
    parts += [bullet(f"{forced}: {reason}", "yellow") for reason in comparison.mismatches]
    if comparison.changes:
        meaning = "Averages of the runs in each group; same: within what counts as a change"
        parts += [_table(comparison, wide=width >= _WIDE), Text(meaning, "dim"), ""]
    if changed := summarize_comparison(comparison).changed:
        table = plain_table("What changed", "Role", "Figure", "A", "B", "Change", "Result")
        for each in changed[:MOST_LINES]:
            table.add_row(*map(Text, each.cells), style="red" if each.worse else "green")
        parts += [table, *(Text(more, "dim") for more in _more(changed)), ""]
    parts += [bullet(note, "dim") for note in comparison.notes]
    parts.append(Text(comparison_sentence(comparison)))
    result = overall(comparison)
    style = {_REGRESSION: "bold red", _UNCLEAR: "bold yellow"}.get(result, "bold green")
    last = to_text(Text("COMPARISON: ").append(result, style), width=width, color=color)
    return to_text(Group(*parts), width=width, color=color) + last.rstrip("\n")


def render_short_comparison(comparison: Comparison, *, width: int = 80, color: bool = False) -> str:
    """What changed, why times were not compared if they were not, and the overall result."""
    why = () if comparison.changes or comparison.capacity else comparison.notes
    lines = [comparison_sentence(comparison), *(f"- {line}" for line in (*_sentences(comparison), *why))]
    text = Text("\n".join([*lines, f"COMPARISON: {overall(comparison)}"]))
    return to_text(text, width=width, color=color).rstrip("\n")


def comparison_md(comparison: Comparison) -> str:
    """The same for a pull request or a CI job."""
    result = overall(comparison)
    mark = {_REGRESSION: "❌", _UNCLEAR: "⚠️"}.get(result, "✅")
    forced = "Not compared" if comparison.refused else "Forced"
    head = ("", "A avg ms", "B avg ms", "Shift", CI, "Average", *_titles(_OTHERS))
    parts = [
        f"## {mark} {result}: {markdown(comparison.b.name)} compared with {markdown(comparison.a.name)}",
        "\n".join(f"- {markdown(line)}" for line in _sentences(comparison)),
        comparison_sentence(comparison),
        markdown_table(head, ((markdown(name.strip()), *cells) for name, cells, _ in _rows(comparison, _OTHERS))),
        "\n".join(f"- {forced}: {markdown(reason)}" for reason in comparison.mismatches),
        "\n".join(f"- Note: {markdown(note)}" for note in comparison.notes),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _group(comparison: Comparison, letter: str) -> str:
    group = comparison.a if letter == "A" else comparison.b
    ids = shortened(", ".join(group.run_ids), 60)
    return clean(f"{letter}  {group.name}  ({plural(len(group.run_ids), 'run')}: {ids})")


def _table(comparison: Comparison, *, wide: bool) -> RenderableType:
    """On a narrow terminal the averages alone: other figures that changed are listed below."""
    others = _OTHERS if wide else ()
    table = plain_table("", ">A ms", ">B ms", ">Shift", f">{CI}", "Average", *_titles(others))
    for name, cells, outcomes in _rows(comparison, others):
        styled = [Text(text, _STYLES[each] if each else "") for text, each in zip(cells[4:], outcomes, strict=True)]
        table.add_row(Text(shortened(name, _NAME_LENGTH if wide else _SHORT_NAME)), *cells[:4], *styled)
    for column in table.columns:
        column.no_wrap = True
    return table


def _titles(metrics: Sequence[str]) -> list[str]:
    """Of columns that show outcomes, which have no unit."""
    return [label.removesuffix(" ms") for label in figure_labels(*metrics)]


def _rows(
    comparison: Comparison, others: Sequence[str]
) -> Iterator[tuple[str, list[str], list[ComparisonOutcome | None]]]:
    """Name, cells and, for the cells from the average on, the outcome that each shows."""
    by_place: dict[_Place, dict[str, Change]] = {}
    for change in comparison.changes:
        by_place.setdefault((change.role, change.operation), {})[change.metric] = change
    by_place = {place: figures for place, figures in by_place.items() if PRIMARY in figures}
    for place in _shown(by_place):
        change = by_place[place][PRIMARY]
        found = [by_place[place].get(metric) for metric in others]
        cells = [number(median(change.a)), number(median(change.b)), signed_percent(change.shift_rate)]
        cells += [_interval(change), change.outcome.value]
        cells += [_SHORT[each.outcome] if each else UNKNOWN for each in found]
        yield _name(place), cells, [change.outcome, *(each.outcome if each else None for each in found)]


def _shown(by_place: dict[_Place, dict[str, Change]]) -> Iterator[_Place]:
    """The total, the roles, the operations from the worst on; an operation as one role where that has changed."""

    def weight(place: _Place) -> tuple[int, float]:
        change = by_place[place][PRIMARY]
        return _ORDER.index(change.outcome), -(change.shift_rate or 0.0)

    yield from (place for place in by_place if place == (ALL, ALL))
    yield from (place for place in by_place if place[0] != ALL and place[1] == ALL)
    for place in sorted((place for place in by_place if place[0] == ALL and place[1] != ALL), key=weight):
        yield place
        changed = (ComparisonOutcome.SLOWER, ComparisonOutcome.FASTER)
        for role, operation in by_place:
            if operation == place[1] and role != ALL and by_place[role, operation][PRIMARY].outcome in changed:
                yield role, operation


def _name(place: _Place) -> str:
    role, operation = place
    if operation == ALL:
        return "all requests" if role == ALL else f"as {shortened(role.replace('_', ' '), _NAME_LENGTH)}"
    return shortened(operation, _NAME_LENGTH) if role == ALL else f"  as {shortened(role.replace('_', ' '), 24)}"


def _interval(change: Change) -> str:
    level = median(change.a)
    if change.interval is None or not level:
        return UNKNOWN
    low, high = (value / level for value in change.interval)
    return f"{signed_percent(low, unit=False)} … {signed_percent(high)}"


def _sentences(comparison: Comparison) -> list[str]:
    """ "policies.list, all roles: average 42 ms → 104 ms (+148 %), slower"."""
    changed = summarize_comparison(comparison).changed
    lines = [f"{each.cells[0]}, {each.cells[1]}: {each.change}, {each.cells[-1]}" for each in changed[:MOST_LINES]]
    return [*lines, *_more(changed)]


def _more(changed: Sequence[ChangedFigure]) -> list[str]:
    left = len(changed) - MOST_LINES
    return [f"and {number(left)} more in comparison.json"] if left > 0 else []


# ── the command `noise`


def render_noise(noise: Noise, *, width: int = 80, color: bool = False) -> str:
    """The smallest change that a comparison here can detect: total, roles and operations, the least noisy first."""
    table = plain_table("", ">Avg ms", ">Chance alone", ">Detectable from")
    shown = [each for each in noise.metrics if each.metric == PRIMARY and ALL in (each.role, each.operation)]
    ordered = sorted(shown, key=lambda each: (_kind(each), each.detectable_rate))
    for each in ordered:
        table.add_row(
            Text(_name((each.role, each.operation))),
            number(each.level),
            f"± {rough_percent(each.chance_rate)}",
            signed_percent(each.detectable_rate),
        )
    parts: list[RenderableType] = [f"{plural(len(noise.run_ids), 'run')} of the same load.", "", table, ""]
    return to_text(Group(*parts, *map(Text, _noise_lines(ordered))), width=width, color=color).rstrip("\n")


def _kind(noise: MetricNoise) -> int:
    return 0 if noise.role == noise.operation == ALL else 1 if noise.operation == ALL else 2


def _noise_lines(shown: Sequence[MetricNoise]) -> Iterator[str]:
    yield "Chance alone: 95 of 100 comparisons of 5 + 5 such runs stay within this shift although nothing changed."
    yield "Detectable from: such a comparison reports this true change as slower in 9 of 10 cases."
    total = next((each for each in shown if _kind(each) == 0), None)
    operations = [each.detectable_rate for each in shown if _kind(each) == 2]
    if total and operations:
        yield (
            f"Smallest change that can be detected here: {rough_percent(total.detectable_rate)} over all requests, "
            f"{rough_percent(min(operations))} to {rough_percent(max(operations))} in one operation."
        )
