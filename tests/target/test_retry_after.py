"""What looks before the load waits where the target's rate limit answers, as long as that is worth it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from perfsuite.clock import utc_s
from perfsuite.target.exchange import Answer, Request
from perfsuite.target.retry_after import MOST_S, RetryAfterClient, asked_wait_s
from tests.target.fake_target import answer

OK = answer({"a": 1})


def limited(retry_after: str = "") -> Answer:
    return answer({"detail": "Rate limit exceeded"}, 429, **({"retry_after": retry_after} if retry_after else {}))


class Scripted:
    """A transport that gives these answers in turn, the last one for ever."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.answers = list(answers)
        self.sent: list[Request] = []
        self.closed = False

    def exchange(self, request: Request) -> Answer:
        self.sent.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def close(self) -> None:
        self.closed = True


def patient(*answers: Answer) -> tuple[RetryAfterClient, Scripted, list[float], list[str]]:
    """With the transport behind it, the seconds that it waits, and what it tells."""
    behind, waits, told = Scripted(answers), list[float](), list[str]()
    return RetryAfterClient(behind, told.append, waits.append), behind, waits, told


GET = Request("GET", "/api/v1/users/me?secret=1", {})


@pytest.mark.parametrize(
    ("answers", "waits"),
    [
        pytest.param((OK,), [], id="no limit"),
        pytest.param((limited("2"), OK), [2.0], id="as long as it asks for"),
        pytest.param((limited("0"), OK), [0.5], id="told to come at once: not at once all the same"),
        pytest.param((limited(), limited(), limited(), OK), [0.5, 1.0, 2.0], id="not told: longer each time"),
        pytest.param((limited("soon"), OK), [0.5], id="told what nobody can read"),
        pytest.param((limited("-5"), OK), [0.5], id="told a time that is over"),
        pytest.param((limited("inf"), OK), [0.5], id="told for ever"),
        pytest.param((limited("10"), limited("15"), OK), [10.0, 15.0], id="twice, within the time for one request"),
    ],
)
def test_it_waits_and_asks_again(answers: Sequence[Answer], waits: list[float]) -> None:
    transport, behind, waited, _told = patient(*answers)

    assert transport.exchange(GET).status == 200
    assert waited == waits
    assert behind.sent == [GET] * (len(waits) + 1)


def test_it_tells_once_that_it_waits_and_for_what() -> None:
    transport, _behind, _waited, told = patient(limited("1"), OK, limited("1"), OK)
    transport.exchange(GET)
    transport.exchange(GET)

    assert told == ["The target's rate limit answers (HTTP 429 to GET /api/v1/users/me): going on more slowly"]


def test_who_would_have_to_wait_too_long_does_not_wait_at_all_and_never_again() -> None:
    transport, behind, waited, _told = patient(limited(str(MOST_S + 1)))

    assert [transport.exchange(GET).status for _ in range(3)] == [429] * 3
    assert (waited, len(behind.sent)) == ([], 3)


def test_other_failures_are_answers() -> None:
    transport, behind, waited, _told = patient(answer({"detail": "down"}, 503, retry_after="5"))

    assert transport.exchange(GET).status == 503
    assert (waited, len(behind.sent)) == ([], 1)


def test_it_closes_what_is_behind_it() -> None:
    transport, behind, _waited, _told = patient(OK)
    transport.close()
    assert behind.closed


def test_a_date_is_understood_too() -> None:
    date = format_datetime(datetime.fromtimestamp(utc_s(), UTC) + timedelta(seconds=20), usegmt=True)
    wait_s = asked_wait_s(date)
    assert wait_s is not None
    assert 0 < wait_s <= 20
    assert asked_wait_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert asked_wait_s("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:27:30 GMT") == 30  # by its own clock
