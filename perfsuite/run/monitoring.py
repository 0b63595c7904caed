"""Watches the target while a load is on, from before its first request until after its last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from perfsuite.model import Plan
from perfsuite.monitor import FILE_NAME, STOP_WITHIN_S, ReadingsWriter, Sampler, SystemClock, build_sources
from perfsuite.run.context import Desk
from perfsuite.target.connection import connection_settings

_HURRIED_S = 0.2


@contextmanager
def watching(plan: Plan, folder: Path, desk: Desk) -> Iterator[Sampler | None]:
    """The sampler at work, writing `readings.csv`; None when nothing is to be watched.

    What a source needs and does not have is told in a line each; the run goes on without it.
    """
    if desk.watch is None or not desk.watch.wanted:
        yield None
        return
    clock = SystemClock()
    connection, paths = connection_settings(plan, desk.headers), plan.mapping.paths
    sources = build_sources(replace(desk.watch, run_id=plan.run_id, connection=connection, paths=paths), clock)
    sampler = Sampler(sources, clock, ReadingsWriter(folder / FILE_NAME))
    sampler.start()
    for note in sampler.notes():
        desk.screen.say(f"Monitor: {note}")
    told = len(sampler.notes())
    try:
        yield sampler
    finally:
        desk.errors.attempt("monitoring was ended", lambda: _ended(sampler, desk, told), None)


def _ended(sampler: Sampler, desk: Desk, told: int) -> None:
    """The sampler at rest, and what it has to say beyond `told` notes."""
    # Who has asked twice for the end is not kept waiting by a source that hangs.
    sampler.stop(_HURRIED_S if desk.interrupts.count > 1 else STOP_WITHIN_S)
    for note in sampler.notes()[told:]:
        desk.screen.say(f"Monitor: {note}")
