"""Rows that remain at the target: what they make of a verdict."""

from __future__ import annotations

from typing import Any

import pytest

from perfsuite.judge import judge
from perfsuite.judge.regression import with_baseline
from perfsuite.messages.reasons import Detail, Reason
from perfsuite.model import Cleanup, Outcome, Remaining, SoftDeleted, Verdict
from tests.judge.codes import codes
from tests.judge.made_summaries import ROLES, figures, make_plan, make_summary
from tests.judge.test_regression import SLOWER

FORBIDDEN = Remaining("lead", "HTTP 403: You can only delete your own leads", False, 2)
DOWN = Remaining("policy", "no answer in time", True, 1)


def cleanup(*groups: Remaining) -> Cleanup:
    rows = tuple(f"{group.thing} {number}: {group.reason}" for group in groups for number in range(group.rows))
    return Cleanup(10, 10 - len(rows), rows, remaining=groups)


def verdict_of(known: Cleanup | None, *, accept: bool = False, **changed: Any) -> Verdict:
    plan = make_plan(accept_leftovers=accept)
    return judge(plan, make_summary(plan, changed.pop("totals", None), cleanup=known, **changed), ROLES)


def test_rows_that_remain_make_a_pass_inconclusive() -> None:
    verdict = verdict_of(cleanup(FORBIDDEN))

    assert (verdict.outcome, verdict.exit_code) == (Outcome.INCONCLUSIVE, 4)
    (reason,) = verdict.reasons
    assert (reason.code, codes(reason.details)) == (Reason.ROWS_REMAIN, [Detail.ROW_IDS])
    assert reason.fields["rows"] == f"2 leads ({FORBIDDEN.reason})"
    assert verdict.headlines == ()


def test_the_command_cleanup_is_named_only_where_it_may_help() -> None:
    (reason,) = verdict_of(cleanup(FORBIDDEN, DOWN)).reasons

    assert reason.fields["rows"].startswith("2 leads, 1 policy (HTTP 403")
    assert codes(reason.details) == [Detail.ROW_IDS, Detail.CLEAN_AGAIN]


@pytest.mark.parametrize(
    "demo", [pytest.param(None, id="a target of one's own"), pytest.param("embedded", id="a demo stands for one")]
)
def test_a_fail_stays_one_and_the_rows_are_its_headline(demo: str | None) -> None:
    plan = make_plan(demo=demo)
    slow = make_summary(plan, figures(avg_ms=700.0), cleanup=cleanup(FORBIDDEN))
    verdict = judge(plan, slow, ROLES)

    assert (verdict.outcome, verdict.exit_code) == (Outcome.FAIL, 1)
    (headline,) = verdict.headlines
    assert (headline.code, headline.fields["rows"][:7]) == (Reason.ROWS_REMAIN, "2 leads")
    assert headline not in verdict.notes
    assert verdict.shown_reasons == (*verdict.reasons, headline)


def test_an_interrupted_run_says_what_it_left() -> None:
    verdict = verdict_of(cleanup(DOWN), ended="interrupted")

    assert verdict.exit_code == 130
    assert len(verdict.headlines) == 1


def test_what_was_accepted_is_a_headline_of_a_pass() -> None:
    verdict = verdict_of(cleanup(FORBIDDEN), accept=True)

    assert (verdict.outcome, verdict.exit_code) == (Outcome.PASS, 0)
    (headline,) = verdict.headlines
    assert (headline.code, codes(headline.details)) == (Reason.ROWS_REMAIN, [Detail.ACCEPTED, Detail.ROW_IDS])


def test_a_regression_of_a_run_that_left_rows_is_among_the_notes() -> None:
    verdict = with_baseline(verdict_of(cleanup(FORBIDDEN)), SLOWER)

    assert (verdict.outcome, verdict.exit_code) == (Outcome.INCONCLUSIVE, 4)
    assert Reason.BECAME_WORSE in codes(verdict.notes)


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(None, id="nothing was made"),
        pytest.param(Cleanup(5, 5), id="all is gone"),
        pytest.param(Cleanup(5, 0, soft_deleted=(SoftDeleted("lead", "inactive", 5),)), id="all is soft deleted"),
        pytest.param(Cleanup(0, 0, not_restorable=("theme of 4",)), id="a theme that cannot be put back"),
    ],
)
def test_a_pass_stays_one_where_no_row_remains(known: Cleanup | None) -> None:
    verdict = verdict_of(known)

    assert (verdict.outcome, verdict.headlines) == (Outcome.PASS, ())


def test_older_files_have_no_groups() -> None:
    (reason,) = verdict_of(Cleanup(5, 3, ("policy 7: HTTP 500", "policy 8: HTTP 500"))).reasons

    assert reason.fields["rows"] == "2"
