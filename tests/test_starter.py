"""The starter, run as a user runs it: in a copy of the checkout, with stand-ins for .venv and pip. No network."""

import ast
import json
import os
import signal
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

import run_performance_tests as starter
from tests.integration.programs import alive, until

pytestmark = pytest.mark.usefixtures("heard_signals")

ROOT = Path(__file__).parents[1]
BASE_PYTHON = os.path.realpath(sys.executable)
# A suite that prints how it was called.
SUITE = """
import json, os, signal, subprocess, sys
def main(argv):
    if argv == ["--signals"]:
        names = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
        print(json.dumps({
            "blocked": sorted(number.name for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])),
            "ignored": [number.name for number in names if signal.getsignal(number) is signal.SIG_IGN],
        }))
        return 0
    if argv == ["--streams"]:  # of a program that it starts: they must lead where its own lead
        code = "import os; [os.fstat(number) for number in (0, 1, 2)]"
        return subprocess.run([sys.executable, "-c", code]).returncode
    print(json.dumps({"argv": argv, "prefix": sys.prefix, "guard": os.environ.get("AGENTMITRA_STARTER")}))
    return 4
"""
# A pip that notes what it was asked for.
PIP = """
import os, sys
with open(os.environ["PIP_NOTES"], "a") as notes:
    notes.write(" ".join(sys.argv[1:]) + chr(10))
if "--version" not in sys.argv and os.environ.get("PIP_HANGS"):
    import subprocess, time
    builder = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with open(os.environ["PIP_HANGS"], "w") as pids:
        pids.write(f"{os.getpid()} {builder.pid}")
    os.rename(os.environ["PIP_HANGS"], os.environ["PIP_HANGS"] + ".there")
    time.sleep(60)
if "--version" not in sys.argv and os.environ.get("PIP_FAILS"):
    print(chr(10).join(f"line {n}" for n in range(100)))
    print("ERROR: no route to the index")
    sys.exit(1)
"""


@dataclass(frozen=True)
class Checkout:
    """A copy of the starter beside a stand-in for the suite."""

    folder: Path

    @property
    def venv(self) -> Path:
        return self.folder / ".venv"

    def run(self, *arguments: str, python: str = BASE_PYTHON, **environment: str) -> subprocess.CompletedProcess[str]:
        """Call the starter with that Python."""
        return self.call([python, str(self.folder / "run_performance_tests.py"), *arguments], **environment)

    def call(self, command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=self.environment(environment),
        )

    def environment(self, more: dict[str, str]) -> dict[str, str]:
        base = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PIP_NOTES": str(self.folder / "pip")}
        return base | more

    def ended_by(self, number: int, *arguments: str, there: Path, **environment: str) -> tuple[int, str]:
        """Exit code and standard error of the starter, which gets a signal when the file `there` has been made."""
        command = [BASE_PYTHON, str(self.folder / "run_performance_tests.py"), *arguments]
        with subprocess.Popen(
            command, cwd=self.folder, stderr=subprocess.PIPE, text=True, env=self.environment(environment)
        ) as run:
            until(there.exists, 20, str(there))
            run.send_signal(number)
            _, said = run.communicate(timeout=60)
            return run.returncode, said

    def make_venv(self, folder: Path | None = None, *, dependencies: bool = True) -> str:
        """A virtual environment with stand-ins for pip and, if wanted, the dependencies; gives its Python."""
        folder = folder or self.venv
        subprocess.run([BASE_PYTHON, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
        packages = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(folder)}))
        (packages / "pip").mkdir()
        (packages / "pip" / "__main__.py").write_text(PIP, encoding="utf-8")
        for name in starter.PROBES if dependencies else ():
            (packages / f"{name}.py").write_text("", encoding="utf-8")
        return str(folder / "bin" / "python")

    def pip_calls(self) -> list[str]:
        """What pip was asked for, without the question whether it is there."""
        notes = self.folder / "pip"
        lines = notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
        return [line for line in lines if line != "--version"]


def _suite_of(folder: Path) -> Path:
    """The module that the starter calls."""
    package = folder / "perfsuite" / "cli"
    package.mkdir(parents=True, exist_ok=True)
    return package / "main.py"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A copy without any .venv."""
    (tmp_path / "perfsuite").mkdir()
    _suite_of(tmp_path).write_text(SUITE, encoding="utf-8")
    for name in ("run_performance_tests.py", "requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return Checkout(tmp_path)


def pyenv_versions(below: tuple[int, int]) -> list[str]:
    """Pythons from 3.8 on, but older than `below`, that pyenv has on this machine."""
    found = []
    for path in starter.pyenv_pythons():
        version = tuple(int(part) for part in Path(path).parents[1].name.split(".")[:2])
        if (3, 8) <= version < below:
            found.append(path)
    return found


def test_it_parses_on_python_3_8() -> None:
    ast.parse((ROOT / "run_performance_tests.py").read_text(encoding="utf-8"), feature_version=(3, 8))


def test_it_needs_only_the_standard_library_to_be_read(checkout: Checkout) -> None:
    done = checkout.call([BASE_PYTHON, "-I", "-S", "-c", f"import runpy; runpy.run_path({starter.__file__!r})"])
    assert (done.returncode, done.stderr) == (0, "")


def test_it_finds_venv_by_itself_and_hands_over_arguments_and_exit_code(checkout: Checkout) -> None:
    checkout.make_venv()
    done = checkout.run("--users", "7", "--demo")
    assert done.returncode == 4, done.stderr
    assert json.loads(done.stdout) == {"argv": ["--users", "7", "--demo"], "prefix": str(checkout.venv), "guard": None}
    assert done.stderr == ""


def test_an_active_environment_without_the_dependencies_gives_way_to_venv(checkout: Checkout) -> None:
    checkout.make_venv()
    other = checkout.make_venv(checkout.folder / "other", dependencies=False)
    assert json.loads(checkout.run(python=other).stdout)["prefix"] == str(checkout.venv)


def test_an_active_environment_with_the_dependencies_is_used(checkout: Checkout) -> None:
    checkout.make_venv()
    other = checkout.make_venv(checkout.folder / "other")
    assert json.loads(checkout.run(python=other).stdout)["prefix"] == str(checkout.folder / "other")


def test_missing_dependencies_are_one_line_with_the_fix(checkout: Checkout) -> None:
    python = checkout.make_venv(dependencies=False)
    done = checkout.run(python=python)
    script = checkout.folder / "run_performance_tests.py"
    assert done.returncode == 2
    assert done.stderr == (
        f"error: locust and msgspec and httptools are not installed. Run: python {script} --install-deps\n"
    )


def test_install_deps_installs_once_and_goes_on_without_the_option(checkout: Checkout) -> None:
    checkout.make_venv()
    first = checkout.run("--install-deps", "--demo")
    assert first.returncode == 4, first.stderr
    assert json.loads(first.stdout)["argv"] == ["--demo"]
    assert "installing the pinned dependencies of requirements.txt" in first.stderr
    assert len(first.stderr.splitlines()) == 2
    (call,) = checkout.pip_calls()
    assert call == f"install --quiet --disable-pip-version-check -r {checkout.folder / 'requirements.txt'}"
    second = checkout.run("--demo", "--install-deps")
    assert (second.returncode, second.stderr) == (4, "")
    assert len(checkout.pip_calls()) == 1


def test_changed_requirements_are_reported_and_installed_again(checkout: Checkout) -> None:
    checkout.make_venv()
    checkout.run("--install-deps")
    with (checkout.folder / "requirements.txt").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    done = checkout.run()
    assert done.stderr == (
        "note: requirements.txt has changed since it was installed; --install-deps brings it up to date\n"
    )
    assert done.returncode == 4
    checkout.run("--install-deps")
    assert len(checkout.pip_calls()) == 2
    assert checkout.run().stderr == ""


def test_install_deps_serves_the_active_environment(checkout: Checkout) -> None:
    other = checkout.make_venv(checkout.folder / "other")
    done = checkout.run("--install-deps", python=other)
    assert json.loads(done.stdout)["prefix"] == str(checkout.folder / "other")
    assert len(checkout.pip_calls()) == 1
    assert not checkout.venv.exists()


def test_a_failing_pip_is_reported_with_its_last_lines_and_tried_again(checkout: Checkout) -> None:
    checkout.make_venv()
    done = checkout.run("--install-deps", PIP_FAILS="1")
    assert done.returncode == 2
    assert "error: pip could not install the dependencies (network? proxy?):\nline 93\n" in done.stderr
    assert done.stderr.endswith("ERROR: no route to the index\n")
    assert "Traceback" not in done.stderr
    checkout.run("--install-deps")
    assert len(checkout.pip_calls()) == 2


def test_development_tools_count_as_the_dependencies_too(checkout: Checkout) -> None:
    checkout.make_venv()
    code = "import run_performance_tests as s, sys; sys.exit(s.prepare(s.VENV, 'requirements-dev.txt'))"
    done = checkout.call([BASE_PYTHON, "-c", code])
    assert done.returncode == 0, done.stderr
    assert checkout.run("--install-deps").stderr == ""
    assert len(checkout.pip_calls()) == 1


def test_a_venv_that_does_not_work_is_reported_and_does_not_loop(checkout: Checkout) -> None:
    checkout.make_venv()
    python = checkout.venv / "bin" / "python"
    python.unlink()
    python.write_text(f'#!/bin/sh\nexec {BASE_PYTHON} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    done = checkout.run()
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {python} does not work. Remove {checkout.venv} and run: python ")


@pytest.mark.parametrize("python", pyenv_versions(below=starter.NEEDED) or [None])
def test_an_old_python_goes_on_with_a_newer_one(checkout: Checkout, python: str | None) -> None:
    if python is None:
        pytest.skip("no Python from 3.8 to 3.10 is installed by pyenv on this machine")
    checkout.make_venv()
    done = checkout.run("--dry-run", python=python)
    assert done.returncode == 4, done.stderr
    assert json.loads(done.stdout)["argv"] == ["--dry-run"]


OLD = "import sys, runpy; sys.version_info = (3, 9, 1); {more}; runpy.run_path('{script}', run_name='__main__')"


def run_as_old(checkout: Checkout, more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The starter on a Python that takes itself for 3.9."""
    code = OLD.format(more=more, script=checkout.folder / "run_performance_tests.py")
    return checkout.call([BASE_PYTHON, "-c", code], **environment)


def test_an_old_python_without_a_newer_one_is_one_line(checkout: Checkout) -> None:
    done = run_as_old(checkout, "sys.executable = ''", PATH="/nowhere", PYENV_ROOT="/nowhere")
    assert done.returncode == 2
    assert done.stderr == (
        "error: Python 3.11 or newer is needed; this is 3.9 and no newer one was found. "
        "Install one (Debian: apt-get install python3 python3-venv)\n"
    )


def test_a_shim_without_a_python_behind_it_is_passed_over(checkout: Checkout) -> None:
    checkout.make_venv()
    shims = checkout.folder / "shims"
    shims.mkdir()
    for name in starter.NEWER:
        (shims / name).write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n", encoding="utf-8")
        (shims / name).chmod(0o755)
    versions = checkout.folder / "pyenv" / "versions" / f"3.{sys.version_info[1]}.0" / "bin"
    versions.mkdir(parents=True)
    (versions / "python").symlink_to(BASE_PYTHON)
    (checkout.venv / "bin" / "python").unlink()
    code = "import run_performance_tests as s, sys; sys.executable = ''; print(s.newer_python())"
    done = checkout.call(
        [BASE_PYTHON, "-c", code],
        PATH=str(shims),
        PYENV_ROOT=str(checkout.folder / "pyenv"),
    )
    assert done.stdout.strip() == str(versions / "python")


# ── ended from outside ──────────────────────────────────────────────────────────────────────────────

ENDINGS = [pytest.param(number, id=number.name) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]


@pytest.mark.parametrize("number", ENDINGS)
def test_an_installation_that_is_ended_leaves_no_program(checkout: Checkout, number: int) -> None:
    """pip has started a program of its own, as it does for what it has to build."""
    checkout.make_venv()
    pids = checkout.folder / "pids"
    there = pids.with_name("pids.there")
    code, said = checkout.ended_by(number, "--install-deps", there=there, PIP_HANGS=str(pids))
    assert (code, said.splitlines()[-1]) == (130, "Interrupted.")
    assert "Traceback" not in said
    left = [psutil.Process(int(pid)) for pid in there.read_text().split() if psutil.pid_exists(int(pid))]
    until(lambda: not alive(left), 5, f"the end of {left}")
    assert not (checkout.venv / "requirements.txt.sha256").exists()


# It is imported for a minute, and keeps whatever is raised meanwhile to itself.
SLOW = """
import pathlib, time
pathlib.Path("importing").touch()
end = time.monotonic() + 60
while time.monotonic() < end:
    try:
        time.sleep(60)
    except BaseException:
        pass
"""


@pytest.mark.parametrize("number", ENDINGS)
def test_a_signal_while_modules_are_imported_ends_it(checkout: Checkout, number: int) -> None:
    checkout.make_venv()
    _suite_of(checkout.folder).write_text(SLOW, encoding="utf-8")
    ended = checkout.ended_by(number, there=checkout.folder / "importing")
    assert ended == (130, "Interrupted.\n")


def test_a_run_that_is_to_outlive_its_terminal_does(checkout: Checkout) -> None:
    """As `nohup` starts it."""
    checkout.make_venv()
    done = checkout.call(["nohup", BASE_PYTHON, str(checkout.folder / "run_performance_tests.py"), "--signals"])
    assert json.loads(done.stdout)["ignored"] == ["SIGHUP"]


def test_the_suite_hears_all_signals(checkout: Checkout) -> None:
    """They are blocked on the way to the Python of .venv, so that none comes when nobody would heed it."""
    checkout.make_venv()
    assert json.loads(checkout.run("--signals").stdout) == {"blocked": [], "ignored": []}


# ── where the output goes, and errors that nobody expected ──────────────────────────────────────────


@pytest.mark.parametrize("where", [">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a file that takes nothing: Linux has one")
def test_closed_and_full_streams_change_no_exit_code(checkout: Checkout, where: str) -> None:
    checkout.make_venv()
    starter_ = checkout.folder / "run_performance_tests.py"
    for arguments, code in (("--install-deps --demo", 4), ("--streams", 0)):
        done = checkout.call(["/bin/sh", "-c", f"{BASE_PYTHON} {starter_} {arguments} {where}"])
        assert (done.returncode, "Traceback" in done.stderr) == (code, False)


def test_an_error_while_it_starts_is_one_line_and_a_file(checkout: Checkout) -> None:
    checkout.make_venv()
    _suite_of(checkout.folder).write_text("import nowhere_at_all\n", encoding="utf-8")
    done = checkout.run()
    assert done.returncode == 4
    assert done.stderr == (
        "error: the suite could not be started: main.py:1 <module>: ModuleNotFoundError: No module named"
        " 'nowhere_at_all'; the traceback is in results/suite-errors.log\n"
    )
    log = (checkout.folder / "results" / "suite-errors.log").read_text(encoding="utf-8")
    assert log.startswith("Traceback")


def test_where_no_file_takes_the_traceback_the_line_says_so(checkout: Checkout) -> None:
    checkout.make_venv()
    (checkout.folder / "results").write_text("", encoding="utf-8")
    _suite_of(checkout.folder).write_text("import nowhere_at_all\n", encoding="utf-8")
    done = checkout.run()
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert "results/suite-errors.log cannot be written" in done.stderr
