"""Two sides held against each other, for a terminal and as Markdown; and the noise of an environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from rich.console import Group, RenderableType
from rich.text import Text

from perfsuite.format import number, plain, plural, rough_percent, signed_percent
from perfsuite.model import ALL
from perfsuite.model.history import Change, Comparison, ComparisonOutcome, MetricNoise, Noise
from perfsuite.report.baseline import held_of
from perfsuite.report.terminal.console import bullet, plain_table, to_text
from perfsuite.report.text import clean, markdown, shortened

PRIMARY = "avg_ms"
_OTHERS = {"p50_ms": "p50", "p95_ms": "p95", "p99_ms": "p99", "rps": "Requests/s", "failure_rate": "Failures"}
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
_ORDER = (ComparisonOutcome.SLOWER, ComparisonOutcome.FASTER, ComparisonOutcome.CANNOT_TELL, ComparisonOutcome.SAME)
_NAME_LENGTH, _SHORT_NAME = 30, 23
_WIDE = 110
_COLUMNS = ("What changed", "Role", "Figure", "A", "B", "Change", "Result")
MOST_LINES = 20

_Place = tuple[str, str]


def overall(comparison: Comparison) -> str:
    """One word for all: REGRESSION, FASTER, SAME or CANNOT TELL."""
    if comparison.regressions or comparison.costlier:
        return "REGRESSION"
    words = {change.outcome for change in comparison.changes}
    if ComparisonOutcome.FASTER in words:
        return "FASTER"
    totals = [change.outcome for change in comparison.changes if _is_total(change) and change.metric == PRIMARY]
    return "SAME" if totals == [ComparisonOutcome.SAME] else "CANNOT TELL"


def render_comparison(comparison: Comparison, *, width: int = 80, color: bool = False) -> str:
    """Sides, a line for the total, each role and each operation, what changed, notes; last the word for all."""
    parts: list[RenderableType] = [Text(f"{_side(comparison, 'A')}\n{_side(comparison, 'B')}"), ""]
    marked = "not compared" if comparison.refused else "compared by force"
    parts += [bullet(f"{marked}: {reason}", "yellow") for reason in comparison.mismatches]
    if comparison.changes:
        parts += [
            _rows(comparison, wide=width >= _WIDE),
            Text("Averages of the runs of either side; same: within what counts as a change", "dim"),
            "",
        ]
    parts += _changed(comparison)
    parts += [bullet(note, "dim") for note in comparison.notes]
    parts.append(Text(sentence(comparison)))
    told = to_text(Group(*parts), width=width, color=color)
    word = overall(comparison)
    style = {"REGRESSION": "bold red", "CANNOT TELL": "bold yellow"}.get(word, "bold green")
    return told + to_text(Text("COMPARISON: ").append(word, style), width=width, color=color).rstrip("\n")


def render_short_comparison(comparison: Comparison, *, width: int = 80, color: bool = False) -> str:
    """What became worse, why times were not compared where they were not, and the word for all."""
    why = () if comparison.changes else comparison.notes
    lines = [sentence(comparison), *(f"- {line}" for line in (*_told(comparison), *why))]
    return to_text(Text("\n".join([*lines, f"COMPARISON: {overall(comparison)}"])), width=width, color=color).rstrip(
        "\n"
    )


def sentence(comparison: Comparison) -> str:
    """ "Averages of 30 operations: 1 slower, 14 the same, 15 cannot be told."."""
    words = [
        change.outcome
        for change in comparison.changes
        if change.metric == PRIMARY and change.role == ALL and change.operation != ALL
    ]
    if not words:
        return "No times were compared."
    told = {
        ComparisonOutcome.SLOWER: "slower",
        ComparisonOutcome.FASTER: "faster",
        ComparisonOutcome.SAME: "the same",
        ComparisonOutcome.CANNOT_TELL: "cannot be told",
    }
    counts = ", ".join(f"{words.count(word)} {text}" for word, text in told.items() if word in words)
    return f"Averages of {plural(len(words), 'operation')}: {counts}."


def _side(comparison: Comparison, letter: str) -> str:
    side = comparison.a if letter == "A" else comparison.b
    ids = shortened(", ".join(side.run_ids), 60)
    return clean(f"{letter}  {side.name}  ({plural(len(side.run_ids), 'run')}: {ids})")


def _rows(comparison: Comparison, *, wide: bool) -> RenderableType:
    """Where there is no room for the words of all figures, those of the averages: what changed is listed below."""
    others = _OTHERS if wide else {}
    table = plain_table("", ">A ms", ">B ms", ">Shift", ">95 % sure", "Average", *others.values())
    by_place = _by_place(comparison.changes)
    for place in _shown(by_place):
        figures = by_place[place]
        change = figures[PRIMARY]
        table.add_row(
            Text(shortened(_name(place), _NAME_LENGTH if wide else _SHORT_NAME)),
            plain(PRIMARY, median(change.a)),
            plain(PRIMARY, median(change.b)),
            _rate(change),
            _interval(change),
            Text(change.outcome.value, _STYLES[change.outcome]),
            *(_short(figures.get(metric)) for metric in others),
        )
    for column in table.columns:
        column.no_wrap = True
    return table


def _by_place(changes: Sequence[Change]) -> dict[_Place, dict[str, Change]]:
    found: dict[_Place, dict[str, Change]] = {}
    for change in changes:
        found.setdefault((change.role, change.operation), {})[change.metric] = change
    return {place: figures for place, figures in found.items() if PRIMARY in figures}


def _shown(by_place: dict[_Place, dict[str, Change]]) -> Iterator[_Place]:
    """The total, the roles, the operations from the worst on; operations as one role where that has changed."""

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


def _rate(change: Change) -> str:
    return signed_percent(change.shift_rate)


def _interval(change: Change) -> str:
    level = median(change.a)
    if change.interval is None or not level:
        return "–"
    low, high = (value / level for value in change.interval)
    return f"{signed_percent(low, unit=False)} … {signed_percent(high)}"


def _short(change: Change | None) -> Text:
    return Text("–") if change is None else Text(_SHORT[change.outcome], _STYLES[change.outcome])


def _changed(comparison: Comparison) -> list[RenderableType]:
    """Every figure that became worse or better, the worse ones first."""
    lines = held_of(comparison).lines
    if not lines:
        return []
    table = plain_table(*_COLUMNS)
    for line in lines[:MOST_LINES]:
        table.add_row(*map(Text, line.cells), style="red" if line.worse else "green")
    left = len(lines) - MOST_LINES
    return [table, *([Text(f"and {number(left)} more in comparison.json", "dim")] if left > 0 else []), ""]


def _told(comparison: Comparison) -> list[str]:
    """The same as sentences: "policies.list, all roles: average 42 ms → 104 ms (+148 %), slower"."""
    lines = held_of(comparison).lines
    told = []
    for line in lines[:MOST_LINES]:
        what, role, figure, before, after, change, result = line.cells
        told.append(f"{what}, {role}: {figure} {before} → {after}{f' ({change})' if change else ''}, {result}")
    left = len(lines) - MOST_LINES
    return [*told, *([f"and {number(left)} more in comparison.json"] if left > 0 else [])]


def _is_total(change: Change) -> bool:
    return change.role == change.operation == ALL


def comparison_md(comparison: Comparison) -> str:
    """The same for a pull request or a CI job."""
    word = overall(comparison)
    mark = {"REGRESSION": "❌", "CANNOT TELL": "⚠️"}.get(word, "✅")
    by_place = _by_place(comparison.changes)
    head = ("", "A avg ms", "B avg ms", "Shift", "95 % sure", "Average", *_OTHERS.values())
    rows = [
        (
            markdown(_name(place).strip()),
            plain(PRIMARY, median(by_place[place][PRIMARY].a)),
            plain(PRIMARY, median(by_place[place][PRIMARY].b)),
            _rate(by_place[place][PRIMARY]),
            _interval(by_place[place][PRIMARY]),
            by_place[place][PRIMARY].outcome.value,
            *(_short(by_place[place].get(metric)).plain for metric in _OTHERS),
        )
        for place in _shown(by_place)
    ]
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    marked = "Not compared" if comparison.refused else "Forced"
    parts = [
        f"## {mark} {word}: {markdown(comparison.b.name)} against {markdown(comparison.a.name)}",
        "\n".join(f"- {markdown(line)}" for line in _told(comparison)),
        sentence(comparison),
        "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines]) if lines else "",
        "\n".join(f"- {marked}: {markdown(reason)}" for reason in comparison.mismatches),
        "\n".join(f"- Note: {markdown(note)}" for note in comparison.notes),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def render_noise(noise: Noise, *, width: int = 80, color: bool = False) -> str:
    """The smallest change that comparisons here can find: total, roles and operations, the quietest first."""
    table = plain_table("", ">Average ms", ">Chance alone", ">Found from")
    floors = [floor for floor in noise.metrics if floor.metric == PRIMARY and ALL in (floor.role, floor.operation)]
    ordered = sorted(floors, key=lambda floor: (_kind(floor), floor.detectable_rate))
    for floor in ordered:
        table.add_row(
            Text(_name((floor.role, floor.operation))),
            plain(PRIMARY, floor.level),
            f"± {rough_percent(floor.chance_rate)}",
            signed_percent(floor.detectable_rate),
        )
    told: list[RenderableType] = [f"{plural(len(noise.run_ids), 'run')} of the same thing.", "", table, ""]
    told += map(Text, _noise_lines(ordered))
    return to_text(Group(*told), width=width, color=color).rstrip("\n")


def _kind(floor: MetricNoise) -> int:
    return 0 if floor.role == floor.operation == ALL else 1 if floor.operation == ALL else 2


def _noise_lines(floors: Sequence[MetricNoise]) -> Iterator[str]:
    yield "Chance alone: the shift that 95 of 100 comparisons of 5 + 5 such runs stay within, though nothing changed."
    yield "Found from: the true change that such a comparison calls slower in 9 of 10."
    total = next((floor for floor in floors if _kind(floor) == 0), None)
    operations = [floor.detectable_rate for floor in floors if _kind(floor) == 2]
    if total and operations:
        yield (
            f"Smallest change that can be detected here: {rough_percent(total.detectable_rate)} over all requests, "
            f"{rough_percent(min(operations))} to {rough_percent(max(operations))} in one operation."
        )
