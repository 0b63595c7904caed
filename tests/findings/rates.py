"""How often findings are false, and how often faults are found: python -m tests.findings.rates [RUNS]."""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np

from perfsuite.findings import Observations, find
from perfsuite.model.finding import Finding, FindingKind
from tests.findings.simulated import Fault, Made, made
from tests.findings.staged import faster, first_short, healthy_kinds
from tests.findings.whole_runs import Shape, Step, whole_run

RESOURCES = {
    "pool": "pool",
    "n_plus_one": "queries per request",
    "index": "rows per request",
    "lock": "locks",
    "redis": "Redis",
    "no_cache": "cache",
    "cpu": "other processes",
    "leak": "memory",
}
"""Fault → the resource that the first finding has to name."""
NOT_WITHOUT_FINGERPRINT = frozenset({"n_plus_one"})
"""From the start on, only a fingerprint shows of it."""


def unusual(run: Made) -> list[Finding]:
    return [finding for finding in find(run.summary, Observations(run.readings)) if finding.unusual]


def healthy(seed: int) -> list[Finding]:
    """What is found in a healthy run of 30 to 300 s at 10 to 200 requests a second."""
    rng = np.random.default_rng(10_000 + seed)
    length, rps = int(rng.integers(30, 301)), float(np.exp(rng.uniform(np.log(10), np.log(200))))
    return unusual(made(seed, length, rps))


def healthy_whole(seed: int) -> list[Finding]:
    """The same of a run with its ramp-up: 10 users and more, forty operations, 20 to 60 s of steady state."""
    rng = np.random.default_rng(50_000 + seed)
    ramp_s, settling_s, steady_s = (int(rng.integers(*span)) for span in ((2, 21), (1, 6), (20, 61)))
    rps = float(np.exp(rng.uniform(np.log(3), np.log(80))))
    found = find(whole_run(seed, Shape(ramp_s, settling_s, steady_s, rps)))
    return [finding for finding in found if finding.unusual or finding.kind is FindingKind.TOO_FEW]


def stepped(seed: int, operation: int | None) -> bool:
    """Is a step twelve seconds into forty shown, of one operation or of all?"""
    found = find(whole_run(seed, Shape(), Step(12, operation)))
    return any(finding.kind in (FindingKind.ONSET, FindingKind.TOO_FEW) for finding in found)


def found(kind: str, from_s: int, seed: int) -> bool:
    """Does the first finding of a run of 75 s name the right resource?"""
    rps = float(np.exp(np.random.default_rng(20_000 + seed).uniform(np.log(30), np.log(200))))
    fault = Fault(kind, from_s, 4 if kind == "lock" else 10_000)
    first = unusual(made(seed, 60, rps, fault))[:1]
    return [finding.resource for finding in first] == [RESOURCES[kind]]


def main(runs: int) -> None:
    """Print both."""
    false = [finding for seed in range(runs) for finding in healthy(seed)]
    kinds = Counter((finding.kind.value, finding.resource) for finding in false)
    sys.stdout.write(f"{runs} healthy runs: {len(false)} findings {dict(kinds)}\n")
    whole = sum(bool(healthy_whole(seed)) for seed in range(runs))
    sys.stdout.write(f"{runs} healthy runs with their ramp-up: {whole} with a finding\n")
    for name, operation in (("one operation", 0), ("all operations", None)):
        hits = sum(stepped(seed, operation) for seed in range(runs // 10))
        sys.stdout.write(f"step of {name} 12 s into 40 s: {hits} of {runs // 10}\n")
    false = sum(healthy_kinds(seed) != [FindingKind.WITHIN_RANGE] for seed in range(runs))
    sys.stdout.write(f"{runs} healthy runs in stages: {false} with a finding about the loads\n")
    for operation, power in (("tickets.list", 2.0), ("dashboard.senior_agent", 2.0), ("users.me", 1.6)):
        hits = sum(faster(seed, operation, power) == [operation] for seed in range(runs))
        sys.stdout.write(f"{operation} grows with the load to the power {power:g}: {hits} of {runs}\n")
    for kind in ("pool", "backend CPU"):
        hits = sum(first_short(seed, kind) for seed in range(runs // 10))
        sys.stdout.write(f"{kind} short from some load on: {hits} of {runs // 10}\n")
    for kind in RESOURCES:
        for from_s in (0, 30, 45):
            if from_s or kind not in NOT_WITHOUT_FINGERPRINT | {"lock"}:
                hits = sum(found(kind, from_s, seed) for seed in range(runs // 10))
                sys.stdout.write(f"{kind} from {from_s} s: {hits} of {runs // 10}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
