"""Real runs with defects of correctness in the backend: which, at which routes, and what has to be found of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mitra_backend.defects import DEFECT_ROUTES

from perfsuite.correctness.errors import SAME_REFUSAL
from perfsuite.correctness.lists import COUNTS
from perfsuite.correctness.watched import OWN_ANSWER
from perfsuite.messages.reasons import Reason
from perfsuite.model.correctness import Invariant, Violation
from perfsuite.run.load_run import load_run
from tests.correctness.seeded import SEEDED, Seeded
from tests.correctness.simulated import Found
from tests.integration.attempts import repeated, starved
from tests.integration.programs import Ended, run_suite

EACH = 3
"""So many runs of each defect, at other routes where it can be at others."""
LOAD = ("--demo", "--users", "91", "--arrival-rate", "60", "--spawn-rate", "91")
"""100 requests/s."""
NEEDS = {"fail_open": ("--fault", "pool=1:5ms")}
"""Defect → what else the backend needs for it."""
ONLY_UNDER_LOAD = frozenset({"fail_open"})
"""Replays, which have no load, do not show these again."""
NEIGHBOURS: Mapping[str, Collection[tuple[Invariant, str]]] = {
    "no_owner_check": {(Invariant.CACHES, OWN_ANSWER)},
    "skipped_row": {(Invariant.LISTS, COUNTS)},
    "stale_read": {(Invariant.LISTS, COUNTS)},
    "fail_open": {(Invariant.ERRORS, SAME_REFUSAL)},
}
"""Defect → rules that what it answers breaks, too: a list of all rows is that of another account, a list that skips a
row, or a figure that is kept too long, makes the two differ, and what opens under load was refused before it."""
SHOWN_BEFORE = ("cache_without_user", "cache_without_role", "no_owner_check")
"""Preflight would stop at what these show; they begin with the load."""
_SEEDED = {seeded.defect: seeded for seeded in SEEDED} | {
    # While policies are sold, one look at a figure may say nothing: in a short run, any of the three may show it.
    "counter_drift": Seeded("counter_drift", (Invariant.LISTS,), (DEFECT_ROUTES["counter_drift"],))
}
"""Those of the brief runs."""


@dataclass(frozen=True)
class DefectRun:
    """A run with defects: each with the place of its routes among those where it can be."""

    name: str
    defects: tuple[tuple[Seeded, int], ...]
    options: tuple[str, ...]

    def make(self, results: Path) -> MadeRun:
        """Make it; again where it did not find all of them, and the machine was too busy for the load."""
        made = repeated(self._make_once, results, self._tells, unfit=lambda _: False, attempts=2)
        assert made.done.code == 1, made.done.out + made.done.err
        return made

    def _make_once(self, results: Path) -> MadeRun:
        faults = [part for seeded, place in self.defects for part in _fault(seeded, place)]
        done = run_suite(*LOAD, *self.options, *faults, results=results)
        return MadeRun(done, load_run(done.folder).report.summary.correctness.violations)

    def _tells(self, made: MadeRun) -> bool:
        return all(made.right(*defect) for defect in self.defects) or not _had_no_load(made.done)


def _had_no_load(done: Ended) -> bool:
    """Too little of the load and of its checks, as on a machine too busy for the target."""
    return starved(done.folder) or Reason.RATE_NOT_REACHED.id in done.summary["reason_codes"]


def _fault(seeded: Seeded, place: int) -> list[str]:
    routes = seeded.at(place)
    at = f"@{next(iter(routes))}" if len(routes) == 1 else "" if seeded.is_of_process else "@*"
    begin = " of the load" if seeded.defect in SHOWN_BEFORE else ""
    return ["--fault", f"{seeded.defect}{at}{begin}", *NEEDS.get(seeded.defect, ())]


@dataclass(frozen=True)
class MadeRun:
    """What a run found."""

    done: Ended
    violations: tuple[Violation, ...]

    def right(self, seeded: Seeded, place: int) -> list[Violation]:
        """The violations with kind, operation and roles of a defect."""
        return [each for each in self.violations if seeded.is_right(_found(each), place)]

    def others(self, defects: Iterable[tuple[Seeded, int]]) -> list[Violation]:
        """The violations that are neither of one of these defects nor of its neighbours."""
        defects = tuple(defects)
        allowed = {rule for seeded, _place in defects for rule in NEIGHBOURS.get(seeded.defect, ())}
        expected = [violation for seeded, place in defects for violation in self.right(seeded, place)]
        return [each for each in self.violations if each not in expected and (each.invariant, each.rule) not in allowed]

    def replayed(self, violation: Violation) -> int:
        """The exit code of its replay."""
        return run_suite("replay", str(self.done.folder), violation.id).code


def _found(violation: Violation) -> Found:
    return Found(violation.first_at, violation.invariant, violation.operation, violation.roles, violation.rule)


def one_defect(seeded: Seeded, number: int) -> DefectRun:
    """One minute with one defect. The number says where it is."""
    place = number * len(seeded.places) // EACH
    options = ("--duration", "60s", "--seed", str(number + 1))
    return DefectRun(f"{seeded.defect}, run {number + 1}", ((seeded, place),), options)


def _together(*names: str, seconds: int = 22) -> DefectRun:
    load = ("--check-correctness", "thorough", "--duration", f"{seconds}s", "--seed", "1", "--no-fingerprint")
    return DefectRun(", ".join(names), tuple((_SEEDED[name], 0) for name in names), load)


BRIEF = (
    _together(
        "owner_in_list_only",
        "number_race",
        "lost_update",
        "skipped_row",
        "deactivated_token",
        "counter_drift",
        "double_submit",
    ),
    _together("cache_without_user", "cache_without_role", "no_owner_check", "stale_read"),
    _together("fail_open", seconds=10),
)
"""A few short runs, of which one in ten requests is a check. What fails open is found everywhere, which leaves little
of the checks to anything else; a counter cannot be told from a cache that is wrong."""
EVERY = tuple(one_defect(seeded, number) for seeded in SEEDED for number in range(EACH))
