"""Where the programs of a full demo are on this machine, and which user runs them."""

from __future__ import annotations

import os
import pwd
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from perfsuite.errors import TargetError
from perfsuite.messages.demo import DemoMessage

_PACKAGES = {  # program → Debian package, Homebrew formula
    "initdb": ("postgresql", "postgresql@15"),
    "redis-server": ("redis-server", "redis"),
}
_UNPRIVILEGED = ("postgres", "nobody")
FULL_DEMO = ("initdb", "redis-server")


@dataclass(frozen=True, slots=True)
class Identity:
    """A user of the system to run a program as."""

    name: str
    uid: int
    gid: int


def find_program(name: str, root: Path = Path("/"), search_path: str | None = None) -> Path:
    """The program on PATH, else where Debian and Homebrew install it, the newest version first.

    A link is not followed: what `redis-server` points to does something else under its own name.
    Raises TargetError naming the package when it is nowhere. `root` and `search_path` are for tests.
    """
    on_path = shutil.which(name, path=search_path)
    if on_path is not None:
        return Path(on_path)
    patterns = (
        "usr/lib/postgresql/*/bin",
        "opt/homebrew/opt/postgresql*/bin",
        "usr/local/opt/postgresql*/bin",
        "opt/homebrew/bin",
        "usr/local/bin",
    )
    for pattern in patterns:
        for folder in sorted(root.glob(pattern), key=_version, reverse=True):
            if os.access(folder / name, os.X_OK):
                return folder / name
    package, formula = _PACKAGES.get(name, (name, name))
    raise TargetError(DemoMessage.PROGRAM_MISSING(program=name, package=package, formula=formula))


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", str(folder)))


def server_identity() -> Identity | None:
    """The user that runs the servers: None for the user of this process, an unprivileged user when that is root.

    Raises TargetError when the system has none.
    """
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise TargetError(DemoMessage.NO_USER(users=" or ".join(_UNPRIVILEGED)))
