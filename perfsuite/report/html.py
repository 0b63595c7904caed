"""`report.html`: one page that needs nothing else, neither a server nor a network."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from perfsuite.model import RunReport
from perfsuite.report.bundle import chart_script
from perfsuite.report.charts import Chart
from perfsuite.report.page import page_of

_TEMPLATES = Path(__file__).parent / "templates"


def report_html(report: RunReport) -> str:
    """The whole page. Everything that is not ours is escaped; only our two scripts, named by hash, may run."""
    page = page_of(report)
    scripts = [_own_file("report.js")]
    if page.charts:
        scripts.insert(0, chart_script())
    template = _environment().get_template("report.html.j2")
    return template.render(
        page=page,
        style=Markup(_own_file("report.css")),  # noqa: S704 - our own file
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - our own file and the bundle
        policy=_policy(scripts),
        specs=Markup(json_for_script(_specs(page.charts))),  # noqa: S704 - escaped by json_for_script
    )


def json_for_script(value: Any) -> str:
    """`value` as JSON that cannot end a script element or a line: <, >, & and all that is not ASCII are \\u escapes."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _specs(charts: tuple[Chart, ...]) -> dict[str, Any]:
    return {chart.name: chart.spec for chart in charts}


def _policy(scripts: list[str]) -> str:
    """A content security policy: nothing is loaded from anywhere, no script runs but these."""
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _own_file(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
