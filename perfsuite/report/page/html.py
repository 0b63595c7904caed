"""`report.html`: one page that needs neither a server nor a network. The other pages share its templates and files."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from perfsuite.format import plural
from perfsuite.model import RunReport
from perfsuite.report.page.charts import Values
from perfsuite.report.page.page import page_of
from perfsuite.report.page.timeline import ChartTimeline, curve_id

_TEMPLATES = Path(__file__).parents[1] / "templates"


def report_html(report: RunReport) -> str:
    """The whole page. All text from outside is escaped; only our script, named by its hash, may run."""
    page = page_of(report)
    script = own_file("format.js") + own_file("report.js")
    template = environment().get_template("report.html.j2")
    return template.render(
        page=page,
        style=Markup(own_file("report.css") + own_file("charts.css")),  # noqa: S704 - our own files
        script=Markup(script),  # noqa: S704 - our own file
        policy=policy_of(script),
        curve_id=curve_id,
        values=Markup(json_for_script(_chart_values(page.timeline))),  # noqa: S704 - escaped by json_for_script
    )


def json_for_script(value: Any) -> str:
    """`value` as JSON that cannot end a script element: <, >, & and all non-ASCII characters are \\u escapes."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _chart_values(timeline: ChartTimeline | None) -> dict[str, Any]:
    """What the pointer shows: the length of the run, and the values of each chart's curves by bin."""
    if timeline is None:
        return {}
    charts = {
        chart.name: {
            "bin": chart.bin_s,
            "unit": chart.unit,
            "curves": [[_short(curve.lows), *([_short(curve.highs)] if curve.highs else [])] for curve in chart.curves],
        }
        for chart in timeline.charts
    }
    return {"length": timeline.axis.length_s, "charts": charts}


def _short(values: Values) -> list[float | int | None]:
    """Whole numbers as int: JSON without ".0", since these values are most of the page."""
    return [int(value) if value is not None and value == int(value) else value for value in values]


def policy_of(script: str) -> str:
    """A content security policy: nothing is loaded, and only this script may run."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
    )


@cache
def own_file(name: str) -> str:
    """The text of a file in the folder of the templates."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """Jinja with our templates; every text is escaped."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["plural"] = plural
    return made
