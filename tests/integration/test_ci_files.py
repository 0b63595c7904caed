"""The workflows of `deploy/ci`: their steps are run, as far as that can be done without those services."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from perfsuite.cli.parser import parse
from tests.integration.attempts import disturbed, repeated
from tests.integration.programs import ROOT

CI = ROOT / "deploy" / "ci"
GITHUB, GITLAB = CI / "github-actions.yml", CI / "gitlab-ci.yml"
SMALL_LOAD = "--users 20 --spawn-rate 20 --duration 9s"
_OPTION = re.compile(r"\$\{\{\s*env\.(\w+)\s*\}\}")


def _read(path: Path) -> dict[Any, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def _checkout(folder: Path) -> Path:
    """The files of the repository, as a runner has them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, place = ROOT / name, folder / name
        if source.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(source.read_bytes())
    return folder


def _run(script: Iterable[str], folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """One shell for all lines, as both services have it: the first that fails ends it."""
    environment = {**os.environ, **variables}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment["VIRTUAL_ENV"] = sys.prefix
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(script)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def _github_steps(job: str, variables: Mapping[str, str]) -> list[tuple[str, str]]:
    """Working directory and script of the job's own steps."""

    def filled(text: str) -> str:
        return _OPTION.sub(lambda found: variables[found.group(1)], text)

    steps = _read(GITHUB)["jobs"][job]["steps"]
    return [(filled(step["working-directory"]), step["run"]) for step in steps if "run" in step]


Done = subprocess.CompletedProcess[str]
SUB_FOLDER = "performance-tests"


@dataclass(frozen=True)
class Smoke:
    """A job that has ended, in a folder of its own."""

    folder: Path
    steps: tuple[Done, ...]


def _github_smoke(folder: Path) -> Smoke:
    """The steps of the job, in a sub-folder of a repository: set-up, load, and what shows its targets."""
    _checkout(folder / SUB_FOLDER)
    variables = {**_read(GITHUB)["env"], "PERFORMANCE_FOLDER": SUB_FOLDER, "SMOKE_LOAD": SMALL_LOAD}
    variables["GITHUB_STEP_SUMMARY"] = str(folder / "step_summary.md")
    set_up, load, show = _github_steps("smoke", variables)
    prepared = _run([set_up[1]], folder / set_up[0], variables)
    done = _run([load[1]], folder / load[0], variables)
    return Smoke(folder, (prepared, done, _run([show[1]], folder / show[0], variables)))


def _gitlab_smoke(folder: Path) -> Smoke:
    """The scripts of the job against a backend that answers with errors: the job's, and the one after it."""
    _checkout(folder)
    file = _read(GITLAB)
    variables = {**file["variables"], "SMOKE_LOAD": f"{SMALL_LOAD} --fault error=503:30%@users.me"}
    shared, job = file[".performance"], file["performance-smoke"]
    done = _run([*shared["before_script"], *job["script"]], folder, variables)
    return Smoke(folder, (done, _run(shared["after_script"], folder, variables)))


def _disturbed(folder: Path) -> bool:
    """Was the run of a job? The files of the repository hold other runs."""
    return any(map(disturbed, folder.rglob("results")))


@dataclass(frozen=True)
class Jobs:
    """Both jobs, run at the same time, each in a folder of its own."""

    github: Future[Smoke]
    gitlab: Future[Smoke]


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    folder = tmp_path_factory.mktemp("ci")
    (folder / "github").mkdir()
    (folder / "gitlab").mkdir()
    with ThreadPoolExecutor(2) as pool:
        yield Jobs(
            pool.submit(repeated, _github_smoke, folder / "github", unfit=_disturbed),
            pool.submit(repeated, _gitlab_smoke, folder / "gitlab", unfit=_disturbed),
        )


@pytest.mark.integration
def test_the_smoke_job_of_github_in_a_sub_folder(jobs: Jobs) -> None:
    job = jobs.github.result()
    prepared, done, shown = job.steps

    assert prepared.returncode == 0, prepared.stderr
    assert prepared.stdout.startswith("Plan of scenario")
    assert done.returncode == 0, done.stdout + done.stderr
    # What the last step keeps is there, and the page of the run shows the summary.
    kept = _OPTION.sub(SUB_FOLDER, _upload_path("smoke"))
    runs = sorted(path.name for path in (job.folder / kept).glob("*/*"))
    assert {"report.html", "junit.xml", "summary.md", "stats.csv"} <= set(runs)
    # So short a run may be too short for the 95th percentile on a busy machine.
    assert shown.returncode == 0
    assert "::notice title=basic%3A throughput::if answers take " in shown.stdout, shown.stdout
    assert "::notice title=basic%3A concurrent users::ran 20 users, " in shown.stdout, shown.stdout
    assert "::notice title=basic::passed: correctness, " in shown.stdout, shown.stdout
    assert ", average response time, " in shown.stdout, shown.stdout
    assert "PASS" in (job.folder / "step_summary.md").read_text(encoding="utf-8")


def _upload_path(job: str) -> str:
    (path,) = [step["with"]["path"] for step in _read(GITHUB)["jobs"][job]["steps"] if "upload" in step.get("uses", "")]
    return str(path)


@pytest.mark.integration
def test_the_smoke_job_of_gitlab_gates(jobs: Jobs) -> None:
    job = jobs.gitlab.result()
    done, after = job.steps

    # The job fails with the code of a failed run, and shows why.
    assert done.returncode == 1, done.stdout + done.stderr
    assert (after.returncode, "FAIL" in after.stdout) == (0, True)
    pattern = _read(GITLAB)[".performance"]["artifacts"]["reports"]["junit"].replace("$PERFORMANCE_FOLDER", ".")
    assert len(list(job.folder.glob(pattern))) == 1


@pytest.mark.parametrize("job", ["smoke", "staging"])
def test_the_jobs_of_github_keep_results_whatever_happens_and_gate(job: str) -> None:
    steps = _read(GITHUB)["jobs"][job]["steps"]

    assert [step["if"] for step in steps if "upload" in step.get("uses", "")] == ["always()"]
    assert not any("continue-on-error" in step for step in steps)


def test_the_staging_jobs_use_commands_that_there_are() -> None:
    """They cannot be run here: hosts other than this machine are never loaded. Their plan can be printed."""
    github = [
        line for _folder, script in _github_steps("staging", _read(GITHUB)["env"]) for line in script.splitlines()
    ]
    gitlab = [str(line) for line in _read(GITLAB)["performance-staging"]["script"]]
    values = {"TARGET": "http://127.0.0.1:9", "PERFORMANCE_HOST": "http://127.0.0.1:9", "against": "", "AGAINST": ""}
    values |= {"STAGING_LOAD": str(_read(GITHUB)["env"]["STAGING_LOAD"])}

    with_baseline = [line for line in (*github, *gitlab) if line.startswith("if [ -f")]
    for line in with_baseline:
        (options,) = re.findall(r'="(--[^"]+)"', line)
        assert parse(options.split(), {}).options.plan.baseline == "$BASELINE"
    assert len(with_baseline) == 2
    suite = [line for line in (*github, *gitlab) if line.startswith("python run_performance_tests.py ")]
    assert len(suite) == 5
    for line in suite:
        words = shlex.split(re.sub(r"\$(\w+)", lambda found: values[found.group(1)], line))
        command = words[2:] if "preflight" in words else [*words[2:], "--dry-run"]
        done = subprocess.run(
            [sys.executable, words[1], *command], cwd=ROOT, capture_output=True, text=True, check=False
        )
        # Nobody answers at that port: preflight says so, everything else prints its plan.
        assert done.returncode == (3 if "preflight" in words else 0), done.stderr
