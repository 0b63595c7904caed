"""deploy/Dockerfile does what it says: its steps, and the image that comes of them, on a read-only root."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from perfsuite import __version__
from perfsuite.plan.workers import TOKEN_VARIABLE
from tests.deploy.dockerfile import context_files, stages_of
from tests.deploy.image import DOCKERFILE, ROOT, Command, Done
from tests.deploy.manifests import KUBERNETES, MASTER, WORKERS, container
from tests.deploy.test_compose import SERVICES

pytestmark = pytest.mark.integration

OTHER_USER = 20_002
ELSEWHERE = "/ /tmp /var/tmp /etc /usr /dev /home /run /opt/agentmitra /opt/agentmitra/.venv"
TRY_TO_WRITE = 'for folder; do touch "$folder/new" 2>/dev/null && echo "$folder"; done; touch /data/new && echo /data'
SETTINGS = "import os; print(os.getuid(), os.getpid(), os.getcwd())"
CACHE = "from perfsuite.run.calibration import cache_file; print(cache_file())"
PYTHON = "/opt/agentmitra/.venv/bin/python"
COPY_FILES = """
cp /accounts/credentials.csv .
printf %s "$1" >scenarios.toml
printf %s "$2" >targets.toml
"""
DEMO = ["--demo", "--users", "7", "--spawn-rate", "7", "--duration", "3s"]
TOKEN = "made-for-this-test"
SHORT = {"AGENTMITRA_USERS": "14", "AGENTMITRA_SPAWN_RATE": "14", "AGENTMITRA_DURATION": "4s"}
TARGET_HOST = "backend.staging.svc.cluster.local"


def service(name: str, volumes: dict[str, str], *, waits: bool = True, **environment: str) -> Command:
    """A service of deploy/compose.yaml, with these values instead of those from outside, and without the databases."""
    found = SERVICES[name]
    own = {name: value for name, value in found["environment"].items() if not {"$", ":"} & set(value)}
    return Command(
        found["command"],
        entrypoint=found.get("entrypoint"),
        environment=own | environment,
        volumes=volumes,
        waits=waits,
        healthy=found.get("healthcheck", {}).get("test", [""])[1:] or None,
    )


def pod(job: str, *, waits: bool = True, **environment: str) -> Command:
    """A pod of deploy/kubernetes."""
    return Command(
        container(job)["args"],
        environment={TOKEN_VARIABLE: TOKEN, **environment},
        volumes={"/etc/agentmitra": "files:ro"},
        waits=waits,
    )


def files_of_pods() -> Command:
    """Puts accounts and files of deploy/kubernetes on the volume that pods have; the target is that of the service."""
    scenarios = (KUBERNETES / "scenarios.toml").read_text(encoding="utf-8").replace(TARGET_HOST, "test-backend")
    return Command(
        [scenarios, (KUBERNETES / "targets.toml").read_text(encoding="utf-8")],
        entrypoint=["sh", "-ec", COPY_FILES, "sh"],
        volumes={"/data": "files", "/accounts": "accounts:ro"},
    )


COMMANDS = {
    "demo": Command(DEMO, user=OTHER_USER, waits=False),
    "version": Command(["--version"]),
    "default": Command(),
    "settings": Command(["-c", SETTINGS], entrypoint=[PYTHON]),
    "cache": Command(["-c", CACHE], entrypoint=[PYTHON], environment={"PYTHONPATH": "/opt/agentmitra"}),
    "writes": Command(ELSEWHERE.split(), entrypoint=["sh", "-c", TRY_TO_WRITE, "sh"], user=OTHER_USER),
    "without accounts": Command(["--host", "http://localhost:1"]),
    "locust": Command(["-m", "locust", "-f", "/opt/agentmitra/locustfile.py", "--list"], entrypoint=[PYTHON]),
    "backend": service(
        "test-backend", {"/data": "accounts"}, MITRA_DATABASE_URL="/data/mitra.db", MITRA_SECRET_KEY=TOKEN * 2
    ),
    "files": files_of_pods(),
    "service": service("worker", {"/etc/agentmitra": "accounts:ro"}, waits=False, AGENTMITRA_WORKER_TOKEN=TOKEN),
    "pod": pod(WORKERS, waits=False, JOB_COMPLETION_INDEX="1"),
    "master": pod(MASTER, **SHORT),
}


def _can_make_roots() -> bool:
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv", "mount"))):
        return False
    return subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "true"]).returncode == 0


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Done]]:
    """What came of the commands. Skipped where the kernel allows no namespaces, as in most containers."""
    if not _can_make_roots():
        pytest.skip("mount namespaces need root on Linux, outside of a container")
    folder = tmp_path_factory.mktemp("image")
    commands = json.dumps([asdict(command) for command in COMMANDS.values()])
    inside = [
        *("unshare", "--mount", "--net", "--propagation", "private"),
        sys.executable,
        "-m",
        "tests.deploy.image",
        str(folder),
    ]
    made = subprocess.run(inside, input=commands, cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    yield {name: Done(**each) for name, each in zip(COMMANDS, json.loads(made.stdout), strict=True)}
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [], "the roots are gone with their namespace"


def test_the_entry_point_is_the_suite(done: dict[str, Done]) -> None:
    assert (done["version"].code, done["version"].out) == (0, f"agentmitra-performance {__version__}\n")
    assert done["default"].code == 0
    assert done["default"].out.startswith("usage: run_performance_tests.py")


def test_it_runs_as_its_own_user_and_as_process_1(done: dict[str, Done]) -> None:
    assert done["settings"].out.split() == ["10001", "1", "/data"]


def test_only_the_volume_can_be_written(done: dict[str, Done]) -> None:
    assert done["writes"].out.split() == ["/data"]


def test_a_run_needs_no_more_than_the_volume(done: dict[str, Done]) -> None:
    run = done["demo"]
    assert run.code in (0, 4), run.out + run.err  # a few seconds may be too short for a verdict
    names = {Path(path).name for path in run.files}
    assert {"report.html", "summary.json", "measurements.jsonl.gz", "history.db", "index.html"} <= names
    assert "suite-errors.log" not in names
    assert {Path(path).parts[0] for path in run.files} == {"results"}, "no temporary file is left"


def test_what_is_measured_about_the_machine_is_kept_on_the_volume(done: dict[str, Done]) -> None:
    assert done["cache"].out == "/data/cache/calibration.json\n"


def test_the_backend_of_the_compose_file_becomes_healthy_and_gives_its_accounts(done: dict[str, Done]) -> None:
    backend = done["backend"]
    assert backend.code == 0, backend.err
    assert "credentials.csv" in backend.files


def test_a_pod_and_a_service_work_for_a_master_in_a_pod(done: dict[str, Done]) -> None:
    master = done["master"]
    assert master.code in (0, 4), master.out + master.err
    assert master.summary is not None
    assert (master.summary["scenario"], master.summary["host"]) == ("cluster", "http://test-backend:8015")
    ledger = master.summary["ledger"]
    assert (len(ledger["workers"]), ledger["balanced"]) == (2, True)
    assert master.summary["users"]["peak"] == int(SHORT["AGENTMITRA_USERS"])
    assert ledger["requests"] == master.summary["whole_run"]["requests"] > 0
    for name in ("service", "pod"):
        assert (done[name].code, done[name].files) == (0, []), done[name].err
        assert done[name].ended_s - master.ended_s < 15, "the master's last word arrived"


def test_the_image_has_no_accounts(done: dict[str, Done]) -> None:
    assert done["without accounts"].code == 2
    assert "--credentials" in done["without accounts"].err


def test_plain_locust_is_there(done: dict[str, Done]) -> None:
    assert done["locust"].code == 0, done["locust"].err
    assert "Policyholder" in done["locust"].out + done["locust"].err


def test_the_build_context_is_what_the_image_needs() -> None:
    files = context_files(ROOT, (ROOT / ".dockerignore").read_text(encoding="utf-8"))
    tops = {path.parts[0] for path in files}
    assert tops == {
        *("LICENSE", "backend", "locustfile.py", "perfsuite", "requirements.txt"),
        *("run_performance_tests.py", "scenarios.toml", "targets.toml"),
    }
    assert [path for path in files if "__pycache__" in path.parts or path.name == "credentials.csv"] == []


def test_every_stage_has_the_same_python() -> None:
    build, image = stages_of(DOCKERFILE.read_text(encoding="utf-8"))
    assert build.base == image.base == "python:3.11-slim-bookworm"


def test_the_dockerfile_follows_the_rules_of_hadolint() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    checked = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
