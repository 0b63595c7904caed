"""Fingerprints made by hand."""

from __future__ import annotations

from collections.abc import Sequence

from perfsuite.fingerprint.cost import CostSample, batch_of, cost_of
from perfsuite.fingerprint.readings import Counters, Delta
from perfsuite.fingerprint.statements import ForeignTraffic, entry_of
from perfsuite.model.fingerprint import CostState, Fingerprint, ForeignStatement, OperationCost
from tests.fingerprint.fakes import INFO

POLICIES = "SELECT policies.policy_id, policies.status FROM policies WHERE agent_id = $1"
PREMIUMS = "SELECT premiums.id, premiums.amount FROM premiums WHERE policy_id = $1"
UPDATE = "UPDATE users SET last_login_at = $1 WHERE user_id = $2"


def operation(
    name: str = "policies.list",
    *requests: dict[str, int],
    arguments: Sequence[int] = (),
    blocks: int = 3,
    rows: int | None = 20,
    again: dict[str, int] | None = None,
    writes: bool = False,
) -> OperationCost:
    """One operation whose requests ran these statements so often, each call with `blocks`."""
    texts = sorted({text for request in (*requests, again or {}) for text in request})
    keys = {text: (10, number) for number, text in enumerate(texts)}

    def sample(call: int, ran: dict[str, int], *, last: bool = False) -> CostSample:
        counters = {
            keys[text]: Counters(n, n, shared_hit_blocks=blocks * n, execution_ms=0.25 * n) for text, n in ran.items()
        }
        which = arguments[call] if call < len(arguments) else call
        return CostSample(call, which - last, Delta(0.01, counters), 2.5, rows, again=last)

    samples = [sample(call, ran) for call, ran in enumerate(requests)]
    if again is not None:
        samples.append(sample(len(samples), again, last=True))
    blank = OperationCost("senior_agent", name, "GET", "/api/v1/policies/", writes, CostState.NOT_MEASURED)
    return cost_of(blank, batch_of(samples, {keys[text]: entry_of(text) for text in texts}, ForeignTraffic()))


def fingerprint(*operations: OperationCost, foreign: tuple[ForeignStatement, ...] = ()) -> Fingerprint:
    """A fingerprint of these operations."""
    return Fingerprint("basic_1", "http://t", "2026-03-01T09:30:00Z", 5, INFO, operations, foreign)
