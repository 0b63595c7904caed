"""The load as a series: bins, gaps and periods."""

from __future__ import annotations

from dataclasses import replace

from perfsuite.model import Breakdown, Second, SecondArrivals, Statistics
from perfsuite.report.page.charts import Period
from perfsuite.report.page.load_charts import MAX_POINTS, LoadSeries, load_series, role_key


def second(number: int, *, requests: int = 10, failures: int = 0, ms: float | None = 20.0, users: int = 5) -> Second:
    period = "ramp-up" if number < 104 else "steady"
    rate = failures / requests if requests else None
    figures = Statistics(requests, failures, rate, requests, ms, ms, ms, ms, ms, ms, None, None, None)
    return Second(number, period, figures, {"policyholder": users})


def at(series: LoadSeries, number: int) -> dict[str, float | None]:
    """The figures of one bin."""
    return {name: values[number] for name, values in series.figures.items()}


def test_short_runs_keep_every_second() -> None:
    series = load_series([second(100 + n, failures=n) for n in range(10)])
    assert (series.bin_s, len(series.middles), series.length_s) == (1, 10, 10)
    assert series.figures["fps"][3] == 3
    assert series.periods == (Period("ramp-up", 0, 4, shaded=True), Period("steady", 4, 10))


def test_long_runs_sum_counts_weight_means_and_keep_maxima() -> None:
    seconds = [second(100 + n, requests=10 + 20 * (n % 2), ms=10.0 + 30 * (n % 2)) for n in range(600)]
    series = load_series(seconds)
    assert (series.bin_s, len(series.middles), series.edges[1:3]) == (2, 300, (2, 4))
    figures = at(series, 1)
    assert (figures["rps"], figures["avg"], figures["max"], figures[role_key("policyholder")]) == (20.0, 32.5, 40.0, 5)


def test_the_longest_scenario_stays_within_the_points() -> None:
    series = load_series([second(100 + n) for n in range(1805)])
    assert len(series.middles) <= MAX_POINTS
    assert (series.edges[-1], series.figures["rps"][-1]) == (1805, 10)


def test_silent_seconds_are_gaps_not_zeros() -> None:
    series = load_series([second(100), second(101, requests=0, ms=None), second(102)])
    assert series.figures["avg"] == (20.0, None, 20.0)
    assert series.figures["rps"][1] == 0
    assert not series.knows("p95")


def test_the_open_model_has_its_actions_and_service_times() -> None:
    def late(number: int, begun: int, lag_ms: float, service_ms: float) -> Second:
        arrivals = SecondArrivals(30, begun, lag_ms, lag_ms * 2, number)
        parts = Breakdown(service_avg_ms=service_ms, not_started=5)
        return replace(second(number, requests=begun + 5), arrivals=arrivals, breakdown=parts)

    seconds = [
        late(100 + n, begun=10 + 20 * (n % 2), lag_ms=100.0 * (n % 2), service_ms=8.0 * (n % 2)) for n in range(600)
    ]
    figures = at(load_series(seconds), 1)
    assert (figures["due"], figures["begun"], figures["queue"]) == (30, 20, 103)
    assert (figures["lag"], figures["latest"], figures["service"]) == (75.0, 200.0, 6.0)


def test_a_run_without_a_second() -> None:
    assert load_series(()).edges == ()
