"""The content of the report page: figures, tables and lists, ready for the template. Knows no HTML."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from perfsuite.format import UNKNOWN, bound, duration, figure, interval_text, number, percent, plural
from perfsuite.messages.page import PageMessage
from perfsuite.model import ALL, RunReport, Summary, TargetOutcome, TargetResult
from perfsuite.report.capacity import CAPACITY_TITLE
from perfsuite.report.comparison import COLUMNS, ComparisonSummary, summarize_comparison
from perfsuite.report.correctness import CORRECTNESS_TITLE
from perfsuite.report.page.capacity import CapacitySection, capacity_section
from perfsuite.report.page.connections import connections_table
from perfsuite.report.page.correctness import CorrectnessSection, correctness_section
from perfsuite.report.page.database import DatabaseCost, database_cost
from perfsuite.report.page.distribution import Distribution, distribution_of
from perfsuite.report.page.facts import CoverageSection, Fact, coverage_section, facts_of
from perfsuite.report.page.findings import FindingsSection, Highlight, findings_section, highlights_of
from perfsuite.report.page.load_charts import TimeLimit
from perfsuite.report.page.slowest import slowest_table
from perfsuite.report.page.stability import stability_table
from perfsuite.report.page.stages import stages_table, visits_table
from perfsuite.report.page.tables import (
    Cell,
    Column,
    PageTable,
    failures_table,
    operation_tables,
    role_tables,
    suite_errors_table,
    time_table,
)
from perfsuite.report.page.timeline import ChartTimeline, timeline_of
from perfsuite.report.page.workers import worker_tables
from perfsuite.report.published import published_table
from perfsuite.report.text import TOO_FEW, clean
from perfsuite.report.wording import LABELS, outcome_text, sentence, target_title, title_of

_LIMIT_AT = 0.7
"""Position of the limit on the bar of a target; values beyond it are visible as well."""
INTERVAL_FROM_S = 16
"""A shorter steady state has no 95 % CI (docs/metrics.md)."""
_MOST_CHANGES = 200


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One of the large numbers at the top. `detail`: the small print below it."""

    label: str
    value: str
    unit: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One target. `fill` and `mark`: fractions of its bar; `fill` is None without an observed value.

    `interval`: the 95 % CI, or why there is none. `kind`: the outcome as a CSS class, `outcome` as a text.
    """

    name: str
    limit: str
    observed: Cell
    interval: Cell
    kind: str
    outcome: str
    reason: str
    fill: float | None
    mark: float


@dataclass(frozen=True, slots=True)
class ReportPage:
    """Everything on the page, in reading order."""

    title: str
    outcome: str
    label: str
    scenario: str
    host: str
    started: str
    sentence: str
    reasons: tuple[str, ...]
    highlights: tuple[Highlight, ...]
    notes: tuple[str, ...]
    correctness: CorrectnessSection | None
    capacity: CapacitySection | None
    figures: tuple[KeyFigure, ...]
    targets: tuple[TargetRow, ...]
    no_interval: str
    findings: FindingsSection
    baseline: ComparisonSummary | None
    changed: PageTable | None
    failures: PageTable | None
    suite_errors: PageTable | None
    distribution: Distribution | None
    timeline: ChartTimeline | None
    database: DatabaseCost
    tables: tuple[PageTable, ...]
    coverage: CoverageSection
    facts: tuple[Fact, ...]

    @property
    def contents(self) -> tuple[tuple[str, str], ...]:
        """Heading and anchor of every section of the page, in reading order."""
        wrong = self.correctness is not None and self.correctness.first
        correctness = (CORRECTNESS_TITLE, "correctness", self.correctness)
        parts = (
            *((correctness,) if wrong else ()),
            (CAPACITY_TITLE, "capacity", self.capacity),
            ("Targets", "targets-title", self.targets),
            ("Findings", "findings", self.findings.any),
            ("Baseline", "baseline-title", self.baseline),
            ("Failures", "failures-title", self.failures),
            ("Suite errors", "suite-errors-title", self.suite_errors),
            *(() if wrong else (correctness,)),
            ("Response times", "distribution", self.distribution),
            ("Timeline", "charts", self.timeline),
            ("Database cost", "database", True),
            *((table.title, f"{table.name}-title", table.open) for table in self.tables),
            ("Coverage", "coverage-title", True),
            ("Notes", "notes-title", self.notes),
            ("Run details", "facts-title", True),
            ("How to read this", "reading", True),
        )
        return tuple((title, anchor) for title, anchor, there in parts if there)


def page_of(report: RunReport) -> ReportPage:
    """The page of a run; texts from outside are on one line and printable, but not escaped for HTML."""
    summary, verdict = report.summary, report.verdict
    limits = _limits(verdict.targets)
    timeline = timeline_of(report, limits)
    database = database_cost(report)
    changes = summarize_comparison(report.comparison) if report.comparison else None
    published = published_table(report)
    operations, slowest = operation_tables(summary), slowest_table(summary)
    stages = stages_table(summary) if report.capacity is None else visits_table(report)
    tables = (
        *([stages] if stages else ()),
        *_stability(report),
        *role_tables(summary),
        *_times(summary),
        *_connections(summary),
        *worker_tables(summary),
        *operations[:1],
        *([slowest] if slowest else ()),
        *operations[1:],
        *([published] if published else ()),
    )
    findings = findings_section(report, timeline, [table.name for table in (*tables, database.table) if table])
    return ReportPage(
        title=clean(f"{LABELS[verdict.outcome]} – {title_of(report)} – {date_text(summary.started_at)}"),
        outcome=verdict.outcome.value,
        label=LABELS[verdict.outcome],
        scenario=title_of(report),
        host=clean(summary.host),
        started=clean(date_text(summary.started_at)),
        sentence=clean(sentence(report)),
        reasons=tuple(map(clean, verdict.shown_reasons)),
        highlights=highlights_of(report, findings),
        notes=tuple(map(clean, verdict.notes)),
        correctness=correctness_section(report),
        capacity=capacity_section(report),
        # Of a search they would be of many loads.
        figures=tuple(_figures(summary)) if report.capacity is None else (),
        targets=tuple(_target(result, summary.steady_s) for result in verdict.targets),
        no_interval=_no_interval(verdict.targets, summary.steady_s),
        findings=findings,
        baseline=changes,
        changed=_changed_table(changes),
        failures=failures_table(summary),
        suite_errors=suite_errors_table(summary),
        distribution=distribution_of(summary, limits) if report.capacity is None else None,
        timeline=timeline,
        database=database,
        tables=tables,
        coverage=coverage_section(summary),
        facts=tuple(facts_of(report)),
    )


def _changed_table(changes: ComparisonSummary | None) -> PageTable | None:
    """What changed compared with the baseline; None without one, or if nothing did."""
    if changes is None or not changes.changed:
        return None
    rows = tuple(
        tuple(Cell(text, alarm=each.worse and place == len(each.cells) - 1) for place, text in enumerate(each.cells))
        for each in changes.changed[:_MOST_CHANGES]
    )
    left = len(changes.changed) - _MOST_CHANGES
    caption = f"Figures that changed.{f' {number(left)} more are in summary.json.' if left > 0 else ''}"
    columns = tuple(Column(title, number=False) for title in COLUMNS)
    return PageTable("baseline", f"Compared with {changes.name}", caption, columns, rows)


def date_text(text: str) -> str:
    """ISO 8601 as "24 November 2026, 02:37 UTC"; other texts unchanged."""
    try:
        at = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return text
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def _stability(report: RunReport) -> list[PageTable]:
    table = stability_table(report)
    return [table] if table else []


def _connections(summary: Summary) -> list[PageTable]:
    table = connections_table(summary)
    return [table] if table else []


def _times(summary: Summary) -> Iterable[PageTable]:
    table = time_table(summary)
    return (table,) if table else ()


def _figures(summary: Summary) -> Iterable[KeyFigure]:
    totals = summary.totals
    whole = summary.whole_run
    yield KeyFigure("Requests", number(totals.requests), "", f"{number(whole.requests)} in the whole run")
    over = f"over {duration(summary.steady_s)} of steady state" if summary.steady_s else "no steady state"
    yield KeyFigure("Throughput", number(totals.rps), "requests/s", over)
    yield KeyFigure("Average", number(totals.avg_ms), _ms(totals.avg_ms), f"max {figure('max_ms', totals.max_ms)}")
    p99 = figure("p99_ms", totals.p99_ms) if totals.p99_ms is not None else TOO_FEW
    yield KeyFigure("95th percentile", number(totals.p95_ms), _ms(totals.p95_ms), f"p99: {p99}")
    yield KeyFigure(
        "Failure rate",
        percent(totals.failure_rate).removesuffix(" %"),
        "%" if totals.failure_rate is not None else "",
        f"{plural(totals.failures, 'failure')}, {number(whole.failures)} in the whole run",
    )
    if summary.arrivals:
        yield from _arrivals(summary)
    requested = f"{number(summary.users.requested)} requested"
    yield KeyFigure("Sessions" if summary.arrivals else "Users", number(summary.users.peak), "", requested)


def _arrivals(summary: Summary) -> Iterable[KeyFigure]:
    """Open model: the offered rate, and the start delay."""
    arrivals = summary.arrivals
    if arrivals is None:
        return
    never = f", {number(arrivals.not_started)} not started" if arrivals.not_started else ""
    offered = number(arrivals.offered_per_s)
    yield KeyFigure("Arrivals", offered, "actions/s", f"{number(arrivals.asked_per_s)}/s requested{never}")
    p99 = figure("lag_p99_ms", arrivals.lag_p99_ms) if arrivals.lag_p99_ms is not None else TOO_FEW
    lag = number(arrivals.lag_max_ms)
    yield KeyFigure(
        "Latest start", lag, _ms(arrivals.lag_max_ms), f"p99: {p99}; longest queue {number(arrivals.longest_queue)}"
    )


def _ms(value: float | None) -> str:
    return "" if value is None else "ms"


def _limits(targets: Iterable[TargetResult]) -> list[TimeLimit]:
    return [
        TimeLimit(result.metric.removesuffix("_ms"), clean(f"limit: {result.name}"), result.limit)
        for result in targets
        if result.scope == ALL and result.metric.endswith("_ms")
    ]


def _target(result: TargetResult, steady_s: float) -> TargetRow:
    fill = None
    if result.observed is not None and result.limit > 0:
        fill = min(max(result.observed / result.limit * _LIMIT_AT, 0.004), 1.0)
    return TargetRow(
        name=target_title(result),
        limit=bound(result.metric, result.limit, below=result.below),
        observed=Cell.measured(result.metric, result.observed, figure(result.metric, result.observed)),
        interval=_interval(result, steady_s),
        kind=result.outcome.value.replace(" ", "-"),
        outcome=outcome_text(result),
        reason=clean(result.reason or _plain_reason(result)),
        fill=fill,
        mark=_LIMIT_AT,
    )


def _interval(result: TargetResult, steady_s: float) -> Cell:
    """The 95 % CI, or why there is none."""
    if result.interval is not None:
        return Cell(interval_text(result.metric, result.interval))
    if result.outcome is TargetOutcome.NOT_JUDGED:
        return Cell(UNKNOWN, title="not computed for targets that are not judged")
    if steady_s < INTERVAL_FROM_S:
        return Cell(UNKNOWN, title=f"needs {INTERVAL_FROM_S} s of steady state")
    return Cell(UNKNOWN, title="not available for this figure")


def _no_interval(targets: Iterable[TargetResult], steady_s: float) -> str:
    """A line for the caption if the steady state is too short for any interval; else ""."""
    if steady_s >= INTERVAL_FROM_S or any(result.interval for result in targets):
        return ""
    return f"{PageMessage.NO_INTERVAL(needed_s=INTERVAL_FROM_S, steady_s=steady_s)}."


def _plain_reason(result: TargetResult) -> str:
    """The observed value relative to the limit, if the verdict has no reason of its own."""
    if result.observed is None or result.limit <= 0 or result.outcome is TargetOutcome.NOT_JUDGED:
        return ""
    share = result.observed / result.limit
    return f"{percent(share)} of the limit" if share < 2 else f"{number(share)} times the limit"
