"""All findings of a run, the most significant first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from perfsuite.findings.database import (
    QUERIES,
    changed,
    full_scans,
    more_queries,
    sessions,
    suspected,
    with_operation,
)
from perfsuite.findings.incidents import incidents, outage_finding, within_outage
from perfsuite.findings.levels import by_level
from perfsuite.findings.onset import TOGETHER_S, onset_finding, onset_of
from perfsuite.findings.overview import overview
from perfsuite.findings.ramp_up import CONNECTIONS, login_storm, slow_connections
from perfsuite.findings.resources import TIME_LEFT, growing_resources, resources_at_limit
from perfsuite.findings.saturation import first_resource
from perfsuite.findings.scaling import faster_operations
from perfsuite.findings.steady_state import load_of, steady_tracks
from perfsuite.findings.steps import step_search, steps_of
from perfsuite.model import PreflightReport, Summary, VisitRecord
from perfsuite.model.finding import Finding, FindingKind
from perfsuite.model.fingerprint import Difference, Fingerprint
from perfsuite.model.monitor import Reading
from perfsuite.model.stability import Stability, StabilityOutcome
from perfsuite.timeseries import Track

_LATER = (
    *("pool", "connections", "backend CPU"),  # fill up when answers are slow, but hardly for lack of CPU alone
    "other processes",  # a machine that others fill need not slow the target
    "cores",  # the backend's threads wait for them, whoever has them
    "load generator",  # it stands on the same machine, and suffers from the others too
    *("network", "PostgreSQL", "listen queue", CONNECTIONS, "application", ""),  # whatever made answers slow
)
"""Resources that may run short as a consequence of something else, the likeliest last. All others come before."""
_SOON_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Observations:
    """What is known of a run beside the load's own figures. All of it may be missing; readings come in any order.

    `differences`: of the fingerprint from that of an earlier run; `grown`: of one taken after the load from the one
    taken before it. `visits`: of a search for the capacity.
    """

    readings: Sequence[Reading] = ()
    fingerprint: Fingerprint | None = None
    differences: Sequence[Difference] = ()
    grown: Sequence[Difference] = ()
    preflight: PreflightReport | None = None
    stability: Sequence[Stability] = ()
    visits: Sequence[VisitRecord] = ()


_NOTHING = Observations()


def find(summary: Summary, observed: Observations = _NOTHING) -> tuple[Finding, ...]:
    """What the run shows: evidence, never a cause.

    First what left its band in the run, then what was at its limit throughout, what only grew, and what costs the
    database much; among these, possible consequences come last. Then what changed with the load, where that differed, a
    login storm, and what every run shows. Without a steady state only the last two, and what the fingerprint shows.
    """
    tracks = steady_tracks(summary, observed.readings)
    onsets, unsure = _onsets(summary, observed, tracks)
    unusual = [finding for finding in (outage_finding(summary, tracks), *onsets) if finding is not None]
    unusual += _new(unusual, (each for each in incidents(tracks) if not within_outage(each, summary)))
    costs = [*suspected(observed.fingerprint, summary), *changed(observed.differences)]
    if not any(finding.resource == QUERIES for finding in unusual):
        costs += more_queries(observed.grown, summary)
    others = [*costs, *resources_at_limit(tracks, summary), *full_scans(tracks, observed.fingerprint, summary)]
    others += [*sessions(tracks, observed.readings, summary), *slow_connections(summary, observed.readings)]
    unusual += _new(unusual, [*others, *_growing(tracks, observed.stability)])
    ordered = [with_operation(each, observed.grown, summary) for each in _in_order(unusual, onsets)]
    storm = login_storm(summary, observed.readings, observed.preflight)
    run = by_level(summary, observed.readings, observed.visits)
    loads = [] if run is None else [*faster_operations(run, summary), *first_resource(run)]
    return (*ordered, *loads, *storm, *unsure, *overview(summary, observed.preflight))


def _growing(tracks: Mapping[str, Track], stability: Sequence[Stability]) -> list[Finding]:
    """What grew. Of a long run only what grows by the verdict on its stability, which is the stricter test."""
    others = {each.metric for each in stability if each.outcome is not StabilityOutcome.GROWS}
    return growing_resources({metric: track for metric, track in tracks.items() if metric not in others})


def _onsets(
    summary: Summary, observed: Observations, tracks: Mapping[str, Track]
) -> tuple[list[Finding], list[Finding]]:
    """When the load left its band, the earliest first; and what looks like that, from too few requests to be sure.

    The first onset in the steady state, and a step before it, or one beside failures.
    """
    began_s = summary.seconds[0].second if summary.seconds else None
    estimate = not observed.grown
    load, search = load_of(summary), step_search(summary)
    onset = onset_of(load) if load is not None else None
    found = [] if onset is None or load is None else [onset_finding(onset, load, tracks, began_s, estimate=estimate)]
    early = load_of(search.summary) if search is not None else None
    if search is None or early is None:
        return found, []
    step, few = steps_of(early, search.full_s)
    if step is not None and onset is not None and load is not None:
        later_s = early.first_s + step.start - load.first_s - onset.start
        if not onset.failures and later_s >= -TOGETHER_S:
            step = None
        elif onset.failures and abs(later_s) <= TOGETHER_S:
            found = []
    early_tracks = steady_tracks(search.summary, observed.readings) if step or few else {}
    if step is not None:
        found.append(onset_finding(step, early, early_tracks, began_s, estimate=estimate))
    unsure = [] if few is None or found else [onset_finding(few, early, early_tracks, began_s, estimate=estimate)]
    return sorted(found, key=lambda finding: finding.at_s or 0), unsure


def _in_order(unusual: Sequence[Finding], onsets: Sequence[Finding]) -> list[Finding]:
    """By how likely each is a consequence; what began before the load left its band comes first."""
    if not onsets:
        return sorted(unusual, key=_rank)
    onset = onsets[0]
    ordered = sorted(unusual, key=lambda finding: (_rank(finding), not _before(finding, onset)))
    place = ordered.index(onset) + 1
    return [*sorted(ordered[:place], key=_is_slow_growth), *ordered[place:]]


def _is_slow_growth(finding: Finding) -> bool:
    """True for growth that takes longer than an hour to use something up: hardly why answers changed.

    Backends that are warming up grow like that.
    """
    if finding.kind is not FindingKind.GROWTH:
        return False
    left_s = next((row.after for row in finding.evidence if row.label == TIME_LEFT), None)
    return left_s is None or left_s > _SOON_S


def _before(finding: Finding, onset: Finding) -> bool:
    """Did it begin in the run, before the load left its band?"""
    return None not in (finding.at_s, onset.at_s) and (finding.at_s or 0) < (onset.at_s or 0)


def _rank(finding: Finding) -> int:
    return _LATER.index(finding.resource) + 1 if finding.resource in _LATER else 0


def _new(known: Sequence[Finding], more: Iterable[Finding]) -> list[Finding]:
    """Those of `more` whose resource and metric no other finding has; those of the fingerprint stay."""
    resources = {finding.resource for finding in known}
    metrics = {row.metric for finding in known for row in finding.evidence}
    new = []
    for finding in more:
        if finding.operation is None and (finding.resource in resources or finding.evidence[0].metric in metrics):
            continue
        new.append(finding)
        resources.add(finding.resource)
    return new
