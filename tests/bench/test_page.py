"""A run replaces its section of the page and leaves the rest alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.generators import page

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


def test_the_page_of_the_repository_has_the_section() -> None:
    assert DOCS.read_text().count(page.BEGIN) == DOCS.read_text().count(page.END) == 1
