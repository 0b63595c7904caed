"""Finished runs and baselines as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from perfsuite.format import UNKNOWN, number, plain, plural
from perfsuite.model import ALL
from perfsuite.model.history import Baseline, PastRun
from perfsuite.report.capacity_change import past_text
from perfsuite.report.terminal.console import OUTCOME_STYLES, plain_table, to_text
from perfsuite.report.text import clean, shortened
from perfsuite.report.wording import LABELS, figure_labels

_WIDEST_NAME = 40
_SHOWN = ("rps", "avg_ms", "p95_ms", "failure_rate")


def render_runs(runs: Sequence[PastRun], *, width: int = 80, color: bool = False) -> str:
    """One line per run, with its figures over all operations; in the given order. Of a search its capacity: its figures
    are of many loads."""
    labels = figure_labels("users", *_SHOWN)
    searches = ("Capacity",) if any(run.capacity for run in runs) else ()
    table = plain_table("Run", *(f">{label}" for label in labels), *searches, "Release", "Verdict", no_wrap=True)
    for run in runs:
        table.add_row(
            Text(clean(run.run_id)),
            *_figures(run),
            *([past_text(run.capacity) if run.capacity else ""] if searches else []),
            Text(shortened(run.release or run.label, 16)),
            Text(LABELS[run.outcome], OUTCOME_STYLES[run.outcome]),
        )
    return to_text(table, width=max(width, 120 if searches else 100), color=color)


def _figures(run: PastRun) -> list[str]:
    totals = run.at(ALL, ALL)
    if run.conditions.search_by:
        return [UNKNOWN] * (1 + len(_SHOWN))
    figures = [plain(name, totals.figure(name)) for name in _SHOWN] if totals else [UNKNOWN] * len(_SHOWN)
    return [number(sum(run.conditions.users_by_role.values())), *figures]


def render_baselines(baselines: Sequence[Baseline], *, width: int = 80, color: bool = False) -> str:
    """One line per baseline."""
    table = plain_table("Baseline", "Saved", ">Runs", "Scenario", "Release", "Costs", no_wrap=True)
    for one in baselines:
        releases = dict.fromkeys(run.release for run in one.runs if run.release)
        table.add_row(
            Text(shortened(one.name, _WIDEST_NAME)),
            one.saved_at[:16].replace("T", " "),
            str(len(one.runs)),
            Text(shortened(", ".join(dict.fromkeys(run.conditions.scenario for run in one.runs)), 30)),
            Text(shortened(", ".join(releases), 24)),
            "yes" if any(run.fingerprint for run in one.runs) else "no",
        )
    return to_text(table, width=max(width, 100), color=color)


def render_baseline(baseline: Baseline, *, width: int = 80, color: bool = False) -> str:
    """The runs of a baseline and their conditions. Without `saved_at` the runs were never saved as a baseline."""
    known = baseline.runs[-1].conditions
    sizes = ", ".join(f"{kind} {number(size)}" for kind, size in known.data_size.items())
    saved = f", saved {baseline.saved_at[:16].replace('T', ' ')} UTC" if baseline.saved_at else ""
    lines = [
        f"{baseline.name}: {plural(len(baseline.runs), 'run')}{saved}",
        f"  target   {f'demo {known.demo}' if known.demo else known.host}{f', {sizes}' if sizes else ''}",
        f"  machine  {known.machine or 'unknown'}",
        f"  suite    {known.suite_version or 'unknown'}",
        "",
    ]
    heading = to_text(Text("\n".join(map(clean, lines))), width=width, color=color)
    return f"{heading}\n{render_runs(baseline.runs, width=width, color=color)}"
