"""The temporary folder that a demo lives in, the children in it, and the janitor that watches over both."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from perfsuite.demo.child import Child, Program, start
from perfsuite.demo.programs import Identity
from perfsuite.demo.stop import Stop
from perfsuite.errors import TargetError

ROOT = Path(__file__).resolve().parents[2]
_JANITOR_WITHIN_S = 15.0
# A Unix socket's path may have 103 bytes on macOS, 107 on Linux; ours adds up to 60 to that of the folder.
_LONGEST_BASE = 40


class House:
    """Folder and children of one demo."""

    def __init__(self, folder: Path, identity: Identity | None, stop: Stop, janitor: subprocess.Popen[str]) -> None:
        self.folder = folder
        self.identity = identity
        self.stop = stop
        self._janitor = janitor
        self.children: list[Child] = []

    def room(self, name: str, *, for_server: bool = True) -> Path:
        """A folder of its own that only the user of the server can enter."""
        room = self.folder / name
        room.mkdir(mode=0o700)
        if for_server and self.identity is not None:
            os.chown(room, self.identity.uid, self.identity.gid)
        return room

    def secret_file(self, path: Path, text: str) -> None:
        """Write a file that only the user of the server can read."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        if self.identity is not None:
            os.chown(path, self.identity.uid, self.identity.gid)

    @contextmanager
    def running(self, program: Program) -> Iterator[Child]:
        """The program, running until the end of the block."""
        child = start(program)
        self.children.append(child)
        try:
            self._register(child.pid)
            yield child
        finally:
            child.stop()
            self.children.remove(child)

    def _register(self, pid: int) -> None:
        if self._janitor.stdin is None:
            return
        try:
            self._janitor.stdin.write(f"{pid}\n")
            self._janitor.stdin.flush()
        except BrokenPipeError:
            raise TargetError("the demo's janitor has ended: nobody would clean up after a crash") from None

    def check(self) -> None:
        """Raise TargetError when a child has died."""
        for child in self.children:
            if child.exit_code is not None:
                raise child.death()


@contextmanager
def opened_house(identity: Identity | None, stop: Stop) -> Iterator[House]:
    """A fresh folder with its janitor; both are gone at the end of the block, whatever happens in it."""
    folder = Path(tempfile.mkdtemp(prefix="mitra-demo-", dir=_base()))
    janitor: subprocess.Popen[str] | None = None
    try:
        # Others may pass through to a room of their own, but see nothing here.
        folder.chmod(0o711 if identity else 0o700)
        janitor = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "perfsuite.demo.janitor", str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        yield House(folder, identity, stop, janitor)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if janitor is not None and janitor.stdin is not None:
            with suppress(BrokenPipeError):
                janitor.stdin.close()
            janitor.wait(_JANITOR_WITHIN_S)


def _base() -> str:
    """Where temporary folders go: as the system says, unless other users cannot get there or it is too deep."""
    base = Path(tempfile.gettempdir()).resolve()
    reachable = all(folder.stat().st_mode & 0o001 for folder in (base, *base.parents))
    return str(base) if reachable and len(os.fsencode(base)) <= _LONGEST_BASE else "/tmp"  # noqa: S108 - mkdtemp follows
