"""The results as a section of docs/benchmarks.md, which a run replaces and leaves the rest of the page alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from bench.generators import machine
from bench.generators.installed import Installed
from bench.generators.session import Results, Settings
from bench.generators.tables import (
    TITLES,
    accuracy_table,
    goals,
    goals_table,
    memory_table,
    rate_table,
    with_reference,
)
from perfsuite.format import joined, number, percent, plural

BEGIN = "<!-- The rest of this section is written by `make bench`. -->"
END = "<!-- Up to here. -->"
QUIET, ROUNDS = 0.05, 5
"""With more of the machine's time used by others, or fewer rounds, the page calls its figures preliminary."""


def tables(results: Results) -> Iterator[tuple[str, str]]:
    """Title and table of each part that was measured."""
    for part in ("a", "c"):
        if cells := results.cells.get(part):
            yield TITLES[part], rate_table(cells)
        if part == "a" and results.cells.get("b"):
            yield TITLES["b"], rate_table(with_reference(results))
    if results.memory:
        yield TITLES["d"], memory_table(results.memory)
    if results.accuracy:
        yield TITLES["e"], accuracy_table(results.accuracy)


def section(results: Results, settings: Settings, installed: Installed, today: date) -> str:
    """Everything that a run writes into the page."""
    versions = joined([f"{name} {version}" for name, version in installed.versions.items()])
    rounds = f"medians of {plural(settings.rounds, 'round')} of {number(settings.window_s)} s"
    share = results.other_work.share
    lines = [
        f"Measured on {today.isoformat()}: {machine.description()}; {versions}; {rounds} (least and most in brackets).",
        f"Other processes used {percent(share)} of the machine in these windows.",
    ]
    if share is None or share > QUIET or settings.rounds < ROUNDS:
        lines.append("**These figures are preliminary: the machine was not quiet, or the rounds were few.**")
    lines += [f"Left out: {name}, since {why}." for name, why in installed.left_out.items()]
    parts = [" ".join(lines)]
    if found := goals(results):
        parts += ["### Goals", goals_table(found)]
    for title, table in tables(results):
        parts += [f"### {title}", table]
    return "\n\n".join(parts)


def write(page: Path, text: str) -> None:
    """Replace the section between the marks. Raises ValueError where the page has none."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no section for the results: it needs the lines {BEGIN} and {END}")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
