"""What deploy/kubernetes makes: the resources of its kustomization, and the ConfigMap and Secret that it generates."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
READER = KUBERNETES / "results-reader.yaml"
Manifest = dict[str, Any]


def documents(path: Path) -> list[Manifest]:
    """The documents of a YAML file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def kustomization() -> Manifest:
    """The kustomization itself."""
    (found,) = documents(KUBERNETES / "kustomization.yaml")
    return found


def resources() -> list[Manifest]:
    """All manifests: of the base, generated ones, and the pod that reads results."""
    listed = [KUBERNETES / name for name in kustomization()["resources"]]
    return [*(each for path in [*listed, READER] for each in documents(path)), *_generated()]


def _generated() -> Iterator[Manifest]:
    (files,) = kustomization()["configMapGenerator"]
    texts = {name: (KUBERNETES / name).read_text(encoding="utf-8") for name in files["files"]}
    yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": files["name"]}, "data": texts}
    (secrets,) = kustomization()["secretGenerator"]
    values = dict.fromkeys(variables(), "") | dict.fromkeys(secrets["files"], "")
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}
    yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secrets["name"]}, "data": encoded}


def variables(file: Path = KUBERNETES / "secret.env.example") -> dict[str, str]:
    """The variables of the Secret, with their values; by default those of its template."""
    lines = file.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def of_kind(kind: str, name: str = "") -> Manifest:
    """The only manifest of that kind, or that of a name."""
    (found,) = [each for each in resources() if each["kind"] == kind and name in ("", each["metadata"]["name"])]
    return found


def pods() -> list[Manifest]:
    """The spec of every pod."""
    return [
        each["spec"]["template"]["spec"] if each["kind"] == "Job" else each["spec"]
        for each in resources()
        if each["kind"] in ("Job", "Pod")
    ]


MASTER, WORKERS = "agentmitra-master", "agentmitra-workers"


def container(job: str) -> Manifest:
    """The container of a job."""
    (found,) = of_kind("Job", job)["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found
