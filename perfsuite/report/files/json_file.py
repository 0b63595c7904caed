"""`summary.json`: the figures and the verdict of a run for programs.

Schema history
    1   first layout; keys that came later stand after those that were there before
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from perfsuite.messages import Message
from perfsuite.model import (
    ALL,
    NO_BREAKDOWN,
    ApiMapping,
    ArrivalFigures,
    BehaviourRow,
    Breakdown,
    Drift,
    FailureGroup,
    FailurePattern,
    GeneratorHealth,
    LostWorker,
    Occupancy,
    Row,
    RunLedger,
    RunReport,
    Scenario,
    SlowestRequest,
    Summary,
    TargetResult,
    WorkerLedger,
)
from perfsuite.model.finding import Evidence, Finding
from perfsuite.model.fingerprint import CostState, OperationCost
from perfsuite.model.generator import capacity_of
from perfsuite.model.monitor import GENERATOR, NETWORK, PART, Reading
from perfsuite.model.periods import STEADY
from perfsuite.model.readings import sources_of
from perfsuite.report.comparison import comparison_dict
from perfsuite.report.correctness import correctness_dict
from perfsuite.report.files.capacity_json import capacity_dict
from perfsuite.report.findings import monitored_parts
from perfsuite.report.published import published_entries
from perfsuite.report.stability import stability_dicts
from perfsuite.report.stages import stage_dict
from perfsuite.report.text import clean, parts_of, rounded, values_of
from perfsuite.report.wording import logins_dict
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.connection import deployed

SCHEMA = 1
SLOW_FIELDS = ("response_ms", "waiting_ms", "connect_ms", "tls_ms", "service_ms", "server_ms", "outside_ms")
"""Response time of a slow request, and what it is made of."""


def summary_json(report: RunReport) -> str:
    """The whole file. Keys and their order are fixed; what is not known is null."""
    return json.dumps(_cleaned(summary_dict(report)), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def summary_dict(report: RunReport) -> dict[str, Any]:
    """The content of `summary.json` as plain dicts and lists."""
    summary, verdict = report.summary, report.verdict
    return {
        "schema": SCHEMA,
        "run_id": summary.run_id,
        "scenario": summary.scenario,
        "host": summary.host,
        "started_at": summary.started_at,
        "duration_s": rounded("duration_s", summary.duration_s),
        "steady_s": rounded("steady_s", summary.steady_s),
        "verdict": verdict.outcome.value,
        "reasons": list(verdict.reasons),
        "exit_code": verdict.exit_code,
        "users": asdict(summary.users),
        "totals": values_of(summary.totals) | parts_of(totals_breakdown(summary)),
        "operations": _operations(report),
        "behaviours": [_rounded(row) for row in summary.behaviours],
        "whole_run": {
            "requests": summary.whole_run.requests,
            "failures": summary.whole_run.failures,
            "rate_limited": summary.whole_run.rate_limited,
            "expired": summary.whole_run.expired,
        },
        "targets": [_target(result) for result in verdict.targets],
        "generator": _generator(summary),
        "coverage": {
            "offered": summary.coverage.offered,
            "missing": list(summary.coverage.missing),
            "broken": list(summary.coverage.broken),
            "differs": list(summary.coverage.differs),
            "empty": list(summary.coverage.empty),
            "planned": len(summary.coverage.planned),
            "exercised": summary.coverage.exercised,
            "not_exercised": list(summary.coverage.not_exercised),
            "excluded": list(summary.coverage.excluded),
        },
        "environment": dict(summary.environment),
        **_extra(report),
    }


def totals_breakdown(summary: Summary) -> Breakdown:
    """Where the time went over all requests of the steady state."""
    grand = (STEADY, ALL, ALL, ALL)
    rows = (row for row in summary.rows if (row.period, row.role, row.behaviour, row.operation) == grand)
    return next((row.breakdown for row in rows), NO_BREAKDOWN)


def steady_operations(summary: Summary) -> list[Row]:
    """The rows of single operations (no totals) of the steady state, in the order of the summary."""
    return [row for row in summary.rows if row.period == STEADY and ALL not in (row.role, row.behaviour, row.operation)]


def failures_by_kind(failures: tuple[FailureGroup, ...]) -> dict[str, int]:
    """Kind of failure → how many, the most frequent first."""
    counts: Counter[str] = Counter()
    for group in failures:
        counts[group.kind] += group.count
    return dict(counts.most_common())


def _extra(report: RunReport) -> dict[str, Any]:
    summary, seen = report.summary, monitored_parts(report)
    return {
        "notes": list(report.verdict.notes),
        "failures_by_kind": failures_by_kind(summary.failures),
        "reconciliation": asdict(summary.reconciliation) | {"agrees": summary.reconciliation.agrees},
        "cleanup": asdict(summary.cleanup) if summary.cleanup else None,
        "not_possible": dict(summary.coverage.not_possible),
        "arrivals": _rounded(summary.arrivals) if summary.arrivals else None,
        "lost_workers": [_rounded(worker) for worker in summary.lost_workers],
        "occupancy": [_rounded(role) for role in summary.occupancy],
        "drifts": [_rounded(drift) for drift in summary.drifts],
        "findings": [_finding(finding) for finding in report.findings],
        "monitors": {
            "sources": _sources(report.readings),
            "monitored": list(seen.parts),
            "not_monitored": list(seen.silent),
        },
        "fingerprint": {
            "taken": report.fingerprint is not None,
            "operations": [_cost(cost) for cost in report.fingerprint.operations] if report.fingerprint else [],
        },
        "baseline": comparison_dict(report.comparison),
        "published": published_entries(report),
        "suite_errors": [asdict(error) for error in summary.suite_errors],
        "logins": logins_dict(report),
        "server_times": asdict(summary.server_times),
        "remarks": [asdict(remark) for remark in summary.remarks],
        "clock_set_s": rounded("clock_set_s", summary.clock_set_s),
        "totals_ok": values_of(summary.totals_ok),
        "headlines": list(report.verdict.headlines),
        "reason_codes": [reason.code.id for reason in report.verdict.reasons if isinstance(reason, Message)],
        "outages": [asdict(outage) for outage in summary.outages],
        "unfinished": sum(each.count for each in summary.cut_off),
        "lacking": [asdict(lack) for lack in summary.coverage.lacking],
        "failure_patterns": [_pattern(pattern) for pattern in summary.failure_patterns],
        "raw_samples": asdict(summary.raw_samples) if summary.raw_samples else None,
        "retries": summary.whole_run.retries,
        "connections": {each.address: each.opened for each in summary.connections},
        "no_answer": [
            {
                "address": each.address,
                "attempts": each.no_answer,
                "waited_avg_ms": rounded("waited_avg_ms", each.waited_avg_ms),
                "waited_max_ms": rounded("waited_max_ms", each.waited_max_ms),
            }
            for each in summary.connections
            if each.no_answer
        ],
        "ledger": _ledger(summary.ledger) if summary.ledger else None,
        "stability": stability_dicts(report),
        "aborted": asdict(summary.aborted) if summary.aborted else None,
        "stages": [stage_dict(stage) for stage in summary.stages],
        "work": _work(report.plan.scenario),
        "capacity": capacity_dict(report),
        "correctness": correctness_dict(summary.correctness),
    }


def _work(scenario: Scenario) -> dict[str, Any]:
    return {
        "roles": list(scenario.roles),
        "weights": dict(scenario.weights),
        "operations": list(scenario.operations),
        "exclude": list(scenario.exclude),
        "think_time_factor": scenario.think_time_factor,
        "iterations": scenario.iterations,
    }


def _ledger(ledger: RunLedger) -> dict[str, Any]:
    def total(counts: Iterable[int | None]) -> int | None:
        known = list(counts)
        return None if None in known else sum(filter(None, known))

    workers = ledger.workers
    return {
        "workers": [_rounded(worker) | {"missing": worker.missing} for worker in workers],
        "sent": total(worker.sent for worker in workers),
        "received": total(worker.received for worker in workers),
        "missing": total(worker.missing for worker in workers),
        "duplicates": sum(worker.duplicates for worker in workers),
        "requests": ledger.requests,
        "recorded": ledger.recorded,
        "balanced": ledger.balanced,
    }


def _pattern(pattern: FailurePattern) -> dict[str, Any]:
    return {name: rounded(name, value) if name == "every_s" else value for name, value in asdict(pattern).items()}


def _sources(readings: Sequence[Reading]) -> list[str]:
    return sorted({source.split(PART)[0] for source in sources_of(readings)} - {NETWORK, GENERATOR})


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind.value,
        "headline": finding.headline,
        "resource": finding.resource,
        "at_s": finding.at_s,
        "role": finding.role,
        "operation": finding.operation,
        "evidence": [_evidence(evidence) for evidence in finding.evidence],
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    name = "share_rate" if evidence.unit == "fraction" else evidence.metric
    return {
        "metric": evidence.metric,
        "label": evidence.label,
        "before": rounded(name, evidence.before),
        "after": rounded(name, evidence.after),
        "unit": evidence.unit,
        "at_s": evidence.at_s,
    }


def _cost(cost: OperationCost) -> dict[str, Any]:
    """Per request that no cache answered: the most of each count, the mean of the time; null if unknown."""
    known = cost.known is CostState.YES
    full = [request.cost for request in cost.full_requests]

    def most(counts: Iterable[int]) -> int | None:
        return max(counts, default=0) if known else None

    mean_ms = sum(one.execution_ms for one in full) / len(full) if full else 0.0
    return {
        "role": cost.role,
        "operation": cost.operation,
        "queries": most(one.queries for one in full),
        "rows": most(one.rows for one in full),
        "shared_blocks": most(one.shared_blocks for one in full),
        "execution_ms": rounded("execution_ms", mean_ms) if known else None,
    }


def _generator(summary: Summary) -> dict[str, Any]:
    capacity, by_process = capacity_of(summary.generator, summary.steady_s), summary.generator.capacity_by_process
    return {
        **_rounded(replace(summary.generator, capacity_by_process=None)),
        "capacity_used_percent": capacity.used_percent,
        "bottleneck": capacity.bottleneck,
        "capacity_by_process": [
            {"process": name, "capacity_used_percent": used} for name, used in (by_process or {}).items()
        ],
    }


def _rounded(
    record: ArrivalFigures | GeneratorHealth | LostWorker | WorkerLedger | Occupancy | Drift | BehaviourRow,
) -> dict[str, Any]:
    """The fields of a record, its numbers rounded as files contain them."""
    return {name: value if isinstance(value, str) else rounded(name, value) for name, value in asdict(record).items()}


def _operations(report: RunReport) -> list[dict[str, Any]]:
    slowest: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for request in report.summary.slowest:
        key = (request.role, request.behaviour, request.operation)
        slowest.setdefault(key, []).append(_slow(request))
    return [
        _operation(row, report.plan.mapping) | {"slowest": slowest.get((row.role, row.behaviour, row.operation), [])}
        for row in steady_operations(report.summary)
    ]


def _slow(request: SlowestRequest) -> dict[str, Any]:
    return {
        "request_id": request.request_id,
        "due_at": rounded("due_at", request.due_at),
        "status": request.status,
        "failure": request.failure or None,
        **{name: rounded(name, getattr(request, name)) for name in SLOW_FIELDS},
    }


def _operation(row: Row, mapping: ApiMapping) -> dict[str, Any]:
    known = CATALOGUE.get(row.operation)
    return {
        "role": row.role,
        "behaviour": row.behaviour,
        "operation": row.operation,
        "method": known.method if known else None,
        "path": deployed(known.path, mapping.paths) if known else None,
        **values_of(row.statistics),
        **parts_of(row.breakdown),
    }


def _target(result: TargetResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "scope": result.scope,
        "limit": rounded(result.metric, result.limit),
        "observed": rounded(result.metric, result.observed),
        "unit": result.unit,
        "outcome": result.outcome.value,
        "reason": result.reason,
        "interval": [rounded(result.metric, end) for end in result.interval] if result.interval else None,
        "too_close": result.too_close,
    }


def _cleaned(value: Any) -> Any:
    """`value` with every text in it on one line and encodable as UTF-8."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(key)): _cleaned(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(inner) for inner in value]
    return value
