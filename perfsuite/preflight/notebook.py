"""What became of each operation that a role has tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from perfsuite.model.role import Behaviour, Role
from perfsuite.preflight.progress import Progress
from perfsuite.target.exchange import Observed

_SERVER_ERROR = 500


class Notebook:
    """Keeps, per operation, the failure if there was one, else the success."""

    def __init__(self, progress: Progress) -> None:
        self._seen: dict[str, Observed] = {}
        self._first: dict[str, Observed] = {}
        """Operations that were tried once more, with the error of the server that they had met."""
        self._only: frozenset[str] | None = None
        """Those that are tried once more now."""
        self._progress = progress

    def request(self, observed: Observed) -> None:
        """See Observer."""
        if observed.expired:
            return  # sent once more: that answer counts
        self._progress.asked(observed.role, observed.operation, observed.elapsed_us / 1000)
        if self._only is not None and observed.operation not in self._only:
            return  # only on the way to those
        before = self._seen.get(observed.operation)
        if before is None or before.failure is None:
            self._seen[observed.operation] = observed

    def not_possible(self, role: str, _behaviour: str, operation: str, _why: str) -> None:
        """Known by what has not been tried."""
        self._progress.asked(role, operation, None)

    def tried(self, operation: str) -> Observed | None:
        """The failure if there was one, else the success; None where it was not tried."""
        return self._seen.get(operation) or self._first.get(operation)

    def failed_first(self, operation: str) -> str:
        """The error of the server that it met once, and not when it was tried again; "" without one."""
        first, then = self._first.get(operation), self._seen.get(operation)
        return first.failure.message if first and first.failure and then and not then.failure else ""

    @contextmanager
    def once_more(self) -> Iterator[frozenset[str]]:
        """The operations that met an error of the server. Their answers within the block count instead of it."""
        met = frozenset(name for name, seen in self._seen.items() if seen.failure and seen.status >= _SERVER_ERROR)
        self._first |= {name: self._seen.pop(name) for name in met}
        self._only = met
        yield met
        self._only = None


def behaviours_with(role: Role, operations: frozenset[str]) -> list[Behaviour]:
    """The behaviours of a role in which any of these is done."""
    return [each for each in role.behaviours if operations & {step.operation for step in each.steps}]
