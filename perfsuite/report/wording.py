"""A run in words, the same in every report: the verdict as a sentence, and lines about targets, load and failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from perfsuite.format import clock, figure, joined, number, plural, quantity
from perfsuite.messages import Message
from perfsuite.messages.report import GeneratorNote, Headline
from perfsuite.model import (
    ALL,
    TARGET_LOST,
    Coverage,
    FailurePattern,
    Outcome,
    RunReport,
    SuiteErrorGroup,
    Summary,
    TargetOutcome,
    TargetResult,
)
from perfsuite.model.generator import capacity_of
from perfsuite.model.summary_parts import server_cpu_percent
from perfsuite.report.capacity import capacity_lines
from perfsuite.report.text import clean, heading, rounded

LABELS = {outcome: outcome.name for outcome in Outcome}
FIGURE_LABELS = {
    "users": "Users",
    "requests": "Requests",
    "rps": "Requests/s",
    "avg_ms": "Avg ms",
    "p50_ms": "p50 ms",
    "p95_ms": "p95 ms",
    "p99_ms": "p99 ms",
    "max_ms": "Max ms",
    "failures": "Failures",
    "failure_rate": "Failure rate",
}
"""Heading of a column of figures, by the name of the figure in summary.json."""

_MOST_NAMES = 6
_THE_TARGET = "target"
"""Scope of the targets on what a monitor reads."""


def figure_labels(*names: str) -> list[str]:
    """The headings of these columns."""
    return [FIGURE_LABELS[name] for name in names]


# ── the verdict


def title_of(report: RunReport) -> str:
    """What was run: the scenario, or the capacity of it."""
    name = clean(report.summary.scenario)
    return name if report.plan.capacity is None else f"capacity of {name}"


def sentence(report: RunReport) -> str:
    """What the run says about the backend; where its targets are met, another sentence says how much was exercised.
    Of a search, its answer; of one that was interrupted, that as well."""
    verdict = headline(report)
    met = verdict.code in (Headline.PASSED, Headline.REGRESSED, Headline.ROWS_REMAIN)
    lines: tuple[Message, ...] = (verdict,)
    if report.capacity is not None and report.plan.capacity is not None:
        found = capacity_lines(report.capacity, report.plan.capacity.by, report.findings)
        lines = (verdict, *found) if verdict.code is Headline.INTERRUPTED else found
    return " ".join(f"{text}." for text in (*lines, exercised(report.summary) if met else None) if text)


def headline(report: RunReport) -> Message:
    """The verdict as a sentence without its full stop."""
    summary, users = report.summary, _users(report.summary)
    match report.verdict.outcome:
        case Outcome.PASS:
            return _passed(report)
        case Outcome.FAIL:
            unknown = count_outcomes(report)[TargetOutcome.NOT_JUDGED]
            return _and_unjudged(Headline.FAILED(users=users, faults=joined(list(_faults(report)))), unknown)
        case Outcome.REGRESSION:
            return Headline.REGRESSED(users=users)
        case Outcome.INTERRUPTED:
            planned = clock(report.plan.scenario.duration_s)
            return Headline.INTERRUPTED(ran=clock(summary.duration_s), planned=planned)
    if _only_rows_remain(report):
        return Headline.ROWS_REMAIN(passed=_passed(report))
    return Headline.INCONCLUSIVE(users=users)


def _passed(report: RunReport) -> Message:
    counts = count_outcomes(report)
    met, unknown = counts[TargetOutcome.MET], counts[TargetOutcome.NOT_JUDGED]
    return _and_unjudged(Headline.PASSED(users=_users(report.summary), which=_which(met, met, unknown)), unknown)


def _and_unjudged(message: Message, targets: int) -> Message:
    return message.also(Headline.NOT_JUDGED(targets=targets)) if targets else message


def _faults(report: RunReport) -> Iterable[Message]:
    counts, summary = count_outcomes(report), report.summary
    missed, whole = counts[TargetOutcome.MISSED], summary.whole_run
    never = summary.arrivals.not_started if summary.arrivals else 0
    lost = summary.target_lost_at is not None or summary.ended == TARGET_LOST
    wrong = summary.correctness.violations if summary.correctness else ()
    if wrong:
        invariants = dict.fromkeys(violation.invariant.value for violation in wrong)
        yield Headline.WRONG_UNDER_LOAD(violations=len(wrong), invariants=joined(list(invariants)))
    if missed:
        which = _which(missed, missed + counts[TargetOutcome.MET], counts[TargetOutcome.NOT_JUDGED])
        yield Headline.MISSED(which=which)
    if whole.wrong_answers:
        yield Headline.WRONG_ANSWERS(answers=whole.wrong_answers)
    if lost:
        at = summary.target_lost_at
        yield Headline.LOST() if at is None else Headline.LOST_AT(at=at)
    if aborted := summary.aborted:
        yield Headline.ABORTED(target=clean(aborted.target), window_s=aborted.window_s)
    if never:
        yield Headline.TOO_SLOW(actions=never)
    if not (wrong or missed or whole.wrong_answers or lost or never or aborted):
        share = whole.failures / whole.requests if whole.requests else 0
        yield Headline.FAILED_REQUESTS(failures=whole.failures, requests=whole.requests, share=share)


def _which(count: int, judged: int, unknown: int) -> str:
    """Which targets: "all 5 targets", "the 3 targets that could be judged", "1 of 4 targets"."""
    if count < judged:
        return f"{count} of {judged} targets"
    if not unknown:
        return f"all {count} targets" if count > 1 else "its target"
    return f"the {f'{count} targets' if count > 1 else 'one target'} that could be judged"


def _only_rows_remain(report: RunReport) -> bool:
    """Nothing but rows that remain makes the run inconclusive: its figures are sound, and the sentence says them."""
    counts, cleanup, verdict = count_outcomes(report), report.summary.cleanup, report.verdict
    left = bool(cleanup and cleanup.not_removed) and verdict.outcome is Outcome.INCONCLUSIVE
    met, missed = counts[TargetOutcome.MET], counts[TargetOutcome.MISSED]
    return left and len(verdict.reasons) == 1 and met > 0 and not missed


def _users(summary: Summary) -> str:
    arrivals, peak = summary.arrivals, summary.users.peak
    if arrivals is None:
        return plural(peak, "user")
    return f"{number(arrivals.asked_per_s)} requested actions/s and {plural(peak, 'session')}"


# ── how much was exercised


def exercised(summary: Summary) -> Message | None:
    """How many operations the run sent requests of, and which it did not; None if it sent none at all."""
    coverage = summary.coverage
    planned = len(coverage.planned)
    if not planned or not summary.whole_run.requests:
        return None
    if not coverage.not_exercised:
        return Headline.ALL_EXERCISED(planned=planned)
    fields: dict[str, int | str] = {"exercised": coverage.exercised, "planned": planned}
    wanted = _without_excluded(coverage)
    names = joined(_shortest(not_exercised(wanted)))
    if not coverage.excluded:
        return Headline.SOME_EXERCISED(**fields, names=names)
    fields["excluded"] = joined(_shortest(Counter(operation for _role, operation in map(_pair, coverage.excluded))))
    return Headline.SOME_EXCLUDED(**fields, names=names) if names else Headline.ALL_BUT_EXCLUDED(**fields)


def _without_excluded(coverage: Coverage) -> Coverage:
    planned, missing = (
        tuple(entry for entry in entries if entry not in coverage.excluded)
        for entries in (coverage.planned, coverage.not_exercised)
    )
    return replace(coverage, planned=planned, not_exercised=missing)


def _shortest(counts: Mapping[str, int]) -> list[str]:
    """As many names as fit a sentence, those that stand for most first, and how many operations the others are."""
    if len(counts) <= _MOST_NAMES:
        return list(counts)
    names = sorted(counts, key=lambda name: -counts[name])[: _MOST_NAMES - 1]
    return [*names, f"{sum(counts.values()) - sum(counts[name] for name in names)} others"]


def not_exercised(coverage: Coverage) -> Counter[str]:
    """Name → how many operations, counted for each role, it stands for; in the order of the roles, in few names.

    A name is a role of which nothing was exercised, a kind of operation such as "tickets", an operation that no role
    made, or one that a role did not make.
    """
    planned, missing = (set(map(_pair, entries)) for entries in (coverage.planned, coverage.not_exercised))
    done = planned - missing
    roles, kinds, operations = {role for role, _ in done}, {_kind(name) for _, name in done}, {name for _, name in done}
    of_kind = Counter(_kind(name) for name in {name for _, name in planned})
    found: Counter[str] = Counter()
    for role, operation in map(_pair, coverage.not_exercised):
        if role not in roles:
            found[f"all of {role}"] += 1
        elif _kind(operation) not in kinds and of_kind[_kind(operation)] > 1:
            found[_kind(operation)] += 1
        elif operation not in operations:
            found[operation] += 1
        else:
            found[f"{operation} as {role}"] += 1
    return found


def _pair(entry: str) -> tuple[str, str]:
    role, _, operation = entry.partition(" / ")
    return role, operation


def _kind(operation: str) -> str:
    return operation.partition(".")[0]


# ── targets


def count_outcomes(report: RunReport) -> dict[TargetOutcome, int]:
    """How many targets had each outcome; all four are there."""
    found = [result.outcome for result in report.verdict.targets]
    return {outcome: found.count(outcome) for outcome in TargetOutcome}


def outcome_counts(results: Iterable[TargetResult]) -> str:
    """ "3 met, 1 missed, 2 not judged"; outcomes that did not occur are left out; "none" for none."""
    counts = Counter(result.outcome for result in results)
    return ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in TargetOutcome if outcome in counts) or "none"


def target_name(result: TargetResult) -> str:
    """The name of a target, with its scope where that is a role or an operation."""
    return clean(result.name if result.scope in (ALL, _THE_TARGET) else f"{result.name} ({result.scope})")


def target_title(result: TargetResult) -> str:
    """The same as a heading."""
    return heading(target_name(result))


def unjudged_reasons(results: Iterable[TargetResult]) -> tuple[str, ...]:
    """Why targets were neither met nor missed: each reason once, after the names of the targets that have it."""
    by_reason: dict[str, list[str]] = {}
    for result in results:
        if result.reason and result.outcome not in (TargetOutcome.MET, TargetOutcome.MISSED):
            by_reason.setdefault(f"{result.outcome.value}: {result.reason}", []).append(target_title(result))
    return tuple(clean(f"{', '.join(names)} {reason}") for reason, names in by_reason.items())


def outcome_text(result: TargetResult) -> str:
    """ "met"; "met (close)" if the limit lies within the interval of the figure."""
    return f"{result.outcome.value} (close)" if result.too_close else result.outcome.value


# ── load


def arrival_lines(summary: Summary) -> tuple[str, ...]:
    """The open model: what was offered of the requested rate, and how late actions started; () in the closed model."""
    arrivals = summary.arrivals
    if arrivals is None:
        return ()
    started = f"{number(arrivals.begun)} of {number(arrivals.due)} actions"
    missing = f"{number(arrivals.not_started)} not started" if arrivals.not_started else "all started"
    latest, p99 = figure("lag_max_ms", arrivals.lag_max_ms), figure("lag_p99_ms", arrivals.lag_p99_ms)
    return (
        f"{number(arrivals.asked_per_s)} actions/s requested, {number(arrivals.offered_per_s)}/s achieved"
        f" ({started}, {missing})",
        f"Largest start delay {latest}, 99th percentile {p99}; longest queue {number(arrivals.longest_queue)}",
    )


def generator_line(summary: Summary) -> str:
    """ "Load generator at 40 % of its capacity (CPU)"; "" where nothing is known."""
    capacity = capacity_of(summary.generator, summary.steady_s)
    if capacity.bottleneck is None:
        return ""
    return GeneratorNote.CAPACITY(used=quantity(capacity.used_percent, "percent"), part=capacity.bottleneck.value)


def generator_by_process(summary: Summary) -> tuple[str, ...]:
    """ "worker-0 40 %" for each load process; () where there are not several."""
    each = summary.generator.capacity_by_process or {}
    if len(each) < 2:
        return ()
    return tuple(GeneratorNote.BY_PROCESS(process=name, used=quantity(used, "percent")) for name, used in each.items())


def logins_line(report: RunReport) -> str:
    """ "91 ramp-up logins: 9,120 ms on average, 24,300 ms at most, server at 94 % of a core"; "" without one."""
    logins = report.summary.logins
    if logins is None:
        return ""
    failed = f", {plural(logins.failures, 'failure')}" if logins.failures else ""
    cpu = server_cpu_percent(logins, report.readings)
    busy = "" if cpu is None else f"; server CPU {quantity(cpu, 'percent')} of a core"
    return (
        f"{plural(logins.ramp_up, 'login')} during the ramp-up: {figure('avg_ms', logins.avg_ms)} on average,"
        f" {figure('max_ms', logins.max_ms)} at most{failed}{busy}"
    )


def logins_dict(report: RunReport) -> dict[str, Any] | None:
    """The same for `summary.json`; None without a login."""
    logins = report.summary.logins
    if logins is None:
        return None
    cpu = {"server_cpu_percent": rounded("server_cpu_percent", server_cpu_percent(logins, report.readings))}
    record = {name: value if name.endswith("_at") else rounded(name, value) for name, value in asdict(logins).items()}
    late = {name: record.pop(name) for name in ("late", "steady_share_rate", "later", "outlasted_s")}
    return record | cpu | late


# ── failures


def operation_of(pattern: FailurePattern) -> str:
    """The operation of a failure pattern, or how many they are."""
    return pattern.operations[0] if len(pattern.operations) == 1 else plural(len(pattern.operations), "operation")


def role_of(pattern: FailurePattern) -> str:
    """Its role, or how many they are."""
    return pattern.roles[0].replace("_", " ") if len(pattern.roles) == 1 else plural(len(pattern.roles), "role")


def regularities(report: RunReport, patterns: Sequence[FailurePattern]) -> tuple[str, ...]:
    """What is regular about some failures, a line each; without those that a reason of the verdict contains."""
    reasons = "\n".join(report.verdict.reasons)
    return tuple(clean(pattern.sentence) for pattern in patterns if pattern.spacing and pattern.sentence not in reasons)


def suite_errors_line(groups: Sequence[SuiteErrorGroup]) -> str:
    """ "The suite itself had 3 errors at 2 places; most at PLACE: MESSAGE (suite-errors.log)"; groups: not empty."""
    most = max(groups, key=lambda group: group.count)
    errors = plural(sum(group.count for group in groups), "error")
    where = "at" if len(groups) == 1 else f"at {plural(len(groups), 'place')}; most at"
    log = f" ({most.log})" if most.log else ""
    return clean(f"The suite itself had {errors} {where} {most.place}: {most.message}{log}")
