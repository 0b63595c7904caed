"""The records that cross borders between the stages of a run.

Units are in the names: `_ms`, `_s`, `_us`, `rps` = requests per second, `_rate` = a fraction 0…1.
Fields that may be None are unknown or not told (too few samples), never zero.
"""

from perfsuite.model.failures import FailureGroup, FailureKind
from perfsuite.model.live import LiveState, Moment
from perfsuite.model.plan import ALL, LOGIN, Account, Arrival, Plan, Scenario, Target
from perfsuite.model.preflight import OperationCheck, PreflightReport, Works
from perfsuite.model.summary import (
    CUT_OFF,
    INTERRUPTED,
    LOAD_DIED,
    NOTHING_TOLD,
    TARGET_LOST,
    ArrivalFigures,
    BehaviourRow,
    Breakdown,
    Cleanup,
    Coverage,
    Drift,
    GeneratorHealth,
    LostWorker,
    Occupancy,
    Reconciliation,
    Row,
    Second,
    SecondArrivals,
    Statistics,
    Summary,
    TargetFigures,
    UserCounts,
    WholeRun,
)
from perfsuite.model.verdict import Outcome, RunReport, TargetOutcome, TargetResult, Verdict

__all__ = [
    "ALL",
    "CUT_OFF",
    "INTERRUPTED",
    "LOAD_DIED",
    "LOGIN",
    "NOTHING_TOLD",
    "TARGET_LOST",
    "Account",
    "Arrival",
    "ArrivalFigures",
    "BehaviourRow",
    "Breakdown",
    "Cleanup",
    "Coverage",
    "Drift",
    "FailureGroup",
    "FailureKind",
    "GeneratorHealth",
    "LiveState",
    "LostWorker",
    "Moment",
    "Occupancy",
    "OperationCheck",
    "Outcome",
    "Plan",
    "PreflightReport",
    "Reconciliation",
    "Row",
    "RunReport",
    "Scenario",
    "Second",
    "SecondArrivals",
    "Statistics",
    "Summary",
    "Target",
    "TargetFigures",
    "TargetOutcome",
    "TargetResult",
    "UserCounts",
    "Verdict",
    "WholeRun",
    "Works",
]
