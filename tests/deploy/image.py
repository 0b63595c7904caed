"""The steps of deploy/Dockerfile without a container engine: `unshare --mount python -m tests.deploy.image FOLDER`.

Roots are made of this machine's /usr and Python; the stages' RUN and COPY steps happen in them. Then the image's
commands run in the last root, which cannot be written, as another user, as process 1, and with one volume.
`pip install` has nothing to do: it finds the packages of this environment, and may not download any.

Standard input: a JSON list of `Command`s. Standard output: a JSON list of `Done`, or the error.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.deploy.dockerfile import BuildStage, Instruction, context_files, stages_of

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
_PYTHON = Path(sys.base_prefix).resolve()
_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
_PATH = f"{_PYTHON}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_OF_ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "nsswitch.conf", "hosts", "localtime", "ssl")
_FOLDERS = {"dev": 0o755, "etc": 0o755, "home": 0o755, "opt": 0o755, "proc": 0o755, "root": 0o700, "run": 0o755,
            "sys": 0o755, "tmp": 0o1777, "usr": 0o755, "var/tmp": 0o1777}  # fmt: skip
_LONGEST_S = 60.0


@dataclass(frozen=True)
class Command:
    """What to run in the image: arguments of its entry point, or the whole command with `entrypoint`."""

    arguments: list[str] | None = None
    """None: those of CMD."""
    entrypoint: list[str] | None = None
    user: int | None = None
    """Whose volume it is as well; None: the user of the image."""


@dataclass(frozen=True)
class Done:
    """What came of a command. `files`: in the volume, relative to it."""

    code: int
    out: str
    err: str
    took_s: float
    files: list[str]


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


def run_in(image: Image, command: Command) -> Done:
    """Run a command in the image, with a fresh volume of its user's; everything else is read-only already."""
    uid, gid = (str(command.user),) * 2 if command.user is not None else image.user.split(":")
    (volume,) = image.volumes
    place = image.path(volume)
    mount("-t", "tmpfs", "-o", f"uid={uid},gid={gid},mode=700", "tmpfs", place)
    arguments = image.arguments if command.arguments is None else command.arguments
    inside = [
        *("unshare", "--pid", "--fork", "--kill-child", f"--root={image.root}", f"--wd={image.folder}"),
        "--mount-proc=/proc",
        *("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"),
        *("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"),
        *(command.entrypoint or image.entrypoint),
        *arguments,
    ]
    begin = time.perf_counter()
    done = subprocess.run(
        inside,
        env=image.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
    )
    took_s = time.perf_counter() - begin
    files = sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())
    subprocess.run(["umount", place], check=True)
    return Done(done.returncode, done.stdout, done.stderr, took_s, files)


def main(folder: Path) -> None:
    """Build the image, run the commands of standard input, and print what came of them."""
    commands = [Command(**each) for each in json.loads(sys.stdin.read())]
    image = built(folder)
    for volume in image.volumes:
        image.path(volume).mkdir(exist_ok=True)
    mount("-o", "remount,ro", image.root)
    sys.stdout.write(json.dumps([asdict(run_in(image, command)) for command in commands]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
