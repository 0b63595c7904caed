"""What of the planned operations a run could exercise."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Lack:
    """An operation that a role could not make so many times; `why`: "" where that is not known."""

    role: str
    operation: str
    why: str
    times: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of the planned operations could be exercised. Entries read "role / operation"."""

    offered: int
    missing: tuple[str, ...]
    broken: tuple[str, ...]
    left_out: tuple[str, ...]
    not_possible: dict[str, int]
    """Operation → how often it could not be made for want of data, at the target or of what the run made."""
    dead_behaviours: tuple[str, ...]
    differs: tuple[str, ...] = ()
    """"operation: in what its answers differ from the contract", each once."""
    lacking: tuple[Lack, ...] = ()
    """The same as `not_possible`, with role and reason. Empty in older files, which do not have them."""
    empty: tuple[str, ...] = ()
    """"role / GET /policies/ answered []": lists without a row, before the load."""
    left_out_because: dict[str, str] = field(default_factory=dict)
    """Why an entry of `left_out` is there; one that is not here writes, and the run is read-only."""
    planned: tuple[str, ...] = ()
    """All operations of the roles, logins too; roles that have no user since there are too few are among them."""
    not_exercised: tuple[str, ...] = ()
    """Those of `planned` that no request was sent of in the load, for whatever reason."""

    @property
    def exercised(self) -> int:
        """How many of `planned` a request was sent of."""
        return len(self.planned) - len(self.not_exercised)
