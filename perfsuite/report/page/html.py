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
from perfsuite.report.page.charts import Told
from perfsuite.report.page.database import NOT_ATTRIBUTED
from perfsuite.report.page.page import page_of
from perfsuite.report.page.reading import READING
from perfsuite.report.page.timeline import Timeline, curve_id

_TEMPLATES = Path(__file__).parents[1] / "templates"


def report_html(report: RunReport) -> str:
    """The whole page. Everything that is not ours is escaped; only our script, named by its hash, may run."""
    page = page_of(report)
    script = own_file("report.js")
    template = environment().get_template("report.html.j2")
    return template.render(
        page=page,
        style=Markup(own_file("report.css") + own_file("charts.css")),  # noqa: S704 - our own files
        script=Markup(script),  # noqa: S704 - our own file
        policy=policy_of(script),
        curve_id=curve_id,
        not_attributed=NOT_ATTRIBUTED,
        reading=READING,
        values=Markup(json_for_script(_values(page.timeline))),  # noqa: S704 - escaped by json_for_script
    )


def json_for_script(value: Any) -> str:
    """`value` as JSON that cannot end a script element or a line: <, >, & and all that is not ASCII are \\u escapes."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _values(timeline: Timeline | None) -> dict[str, Any]:
    """What the pointer tells: length of the run, and of each chart the values of its curves by bin."""
    if timeline is None:
        return {}
    charts = {
        chart.name: {
            "bin": chart.bin_s,
            "unit": chart.unit,
            "curves": [[_plain(curve.lows), *([_plain(curve.highs)] if curve.highs else [])] for curve in chart.curves],
        }
        for chart in timeline.charts
    }
    return {"length": timeline.axis.length_s, "charts": charts}


def _plain(values: Told) -> list[float | int | None]:
    """Whole numbers without a point: they are most of the page."""
    return [int(value) if value is not None and value == int(value) else value for value in values]


def policy_of(script: str) -> str:
    """A content security policy: nothing is loaded from anywhere, no script runs but this one."""
    digest = f"'sha256-{_digest(script)}'"
    return f"default-src 'none'; script-src {digest}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def own_file(name: str) -> str:
    """The text of one of our own files beside the templates."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """Where pages are made of templates; every text is escaped."""
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
