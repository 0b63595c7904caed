"""How to read the page: each figure in a line. docs/metrics.md has the same lines, and a test holds them together."""

from __future__ import annotations

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
