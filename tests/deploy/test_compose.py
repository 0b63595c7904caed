"""deploy/compose.yaml is valid, fits the suite, and has no secret in it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from mitra_backend.__main__ import make_parser as backend_parser

from perfsuite.cli.parser import parse
from perfsuite.plan.workers import TOKEN_VARIABLE
from perfsuite.target.hosts import HostRules, checked_url
from tests.deploy.programs import DEPLOY

COMPOSE = DEPLOY / "compose.yaml"
FILE: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OF_IMAGE = [name for name, service in SERVICES.items() if service["image"] == "agentmitra-performance"]
WORKERS = 2
SECRET = re.compile("TOKEN|PASSWORD|SECRET|KEY")


def test_it_is_valid() -> None:
    check = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", COMPOSE]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_backend_database_cache_master_and_two_workers() -> None:
    assert set(SERVICES) == {"postgres", "redis", "test-backend", "master", "worker"}
    assert SERVICES["worker"]["deploy"]["replicas"] == WORKERS


def test_every_secret_comes_from_the_environment() -> None:
    found = [
        (name, value)
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if SECRET.search(name)
    ]
    assert len(found) == 8
    assert [(name, value) for name, value in found if not re.fullmatch(r"\$\{\w+:[?-][^}]*\}", value)] == []
    assert re.findall(r"://\w+:[^@\s]+@", COMPOSE.read_text(encoding="utf-8")) == []


def test_what_is_required_is_exported_by_the_commands_at_its_top() -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    required = set(re.findall(r"\$\{(\w+):\?", text))
    assert required == {TOKEN_VARIABLE, "POSTGRES_PASSWORD", "MITRA_SECRET_KEY"}
    assert required == {
        name for line in re.findall(r"(?m)^#   export (.*)$", text) for name in re.findall(r"(\w+)=", line)
    }


@pytest.mark.parametrize("name", OF_IMAGE)
def test_the_suites_containers_have_no_rights_and_one_writable_place(name: str) -> None:
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    volumes = [each for each in service["volumes"] if not (isinstance(each, dict) and each["read_only"])]
    writable = [str(each).split(":")[1] for each in volumes] + [each.split(":")[0] for each in service.get("tmpfs", [])]
    assert writable == ["/data"]


def test_no_port_is_published() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == []


def test_what_the_run_needs_is_healthy_before_it_begins() -> None:
    for name in ("master", "worker"):
        assert SERVICES[name]["depends_on"] == {"test-backend": {"condition": "service_healthy"}}
    assert set(SERVICES["test-backend"]["depends_on"]) == {"postgres", "redis"}
    assert [name for name, service in SERVICES.items() if "test" in service.get("healthcheck", {})] == [
        *("postgres", "redis", "test-backend")
    ]


def test_the_masters_command_is_one_of_the_suite() -> None:
    plan = parse(SERVICES["master"]["command"], {"AGENTMITRA_SCENARIO": "basic"}).options.plan
    assert (plan.workers.expected, plan.workers.endpoint.port) == (WORKERS, 5557)
    assert checked_url(plan.host, HostRules(extra=plan.allow_hosts)) == "http://test-backend:8015"


def test_the_workers_command_is_one_of_the_suite() -> None:
    call = parse(SERVICES["worker"]["command"], {})
    assert (call.command.name, str(call.options.master)) == ("worker", "master:5557")
    assert call.options.plan.local_processes == 1


def test_the_backends_command_is_one_of_the_backend() -> None:
    options = backend_parser().parse_args(SERVICES["test-backend"]["command"])
    assert (options.host, options.port) == ("0.0.0.0", 8015)  # noqa: S104
    assert str(options.credentials_out) == "/data/credentials.csv"
    assert SERVICES["test-backend"]["volumes"] == ["accounts:/data"]
