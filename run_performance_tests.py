#!/usr/bin/env python3
"""Starter of the Agent Mitra performance suite: finds a Python, prepares .venv, then calls perfsuite.cli.

Standard library only, and valid on Python 3.8: there it reports which Python is missing.
"""

from __future__ import annotations

import os
import signal
import sys

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130
CHILDREN: list[subprocess.Popen[str]] = []  # running programs


def end_at_once(_number: int, _frame: object) -> None:
    """End this process and the programs that it started."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    if CHILDREN:
        raise KeyboardInterrupt  # `run` ends them
    # No exception here: Python drops some of those that are raised during an import.
    try:
        os.write(2, b"Interrupted.\n")
    except OSError:
        pass
    os._exit(INTERRUPTED)


def begin() -> None:
    """Open missing standard streams, and let Ctrl-C, SIGTERM and a closed terminal end this process."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:  # closed by the caller: the next open file would get its number
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, number)
            if nowhere != number:
                os.close(nowhere)
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))
    for ending in ENDING:
        if ending != signal.SIGHUP or signal.getsignal(ending) is not signal.SIG_IGN:  # nohup ignores it
            signal.signal(ending, end_at_once)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)  # `go_on_with` blocks them before it starts this file again


if __name__ == "__main__":
    begin()  # the imports take a while

import hashlib  # noqa: E402
import importlib.util  # noqa: E402
import subprocess  # noqa: E402
import traceback  # noqa: E402
from shutil import which  # noqa: E402

NEEDED = (3, 11)
NEWER = ("python3.13", "python3.12", "python3.11", "python3", "python")
HERE = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(HERE, ".venv")
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")  # the second includes the first
INSTALL = "--install-deps"
GUARD = "AGENTMITRA_STARTER"  # steps that this file has taken before it started again
BAD_COMMAND = 2
FAULT_OF_THE_SUITE = 4
ERROR_LOG = os.path.join("results", "suite-errors.log")
PIP_LINES_SHOWN = 8
PROBES = ("locust", "msgspec", "httptools", "rich", "psutil")


def main() -> int:
    """Run the suite. Returns its exit code, or 2 if it cannot be started."""
    arguments = sys.argv[1:]
    if sys.version_info[:2] < NEEDED:
        return go_on_with_newer_python()
    if INSTALL in arguments:
        prefix = sys.prefix if in_virtual_environment() else VENV
        problem = prepare(prefix, REQUIREMENTS[0])
        return refuse(problem) if problem else go_on_with(python_of(prefix), "installed")
    missing = [name for name in PROBES if importlib.util.find_spec(name) is None]
    elsewhere = os.path.exists(python_of(VENV)) and not runs_in(VENV)
    if elsewhere and (missing or not in_virtual_environment()):
        return go_on_with(python_of(VENV), "venv")
    if missing:
        return refuse("%s not installed. Run: python %s %s" % (named(missing), script(), INSTALL))
    if installed(sys.prefix, REQUIREMENTS[0]) not in ("", fingerprint(REQUIREMENTS[0])):
        say("note: requirements.txt has changed since it was installed; %s brings it up to date" % INSTALL)
    return call_suite(arguments)


def call_suite(arguments: list[str]) -> int:
    """Run the suite in this process."""
    os.environ.pop(GUARD, None)
    # For the programs that the suite starts, which write to files and pipes; the streams of this one are open.
    os.environ["PYTHONIOENCODING"] = "utf-8"
    if HERE not in sys.path:
        sys.path.insert(0, HERE)
    from perfsuite.cli.main import main as suite

    return suite(arguments)


# ── which Python ────────────────────────────────────────────────────────────────────────────────────


def go_on_with_newer_python() -> int:
    """Start again with a Python that is new enough; 2 if there is none."""
    newer = newer_python()
    if newer is None:
        return refuse(
            "Python %d.%d or newer is needed; this is %d.%d and no newer one was found. "
            "Install one (Debian: apt-get install python3 python3-venv)" % (NEEDED + sys.version_info[:2])
        )
    return go_on_with(newer, "python")


def newer_python() -> str | None:
    """The first that runs and is new enough: this one, .venv, on PATH, of pyenv. None if there is none."""
    candidates = [sys.executable, python_of(VENV)] + [path for path in map(which, NEWER) if path] + pyenv_pythons()
    for path in candidates:
        if is_new_enough(path):
            return path
    return None


def pyenv_pythons() -> list[str]:
    """The Pythons of pyenv, newest first."""
    folder = os.path.join(os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv")), "versions")
    if not os.path.isdir(folder):
        return []
    found = []
    for name in os.listdir(folder):
        parts = name.split(".")
        if len(parts) == 3 and all(part.isdigit() for part in parts):
            found.append((tuple(int(part) for part in parts), os.path.join(folder, name, "bin", "python")))
    return [path for _version, path in sorted(found, reverse=True)]


def is_new_enough(path: str) -> bool:
    """True if the program runs and is a Python of the required version; False for a shim without a Python."""
    check = "import sys; sys.exit(sys.version_info[:2] < (%d, %d))" % NEEDED
    try:
        return run([path, "-I", "-c", check], 20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def go_on_with(python: str, step: str) -> int:
    """Replace this process by that Python with the same command. Each step happens once, so that none can loop."""
    steps = [name for name in os.environ.get(GUARD, "").split(",") if name]
    if step in steps:
        return refuse("%s does not work. Remove %s and run: python %s %s" % (python, VENV, script(), INSTALL))
    environment = dict(os.environ)
    environment[GUARD] = ",".join([*steps, step])
    arguments = [argument for argument in sys.argv[1:] if step != "installed" or argument != INSTALL]
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # until it has installed its handlers
    try:
        os.execve(python, [python, os.path.abspath(__file__), *arguments], environment)  # noqa: S606 - our own Python
    except OSError as error:
        unblock()
        return refuse("%s cannot be started: %s" % (python, error.strerror))


# ── the environment ─────────────────────────────────────────────────────────────────────────────────


def prepare(prefix: str, requirements: str) -> str | None:
    """Create a virtual environment if needed and install a requirements file. Returns the problem, if any."""
    wanted = fingerprint(requirements)
    if not wanted:
        return "%s is missing: the checkout is not complete" % os.path.join(HERE, requirements)
    python = python_of(prefix)
    if installed(prefix, requirements) == wanted and is_new_enough(python):
        return None
    problem = make_venv(prefix, python) or pip_install(python, requirements)
    if problem:
        return problem
    for name in REQUIREMENTS[: REQUIREMENTS.index(requirements) + 1]:
        with open(stamp_of(prefix, name), "w", encoding="ascii") as stamp:
            stamp.write(fingerprint(name))
    return None


def make_venv(prefix: str, python: str) -> str | None:
    """Create the virtual environment unless one works. Returns the problem, if any."""
    if is_new_enough(python):
        return None
    say("creating the virtual environment %s" % prefix)
    done = run([sys.executable, "-m", "venv", "--clear", prefix])
    if done.returncode == 0:
        return None
    return "%s could not be created (Debian: apt-get install python3-venv):\n%s" % (prefix, last_lines(done.stdout))


def pip_install(python: str, requirements: str) -> str | None:
    """Install a requirements file. Returns the problem, if any."""
    if run([python, "-m", "pip", "--version"]).returncode != 0:
        done = run([python, "-m", "ensurepip"])
        if done.returncode != 0:
            return "%s has no pip (Debian: apt-get install python3-venv):\n%s" % (python, last_lines(done.stdout))
    say("installing the pinned dependencies of %s; this takes a minute" % requirements)
    path = os.path.join(HERE, requirements)
    done = run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", path])
    if done.returncode != 0:
        return "pip could not install the dependencies (network? proxy?):\n" + last_lines(done.stdout)
    say("dependencies are installed")
    return None


def run(command: list[str], within_s: float | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return its output. If this process is ended, so are the program and its children.

    Raises OSError if it cannot be started, TimeoutExpired after `within_s`.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # a signal before CHILDREN knows it would leave it running
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            preexec_fn=unblock,
        )
    except BaseException:
        unblock()
        raise
    CHILDREN.append(child)
    try:
        unblock()
        said, _ = child.communicate(timeout=within_s)
        return subprocess.CompletedProcess(command, child.returncode, said)
    except BaseException:
        end_group(child)
        raise
    finally:
        CHILDREN.remove(child)


def unblock() -> None:
    """Receive the signals again, and those that came meanwhile."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def end_group(child: subprocess.Popen[str]) -> None:
    """End a program and its children: by SIGINT, after 2 s by SIGKILL."""
    for number, within_s in ((signal.SIGINT, 2), (signal.SIGKILL, None)):
        try:
            os.killpg(child.pid, number)
            child.wait(within_s)
        except OSError:
            pass  # all of them have ended
        except subprocess.TimeoutExpired:
            pass


def fingerprint(requirements: str) -> str:
    """Hash of the requirements; "" if a file is missing."""
    digest = hashlib.sha256()
    try:
        for name in REQUIREMENTS[: REQUIREMENTS.index(requirements) + 1]:
            with open(os.path.join(HERE, name), "rb") as file:
                digest.update(file.read())
    except OSError:
        return ""
    return digest.hexdigest()


def installed(prefix: str, requirements: str) -> str:
    """The hash of the requirements that were installed last; "" if there are none."""
    try:
        with open(stamp_of(prefix, requirements), encoding="ascii") as stamp:
            return stamp.read().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def stamp_of(prefix: str, requirements: str) -> str:
    """The file in an environment with the hash of its requirements."""
    return os.path.join(prefix, requirements + ".sha256")


def in_virtual_environment() -> bool:
    """True inside any virtual environment."""
    return sys.prefix != sys.base_prefix


def runs_in(prefix: str) -> bool:
    """True if this is the Python of that virtual environment."""
    return os.path.realpath(sys.prefix) == os.path.realpath(prefix)


def python_of(prefix: str) -> str:
    """Path of the Python of a virtual environment."""
    return os.path.join(prefix, "bin", "python")


# ── what the user reads ─────────────────────────────────────────────────────────────────────────────


def script() -> str:
    """This file as the user typed it."""
    return sys.argv[0] or "run_performance_tests.py"


def named(missing: list[str]) -> str:
    """ "locust and rich are", "locust is"."""
    return " and ".join(missing[:3]) + (" are" if len(missing) > 1 else " is")


def last_lines(text: str) -> str:
    """The end of a program's output."""
    return "\n".join(text.strip().splitlines()[-PIP_LINES_SHOWN:])


def say(text: str) -> None:
    """Print progress on stderr: stdout is for the suite."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        pass  # nobody reads it; the exit code is the same


def refuse(message: str) -> int:
    """Print why the suite cannot start; 2."""
    say("error: " + message)
    return BAD_COMMAND


def give_up(error: Exception) -> int:
    """Print an unexpected error in one line and write its traceback to a file; 4."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = "%s:%s %s: %s: %s" % (
        os.path.basename(place.filename),
        place.lineno,
        place.name,
        type(error).__name__,
        error,
    )
    try:
        os.makedirs(os.path.dirname(ERROR_LOG), exist_ok=True)
        with open(ERROR_LOG, "a", encoding="utf-8", errors="replace") as log:
            log.write("".join(traceback.format_exception(type(error), error, error.__traceback__)) + "\n")
        kept = "the traceback is in %s" % ERROR_LOG
    except OSError as unwritable:
        kept = "no traceback, since %s cannot be written (%s)" % (ERROR_LOG, unwritable.strerror)
    say("error: the suite could not be started: %s; %s" % (" ".join(where.split()), kept))
    return FAULT_OF_THE_SUITE


if __name__ == "__main__":
    try:
        code = main()
    except KeyboardInterrupt:
        say("Interrupted.")
        code = INTERRUPTED
    except Exception as unexpected:  # noqa: BLE001  whatever it is, the user gets one line and an exit code
        code = give_up(unexpected)
    sys.exit(code)
