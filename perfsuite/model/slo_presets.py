"""Published limits for response times, each with its source: what others require of services such as this one.

They are shown beside the targets as information. `preset = "…"` in `targets.toml` makes one of them a gate.
What a source measures is seldom exactly what the suite measures; `about` says where they differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from perfsuite.model import Statistics, Summary, Target

APDEX_T_MS = 500
"""The threshold at which Apdex is shown: the default of Artillery and of Apache SkyWalking. Apdex itself names none."""
APDEX_RATINGS = ((0.94, "excellent"), (0.85, "good"), (0.70, "fair"), (0.50, "poor"), (0.0, "unacceptable"))
FEWEST_FOR_APDEX = 100
"""For shares and Apdex: with fewer, one request is more than a hundredth."""
FEWEST_FOR_AVERAGE = 30

_APDEX = re.compile(r"apdex_([1-9]\d{0,5})")


@dataclass(frozen=True, slots=True)
class SloSource:
    """Where a limit was published. `year`: None for a page without a date that is kept up to date."""

    title: str
    url: str
    year: int | None


@dataclass(frozen=True, slots=True)
class SloLimit:
    """One limit. `metric`: a field of Statistics, "apdex_<T in ms>", or "within_<ms>" (share answered in time).

    `gate`: False where the source gives no share or percentile that a run could be judged by.
    """

    name: str
    metric: str
    limit: float
    below: bool = True
    gate: bool = True


@dataclass(frozen=True, slots=True)
class SloPreset:
    """One publication. `name`: how `targets.toml` refers to it."""

    name: str
    title: str
    about: str
    source: SloSource
    limits: tuple[SloLimit, ...]
    short: str
    """Its name in a line of many."""


SLO_PRESETS: tuple[SloPreset, ...] = (
    SloPreset(
        "apdex",
        "Apdex",
        f"T is {APDEX_T_MS} ms, a common default; failed requests count as frustrated; from 0.85 on it is rated good",
        SloSource(
            "Apdex Alliance, Application Performance Index: Technical Specification", "https://www.apdex.org", 2005
        ),
        (SloLimit("Apdex", f"apdex_{APDEX_T_MS}", 0.85, below=False),),
        "Apdex",
    ),
    SloPreset(
        "nielsen",
        "Nielsen's limits",
        "what users perceive: instant, uninterrupted, attentive; Nielsen names no percentile, the target uses p95",
        SloSource(
            "Jakob Nielsen, Response Times: The 3 Important Limits",
            "https://www.nngroup.com/articles/response-times-3-important-limits/",
            1993,
        ),
        (
            SloLimit("instant", "within_100", 1.0, below=False, gate=False),
            SloLimit("flow of thought kept", "within_1000", 1.0, below=False, gate=False),
            SloLimit("attention kept", "within_10000", 1.0, below=False, gate=False),
            SloLimit("flow of thought, p95", "p95_ms", 1000),
        ),
        "Nielsen 1 s",
    ),
    SloPreset(
        "ttfb",
        "web.dev, time to first byte",
        "of pages, for 75 % of visits, with redirects and connecting; the suite measures to the last byte of an answer",
        SloSource("web.dev, Time to First Byte (TTFB)", "https://web.dev/articles/ttfb", None),
        (SloLimit("time to first byte, good", "p75_ms", 800),),
        "web.dev TTFB",
    ),
    SloPreset(
        "google-sre",
        "Google SRE Workbook, example API",
        "measured at the load balancer over four weeks, for a game's API; 5xx alone count as failed there",
        SloSource(
            "The Site Reliability Workbook, appendix A: Example SLO Document",
            "https://sre.google/workbook/slo-document/",
            2018,
        ),
        (SloLimit("90 % of requests", "p90_ms", 400), SloLimit("99 % of requests", "p99_ms", 850)),
        "Google SRE",
    ),
    SloPreset(
        "cdr",
        "Consumer Data Right (Australia)",
        "binding for bank and energy APIs since 2021: 95 % of calls of an hour; low priority, customer present",
        SloSource(
            "Consumer Data Standards, Non-functional Requirements: Performance",
            "https://consumerdatastandardsaustralia.github.io/standards/#performance-requirements",
            2021,
        ),
        (SloLimit("95 % of calls", "p95_ms", 1500),),
        "CDR Australia",
    ),
    SloPreset(
        "open-finance-uae",
        "Open Finance (UAE)",
        "bank and insurance APIs: daily average of each endpoint, to the last byte, at the central API hub",
        SloSource(
            "CBUAE Open Finance, API Hub v LFI Performance Service Levels",
            "https://openfinanceuae.atlassian.net/wiki/spaces/OF/pages/187990054/API+Hub+v+LFI+Performance+Service+Levels",
            2024,
        ),
        (SloLimit("average to the last byte", "avg_ms", 500),),
        "Open Finance UAE",
    ),
    SloPreset(
        "kubernetes",
        "Kubernetes API",
        "calls for single objects, for each resource and verb, inside the API server over a day",
        SloSource(
            "Kubernetes SIG Scalability, API call latency SLIs/SLOs",
            "https://github.com/kubernetes/community/blob/master/sig-scalability/slos/api_call_latency.md",
            None,
        ),
        (SloLimit("single objects, p99", "p99_ms", 1000),),
        "Kubernetes",
    ),
)


@dataclass(frozen=True, slots=True)
class Compared:
    """One published limit beside what the run showed. `observed`: None where there are too few requests.

    `holds`: None where that is so, or the limit is a scale and no gate.
    """

    preset: SloPreset
    limit: SloLimit
    observed: float | None
    holds: bool | None


def preset(name: str) -> tuple[Target, ...]:
    """The targets of the preset of that name; () for an unknown name."""
    return tuple(
        Target(f"{one.title}: {limit.name}", limit.metric, limit.limit, limit.below)
        for one in SLO_PRESETS
        if one.name == name
        for limit in one.limits
        if limit.gate
    )


def compared(summary: Summary) -> tuple[Compared, ...]:
    """All published limits beside the steady state of a run; () without a request."""
    if not summary.totals.requests:
        return ()
    return tuple(_compared(summary, one, limit) for one in SLO_PRESETS for limit in one.limits)


def _compared(summary: Summary, preset: SloPreset, limit: SloLimit) -> Compared:
    observed = _observed(summary, limit.metric)
    holds = None
    if observed is not None and limit.gate:
        holds = observed < limit.limit if limit.below else observed > limit.limit
    return Compared(preset, limit, observed, holds)


def _observed(summary: Summary, metric: str) -> float | None:
    totals = summary.totals
    counts = {one.limit_ms: one.succeeded for one in summary.within}
    if (threshold_ms := apdex_threshold(metric)) is not None:
        if 4 * threshold_ms not in counts:
            return None
        return apdex(counts[threshold_ms], counts[4 * threshold_ms], totals.requests)
    if metric.startswith("within_"):
        succeeded = counts.get(float(metric.removeprefix("within_")))
        return None if succeeded is None or totals.requests < FEWEST_FOR_APDEX else succeeded / totals.requests
    return _statistic(summary.totals_ok, metric)


def _statistic(totals: Statistics, metric: str) -> float | None:
    value = getattr(totals, metric)
    return None if value is None or totals.requests < FEWEST_FOR_AVERAGE else float(value)


def apdex_threshold(metric: str) -> float | None:
    """T in ms of a metric such as "apdex_500"; None for every other metric."""
    found = _APDEX.fullmatch(metric)
    return float(found[1]) if found else None


def apdex(within_t: int, within_4t: int, requests: int) -> float | None:
    """(satisfied + tolerating ÷ 2) ÷ requests, from 0 to 1; None below 100 requests.

    `within_t`, `within_4t`: requests that succeeded within T (satisfied), and within four times T (satisfied or
    tolerating). The others, and those that failed, are frustrated.
    """
    return (within_t + within_4t) / 2 / requests if requests >= FEWEST_FOR_APDEX else None


def rating(score: float) -> str:
    """The name of an Apdex score, rounded to two decimals as the ratings are."""
    return next(name for least, name in APDEX_RATINGS if round(score, 2) >= least)


def times_needed() -> tuple[float, ...]:
    """The times, in ms, within which requests have to be counted for all presets."""
    times: set[float] = set()
    for limit in (limit for one in SLO_PRESETS for limit in one.limits):
        if (threshold_ms := apdex_threshold(limit.metric)) is not None:
            times |= {threshold_ms, 4 * threshold_ms}
        elif limit.metric.startswith("within_"):
            times.add(float(limit.metric.removeprefix("within_")))
    return tuple(sorted(times))
