"""A Dockerfile as instructions, and the files that its build context has. Only what ours uses; the rest is refused."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

_CONTINUED = re.compile(r"\\\n")
_COMMENT = re.compile(r"(?m)^[ \t]*#.*\n?")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Instruction:
    """One instruction: `RUN`, and what follows."""

    name: str
    value: str

    def options(self) -> dict[str, str]:
        """`--from=build` in front of the value."""
        words = shlex.split(self.value)
        return dict(word.removeprefix("--").split("=", 1) for word in words if word.startswith("--"))

    def words(self) -> list[str]:
        """The value without its options: the list of the JSON form, or words as a shell splits them."""
        if self.value.startswith("["):
            return [str(word) for word in json.loads(self.value)]
        return [word for word in shlex.split(self.value) if not word.startswith("--")]


@dataclass(frozen=True)
class BuildStage:
    """`FROM base AS name`, and its instructions."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)


def stages_of(text: str) -> list[BuildStage]:
    """The stages of a Dockerfile, in their order."""
    stages: list[BuildStage] = []
    arguments: dict[str, str] = {}
    for instruction in _instructions(text):
        words = instruction.words()
        if instruction.name == "FROM":
            name = words[2] if len(words) == 3 and words[1].upper() == "AS" else str(len(stages))
            stages.append(BuildStage(_filled_in(words[0], arguments), name))
        elif stages:
            stages[-1].instructions.append(instruction)
        else:
            assert instruction.name == "ARG", instruction
            name, _, default = instruction.value.partition("=")
            arguments[name] = default
    return stages


def _instructions(text: str) -> Iterator[Instruction]:
    for line in _CONTINUED.sub(" ", _COMMENT.sub("", text)).splitlines():
        if line.strip():
            name, _, value = line.strip().partition(" ")
            yield Instruction(name.upper(), value.strip())


def _filled_in(text: str, arguments: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: arguments[match[1]], text)


def context_files(context: Path, ignore: str) -> list[Path]:
    """The files of a context that its .dockerignore leaves in, relative to the context. The last pattern counts."""
    lines = [line.strip() for line in ignore.splitlines()]
    patterns = [line for line in lines if line and not line.startswith("#")]
    tops = {path for path in context.iterdir() if _is_left_in(Path(path.name), patterns)}
    files = [path for top in tops for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file()]
    relative = (path.relative_to(context) for path in files)
    return sorted(path for path in relative if _is_left_in(path, patterns))


def _is_left_in(path: Path, patterns: list[str]) -> bool:
    left_in = True
    for pattern in patterns:
        wanted = pattern.removeprefix("!")
        if any(_matches(part, wanted) for part in (path, *path.parents) if part.name):
            left_in = pattern.startswith("!")
    return left_in


def _matches(path: Path, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatch(path.name, pattern.removeprefix("**/"))
    return len(path.parts) == len(Path(pattern).parts) and fnmatch(str(path), pattern)
