"""Kept answers: given out again, dropped by topic, never given to somebody else."""

import pytest
from mitra_backend.cache import KEPT_S, MISS, Cache, MemoryCache, RedisCache

from tests.backend.conftest import Serve
from tests.backend.support import Api, new_policy


def test_an_answer_is_kept_until_its_topic_changes() -> None:
    cache = MemoryCache()
    missed = cache.lookup("k", ("a", "b"))
    assert missed.body is None
    cache.store("k", missed.stamp, b"old")
    assert cache.lookup("k", ("a", "b")).body == b"old"
    cache.invalidate(("c",))
    assert cache.lookup("k", ("a", "b")).body == b"old"
    cache.invalidate(("b",))
    assert cache.lookup("k", ("a", "b")).body is None


def test_an_answer_made_before_a_write_is_never_served() -> None:
    cache = MemoryCache()
    missed = cache.lookup("k", ("a",))
    cache.invalidate(("a",))  # the write falls between reading the rows and keeping the answer
    cache.store("k", missed.stamp, b"stale")
    assert cache.lookup("k", ("a",)).body is None


def test_the_least_used_answer_makes_room() -> None:
    cache = MemoryCache(max_entries=2)
    for key in ("a", "b"):
        cache.store(key, b"0", b"x")
    cache.lookup("a", ("t",))
    cache.store("c", b"0", b"x")
    assert [cache.lookup(key, ("t",)).body for key in ("a", "b", "c")] == [b"x", None, b"x"]


def test_large_answers_make_room_too() -> None:
    cache = MemoryCache(max_bytes=10)
    for key, size in (("a", 6), ("a", 6), ("b", 3), ("c", 4)):
        cache.store(key, b"0", b"x" * size)
    assert [cache.lookup(key, ("t",)).body for key in ("a", "b", "c")] == [None, b"xxx", b"xxxx"]


def test_without_redis_everything_is_a_miss_and_one_line_says_so(caplog: pytest.LogCaptureFixture) -> None:
    cache: Cache = RedisCache("redis://127.0.0.1:1/0")
    for _ in range(3):
        assert cache.lookup("k", ("a",)) == MISS
        cache.store("k", None, b"x")
        cache.invalidate(("a",))
    assert len([line for line in caplog.messages if "Redis is away" in line]) == 1
    cache.close()


def test_a_backend_without_its_redis_serves(serve: Serve) -> None:
    api = serve(redis_url="redis://127.0.0.1:1/0")
    assert len(api.get("policyholder", "/policies/")) >= 3


def test_answers_expire_and_make_room_then() -> None:
    now = 100.0
    cache = MemoryCache(clock=lambda: now)
    for key in ("a", "b"):
        cache.store(key, b"0", b"x" * 1000)
    now += KEPT_S
    assert [cache.lookup(key, ("t",)).body for key in ("a", "b")] == [b"x" * 1000] * 2
    cache.store("c", b"0", b"x")
    now += 0.1
    assert cache.lookup("b", ("t",)).body is None
    cache.store("d", b"0", b"x")
    assert list(cache._entries) == ["c", "d"]


def test_what_is_written_is_seen_at_once_by_everybody_concerned(api: Api) -> None:
    def seen() -> list[bool]:
        lists = [
            api.get("senior_agent", "/policies/?limit=100"),
            api.get("super_admin", "/policies/?policy_number=T-cache"),
            api.get("support_staff", f"/policies/?policyholder_id={body['policyholder_id']}&limit=100"),
        ]
        return ["T-cache" in [policy["policy_number"] for policy in rows] for rows in lists]

    def totals() -> tuple[int, int]:
        return (
            api.get("super_admin", "/dashboard/system-overview")["totalPolicies"],
            api.get("senior_agent", "/agents/profile")["total_policies_sold"],
        )

    body = new_policy(api, "T-cache")
    before = totals()
    assert seen() == [False] * 3
    policy_id = api.call("senior_agent", "POST", "/policies/", json=body).json()["policy_id"]
    assert seen() == [True] * 3
    assert totals() == (before[0] + 1, before[1] + 1)
    assert api.call("super_admin", "DELETE", f"/policies/{policy_id}").status_code == 200
    assert seen() == [False] * 3
    assert totals() == before


def test_the_same_question_of_two_people_has_two_answers(api: Api) -> None:
    for path in ("/policies/", "/users/me"):
        answers = [api.call(who, "GET", path).text for who in ("policyholder", "junior_agent", "senior_agent") * 2]
        assert answers[:3] == answers[3:]
        assert len(set(answers)) == 3
