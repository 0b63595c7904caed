"""The table of the ground truth: how often the first finding was right, and what it said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.truth.generator_runs import GeneratorRun
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


_GENERATORS = (
    "| load generator | has to be | verdict | capacity used | nearest its limit | made again | right |",
    "|---|---|---|---|---|---|---|",
)


def generator_table(runs: Sequence[GeneratorRun]) -> str:
    """Markdown, one line for each run, and how many of each kind were right."""
    lines = (
        f"| {run.case.name} | {'INCONCLUSIVE' if run.case.by else 'healthy'} | {run.verdict.outcome.value} |"
        f" {run.capacity.used_percent} % | {run.capacity.bottleneck} | {run.attempts - 1} |"
        f" {'no' if run.wrong else 'yes'} |"
        for run in runs
    )
    saturated = [not run.wrong for run in runs if run.case.by]
    healthy = [not run.wrong for run in runs if not run.case.by]
    return "\n".join(
        (
            *_GENERATORS,
            *lines,
            f"{sum(saturated)} of {len(saturated)} saturations are INCONCLUSIVE for their generator,"
            f" {sum(healthy)} of {len(healthy)} healthy runs are not.",
        )
    )
