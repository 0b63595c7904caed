"""One line of what the experiments found: the truth beside what was measured, and whether it is near enough."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Row:
    """`holds` is None where a line only informs.

    `of_time`: how fast the machine is has a part in it, so that something else on it can make it miss. Such an
    experiment is worth another try; what is counted is right the first time or wrong.
    """

    experiment: str
    what: str
    truth: str
    measured: str
    bound: str = ""
    holds: bool | None = None
    of_time: bool = False


Experiment = Callable[[Path], list[Row]]
"""Makes the load in a folder and gives the rows."""


def times_row(experiment: str, what: str, true_us: float, measured_us: float, bound_us: float) -> Row:
    """Two times and whether they are within the bound of each other."""
    off_us = measured_us - true_us
    measured = f"{measured_us / 1000:.2f} ms ({off_us / 1000:+.2f})"
    bound = f"± {bound_us / 1000:.2f} ms"
    return Row(experiment, what, f"{true_us / 1000:.2f} ms", measured, bound, abs(off_us) <= bound_us, of_time=True)


def rate_row(experiment: str, what: str, truth: float, measured: float, share: float) -> Row:
    """Two rates and whether they are within a share of each other."""
    near = abs(measured - truth) <= share * truth
    return Row(experiment, what, f"{truth:.2f}/s", f"{measured:.2f}/s", f"± {share:.0%}", near, of_time=True)


def equal_row(experiment: str, what: str, truth: object, measured: object, *, of_time: bool = False) -> Row:
    """Two values that must be the same."""
    return Row(experiment, what, str(truth), str(measured), "equal", truth == measured, of_time)


def missed(rows: Iterable[Row]) -> list[Row]:
    """The rows that do not hold."""
    return [row for row in rows if row.holds is False]


def worth_another_try(rows: Iterable[Row]) -> bool:
    """Something does not hold, and all that does not may be the machine's doing."""
    wrong = missed(rows)
    return bool(wrong) and all(row.of_time for row in wrong)


def assert_holds(experiment: Experiment, folder: Path, first: Future[list[Row]] | None = None) -> None:
    """All rows of one of three tries hold; `first`: those of a try that is made already, which a test that is run again
    does not use once more.

    The machine may have other things to do, but what is wrong in the suite is wrong each time. Each further try is told
    in a warning, so that it is seen where the machine had nothing else to do.
    """
    rows = experiment(folder / "first") if first is None else first.result()
    tried = [rendered(rows)]
    while worth_another_try(rows) and len(tried) < _TRIES:
        warnings.warn(f"made again:\n{rendered(missed(rows))}", stacklevel=2)
        rows = experiment(folder / str(len(tried)))
        tried.append(rendered(rows))
    assert not missed(rows), "\n" + "\n\n".join(tried)


def rendered(rows: Iterable[Row]) -> str:
    """All rows as a Markdown table."""
    verdicts = {True: "yes", False: "NO", None: ""}
    cells = [("experiment", "figure", "truth", "measured", "bound", "holds")]
    cells += [(row.experiment, row.what, row.truth, row.measured, row.bound, verdicts[row.holds]) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(6)]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])
