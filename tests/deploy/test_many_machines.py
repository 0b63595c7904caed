"""The commands of docs/many-machines.md fit the files of deploy/ and the suite."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from perfsuite.cli.parser import parse
from tests.deploy.manifests import KUBERNETES, MASTER, READER, documents, of_kind, variables
from tests.deploy.test_compose import COMPOSE, SERVICES

ROOT = KUBERNETES.parents[1]
PAGE = ROOT / "docs" / "many-machines.md"
TEXT = PAGE.read_text(encoding="utf-8")


def scripts() -> list[str]:
    """The shell blocks of the page."""
    found = re.findall(r"(?ms)^( *)```sh\n(.*?)^ *```$", TEXT)
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) for indent, text in found]


def calls_of(program: str) -> Iterator[list[str]]:
    """The words behind a program's name, of every call."""
    for script in scripts():
        for line in script.replace("\\\n", " ").splitlines():
            words = shlex.split(line)
            if words[:1] == [program]:
                yield words[1 : words.index("|")] if "|" in words else words[1:]


def test_compose_is_called_with_its_file_and_services() -> None:
    calls = [words[1:] for words in calls_of("docker") if words[0] == "compose"]
    assert len(calls) == 4
    for words in calls:
        assert words[:2] == ["--file", str(COMPOSE.relative_to(ROOT))]
        command, *rest = words[2:]
        services = [word for word in rest if word in SERVICES]
        assert (command, services) in [("up", ["worker"]), ("run", ["master"]), ("down", [])]


def test_the_file_itself_says_the_same() -> None:
    at_its_top = re.findall(r"(?m)^#   (.*)$", COMPOSE.read_text(encoding="utf-8"))
    assert at_its_top == [line for line in TEXT.splitlines() if line in at_its_top]


def test_kubectl_is_called_with_files_and_names_that_there_are() -> None:
    calls = list(calls_of("kubectl"))
    assert len(calls) == 8
    for words in calls:
        options = dict(pairwise(words))
        assert options.get("--namespace") in (None, of_kind("Namespace")["metadata"]["name"])
        for option in ("--filename", "--kustomize"):
            assert option not in options or (ROOT / options[option]).exists()
    text = "\n".join(" ".join(words) for words in calls)
    assert f"job/{MASTER}" in text
    (reader,) = documents(READER)
    assert f"pod/{reader['metadata']['name']}" in text
    assert f"exec {reader['metadata']['name']} " in text
    ((label, value),) = of_kind("Job", MASTER)["spec"]["template"]["metadata"]["labels"].items()
    assert f"--selector {label}={value}" in text


def test_the_containers_commands_are_those_of_the_suite() -> None:
    master, worker = list(calls_of("${container[@]}"))
    assert parse(master, {}).options.plan.workers.expected == 4
    assert parse(worker, {}).options.plan.local_processes == 2
    (demo,) = (words for words in calls_of("docker") if words[0] == "run")
    assert parse(demo[demo.index("agentmitra-performance") + 1 :], {}).options.plan.demo == "embedded"


def test_secrets_are_made_as_the_page_says(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    shutil.copytree(KUBERNETES, tmp_path / "deploy" / "kubernetes")
    (tmp_path / "staging.csv").write_text("phone_number,password,role\n", encoding="utf-8")
    (script,) = (script for script in scripts() if "secret.env.example" in script)
    subprocess.run(["bash", "-euc", script], cwd=tmp_path, check=True)
    made = tmp_path / "deploy" / "kubernetes" / "secret.env"
    assert made.stat().st_mode & 0o077 == 0
    assert len(variables(made)["AGENTMITRA_WORKER_TOKEN"]) == 64
    assert (made.parent / "credentials.csv").exists()


def seconds(module: str, name: str) -> float:
    """A constant of the load; read, since importing these modules patches this process."""
    (found,) = re.findall(
        rf"(?m)^{name} = ([\d.]+)$", (ROOT / "perfsuite" / "load" / module).read_text(encoding="utf-8")
    )
    return float(found)


def test_times_are_those_of_the_code() -> None:
    silent_s = seconds("master.py", "SILENT_S")
    assert f"| {seconds('lease.py', 'LEASE_S'):g} s after the last answer |" in TEXT
    assert f"after {silent_s:g} s of silence" in TEXT
    assert f"after {seconds('worker_runner.py', 'MASTER_GONE_S'):g} s, with exit code 1" in TEXT
    assert silent_s + seconds("coordinator.py", "REPLACE_WITHIN_S") < 10
    assert "| within 10 s. " in TEXT


def test_exit_codes_are_those_of_the_command() -> None:
    codes = re.findall(r"(?m)^\| (\d+) \| ", TEXT)
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8").split("\n## worker\n")[1].split("\n## ")[0]
    assert codes == re.findall(r"(?m)^\| (\d+) \| ", page)
