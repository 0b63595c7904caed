"""All findings of a run, the most telling first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from perfsuite.findings.always import always
from perfsuite.findings.cost import changed, suspected
from perfsuite.findings.episodes import episodes
from perfsuite.findings.growth import growths
from perfsuite.findings.limits import limits
from perfsuite.findings.load import load_of
from perfsuite.findings.onset import onset_finding
from perfsuite.findings.series import tracks_of
from perfsuite.findings.watched import Watched
from perfsuite.model import Summary
from perfsuite.model.finding import Finding, FindingKind

_MAY_FOLLOW = frozenset({"pool", "listen queue", "backend CPU", "connections", "PostgreSQL", "application", ""})
"""Resources that fill up when answers are slow, whatever made them slow."""
_MAY_NOT_MATTER = "other processes"
"""A machine that others fill need not slow the target: where the load did not leave its band, what else there is
comes first."""
_NOTHING = Watched()


def find(summary: Summary, watched: Watched = _NOTHING) -> tuple[Finding, ...]:
    """What the run shows: evidence, never a cause.

    First what left its band in the run, then what was at its limit throughout, what only grew, what costs the
    database much; of all these, what may only follow from something else stands behind. Last what is told of every
    run. Without a steady state: only that, and what the fingerprint tells.
    """
    tracks, load = tracks_of(summary, watched.readings), load_of(summary)
    onset = onset_finding(load, tracks) if load is not None else None
    unusual = [onset] if onset is not None else []
    unusual += _apart_from(unusual, episodes(tracks))
    costs = [*suspected(watched.fingerprint, summary), *changed(watched.differences)]
    unusual += _apart_from(unusual, [*costs, *limits(tracks, summary), *growths(tracks)])
    if onset is not None:
        unusual.sort(key=lambda finding: not _before(finding, onset))
    ordered = sorted(unusual, key=_weight)
    return (*ordered, *always(summary, watched.preflight))


def _before(finding: Finding, onset: Finding) -> bool:
    """Did it begin in the run, before the load left its band?"""
    return None not in (finding.at_s, onset.at_s) and (finding.at_s or 0) < (onset.at_s or 0)


def _weight(finding: Finding) -> int:
    if finding.resource == _MAY_NOT_MATTER and finding.kind is not FindingKind.ONSET:
        return 1
    return 2 if finding.resource in _MAY_FOLLOW else 0


def _apart_from(told: Sequence[Finding], more: Iterable[Finding]) -> list[Finding]:
    """Those of `more` that are not told yet, neither by resource nor by metric; those of the fingerprint stay."""
    resources = {finding.resource for finding in told}
    metrics = {row.metric for finding in told for row in finding.evidence}
    return [
        finding
        for finding in more
        if finding.operation is not None
        or (finding.resource not in resources and finding.evidence[0].metric not in metrics)
    ]
