"""Simulated runs: each defect is found within a minute, and nothing where there is none."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from perfsuite.correctness import watched
from perfsuite.correctness.catalogue import all_checks
from perfsuite.correctness.check import CheckActor, Held, Reply, Send, Violated
from perfsuite.correctness.drive import carry_out
from perfsuite.correctness.errors import BEFORE, REFUSALS
from perfsuite.correctness.schedule import MOST_CREDIT, OVERDRAFT, rule_of
from perfsuite.model.stages import Stage
from tests.correctness.carriers import BareContext
from tests.correctness.seeded import A_MINUTE, SEEDED, WITHIN_S, Seeded
from tests.correctness.simulated import SimulatedRun
from tests.correctness.simulated_backend import HANDLERS, SimulatedBackend, route_of

LOGINS = 2
"""Of a check, at most."""
FALLS = (Stage("much", 20.0, users=100, held=True), Stage("little", 20.0, users=5, held=True))
SHAPES = {"ten seconds": (Stage("all", 10.0, users=100, held=True),), "a minute": A_MINUTE, "a load that falls": FALLS}


@pytest.mark.parametrize("seeded", SEEDED, ids=lambda seeded: seeded.defect)
def test_a_defect_is_found_within_a_minute_wherever_it_is(seeded: Seeded) -> None:
    missed = []
    for seed in range(max(len(seeded.places), 3)):
        run = seeded.run(seed)
        if run.run(WITHIN_S, lambda found, seed=seed: seeded.is_right(found, seed)) is None:  # type: ignore[misc]
            missed.append((seeded.at(seed), run.violations, run.reasons()))
        assert run.sent <= 0.02 * run.load + OVERDRAFT

    assert not missed


@pytest.mark.parametrize("shape", SHAPES)
def test_when_the_load_ends_checks_have_sent_no_more_than_their_share_however_much_is_wrong(shape: str) -> None:
    shares = {}
    for seeded in SEEDED:
        for seed in (1, 3):
            run = SimulatedRun(seed, {seeded.defect: seeded.at(seed)}, stages=SHAPES[shape])
            run.run(sum(stage.duration_s for stage in SHAPES[shape]))
            shares[seeded.defect, seed] = run.sent / run.load

    assert max(shares.values()) <= 0.02


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_found_where_nothing_is_wrong(seed: int) -> None:
    run = SimulatedRun(seed, busy=0.02)

    run.run(600.0)

    assert run.violations == []
    assert 0.95 * 0.02 * run.load < run.sent <= 0.02 * run.load


def test_within_ten_minutes_every_rule_has_results() -> None:
    run = SimulatedRun(1)
    run.known[BEFORE] = {refusal.name: 404 for refusal in REFUSALS}

    run.run(600.0)

    reached = {rule_of(ended.check) for ended in run.ended if isinstance(ended.outcome, Held)}
    assert reached == {rule_of(check) for check in all_checks()}


def test_no_check_costs_more_than_can_be_saved_up() -> None:
    assert [check.key for check in all_checks() if check.requests + LOGINS > MOST_CREDIT] == []


class Lacking(BareContext):
    """A backend whose answers lack a field, or have it empty."""

    def __init__(self, field: str, *, null: bool) -> None:
        super().__init__()
        self.backend = SimulatedBackend(Random(1))
        self.field, self.null = field, null

    def user_id(self, actor: CheckActor) -> str:
        return str(self.backend.account(actor)["user_id"])

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        return tuple(self._reply(send) for send in sends)

    def _reply(self, send: Send) -> Reply:
        if route_of(send.operation) not in HANDLERS:
            return Reply(send, 404, {"detail": "Not Found"})
        status, body = self.backend.ask(send)
        return Reply(send, status, self._less(body))

    def _less(self, shown: Any) -> Any:
        if isinstance(shown, list):
            return [self._less(each) for each in shown]
        if not isinstance(shown, dict):
            return shown
        less = {name: self._less(each) for name, each in shown.items() if name != self.field}
        return less | {self.field: None} if self.null and self.field in shown else less

    def wait(self, seconds: float) -> None:
        self.backend.now += seconds


FIELDS = (
    *("agent_id", "contact_number", "customer_id", "customer_name", "flag_name", "is_enabled", "lead_id", "policy_id"),
    *("policy_number", "policyholder_id", "policyholder_info", "provider_id", "status", "ticket_id", "user_id"),
)


@pytest.mark.parametrize("null", [False, True], ids=["missing", "null"])
@pytest.mark.parametrize("field", FIELDS)
def test_an_answer_that_lacks_a_field_is_neither_an_error_of_the_suite_nor_a_violation(field: str, null: bool) -> None:
    target = Lacking(field, null=null)
    for check in all_checks():
        assert not isinstance(carry_out(check, target, target), Violated), check.key
    for check in watched.checks():
        carry_out(check, target, target)
