"""No password and no token is in a file of a run, in its output, or in a process list."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.programs import Ended

pytestmark = pytest.mark.integration


def _of(run: str) -> Any:
    """A parameter: the name of a shared run."""
    return pytest.param(run, marks=pytest.mark.made(run))


FULL_DEMO = pytest.param("full demo", marks=pytest.mark.made("against_baseline", "first"))
SECRET = re.compile(
    rb"testpassword"
    rb"|[Bb]earer\s+\S"
    rb"|eyJ[A-Za-z0-9_-]{10,}\.eyJ"  # a JWT
    rb"|://[^/\s:@\"']*:[^/\s:@\"']+@"  # a URL with a password
)


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a run, unpacked."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            packed = path.read_bytes()
            # A killed run's file has no end; what is there can be read all the same.
            yield path.name, zlib.decompressobj(wbits=31).decompress(packed) if path.suffix == ".gz" else packed


def test_the_pattern_finds_what_it_should() -> None:
    for text in (
        b'"password": "testpassword"',
        b"Authorization: Bearer abc",
        b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0",
        b"postgresql://mitra:secret@localhost/mitra",
        b"redis://:secret@localhost:6379/0",
    ):
        assert SECRET.search(text), text
    assert not SECRET.search(b"http://127.0.0.1:8015/api/v1/users/me?region=a:b@c")


@pytest.mark.parametrize("run", [*map(_of, ("acceptance", "own_target", "all_kinds", "killed")), FULL_DEMO])
def test_no_secret_is_in_any_file(made: Ended, run: str) -> None:
    found = {name: SECRET.findall(content) for folder in made.folders for name, content in contents(folder)}
    assert len(found) > 5
    assert {name: secrets for name, secrets in found.items() if secrets} == {}


@pytest.mark.parametrize("run", [*map(_of, ("acceptance", "own_target")), FULL_DEMO])
def test_no_secret_is_in_the_output_or_in_a_process_list(made: Ended, run: str) -> None:
    assert any("perfsuite.load" in line for line in made.command_lines), "the load process was seen"
    if run == "full demo":
        assert any("postgres" in line for line in made.command_lines), "the servers of the demo were seen"
        assert any("redis" in line for line in made.command_lines)
    told = [*made.command_lines, made.out, made.err]
    assert [line for line in told if SECRET.search(line.encode())] == []
