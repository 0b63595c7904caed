"""The course of a run: bins, gaps and bands."""

from __future__ import annotations

from dataclasses import replace

from perfsuite.model import Breakdown, Second, SecondArrivals, Statistics
from perfsuite.report.page.series import MOST_POINTS, Band, course_of, role_key


def second(number: int, *, requests: int = 10, failures: int = 0, ms: float | None = 20.0, users: int = 5) -> Second:
    period = "ramp-up" if number < 104 else "steady"
    rate = failures / requests if requests else None
    figures = Statistics(requests, failures, rate, requests, ms, ms, ms, ms, ms, ms, None, None, None)
    return Second(number, period, figures, {"policyholder": users})


def test_short_runs_keep_every_second() -> None:
    course = course_of([second(100 + n, failures=n) for n in range(10)])
    assert (course.bin_s, len(course.points), course.length_s) == (1, 10, 10)
    assert course.points[3]["fps"] == 3
    assert course.bands == (Band("ramp-up", 0, 4), Band("steady", 4, 10))


def test_long_runs_sum_counts_weigh_means_and_keep_maxima() -> None:
    seconds = [second(100 + n, requests=10 + 20 * (n % 2), ms=10.0 + 30 * (n % 2)) for n in range(600)]
    course = course_of(seconds)
    assert (course.bin_s, len(course.points)) == (2, 300)
    point = course.points[1]
    assert (point["t"], point["end"], point["rps"], point["avg"], point["max"]) == (2, 4, 20.0, 32.5, 40.0)
    assert point[role_key("policyholder")] == 5


def test_the_longest_scenario_stays_within_the_points() -> None:
    course = course_of([second(100 + n) for n in range(1805)])
    assert len(course.points) <= MOST_POINTS
    assert course.points[-1]["end"] == 1805
    assert course.points[-1]["rps"] == 10


def test_silent_seconds_are_gaps_not_zeros() -> None:
    course = course_of([second(100), second(101, requests=0, ms=None), second(102)])
    assert [point["avg"] for point in course.points] == [20.0, None, 20.0]
    assert course.points[1]["rps"] == 0
    assert not course.knows("p95")


def test_the_open_model_has_its_actions_and_service_times() -> None:
    def late(number: int, begun: int, lag_ms: float, service_ms: float) -> Second:
        told = SecondArrivals(30, begun, lag_ms, lag_ms * 2, number)
        return replace(
            second(number, requests=begun + 5), arrivals=told,
            breakdown=Breakdown(service_avg_ms=service_ms, not_started=5),
        )  # fmt: skip

    seconds = [
        late(100 + n, begun=10 + 20 * (n % 2), lag_ms=100.0 * (n % 2), service_ms=8.0 * (n % 2)) for n in range(600)
    ]
    point = course_of(seconds).points[1]
    assert (point["due"], point["begun"], point["queue"]) == (30, 20, 103)
    assert (point["lag"], point["latest"], point["service"]) == (75.0, 200.0, 6.0)


def test_a_run_without_a_second() -> None:
    assert course_of(()).points == ()
