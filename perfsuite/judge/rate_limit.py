"""What the target's rate limit had of a run: requests that it answered by itself, which the application never saw.

They count as failed, since the load that was asked for was not served; but they tell nothing of the application, so
they are told apart from its failures.
"""

from __future__ import annotations

from perfsuite.format import number, percent, plural
from perfsuite.model import FailureKind, Summary


def rate_limited(summary: Summary) -> str:
    """How many requests of the whole run got 429, what became of the others, and the mend; "" for none."""
    whole = summary.whole_run
    if not whole.rate_limited:
        return ""
    served = whole.requests - whole.rate_limited
    failed = whole.failures - whole.rate_limited
    others = f"; of the other {plural(served, 'request')} {percent(failed / served)} failed" if served else ""
    return (
        f"the target's rate limit answered {plural(whole.rate_limited, 'request')} of {number(whole.requests)}"
        f" ({_most(summary)}): raise it for the load accounts, or lower the load{others}"
    )


def _most(summary: Summary) -> str:
    """What most of these answers said, such as "HTTP 429, Retry-After 30"."""
    groups = [group for group in summary.failures if group.kind == FailureKind.RATE_LIMIT]
    return max(groups, key=lambda group: group.count).message if groups else "HTTP 429"
