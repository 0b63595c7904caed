"""The dashboard as a Grafana would ask it: its panels, their queries, with the variables filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.deploy.programs import DEPLOY

FILE = DEPLOY / "grafana" / "dashboards" / "load.json"
RATE_INTERVAL = "4s"


@dataclass(frozen=True)
class Query:
    """One query of a panel. `now`: it is asked for one moment, not for a span of time."""

    panel: str
    ref: str
    legend: str
    expression: str
    now: bool

    def filled_in(self, values: dict[str, str]) -> str:
        """The expression with its variables replaced; every one of them has to be known."""
        return re.sub(r"\$(\w+)", lambda found: values[found[1]], self.expression)

    def name_of(self, labels: dict[str, str]) -> str:
        """What a series is called: the legend or, without one, the labels that tell it from others."""
        if self.legend:
            return re.sub(r"\{\{(\w+)\}\}", lambda found: labels[found[1]], self.legend)
        return ", ".join(labels[name] for name in sorted(labels) if name not in ("instance", "job", "__name__"))


def dashboard() -> dict[str, Any]:
    """The file."""
    loaded: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return loaded


def queries() -> Iterator[Query]:
    """Every query of every panel."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            yield Query(
                panel["title"],
                target["refId"],
                target["legendFormat"],
                target["expr"],
                target.get("instant", False),
            )
