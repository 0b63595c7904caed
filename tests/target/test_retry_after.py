"""What looks before the load waits where the target's rate limit answers, as long as that is worth it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from perfsuite.clock import utc_s
from perfsuite.messages.target import TargetMessage
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


def waiting(*answers: Answer) -> tuple[RetryAfterClient, Scripted, list[float], list[str]]:
    """With the transport behind it, the seconds that it waits, and what it tells."""
    behind, waits, lines = Scripted(answers), list[float](), list[str]()
    return RetryAfterClient(behind, lines.append, waits.append), behind, waits, lines


GET = Request("GET", "/api/v1/users/me?secret=1", {})


@pytest.mark.parametrize(
    ("answers", "waits"),
    [
        pytest.param((OK,), [], id="no limit"),
        pytest.param((limited("2"), OK), [2.0], id="as long as it asks for"),
        pytest.param((limited("0"), OK), [0.5], id="lines to come at once: not at once all the same"),
        pytest.param((limited(), limited(), limited(), OK), [0.5, 1.0, 2.0], id="not lines: longer each time"),
        pytest.param((limited("soon"), OK), [0.5], id="lines what nobody can read"),
        pytest.param((limited("-5"), OK), [0.5], id="lines a time that is over"),
        pytest.param((limited("inf"), OK), [0.5], id="lines for ever"),
        pytest.param((limited("10"), limited("15"), OK), [10.0, 15.0], id="twice, within the time for one request"),
    ],
)
def test_it_waits_and_asks_again(answers: Sequence[Answer], waits: list[float]) -> None:
    transport, behind, waited, _lines = waiting(*answers)

    assert transport.exchange(GET).status == 200
    assert waited == waits
    assert behind.sent == [GET] * (len(waits) + 1)


def test_it_reports_its_first_wait_only() -> None:
    transport, _behind, _waited, lines = waiting(limited("1"), OK, limited("1"), OK)
    transport.exchange(GET)
    transport.exchange(GET)

    assert lines == [TargetMessage.RATE_LIMITED(method="GET", path="/api/v1/users/me")]


def test_who_would_have_to_wait_too_long_does_not_wait_at_all_and_never_again() -> None:
    transport, behind, waited, _lines = waiting(limited(str(MOST_S + 1)))

    assert [transport.exchange(GET).status for _ in range(3)] == [429] * 3
    assert (waited, len(behind.sent)) == ([], 3)


def test_other_failures_are_answers() -> None:
    transport, behind, waited, _lines = waiting(answer({"detail": "down"}, 503, retry_after="5"))

    assert transport.exchange(GET).status == 503
    assert (waited, len(behind.sent)) == ([], 1)


def test_it_closes_what_is_behind_it() -> None:
    transport, behind, _waited, _lines = waiting(OK)
    transport.close()
    assert behind.closed


def test_a_date_is_understood_too() -> None:
    date = format_datetime(datetime.fromtimestamp(utc_s(), UTC) + timedelta(seconds=20), usegmt=True)
    wait_s = asked_wait_s(date)
    assert wait_s is not None
    assert 0 < wait_s <= 20
    assert asked_wait_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert asked_wait_s("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:27:30 GMT") == 30  # by its own clock
