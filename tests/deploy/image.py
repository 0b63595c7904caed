"""The steps of deploy/Dockerfile without a container engine:
`unshare --mount --net --propagation private python -m tests.deploy.image FOLDER`.

Roots are made of this machine's /usr and Python; the stages' RUN and COPY steps happen in them. Then commands run in
the last root, which cannot be written: each as process 1, without rights, with volumes of its own or shared ones, on a
network that has this machine only. `pip install` has nothing to do: it finds the packages of this environment.

Standard input: a JSON list of `Command`s. Standard output: a JSON list of `Done`.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from tests.deploy.dockerfile import BuildStage, Instruction, context_files, stages_of

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
_PYTHON = Path(sys.base_prefix).resolve()
_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
_PATH = f"{_PYTHON}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_OF_ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "nsswitch.conf", "localtime", "ssl")
_NAMES = ("localhost", "test-backend", "master", "agentmitra-master")
"""Of the services, on the only machine that the network has."""
_FOLDERS = {"dev": 0o755, "etc": 0o755, "home": 0o755, "opt": 0o755, "proc": 0o755, "root": 0o700, "run": 0o755,
            "sys": 0o755, "tmp": 0o1777, "usr": 0o755, "var/tmp": 0o1777}  # fmt: skip
_LONGEST_S = 120.0
_LOOK_EVERY_S = 0.1
_SET_FLAGS, _UP = 0x8914, 0x1


@dataclass(frozen=True)
class Command:
    """What to run in the image."""

    arguments: list[str] | None = None
    """None: those of CMD."""
    entrypoint: list[str] | None = None
    """None: that of the image."""
    user: int | None = None
    """None: that of the image."""
    environment: dict[str, str] = field(default_factory=dict)
    volumes: dict[str, str] = field(default_factory=dict)
    """Place → name of a volume, with ":ro" behind it where it is not written. Others have a volume of their own."""
    waits: bool = True
    """False: the next command begins at once, and this one ends by itself."""
    healthy: list[str] | None = None
    """Of a service: the command that succeeds when it is ready. The next one begins then; it is ended after all."""


@dataclass(frozen=True)
class Done:
    """What came of a command. `files`: in its volume /data, relative to that; `summary`: of the run that it made.

    `ended_s`: when it had ended, and those before it.
    """

    code: int
    out: str
    err: str
    files: list[str]
    ended_s: float
    summary: dict[str, Any] | None = None


@dataclass
class Image:
    """A root, and what the instructions set besides its files."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH})
    folder: str = "/"
    user: str = "0:0"
    volumes: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)

    def path(self, inside: str) -> Path:
        """A path of the image as one of this machine; a relative one is in the current folder."""
        return self.root / os.path.join(self.folder, inside).lstrip("/")  # noqa: PTH118 - an absolute `inside` wins


# ── a root ──────────────────────────────────────────────────────────────────────────────────────────


def mount(*words: str | Path) -> None:
    """Call mount."""
    subprocess.run(["mount", *map(str, words)], check=True)


def bind(source: Path, place: Path, *, writable: bool = False) -> None:
    """Show a folder or file of this machine at a place of a root."""
    if source.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.touch()
    mount("--rbind", source, place)
    if not writable:
        mount("-o", "remount,bind,ro", place)


def base_root(root: Path) -> None:
    """A root with a Python, and with no users but root."""
    root.mkdir()
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", root)
    for name, mode in _FOLDERS.items():
        (root / name).mkdir(parents=True)
        (root / name).chmod(mode)
    bind(Path("/usr"), root / "usr")
    for name in ("bin", "sbin", "lib", "lib64"):
        here = Path("/", name)
        if here.is_symlink():
            (root / name).symlink_to(here.readlink())
        elif here.exists():
            bind(here, root / name)
    for here in (Path("/etc", name) for name in _OF_ETC):
        if here.exists():
            bind(here.resolve(), root / "etc" / here.name)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/hosts").write_text(f"127.0.0.1 {' '.join(_NAMES)}\n")
    (root / "etc/group").write_text("root:x:0:\n")
    for name in _DEVICES:
        bind(Path("/dev", name), root / "dev" / name, writable=True)
    mount("--rbind", "/sys", root / "sys")
    mount("-t", "proc", "proc", root / "proc")
    _add_python(root)


def _add_python(root: Path) -> None:
    """The Python of this environment as the one of the base image: `python`, first on PATH."""
    if not _PYTHON.is_relative_to("/usr"):
        bind(_PYTHON, root / str(_PYTHON).lstrip("/"))
        for folder in _PYTHON.parents[:-1]:
            (root / str(folder).lstrip("/")).chmod(0o755)
    if not (_PYTHON / "bin/python").exists():  # Debian has python3 only
        mount("-t", "tmpfs", "tmpfs", root / "usr/local/bin")
        (root / "usr/local/bin/python").symlink_to(_PYTHON / "bin" / _VERSION)
        mount("-o", "remount,ro", root / "usr/local/bin")


# ── the steps ───────────────────────────────────────────────────────────────────────────────────────


def built(folder: Path) -> Image:
    """The last stage of the Dockerfile."""
    images: dict[str, Image] = {}
    for stage in stages_of(DOCKERFILE.read_text(encoding="utf-8")):
        assert stage.base.startswith("python:"), stage.base
        images[stage.name] = _stage(stage, folder, images)
    return list(images.values())[-1]


def _stage(stage: BuildStage, folder: Path, images: Mapping[str, Image]) -> Image:
    image = Image(folder / stage.name)
    base_root(image.root)
    for instruction in stage.instructions:
        _step(image, instruction, images)
    return image


def _step(image: Image, step: Instruction, images: Mapping[str, Image]) -> None:
    words = step.words()
    if step.name == "RUN":
        _run(image, step.value)
    elif step.name == "COPY" and "from" in step.options():
        (source, target) = words
        bind(images[step.options()["from"]].path(source), image.path(target))
    elif step.name == "COPY":
        _copy(image, words[:-1], words[-1])
    elif step.name == "ENV":
        image.environment |= dict(word.split("=", 1) for word in words)
    elif step.name == "WORKDIR":
        image.folder = words[0]
        image.path(".").mkdir(parents=True, exist_ok=True)
    elif step.name == "VOLUME":
        image.volumes += words
    elif step.name == "USER":
        image.user = words[0]
    elif step.name == "ENTRYPOINT":
        image.entrypoint = words
    elif step.name == "CMD":
        image.arguments = words
    else:
        raise NotImplementedError(f"{step.name} {step.value}")


def _run(image: Image, command: str) -> None:
    if "pip install" in command:
        packages = Path(sysconfig.get_path("purelib"))
        bind(packages, image.path(f".venv/lib/{_VERSION}/site-packages"))
    environment = image.environment | {"HOME": "/root", "PIP_NO_INDEX": "1"}
    inside = ["chroot", str(image.root), "/bin/sh", "-c", f"cd {shlex.quote(image.folder)} && {command}"]
    subprocess.run(inside, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=True)


def _copy(image: Image, sources: Sequence[str], target: str) -> None:
    """Files of the context, as COPY puts them: those of a folder go to the target, not the folder itself."""
    files = context_files(ROOT, (ROOT / ".dockerignore").read_text(encoding="utf-8"))
    for source in sources:
        below = [path for path in files if path.is_relative_to(source)]
        if not below:
            raise FileNotFoundError(f"COPY {source}: not in the context")
        top = Path(source) if (ROOT / source).is_dir() else Path(source).parent
        for path in below:
            place = image.path(target) / path.relative_to(top)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, place)


# ── running it ──────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Running:
    """A command that was started. Its mounts are its own."""

    image: Image
    command: Command
    volumes: Path
    number: int

    def __post_init__(self) -> None:
        self._said = [tempfile.TemporaryFile(mode="w+") for _ in ("out", "err")]  # noqa: SIM115 - closed in `end`
        self._process = self._start([*(self.command.entrypoint or self.image.entrypoint), *self._arguments], self._said)

    @property
    def _arguments(self) -> list[str]:
        return self.image.arguments if self.command.arguments is None else self.command.arguments

    @property
    def _identity(self) -> tuple[int, int]:
        uid, gid = self.image.user.split(":")
        return (int(uid), int(gid)) if self.command.user is None else (self.command.user, self.command.user)

    def _folder(self, place: str) -> Path:
        """Of a volume; a new one is its user's alone."""
        name = self.command.volumes.get(place, f"own-{self.number}").removesuffix(":ro")
        folder = self.volumes / name
        if not folder.exists():
            folder.mkdir(mode=0o700)
            os.chown(folder, *self._identity)
        return folder

    def _start(self, command: Sequence[str], said: Sequence[IO[str]]) -> subprocess.Popen[str]:
        uid, gid = self._identity
        places = {*self.image.volumes, *self.command.volumes}
        mounts = [f"mount --bind {self._folder(place)} {self.image.path(place)}" for place in places]
        mounts += [
            f"mount -o remount,bind,ro {self.image.path(place)}"
            for place, name in self.command.volumes.items()
            if name.endswith(":ro")
        ]
        inside = [
            *("unshare", "--mount", "--propagation", "private", "sh", "-ec", "; ".join([*mounts, 'exec "$@"']), "sh"),
            *("unshare", "--pid", "--fork", "--kill-child", f"--root={self.image.root}", f"--wd={self.image.folder}"),
            "--mount-proc=/proc",
            *("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"),
            *("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"),
            *command,
        ]
        environment = self.image.environment | self.command.environment
        out, err = said
        return subprocess.Popen(inside, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err, text=True)

    def wait_until_healthy(self) -> None:
        """Of a service."""
        deadline = time.monotonic() + _LONGEST_S
        while self._start(self.command.healthy or ["true"], (sys.stderr, sys.stderr)).wait() != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"not healthy: {self.end()}")
            time.sleep(_LOOK_EVERY_S)

    def end(self) -> Done:
        """Wait for the end; a service is asked to end first, and what takes too long is killed."""
        if self.command.healthy is not None and self._process.poll() is None:
            for process in psutil.Process(self._process.pid).children():
                process.terminate()
        try:
            self._process.wait(_LONGEST_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        ended_s = time.monotonic()
        out, err = map(_read_and_close, self._said)
        data = self._folder(self.image.volumes[0])
        files = sorted(str(path.relative_to(data)) for path in data.rglob("*") if path.is_file())
        summaries = [json.loads((data / name).read_text()) for name in files if name.endswith("/summary.json")]
        return Done(self._process.returncode, out, err, files, ended_s, *summaries)


def _read_and_close(file: IO[str]) -> str:
    with file:
        file.seek(0)
        return file.read()


def run_all(image: Image, commands: Sequence[Command], volumes: Path) -> list[Done]:
    """Run the commands, and return what came of each."""
    running: list[Running] = []
    done: dict[int, Done] = {}
    for number, command in enumerate(commands):
        running.append(Running(image, command, volumes, number))
        if command.healthy is not None:
            running[-1].wait_until_healthy()
        elif command.waits:
            done[number] = running[-1].end()
    for number in sorted(
        set(range(len(commands))) - set(done), key=lambda number: commands[number].healthy is not None
    ):
        done[number] = running[number].end()
    return [done[number] for number in range(len(commands))]


def raise_loopback() -> None:
    """A new network namespace has it down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh", b"lo", _UP))


def main(folder: Path) -> None:
    """Build the image, run the commands of standard input, and print what came of them."""
    commands = [Command(**each) for each in json.loads(sys.stdin.read())]
    raise_loopback()
    image = built(folder)
    for place in {*image.volumes, *(place for command in commands for place in command.volumes)}:
        image.path(place).mkdir(parents=True, exist_ok=True)
    mount("-o", "remount,ro", image.root)
    volumes = folder / "volumes"
    volumes.mkdir()
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", volumes)
    sys.stdout.write(json.dumps([asdict(done) for done in run_all(image, commands, volumes)]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
