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
    # Each of them was made again where the machine was too busy for it.
    others = {run.name for folder in results.parent.iterdir() for run in run_folders(folder)} - {made.folder.name}
    assert others >= {made.beside[name].folder.name for name in ("first", "same")}
    assert shown.keys() == {made.folder.name, *others}
    assert (results / shown[made.folder.name]).is_file()
    assert [shown[name] for name in others] == ["", ""]  # kept in the history, but their folders are elsewhere
