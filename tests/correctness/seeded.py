"""The twelve defects as simulated runs seed them, and what has to be found of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mitra_backend.defects import DEFECT_ROUTES
from mitra_backend.permissions import ROLES_BY_PERMISSION

from perfsuite.model.correctness import Invariant
from perfsuite.model.stages import Stage
from tests.correctness.simulated import WATCHED, Found, SimulatedRun
from tests.correctness.simulated_backend import route_of

WITHIN_S = 60.0
A_MINUTE = (Stage("all", WITHIN_S, users=100, held=True),)
_OF_CACHES = (Invariant.CACHES, Invariant.ISOLATION)


@dataclass(frozen=True)
class Seeded:
    """A defect. `places`: of the routes that have it in a run, one after the other with the seed; () for all.

    `kinds`: the invariants of which one has to be found first, at these routes.
    """

    defect: str
    kinds: Sequence[Invariant]
    places: Sequence[Collection[str]] = ((),)

    @property
    def is_of_process(self) -> bool:
        """It is not at single routes."""
        return self.defect not in DEFECT_ROUTES

    def at(self, seed: int) -> Collection[str]:
        """The routes that have it with this seed."""
        return self.places[seed % len(self.places)]

    def run(self, seed: int) -> SimulatedRun:
        """The run with this seed."""
        routes = self.at(seed)
        watched = [route for route in WATCHED if route in routes]
        return SimulatedRun(seed, {self.defect: routes}, watched=watched, stages=A_MINUTE)

    def is_right(self, found: Found, seed: int) -> bool:
        """Kind, operation and roles are those of the defect."""
        route, routes = route_of(found.operation), self.at(seed) or DEFECT_ROUTES.get(self.defect, (found.operation,))
        may = found.roles[0] in ROLES_BY_PERMISSION[route]
        return found.invariant in self.kinds and route in routes and may is (self.defect != "fail_open")


def _each(defect: str, without: Collection[str] = ()) -> tuple[tuple[str, ...], ...]:
    return tuple((route,) for route in DEFECT_ROUTES[defect] if route not in without)


SEEDED = (
    Seeded("cache_without_user", _OF_CACHES, tuple((route,) for route in WATCHED)),
    Seeded("cache_without_role", _OF_CACHES, (("policies.list",),)),
    Seeded("no_owner_check", (Invariant.ISOLATION,), _each("no_owner_check")),
    Seeded("owner_in_list_only", (Invariant.ISOLATION,), _each("owner_in_list_only")),
    Seeded("number_race", (Invariant.CONTESTS,)),
    Seeded("lost_update", (Invariant.WRITES,), _each("lost_update")),
    Seeded("stale_read", (Invariant.WRITES,)),
    Seeded("skipped_row", (Invariant.LISTS,), _each("skipped_row")),
    Seeded("deactivated_token", (Invariant.PERMISSIONS,)),
    Seeded("fail_open", (Invariant.PERMISSIONS,), (DEFECT_ROUTES["fail_open"],)),
    Seeded("counter_drift", (Invariant.LISTS,), _each("counter_drift")),
    Seeded("double_submit", (Invariant.WRITES,), _each("double_submit")),
)
"""At every route that can have the defect where a minute is enough for each of them; stale_read and fail_open at all
routes at once."""


def alone(seeded: Seeded) -> Mapping[str, Seeded]:
    """Route → the same defect at that route alone, for those that `places` does not have alone."""
    routes = DEFECT_ROUTES.get(seeded.defect, ())
    return {
        route: Seeded(seeded.defect, seeded.kinds, ((route,),)) for route in routes if (route,) not in seeded.places
    }
