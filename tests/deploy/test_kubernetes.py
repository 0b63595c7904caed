"""deploy/kubernetes is valid, its parts fit each other and the suite, and nothing in it is a secret."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from perfsuite.cli.parser import parse
from perfsuite.plan.files import read_scenarios
from perfsuite.plan.workers import TOKEN_VARIABLE
from perfsuite.target.hosts import HostRules, checked_url
from tests.deploy.manifests import (
    KUBERNETES,
    MASTER,
    READER,
    WORKERS,
    Manifest,
    container,
    documents,
    kustomization,
    of_kind,
    pods,
    resources,
    variables,
)

ROOT = KUBERNETES.parents[1]
OLDEST = "1.29"
"""The first version in which a job has a limit of failures for each index unless the administrator takes it away."""
VERSIONS = [OLDEST, "1.31", "1.33", "1.35", kubernetes_validate.latest_version()]
PORT = 5557


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(version: str) -> None:
    for manifest in resources():
        kubernetes_validate.validate(manifest, version, strict=True)


def test_kustomize_builds_it(tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    base = shutil.copytree(KUBERNETES, tmp_path / "kubernetes")
    (base / "secret.env").write_text(f"{TOKEN_VARIABLE}=made-for-this-test\n", encoding="utf-8")
    shutil.copy(ROOT / "credentials.csv", base)
    built = subprocess.run([kubectl, "kustomize", base], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    made = list(yaml.safe_load_all(built.stdout))
    reader = documents(READER)
    assert sorted(each["kind"] for each in made) == sorted(each["kind"] for each in resources() if each not in reader)
    for manifest in made:
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
        assert manifest["metadata"]["labels"]["app.kubernetes.io/part-of"] == "agentmitra-performance"
    images = {each["spec"]["template"]["spec"]["containers"][0]["image"] for each in made if each["kind"] == "Job"}
    assert images == {of_reader()["image"]}


def of_reader() -> Manifest:
    (found,) = documents(READER)[0]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


# ── security ────────────────────────────────────────────────────────────────────────────────────────


def test_no_pod_has_more_rights_than_it_needs() -> None:
    assert len(pods()) == 3
    for pod in pods():
        assert pod["automountServiceAccountToken"] is False
        security = pod["securityContext"]
        assert (security["runAsNonRoot"], security["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
        assert min(security["runAsUser"], security["runAsGroup"], security["fsGroup"]) >= 10_000
        (only,) = pod["containers"]
        assert only["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert of_kind("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_every_container_asks_for_resources_and_has_limits() -> None:
    for pod in pods():
        (only,) = pod["containers"]
        for kind in ("requests", "limits"):
            assert set(only["resources"][kind]) == {"cpu", "memory"}


def test_each_container_writes_to_its_data_volume_only() -> None:
    for job in (MASTER, WORKERS):
        writable = [each["mountPath"] for each in container(job)["volumeMounts"] if not each.get("readOnly")]
        assert writable == ["/data"]


def test_results_survive_the_pods() -> None:
    claim = of_kind("PersistentVolumeClaim")["metadata"]["name"]
    for pod in (of_kind("Job", MASTER)["spec"]["template"]["spec"], documents(READER)[0]["spec"]):
        (data,) = (each for each in pod["volumes"] if each["name"] == "data")
        assert data["persistentVolumeClaim"]["claimName"] == claim
    assert "--results=/data/results" in container(MASTER)["args"]


def test_the_repository_has_no_secret_of_it() -> None:
    assert set(variables()) == {TOKEN_VARIABLE, "AGENTMITRA_TEST_PASSWORD"}
    assert set(variables().values()) == {""}
    (generator,) = kustomization()["secretGenerator"]
    ignored = subprocess.run(
        ["git", "check-ignore", *generator["envs"], *generator["files"]], cwd=KUBERNETES, capture_output=True, text=True
    )
    if (ROOT / ".git").exists():
        assert ignored.stdout.split() == [*generator["envs"], *generator["files"]]


def test_secrets_reach_the_pods_by_reference() -> None:
    secret = of_kind("Secret")
    for job in (MASTER, WORKERS):
        for variable in container(job)["env"]:
            reference = variable["valueFrom"]["secretKeyRef"]
            assert (reference["name"], reference["key"]) == (secret["metadata"]["name"], variable["name"])
        assert {variable["name"] for variable in container(job)["env"]} == set(variables())


def test_only_workers_reach_the_master_and_nothing_reaches_a_worker() -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in resources() if each["kind"] == "NetworkPolicy"}
    of_all = policies.pop("agentmitra-performance")
    assert (of_all["policyTypes"], "ingress" in of_all) == (["Ingress", "Egress"], False)
    ((rule,),) = (spec["ingress"] for spec in policies.values() if "ingress" in spec)
    assert rule["from"] == [{"podSelector": {"matchLabels": labels_of(WORKERS)}}]
    assert rule["ports"] == [{"port": PORT, "protocol": "TCP"}]
    ((rule,),) = (spec["egress"] for spec in policies.values() if "egress" in spec)
    assert rule["to"] == [{"podSelector": {"matchLabels": labels_of(MASTER)}}]
    assert rule["ports"] == [{"port": PORT, "protocol": "TCP"}]


def labels_of(job: str) -> dict[str, str]:
    found: dict[str, str] = of_kind("Job", job)["spec"]["template"]["metadata"]["labels"]
    return found


# ── master, workers and suite fit each other ────────────────────────────────────────────────────────


def test_the_masters_command_is_one_of_the_suite() -> None:
    options = parse(_with_files_here(container(MASTER)["args"]), {}).options
    assert options.plan.workers.endpoint.port == PORT
    assert not options.plan.workers.endpoint.is_local
    assert options.plan.host == "http://backend.staging.svc.cluster.local:8015"
    assert options.plan.scenarios == ("cluster",)


def test_the_workers_command_is_one_of_the_suite() -> None:
    call = parse(_with_files_here(container(WORKERS)["args"]), {})
    assert (call.command.name, str(call.options.master)) == ("worker", f"{MASTER}:{PORT}")
    assert call.options.plan.local_processes == 1, "as the master counts pods"


def _with_files_here(arguments: list[str]) -> list[str]:
    return [argument.replace("=/etc/agentmitra/", f"={KUBERNETES}{os.sep}") for argument in arguments]


def test_the_jobs_have_as_many_workers_as_the_master_expects() -> None:
    expected = parse(_with_files_here(container(MASTER)["args"]), {}).options.plan.workers.expected
    spec = of_kind("Job", WORKERS)["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", expected, expected)


def test_a_run_is_never_repeated_by_itself() -> None:
    spec = of_kind("Job", MASTER)["spec"]
    assert (spec["backoffLimit"], spec["template"]["spec"]["restartPolicy"]) == (0, "Never")


def test_workers_find_the_master_by_its_service() -> None:
    service = of_kind("Service")
    assert service["metadata"]["name"] == MASTER
    assert service["spec"]["selector"] == labels_of(MASTER)
    (port,) = service["spec"]["ports"]
    (named,) = container(MASTER)["ports"]
    assert (port["port"], port["targetPort"], named["containerPort"]) == (PORT, named["name"], PORT)


def test_master_and_workers_have_the_same_files() -> None:
    master, workers = (of_kind("Job", job)["spec"]["template"]["spec"]["volumes"][1] for job in (MASTER, WORKERS))
    assert master == workers
    config, secret = (source for source in master["projected"]["sources"])
    assert config["configMap"]["name"] == of_kind("ConfigMap")["metadata"]["name"]
    assert secret["secret"]["name"] == of_kind("Secret")["metadata"]["name"]


def test_the_target_is_allowed_and_reachable_by_the_network_policy() -> None:
    scenarios = read_scenarios(KUBERNETES / "scenarios.toml")
    host = "http://backend.staging.svc.cluster.local:8015"
    assert checked_url(host, HostRules(configured=scenarios.allowed_hosts)) == host
    to_target = of_kind("NetworkPolicy", "agentmitra-performance")["spec"]["egress"][1]
    namespace = to_target["to"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    assert f".{namespace}." in host
    assert host.endswith(f":{to_target['ports'][0]['port']}")


def test_the_targets_are_those_of_the_suite() -> None:
    own, of_suite = (folder / "targets.toml" for folder in (KUBERNETES, ROOT))
    assert own.read_text(encoding="utf-8") == of_suite.read_text(encoding="utf-8")
