"""Where programs are looked for, and what is said when they are not there."""

from pathlib import Path

import pytest

from perfsuite.demo.programs import find_program
from perfsuite.errors import TargetError
from perfsuite.messages.demo import DemoMessage


def make_program(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_a_program_on_the_search_path_comes_first(tmp_path: Path) -> None:
    make_program(tmp_path / "usr/lib/postgresql/16/bin/initdb")
    on_path = make_program(tmp_path / "path/initdb")
    assert find_program("initdb", root=tmp_path, search_path=str(on_path.parent)) == on_path


def test_debian_keeps_several_versions_and_the_newest_is_taken(tmp_path: Path) -> None:
    make_program(tmp_path / "usr/lib/postgresql/9/bin/initdb")
    newest = make_program(tmp_path / "usr/lib/postgresql/15/bin/initdb")
    assert find_program("initdb", root=tmp_path, search_path="") == newest


def test_a_folder_without_the_program_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "usr/lib/postgresql/16/bin").mkdir(parents=True)
    older = make_program(tmp_path / "usr/lib/postgresql/15/bin/initdb")
    assert find_program("initdb", root=tmp_path, search_path="") == older


@pytest.mark.parametrize("name", ["initdb", "redis-server"])
def test_a_missing_program_is_an_error_that_names_the_package(tmp_path: Path, name: str) -> None:
    with pytest.raises(TargetError) as caught:
        find_program(name, root=tmp_path, search_path="")
    assert (caught.value.code, caught.value.fields["program"]) == (DemoMessage.PROGRAM_MISSING, name)
