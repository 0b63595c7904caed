"""All findings of a run, the most telling first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from perfsuite.findings.always import always
from perfsuite.findings.cost import QUERIES, changed, more_queries, suspected, with_operation
from perfsuite.findings.episodes import episodes
from perfsuite.findings.growth import TIME_LEFT, growths
from perfsuite.findings.limits import limits
from perfsuite.findings.load import load_of
from perfsuite.findings.logins import login_storm
from perfsuite.findings.onset import TOGETHER_S, Known, onset_finding, onset_of
from perfsuite.findings.outages import outage_finding, within_outage
from perfsuite.findings.ramp_up import RESOURCE as RAMP_UP
from perfsuite.findings.ramp_up import ramp_up
from perfsuite.findings.scans import scanned
from perfsuite.findings.series import steady_tracks
from perfsuite.findings.sessions import sessions
from perfsuite.findings.steps import steps_of, watch_of
from perfsuite.findings.watched import Watched
from perfsuite.model import Summary
from perfsuite.model.finding import Finding, FindingKind
from perfsuite.timeseries import Track

_LATER = (
    *("pool", "connections", "backend CPU"),  # fill up when answers are slow, but hardly for want of CPU alone
    "other processes",  # a machine that others fill need not slow the target
    "cores",  # that the backend's threads wait for, whoever has them
    "load generator",  # which stands on the same machine, and suffers from them too
    *("network", "PostgreSQL", "listen queue", RAMP_UP, "application", ""),  # whatever made answers slow
)
"""Resources that may be short in consequence of something else; the later, the more so. All others come before."""
_SOON_S = 3_600.0
_NOTHING = Watched()


def find(summary: Summary, watched: Watched = _NOTHING) -> tuple[Finding, ...]:
    """What the run shows: evidence, never a cause.

    First what left its band in the run, then what was at its limit throughout, what only grew, what costs the
    database much; of all these, what may only follow from something else stands behind. Then a login storm, which is
    of the ramp-up. Last what is told of every run. Without a steady state: only that, the storm, and what the
    fingerprint tells.
    """
    tracks = steady_tracks(summary, watched.readings)
    onsets = _onsets(summary, watched, tracks)
    onset = onsets.sure[0] if onsets.sure else None
    unusual = [finding for finding in (outage_finding(summary, tracks), *onsets.sure) if finding is not None]
    unusual += _apart_from(unusual, (each for each in episodes(tracks) if not within_outage(each, summary)))
    costs = [*suspected(watched.fingerprint, summary), *changed(watched.differences)]
    if not any(finding.resource == QUERIES for finding in unusual):
        costs += more_queries(watched.grown, summary)
    used = [*sessions(tracks, watched.readings, summary), *ramp_up(summary, watched.readings)]
    scans = scanned(tracks, watched.fingerprint, summary)
    unusual += _apart_from(unusual, [*costs, *limits(tracks, summary), *scans, *used, *growths(tracks)])
    if onset is not None:
        unusual.sort(key=lambda finding: not _before(finding, onset))
    unusual.sort(key=_weight)
    if onset is not None:
        place = unusual.index(onset)
        unusual[: place + 1] = sorted(unusual[: place + 1], key=_far_off)
    ordered = (with_operation(finding, watched.grown, summary) for finding in unusual)
    storm = login_storm(summary, watched.readings, watched.preflight)
    return (*ordered, *storm, *onsets.few, *always(summary, watched.preflight))


@dataclass(frozen=True, slots=True)
class _Onsets:
    """When the load left its band, the earliest first; and what looks like that, of too few requests to be sure."""

    sure: Sequence[Finding] = ()
    few: Sequence[Finding] = ()


def _onsets(summary: Summary, watched: Watched, tracks: Mapping[str, Track]) -> _Onsets:
    """The first time, and a step before it, or one beside failures."""
    known = Known(summary.seconds[0].second if summary.seconds else None, estimate=not watched.grown)
    load, watch = load_of(summary), watch_of(summary)
    onset = onset_of(load) if load is not None else None
    found = [] if onset is None or load is None else [onset_finding(onset, load, tracks, known)]
    early = load_of(watch.summary) if watch is not None else None
    if watch is None or early is None:
        return _Onsets(found)
    steps = steps_of(early, watch.full_s)
    step, few = steps.sure, steps.few
    if step is not None and onset is not None and load is not None:
        later_s = early.first_s + step.start - load.first_s - onset.start
        if not onset.failures and later_s >= -TOGETHER_S:
            step = None
        elif onset.failures and abs(later_s) <= TOGETHER_S:
            found = []
    early_tracks = steady_tracks(watch.summary, watched.readings) if step or few else {}
    if step is not None:
        found.append(onset_finding(step, early, early_tracks, known))
    seldom = [onset_finding(few, early, early_tracks, known)] if few is not None and not found else []
    return _Onsets(sorted(found, key=lambda finding: finding.at_s or 0), seldom)


def _far_off(finding: Finding) -> bool:
    """True for growth that takes longer than an hour until something runs out: hardly why answers changed.

    Backends that are getting warm grow like that.
    """
    if finding.kind is not FindingKind.GROWTH:
        return False
    left_s = next((row.after for row in finding.evidence if row.label == TIME_LEFT), None)
    return left_s is None or left_s > _SOON_S


def _before(finding: Finding, onset: Finding) -> bool:
    """Did it begin in the run, before the load left its band?"""
    return None not in (finding.at_s, onset.at_s) and (finding.at_s or 0) < (onset.at_s or 0)


def _weight(finding: Finding) -> int:
    return _LATER.index(finding.resource) + 1 if finding.resource in _LATER else 0


def _apart_from(told: Sequence[Finding], more: Iterable[Finding]) -> list[Finding]:
    """Those of `more` that are not told yet, neither by resource nor by metric; those of the fingerprint stay."""
    resources = {finding.resource for finding in told}
    metrics = {row.metric for finding in told for row in finding.evidence}
    apart = []
    for finding in more:
        if finding.operation is None and (finding.resource in resources or finding.evidence[0].metric in metrics):
            continue
        apart.append(finding)
        resources.add(finding.resource)
    return apart
