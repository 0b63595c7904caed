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


READING = (
    (
        "Steady state",
        "The time with all users started and logged in, less a short settling time. Verdict, figures and tables are "
        "of it.",
    ),
    (
        "Response time",
        "From when a request was due to the last byte of its answer, in ms. With users it is due when it is sent; "
        "with a rate of arrivals at its intended time, however late it began.",
    ),
    (
        "Average",
        "The sum of the response times over their number. A few very slow answers move it; most users may be faster.",
    ),
    (
        "p50, p95, p99",
        "Half, 95 of 100, 99 of 100 requests took at most this long: p95 is what the slowest twentieth begins at.",
    ),
    (
        "Throughput, req/s",
        "Requests that ended in a second. With users it says how much was asked, not how much the backend could do.",
    ),
    (
        "Failure",
        "A request with an unexpected status, without an answer, or with a wrong one: the status was fine, the "
        "content was not.",
    ),
    ("Failure rate", "Failed requests among all requests."),
    (
        "Judged figures",
        "Targets judge response times and throughput without failures that the target answered: an error is not speed. "
        "Timeouts and what never began stay in, with the time waited. Tables and charts show all requests.",
    ),
    ("Concurrent users", "Most virtual users that were there at once."),
    ("Success of a behaviour", "How often every request of what a user came for succeeded."),
    (
        "Share of the time",
        "Of all time that users waited for answers, how much they waited for this operation: where to begin.",
    ),
    (
        "95 % sure",
        "Where the figure lies with 95 % confidence. A limit within it is too close to call: another run like "
        "this one may come out the other way.",
    ),
    ("Not judged", "The run could not show whether the target is met. It is neither met nor missed."),
    ("–", "Not known: too few requests for that figure. A percentile needs ten requests beyond it, so p95 needs 200."),
    (
        "Service, server, outside",
        "Service time is from the send to the last byte; the server's part is what it told as its own, the rest "
        "is outside it: network, proxies, queues.",
    ),
    (
        "Finding",
        "What a figure did, beside what the load felt: evidence of where to look, never a proven cause. Before "
        "and after are medians.",
    ),
    (
        "Charts",
        "All have one time axis. A line breaks off where nothing could be read: a gap is never a zero. In long "
        "runs a point covers several seconds.",
    ),
)
"""Term and explanation, in reading order."""
