"""Made histories of runs, for the page of all runs: seeded, with levels that are known."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from perfsuite.model import ALL, LOGIN, Outcome, Statistics
from perfsuite.model.history import ChangePoint, Conditions, Measured, PastRun
from perfsuite.report.runs_page.page import (
    CODES_PER_DECADE,
    FIGURES,
    LOWEST_DECADE,
    FigureRow,
    Overview,
    columns_of,
    in_order,
    index_html,
)
from perfsuite.roles import ROLES

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
SHIFTED = "policies.list"
USERS = {"policyholder": 6, "junior_agent": 4}
OUTCOMES = (Outcome.PASS, Outcome.PASS, Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE)


def statistics(level_ms: float, requests: int = 400, failures: int = 0) -> Statistics:
    return Statistics(
        requests=requests,
        failures=failures,
        failure_rate=failures / requests,
        rps=requests / 50,
        avg_ms=level_ms,
        min_ms=level_ms / 4,
        max_ms=level_ms * 5,
        p50_ms=level_ms * 0.8,
        p75_ms=level_ms * 1.2,
        p90_ms=level_ms * 1.6,
        p95_ms=level_ms * 2,
        p99_ms=level_ms * 3 if requests >= 1000 else None,
        p999_ms=None,
    )


def conditions(scenario: str = "basic", host: str = "http://localhost:8015") -> Conditions:
    return Conditions(
        scenario=scenario,
        scenario_digest=f"digest-{scenario}",
        users_by_role=USERS if scenario == "basic" else {"policyholder": 50},
        host=host,
        machine="runner-1",
        suite_version="1.0.0",
    )


def past_run(number: int, measured: tuple[Measured, ...], given: Conditions | None = None, **more: object) -> PastRun:
    given = given or conditions()
    at = START + timedelta(hours=number)
    name = f"{given.scenario}_{at:%Y%m%d_%H%M%S}"
    outcome = more.pop("outcome", Outcome.PASS)
    return PastRun(
        run_id=name,
        started_at=at.isoformat(),
        folder=name,
        outcome=outcome,  # type: ignore[arg-type]
        exit_code=0,
        conditions=given,
        measured=measured,
        steady_s=50.0,
        **more,  # type: ignore[arg-type]
    )


def few_names() -> list[tuple[str, str]]:
    """The total, two roles, two operations, and each operation as each role."""
    return [(role, operation) for role in (ALL, *USERS) for operation in (ALL, "agents.list", SHIFTED)]


def all_names() -> list[tuple[str, str]]:
    """As in a run of all roles: the total, each role, each operation, and what each role does."""
    pairs = {(role.slug, LOGIN) for role in ROLES}
    pairs |= {(role.slug, step.operation) for role in ROLES for one in role.behaviours for step in one.steps}
    operations = sorted({operation for _, operation in pairs})
    return [(ALL, ALL), *((role.slug, ALL) for role in ROLES), *((ALL, name) for name in operations), *sorted(pairs)]


def history(count: int, names: list[tuple[str, str]], *, seed: int = 1, shifted_from: int = -1) -> list[PastRun]:
    """Runs of two scenarios, a release each twenty runs; from `shifted_from` on SHIFTED takes 50 % longer."""
    return list(_runs(count, names, random.Random(seed), shifted_from))


def _runs(count: int, names: list[tuple[str, str]], chance: random.Random, shifted_from: int) -> Iterator[PastRun]:
    for number in range(count):
        shift = {SHIFTED: 1.5} if 0 <= shifted_from <= number else {}
        measured = tuple(
            Measured(role, name, statistics(20 * chance.lognormvariate(0, 0.03) * shift.get(name, 1.0)))
            for role, name in names
        )
        given = conditions("peak" if number % 5 == 4 else "basic")
        yield past_run(
            number,
            measured,
            given,
            outcome=OUTCOMES[number % len(OUTCOMES)],
            release=f"1.{number // 20}",
            label="nightly" if number % 2 else "",
        )


def rows_of(runs: Sequence[PastRun]) -> Iterator[FigureRow]:
    """The figures of the runs, as the history database gives them."""
    for run in runs:
        for one in run.measured:
            yield run.run_id, one.role, one.operation, tuple(map(one.figure, FIGURES))


def value_of(code: int) -> float | None:
    """The value of a code on the page, as its script decodes it."""
    if code < 2:
        return 0.0 if code else None
    return float(10.0 ** ((code - 2) / CODES_PER_DECADE + LOWEST_DECADE))


def page_of(runs: Sequence[PastRun], points: Sequence[ChangePoint] = (), reports: frozenset[str] | None = None) -> str:
    """The page of these runs, by default with a link to each report."""
    runs = in_order(runs)
    linked = frozenset(run.folder for run in runs) if reports is None else reports
    overview = Overview(runs, columns_of(runs, rows_of(runs)), points, reports=linked, made_at="2026-03-01T00:00:00")
    return index_html(overview)


def change_point(run: PastRun) -> ChangePoint:
    return ChangePoint(ALL, SHIFTED, "avg_ms", run.run_id, 20.0, 30.0, 0.002)
