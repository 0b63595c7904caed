"""What counts as right of a long run."""

from __future__ import annotations

from bench.soak import SOAKS, growing
from perfsuite.messages.stability import StabilityMessage
from perfsuite.model.stability import Stability, StabilityOutcome


def test_what_grows_is_named() -> None:
    reason = StabilityMessage.STEADY(most="1 kB")
    memory, threads = (
        Stability(label, label, "", outcome, reason)
        for label, outcome in (("memory", StabilityOutcome.GROWS), ("threads", StabilityOutcome.CANNOT_TELL))
    )

    assert growing([threads]) == "nothing"
    assert growing([memory, threads]).startswith("memory: ")


def test_the_names_can_be_typed() -> None:
    assert all(soak.name == soak.name.lower() and " " not in soak.name for soak in SOAKS)
