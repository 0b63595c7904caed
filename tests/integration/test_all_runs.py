"""Real runs leave the page of all runs beside their folders."""

from __future__ import annotations

import json
import re

import pytest

from tests.integration.programs import Ended, run_folders

pytestmark = [pytest.mark.integration, pytest.mark.made("against_baseline")]


def test_the_page_shows_the_runs_that_were_made(made: Ended) -> None:
    results = made.folder.parent
    page = (results / "index.html").read_text(encoding="utf-8")
    found = re.search(r'id="runs-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    runs = json.loads(found[1])["runs"]
    shown = dict(zip(runs["id"], runs["address"], strict=True))
    first = made.beside["first"].folder
    # The others were made again where the machine was too busy for them.
    later = {
        run.name for name in ("same*", "worse*") for each in results.parent.glob(name) for run in run_folders(each)
    }
    others = (later | {first.name}) - {made.folder.name}
    assert made.beside["same"].folder.name in others
    assert shown.keys() == {made.folder.name, *others}
    assert (results / shown[made.folder.name]).is_file()
    assert {shown[name] for name in others} == {""}  # kept in the history, but their folders are elsewhere
