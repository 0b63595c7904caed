"""Summary → Verdict: pure functions that say what the figures of a run mean."""

from perfsuite.judge.targets import judge_targets, live_targets
from perfsuite.judge.verdict import judge, severest

__all__ = ["judge", "judge_targets", "live_targets", "severest"]
