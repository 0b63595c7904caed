"""Rows that nobody can remove: hardly any are made, they are named, and a pass is none."""

from __future__ import annotations

import csv
import json

import pytest

from perfsuite.messages.reasons import Reason
from tests.integration.programs import Ended

pytestmark = [pytest.mark.integration, pytest.mark.made("rows_that_stay")]


def remaining(run: Ended) -> list[dict[str, str]]:
    with (run.folder / "rows_remaining.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_preflight_leaves_the_creation_out_of_the_load(made: Ended) -> None:
    (line,) = [line for line in made.out.splitlines() if "is left out" in line]
    assert line.strip().startswith("leads.create is left out: its rows cannot be removed (HTTP 403")
    assert line.endswith("; --accept-leftovers makes them anyway")
    made_by_load = {row["operation"] for row in made.summary["operations"]}
    assert "leads.create" not in made_by_load
    assert "leads.list" in made_by_load
    assert any("its rows cannot be removed" in note for note in made.summary["notes"])


def test_the_row_of_preflight_is_the_only_one_and_is_named_with_its_id(made: Ended) -> None:
    (lead,) = made.beside["leads"]
    (row,) = remaining(made)
    assert (row["thing"], row["id"], row["mark"]) == ("lead", lead["lead_id"], lead["customer_name"])
    assert row["state"] == "not removed"
    cleanup = made.summary["cleanup"]
    assert cleanup["created"] - cleanup["removed"] == 1


def test_a_pass_becomes_inconclusive_and_no_further_attempt_is_proposed(made: Ended) -> None:
    assert (made.code, made.summary["verdict"], made.summary["exit_code"]) == (4, "inconclusive", 4)
    (reason,) = made.summary["reasons"]
    assert reason.startswith(Reason.ROWS_REMAIN(rows="1 lead (HTTP 403"))
    assert "try again" not in made.out
    assert "the command cleanup" not in reason
    for file in ("summary.md", "junit.xml", "report.html"):
        assert Reason.ROWS_REMAIN(rows="1 lead") in (made.folder / file).read_text(encoding="utf-8")


def test_what_was_accepted_is_made_and_no_reason_against_a_pass(made: Ended) -> None:
    accepted = made.beside["accepted"]
    assert (accepted.code, accepted.summary["verdict"]) == (0, "pass")
    with (accepted.folder / "stats.csv").open(encoding="utf-8", newline="") as file:
        asked = {row["operation"] for row in csv.DictReader(file)}
    assert "leads.create" in asked  # of the whole run: in so short a steady state it need not come
    assert len(remaining(accepted)) > 1
    (headline,) = accepted.summary["headlines"]
    assert "accepted with --accept-leftovers" in headline
    assert headline.split(" (")[0] in " ".join(accepted.out.split())


def test_preflight_alone_says_so_even_when_quiet(made: Ended) -> None:
    done = made.beside["preflight"]
    assert done.code == 4
    assert "Rows of this run remain at the target: 1 lead (HTTP 403" in done.out
    assert len(remaining(done)) == 1


def test_the_command_cleanup_ends_with_4_as_long_as_they_remain(made: Ended) -> None:
    done = made.beside["cleanup"]
    assert done.code == 4
    assert "try again" not in done.out
    kept = json.loads((made.folder / "circumstances.json").read_text(encoding="utf-8"))
    assert kept["cleanup"]["remaining"][0]["rows"] == 1
