"""What a run made at its target, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

REMAINING_FILE = "rows_remaining.csv"


@dataclass(frozen=True, slots=True)
class SoftDeleted:
    """Rows that were deleted and that the target keeps under a status: they count as cleaned up."""

    thing: str
    status: str
    rows: int


@dataclass(frozen=True, slots=True)
class Remaining:
    """Rows of one kind that could not be removed for one reason. `again`: another cleanup may succeed.

    `uncertain`: their creation was not answered, so it is not known whether they exist.
    """

    thing: str
    reason: str
    again: bool
    rows: int
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class RowLeft:
    """One row that is still at the target, or may be where `id` is "". `created_by`: phone number of the account.

    `status`: under which the target keeps it after its deletion; "" where it could not be removed, for `reason`.
    """

    thing: str
    id: str
    mark: str
    created_by: str
    status: str = ""
    reason: str = ""
    again: bool = True


@dataclass(frozen=True, slots=True)
class Cleanup:
    """All that a run made at the target and what became of it, whichever cleanup did it.

    `removed`: rows that were read back and are gone; those `soft_deleted` and `not_removed` are the others.
    """

    created: int
    removed: int
    not_removed: tuple[str, ...] = ()
    """A line for each: what it is, its mark, and the reason."""
    not_restored: tuple[str, ...] = ()
    """Changes that the next cleanup may put back."""
    not_restorable: tuple[str, ...] = ()
    """Changes for which the API has no way back."""
    soft_deleted: tuple[SoftDeleted, ...] = ()
    remaining: tuple[Remaining, ...] = ()
    """The rows of `not_removed` in groups; empty in older files, which do not have them."""
