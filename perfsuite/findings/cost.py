"""What the fingerprint tells: suspected N+1, and what costs more than in an earlier fingerprint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from perfsuite.format import joined, plural
from perfsuite.model import ALL, Summary
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.model.fingerprint import Difference, Fingerprint, OperationCost, Suspicion
from perfsuite.model.periods import STEADY

CHANGE_FACTOR = 1.5
CHANGE_LEAST = 20.0
"""Rows and blocks of the same statements grow a little with the data; queries do not, so any more of them count."""
_MOST_CHANGES = 5
_ORDER = ("queries", "caching", "shared_blocks", "rows", "temp_blocks")
_NAMES = {
    "queries": "queries",
    "rows": "rows read or returned",
    "shared_blocks": "blocks touched",
    "temp_blocks": "blocks of temporary files",
}
QUERIES = "queries per request"
_GROWN = {QUERIES: "queries", "rows per request": "shared_blocks"}
"""Resource → the figure of the fingerprint that tells for which operation more of it was asked."""
_MOST_SHOWN = 4
_TEXT = 100

_Suspected = tuple[OperationCost, Suspicion]


def suspected(fingerprint: Fingerprint | None, summary: Summary) -> list[Finding]:
    """A finding for each statement that looks like N+1, whatever operations run it; most queries first."""
    by_shape: dict[str, list[_Suspected]] = defaultdict(list)
    for cost in fingerprint.operations if fingerprint else ():
        for suspicion in cost.suspicions:
            by_shape[suspicion.shape].append((cost, suspicion))
    sent = requests_in_run(summary)
    groups = [sorted(group, key=lambda pair: -_calls_in_run(pair, sent)) for group in by_shape.values()]
    groups.sort(key=lambda group: -sum(_calls_in_run(pair, sent) for pair in group))
    return [_suspicion(group) for group in groups]


def requests_in_run(summary: Summary) -> Mapping[tuple[str, str], int]:
    """Role and operation → requests in the steady state."""
    sent: dict[tuple[str, str], int] = defaultdict(int)
    for row in summary.rows:
        if row.period == STEADY and ALL not in (row.role, row.behaviour, row.operation):
            sent[row.role, row.operation] += row.statistics.requests
    return sent


def _calls_in_run(pair: _Suspected, sent: Mapping[tuple[str, str], int]) -> float:
    cost, suspicion = pair
    return suspicion.calls.maximum * (1 + sent.get((cost.role, cost.operation), 0))


def _suspicion(group: Sequence[_Suspected]) -> Finding:
    cost, suspicion = group[0]
    queries = plural(int(suspicion.calls.maximum), "query")
    rows = suspicion.answered_rows
    of = f" for {plural(int(rows.maximum), 'row')}" if rows is not None else ""
    others = list(dict.fromkeys(other.operation for other, _ in group if other.operation != cost.operation))
    also = f"; {joined(others)} too" if others else ""
    headline = (
        f"{cost.operation} runs {queries} of one kind in one request{of} (as {cost.role}), which looks like N+1{also}: "
        f"{_shown(suspicion.text)}"
    )
    evidence = tuple(
        Evidence(
            "queries_per_request",
            f"{other.operation} as {other.role}: queries of this kind per request",
            each.answered_rows.maximum if each.answered_rows else None,
            each.calls.maximum,
            "count",
        )
        for other, each in group
    )
    return Finding(FindingKind.COST, headline, QUERIES, None, cost.role, cost.operation, _plain(evidence))


def _plain(rows: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """The rows of an answer are no value from before: they only stand in the sentence."""
    return tuple(Evidence(row.metric, row.label, None, row.after, row.unit) for row in rows)


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TEXT else line[: _TEXT - 1] + "…"


def with_operation(finding: Finding, grown: Sequence[Difference], summary: Summary) -> Finding:
    """A finding that the database got more to do, with the operation that asks most of it; any other as it is."""
    most = _grown_most(grown, _GROWN.get(finding.resource, ""), summary)
    if not most or finding.kind in (FindingKind.COST, FindingKind.CHANGE):
        return finding
    return replace(
        finding,
        headline=f"{finding.headline}; measured alone, {_costs(most[0])}",
        role=most[0].role,
        operation=most[0].operation,
        evidence=(*finding.evidence, *_grown_rows(most)),
    )


def more_queries(grown: Sequence[Difference], summary: Summary) -> list[Finding]:
    """The same by itself: queries are counted exactly, so that they tell though no reading does."""
    most = _grown_most(grown, "queries", summary)
    if not most:
        return []
    first = most[0]
    headline = f"Measured alone, {_costs(first)}"
    rows = tuple(_grown_rows(most))
    return [Finding(FindingKind.CHANGE, headline, QUERIES, None, first.role, first.operation, rows)]


def _grown_most(grown: Sequence[Difference], metric: str, summary: Summary) -> list[Difference]:
    """What grew clearly in this figure, that first of which there was most in the run."""
    sent = requests_in_run(summary)

    def added(each: Difference) -> float:
        return (each.after.maximum - each.before.maximum) * (1 + sent.get((each.role, each.operation), 0))

    worse = (each for each in grown if each.metric == metric and each.worse and _clearly(each))
    return sorted(worse, key=added, reverse=True)


def _costs(grown: Difference) -> str:
    before, after, name = grown.before.told(), grown.after.told(), _NAMES[grown.metric]
    return (
        f"{grown.operation} as {grown.role} costs {before} → {after} {name} per request, before the load and after it"
    )


def _grown_rows(most: Sequence[Difference]) -> list[Evidence]:
    return [
        Evidence(
            f"{each.metric}_per_request",
            f"{each.operation} as {each.role}: {_NAMES[each.metric]} per request, alone, before and after the load",
            each.before.maximum,
            each.after.maximum,
            "count",
        )
        for each in most[:_MOST_SHOWN]
    ]


def changed(differences: Sequence[Difference]) -> list[Finding]:
    """The operations that cost clearly more than before, at most five; one finding for each, its worst figure first."""
    by_operation: dict[tuple[str, str], list[Difference]] = defaultdict(list)
    for difference in differences:
        if difference.worse and _clearly(difference):
            by_operation[difference.role, difference.operation].append(difference)
    groups = [sorted(group, key=_place) for group in by_operation.values()]
    return [_change(group) for group in sorted(groups, key=lambda group: _place(group[0]))[:_MOST_CHANGES]]


def _place(difference: Difference) -> tuple[int, float]:
    return _ORDER.index(difference.metric), difference.before.maximum - difference.after.maximum


def _clearly(difference: Difference) -> bool:
    before, after = difference.before.maximum, difference.after.maximum
    if difference.metric in ("queries", "caching", "temp_blocks"):
        return True
    return after >= before * CHANGE_FACTOR and after - before >= CHANGE_LEAST


def _change(group: Sequence[Difference]) -> Finding:
    told = [_told(difference) for difference in group]
    first = group[0]
    headline = (
        f"{first.operation} as {first.role} costs the database more than in the earlier fingerprint: {joined(told)}"
    )
    evidence = tuple(
        Evidence(
            f"{difference.metric}_per_request",
            f"{_NAMES.get(difference.metric, 'answers from a cache')} per request",
            difference.before.maximum,
            difference.after.maximum,
            "count",
        )
        for difference in group
    )
    return Finding(FindingKind.CHANGE, headline, _resource(first.metric), None, first.role, first.operation, evidence)


def _resource(metric: str) -> str:
    known = {"queries": QUERIES, "caching": "cache"}
    return known.get(metric, "rows per request")


def _told(difference: Difference) -> str:
    if difference.metric == "caching":
        return "asking for the same again runs all its queries now, where a cache answered some or all of them before"
    before, after = difference.before.told(), difference.after.told()
    return f"{before} → {after} {_NAMES[difference.metric]} per request"
