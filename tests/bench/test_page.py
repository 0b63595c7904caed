"""A run replaces its section of the page and leaves the rest alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bench.generators import page
from bench.generators.installed import Installed
from bench.generators.session import Results, Settings

DOCS = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def test_only_the_section_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(f"# Title\n\nBefore.\n\n{page.BEGIN}\n\nold\n\n{page.END}\n\n## After\n")

    page.write(file, "new")

    assert file.read_text() == f"# Title\n\nBefore.\n\n{page.BEGIN}\n\nnew\n\n{page.END}\n\n## After\n"


def test_a_page_without_the_section_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("# Title\n")

    with pytest.raises(ValueError, match="no section"):
        page.write(file, "new")


def test_few_rounds_or_a_busy_machine_make_figures_preliminary() -> None:
    installed = Installed((), {"hey": "it is not installed"}, {"k6": "1.1.0"})
    results = Results()
    results.other_work._total_s = 100.0

    def text(rounds: int, busy_s: float) -> str:
        results.other_work._busy_s = busy_s
        return page.section(results, Settings(("a",), rounds, 3), installed, date(2026, 3, 1))

    assert "preliminary" not in text(5, 2.0)
    assert "preliminary" in text(4, 2.0)
    assert "preliminary" in text(5, 9.0)
    assert "Measured on 2026-03-01" in text(5, 2.0)
    assert "Left out: hey, since it is not installed." in text(5, 2.0)


def test_the_page_of_the_repository_has_the_section() -> None:
    assert DOCS.read_text().count(page.BEGIN) == DOCS.read_text().count(page.END) == 1
