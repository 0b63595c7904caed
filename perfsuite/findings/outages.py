"""A target that was gone for a while: one incident with its beginning and its end, wherever in the run it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perfsuite.findings.movers import moved_with
from perfsuite.format import duration, plural, time_of_day
from perfsuite.model import Outage, Summary
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.timeseries import Track

BACKEND, TARGET = "backend process", "target"
_NEAR_S = 5
"""A process that is gone so long before the target's last answer, or after its next one, is the same incident."""
_MOST_NAMED = 3
_SHOWN_METRICS = 6

Span = tuple[int, int]


def outage_finding(summary: Summary, tracks: Mapping[str, Track]) -> Finding | None:
    """All of them in one finding, which points at the first; None where the target answered all the time.

    One that lasts to the end of the load is a reason of the verdict.
    """
    spans = _spans(summary)
    if not spans:
        return None
    named = [f"from {time_of_day(start)} to {time_of_day(end)} ({duration(end - start)})" for start, end in spans]
    more = f" and {plural(len(spans) - _MOST_NAMED, 'more time')}" if len(spans) > _MOST_NAMED else ""
    failed, first = sum(outage.failed for outage in _ended(summary)), _ended(summary)[0]
    headline = f"The target gave no answer {', '.join(named[:_MOST_NAMED])}{more}: {plural(failed, 'request')} failed"
    label = "requests that failed for want of the target"
    rows = [
        Evidence("failures", label, None, float(failed), "count", first.start),
        *(moved.evidence for moved in moved_with(tracks, *spans[0])[:_SHOWN_METRICS]),
    ]
    resource = BACKEND if _process_gone(spans, tracks) else TARGET
    return Finding(
        FindingKind.EPISODE, f"{headline}, most with {first.message}", resource, first.start, evidence=tuple(rows)
    )


def within_outage(episode: Finding, summary: Summary) -> bool:
    """True for the backend's process that was gone in an outage: the same incident."""
    at_s = episode.at_s
    return (
        episode.resource == BACKEND
        and at_s is not None
        and any(start - _NEAR_S <= at_s <= end + _NEAR_S for start, end in _spans(summary))
    )


def _ended(summary: Summary) -> list[Outage]:
    return [outage for outage in summary.outages if outage.end is not None]


def _spans(summary: Summary) -> list[Span]:
    return [(outage.start, outage.end) for outage in summary.outages if outage.end is not None]


def _process_gone(spans: Sequence[Span], tracks: Mapping[str, Track]) -> bool:
    """Did the monitor see the backend's process gone in any of them?"""
    up = tracks.get("server.up")
    return up is not None and any((up.between(start - 1, end + 1) == 0.0).any() for start, end in spans)
