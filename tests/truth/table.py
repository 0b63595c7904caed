"""The table of the ground truth: how often the first finding was right, and what it said."""

from __future__ import annotations

from collections.abc import Iterable

from tests.truth.lab import Seen

_HEAD = (
    "| trouble | first finding has to name | right | made again | machine full | with work of others | what it said |",
    "|---|---|---|---|---|---|---|",
)


def table(runs: Iterable[Seen]) -> str:
    """Markdown, one line for each case.

    "made again": how often, for a busy machine; "machine full" and "with work of others": the largest
    share of the load in which it was.
    """
    by_case: dict[str, list[Seen]] = {}
    for run in runs:
        by_case.setdefault(run.case.name, []).append(run)
    return "\n".join((*_HEAD, *map(_line, by_case.values())))


def _line(runs: list[Seen]) -> str:
    case = runs[0].case
    right = [run for run in runs if not run.wrong]
    told = (right or runs)[-1]
    said = told.unusual[0].headline if told.unusual else "–"
    full, others = max(run.full for run in runs), max(run.others for run in runs)
    wanted = case.resource or "nothing"
    again = sum(run.attempts - 1 for run in runs)
    counts = f"{len(right)} of {len(runs)} | {again} | {100 * full:.0f} % | {100 * others:.0f} %"
    return f"| {case.name} | {wanted} | {counts} | {said.replace('|', '¦')} |"
