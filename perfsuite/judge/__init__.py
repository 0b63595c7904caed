"""Summary → Verdict: pure functions that say what the figures of a run mean."""

from perfsuite.judge.capacity import judge_search
from perfsuite.judge.evidence import live_offered_rps, targets_of
from perfsuite.judge.monitored import MonitoringData
from perfsuite.judge.regression import with_baseline
from perfsuite.judge.targets import judge_targets, live_targets, requests_needed
from perfsuite.judge.verdict import judge, not_judged, severest

__all__ = [
    "MonitoringData",
    "judge",
    "judge_search",
    "judge_targets",
    "live_offered_rps",
    "live_targets",
    "not_judged",
    "requests_needed",
    "severest",
    "targets_of",
    "with_baseline",
]
