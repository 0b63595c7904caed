"""Pages beside the whole list, and figures beside the rows that they count."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from mitra_backend.defects import DEFECT_ROUTES, FORGOTTEN_EVERY

from perfsuite.correctness import lists
from perfsuite.correctness.check import (
    NO_DATA,
    OTHERS_ANSWER,
    WITHOUT_LOAD,
    Check,
    Held,
    NotChecked,
    Outcome,
    Reply,
    Send,
    Violated,
)
from perfsuite.correctness.drive import carry_out
from perfsuite.correctness.next_reads import SOFT_DELETED
from tests.backend.conftest import Serve
from tests.backend.support import Api, new_policy
from tests.correctness.carriers import BareContext, InOrder
from tests.correctness.real_target import client_of, outcomes_of

PAGES = {check.operation: check for check in lists.checks() if check.rule == lists.PAGES}
COUNTS = {check.operation: check for check in lists.checks() if check.rule == lists.COUNTS}


def test_every_list_that_pages_and_every_figure_that_counts_is_checked() -> None:
    assert PAGES.keys() == set(DEFECT_ROUTES["skipped_row"])
    assert COUNTS.keys() == set(DEFECT_ROUTES["counter_drift"])


def test_a_healthy_backend_holds(api: Api) -> None:
    with closing(client_of(api)) as client:
        client.known[lists.UNCOUNTED] = lists.uncounted(client, client, lambda _check: True)
        checks = [*PAGES.values(), *COUNTS.values()]
        assert {carry_out(check, client, client) for check in checks * 2} == {Held()}


def test_pages_that_skip_a_row(serve: Serve) -> None:
    for outcome in outcomes_of(serve("skipped_row@*"), PAGES.values()).values():
        assert isinstance(outcome, Violated)
        assert outcome.seen == "1 of them missing"
        assert len(outcome.replies) == 2


def test_pages_of_one_list_that_skip_a_row(serve: Serve) -> None:
    outcomes = outcomes_of(serve("skipped_row@leads.list"), PAGES.values())
    assert [check.operation for check, outcome in outcomes.items() if outcome != Held()] == ["leads.list"]


def sell(api: Api, policies: int) -> None:
    for number in range(policies):
        body = new_policy(api, f"T-{random.Random(number).random()}")
        assert api.call("senior_agent", "POST", "/policies/", json=body).status_code == 201


def test_a_counter_that_forgets_policies_is_found_where_it_was_right_before(serve: Serve) -> None:
    faulty = serve("counter_drift@analytics.reports")
    with closing(client_of(faulty)) as client:
        client.known[lists.UNCOUNTED] = lists.uncounted(client, client, lambda _check: True)
        assert client.known[lists.UNCOUNTED] == dict.fromkeys(COUNTS, 0)
        sell(faulty, FORGOTTEN_EVERY)
        outcomes = {check: carry_out(check, client, client) for check in COUNTS.values()}
    wrong = {check.operation: outcome for check, outcome in outcomes.items() if outcome != Held()}
    outcome = wrong.pop("analytics.reports")
    assert not wrong
    assert isinstance(outcome, Violated)
    seen = int(outcome.seen.removeprefix("total_policies: "))
    assert outcome.expected == f"total_policies: at least {seen + 1}"


def uncounted(shop: Shop) -> dict[str, int]:
    return lists.uncounted(BareContext(), shop, lambda check: check.operation == "dashboard.system")


def test_figures_that_a_busy_target_does_not_give_are_left_out() -> None:
    shop = Shop(50, lambda _policies: -3, nothing)
    assert uncounted(shop) == {"dashboard.system": 3}
    shop.busy = True
    assert uncounted(shop) == {}


def test_figures_that_do_not_count_a_new_policy_at_once_are_known_before_the_load() -> None:
    assert uncounted(Shop(50, exact, nothing)) == {"dashboard.system": 0}
    assert uncounted(Shop(50, lambda policies: 50 - policies, nothing)) == {"dashboard.system": 1}


def test_figures_are_not_known_where_no_policy_can_be_sold() -> None:
    shop = Shop(50, exact, nothing)
    shop.sells_none = True
    assert uncounted(shop) == {}


class Shop:
    """A target that counts its policies with `error`; `meanwhile`: happens before each request."""

    def __init__(self, policies: int, error: Callable[[int], int], meanwhile: Callable[[Shop], None]) -> None:
        self.policies, self.sent = policies, list[Send]()
        self.busy = self.sells_none = False
        self._error, self._meanwhile = error, meanwhile

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        (send,) = sends
        self.sent.append(send)
        self._meanwhile(self)
        status, body = (503, None) if self.busy else self._answer(send)
        return (Reply(send, status, body),)

    def wait(self, seconds: float) -> None:
        assert seconds == lists.PAUSE_S

    def _answer(self, send: Send) -> tuple[int, Any]:
        if send.operation == "dashboard.system":
            return 200, {"totalPolicies": self.policies + self._error(self.policies)}
        if send.operation == "policies.create":
            if self.sells_none:
                return 422, None
            self.policies += 1
            return 201, {"policy_id": "new"}
        return 200, [sold(number) for number in range(self.policies)[page_of(send.query)]]


def page_of(query: Mapping[str, str]) -> slice:
    offset = int(query.get("offset", 0))
    return slice(offset, offset + int(query.get("limit", 20)))


def sold(number: int) -> dict[str, str]:
    fields = ("policyholder_id", "agent_id", "provider_id", "policy_type", "plan_name")
    return {"policy_id": str(number)} | dict.fromkeys(fields, "x")


def counted(shop: Shop, context: BareContext | None = None, before: int = 0) -> Outcome:
    """`before`: how many rows the figure left out before the load."""
    context = context or BareContext()
    context.known[lists.UNCOUNTED] = {"dashboard.system": before}
    return carry_out(COUNTS["dashboard.system"], context, shop)


def nothing(_shop: Shop) -> None:
    pass


def sells(shop: Shop) -> None:
    shop.policies += 1


def sells_two(shop: Shop) -> None:
    shop.policies += 2


def removes(shop: Shop) -> None:
    shop.policies -= 2


def removes_and_sells(shop: Shop) -> None:
    """Once, a policy is there when the list is read, and not when the figure is."""
    shop.policies += {2: 1, 3: -1}.get(len(shop.sent), 0)


def exact(_policies: int) -> int:
    return 0


def forgets(policies: int) -> int:
    return -(policies // 5)


def test_a_figure_that_is_right_costs_two_requests() -> None:
    shop = Shop(50, exact, nothing)
    assert counted(shop) == Held()
    assert [send.operation for send in shop.sent] == ["dashboard.system", "policies.list"]


def test_a_figure_that_was_right_and_is_wrong_now() -> None:
    context, shop = BareContext(), Shop(4, forgets, nothing)
    assert counted(shop, context) == Held()
    shop.policies = 17
    outcome = counted(shop, context)
    assert isinstance(outcome, Violated)
    assert (outcome.expected, outcome.seen) == ("totalPolicies: at least 17", "totalPolicies: 14")
    assert shop.policies == 17


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        pytest.param(exact, Held(), id="all"),
        pytest.param(lambda _policies: -3, Held(), id="all but some old ones"),
        pytest.param(lambda policies: 50 - policies, NotChecked(lists.OTHER_ROWS), id="none"),
        pytest.param(forgets, None, id="most"),
    ],
)
def test_without_load_the_check_adds_policies_of_which_a_figure_counts(
    error: Callable[[int], int], outcome: Outcome | None
) -> None:
    context, shop = BareContext(), Shop(50, error, nothing)
    context.known[WITHOUT_LOAD] = ["super_admin"]
    found = counted(shop, context)
    assert found == outcome if outcome else isinstance(found, Violated)
    assert shop.policies == 55


def test_a_figure_that_left_out_rows_before_the_load_is_not_checked() -> None:
    assert counted(Shop(50, lambda _policies: -3, nothing), before=2) == NotChecked(lists.OTHER_ROWS)
    assert counted(Shop(50, exact, nothing), before=2) == NotChecked(lists.OTHER_ROWS)


def test_a_figure_of_which_nobody_knows_what_it_counted_is_not_checked() -> None:
    found = carry_out(COUNTS["dashboard.system"], BareContext(), Shop(50, forgets, nothing))
    assert found == NotChecked(lists.NOT_COMPARED_BEFORE)


def test_a_figure_far_from_the_rows_says_nothing() -> None:
    assert counted(Shop(250, lambda _policies: -200, nothing)) == NotChecked(lists.OTHER_ROWS)
    assert counted(Shop(250, lambda _policies: 7, nothing), before=-1) == NotChecked(lists.OTHER_ROWS)


def test_where_deleted_rows_stay_in_the_list_a_difference_says_nothing() -> None:
    context = BareContext()
    context.known[SOFT_DELETED] = True
    assert counted(Shop(50, forgets, nothing), context) == NotChecked(lists.OTHER_ROWS)
    assert counted(Shop(50, exact, nothing), context) == Held()


@pytest.mark.parametrize(
    ("number", "status", "kept"),
    [("PERF-1-a-000000-1", "cancelled", True), ("POL-7", "cancelled", False), ("PERF-1-a-000000-1", "active", False)],
)
def test_policies_that_another_run_has_deleted_may_stay_in_the_list_alone(number: str, status: str, kept: bool) -> None:
    class Keeps(Shop):
        def _answer(self, send: Send) -> tuple[int, Any]:
            if "status" in send.query:
                return 200, [{"policy_id": "1", "policy_number": number, "status": status}]
            return super()._answer(send)

    outcome = counted(Keeps(50, lambda _policies: -2, nothing))
    assert outcome == NotChecked(lists.OTHER_ROWS) if kept else isinstance(outcome, Violated)


def test_a_figure_that_forgets_more_than_is_sold_meanwhile() -> None:
    outcome = counted(Shop(50, forgets, sells))
    assert isinstance(outcome, Violated)
    assert (outcome.expected, outcome.seen) == ("totalPolicies: at least 54", "totalPolicies: 44")
    assert [reply.send.operation for reply in outcome.replies] == ["dashboard.system", "policies.list"]


def test_a_figure_that_counts_too_many() -> None:
    outcome = counted(Shop(50, lambda _policies: 2, nothing))
    assert isinstance(outcome, Violated)
    assert (outcome.expected, outcome.seen) == ("totalPolicies: at most 51", "totalPolicies: 52")


def test_a_policy_that_is_sold_between_figure_and_list_costs_two_requests_more() -> None:
    shop = Shop(50, exact, lambda shop: sells(shop) if len(shop.sent) == 2 else None)
    assert counted(shop) == Held()
    assert [send.operation for send in shop.sent] == ["dashboard.system", "policies.list"] * 2


def test_a_figure_that_may_have_forgotten_as_many_as_were_sold_is_looked_at_again() -> None:
    """At the first look it shows as many rows as the list had, since two more were sold meanwhile."""
    shop = Shop(50, lambda _policies: -2, lambda shop: sells_two(shop) if len(shop.sent) == 3 else None)
    assert isinstance(counted(shop), Violated)


def test_a_figure_that_is_too_high_at_one_look_and_too_low_at_the_next_is_looked_at_again() -> None:
    errors = iter((3, -3, -3, 0))
    assert counted(Shop(50, lambda _policies: next(errors), nothing)) == Held()
    errors = iter((3, -3, -3, -3))
    assert isinstance(counted(Shop(50, lambda _policies: next(errors), nothing)), Violated)


@pytest.mark.parametrize(
    ("meanwhile", "outcome"),
    [(sells, Held()), (removes, NotChecked(lists.CHANGING)), (removes_and_sells, Held())],
)
def test_rows_that_others_add_and_remove_meanwhile_are_no_violation(
    meanwhile: Callable[[Shop], None], outcome: Outcome
) -> None:
    context, shop = BareContext(), Shop(90, exact, meanwhile)
    for _look in range(5):
        assert counted(shop, context) == outcome


def test_a_figure_may_count_a_policy_a_while_after_it_was_sold() -> None:
    """As one of a backend that counts after its answer: by the next figure, which is read after the pause."""

    class Late(Shop):
        def wait(self, seconds: float) -> None:
            super().wait(seconds)
            self.late = 0

        def _answer(self, send: Send) -> tuple[int, Any]:
            if send.operation == "dashboard.system":
                return 200, {"totalPolicies": self.policies - self.late}
            return super()._answer(send)

    shop = Late(50, exact, nothing)
    for sold_just_now in range(1, 9):
        shop.policies, shop.late = shop.policies + sold_just_now, sold_just_now
        assert counted(shop) == Held()


def test_a_figure_that_cannot_be_read() -> None:
    shop = Shop(50, exact, nothing)
    shop.busy = True
    assert counted(shop) == NotChecked("HTTP 503")


# ── pages ───────────────────────────────────────────────────────────────────────────────────────────


class Tickets:
    """A list of tickets. `change`: what happens to it before each request; `shift`: of pages after the first."""

    def __init__(self, rows: int, change: Callable[[list[int], int], None] | None = None, shift: int = 0) -> None:
        self._rows = list(range(rows))
        self._change, self._shift = change, shift
        self.asked = 0

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        (send,) = sends
        if self._change is not None:
            self._change(self._rows, self.asked)
        self.asked += 1
        page = page_of(send.query)
        shift = self._shift if page.start else 0
        shown = self._rows[page.start + shift : page.stop + shift]
        return (Reply(send, 200, {"data": {"tickets": [{"ticket_id": str(row)} for row in shown]}}),)

    def wait(self, seconds: float) -> None:
        assert seconds == lists.PAUSE_S


def paged(tickets: Tickets, seed: int = 1) -> Outcome:
    context = BareContext()
    context.random = random.Random(seed)
    return carry_out(PAGES["tickets.list"], context, tickets)


def new_each_time(rows: list[int], asked: int) -> None:
    rows.insert(0, 1000 + asked)


def new_at_first(rows: list[int], asked: int) -> None:
    if asked == 1:
        rows.insert(0, 1000)


def new_at_second(rows: list[int], asked: int) -> None:
    if asked == 2:
        rows.insert(0, 1000)


def there_and_gone(rows: list[int], asked: int) -> None:
    """A row is added before the page and removed after it, once."""
    if asked == 1:
        rows.insert(0, 1000)
    elif asked == 2:
        del rows[0]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("rows", "change", "shift", "expected"),
    [
        (50, None, 0, Held()),
        (2, None, 0, Held()),
        (1, None, 0, NotChecked(lists.TOO_FEW)),
        (0, None, 0, NotChecked(lists.TOO_FEW)),
        (50, new_at_first, 0, Held()),
        (50, new_each_time, 0, NotChecked(lists.CHANGING)),
        (50, there_and_gone, 0, NotChecked(lists.CHANGING)),
        (50, None, 1, Violated),
        (50, None, -1, Violated),
        (2, None, 1, Violated),
        (50, new_at_second, 1, Violated),
    ],
)
def test_pages(rows: int, change: Any, shift: int, expected: Any, seed: int) -> None:
    outcome = paged(Tickets(rows, change, shift), seed)
    assert outcome == expected or (expected is Violated and isinstance(outcome, Violated))


class WrongLate(Tickets):
    """Skips a row on pages after the first twenty rows alone."""

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        (send,) = sends
        offset = int(send.query["offset"])
        query = {**send.query, "offset": str(offset + (offset >= 20))}
        return super().exchange((replace(send, query=query),))


@pytest.mark.parametrize("rows", [40, 60, 300])
def test_pages_that_skip_a_row_far_down_are_found_most_times(rows: int) -> None:
    found = [paged(WrongLate(rows), seed) for seed in range(100)]
    assert sum(isinstance(outcome, Violated) for outcome in found) > 50
    assert all(isinstance(outcome, Violated | Held) for outcome in found)


def test_a_list_that_gives_fewer_rows_than_are_asked_for() -> None:
    class Capped(Tickets):
        """Never more than 25."""

        def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
            (send,) = sends
            limit = min(int(send.query["limit"]), 25)
            return super().exchange((replace(send, query={**send.query, "limit": str(limit)}),))

    assert {paged(Capped(60), seed) for seed in range(50)} == {Held()}


def test_pages_of_a_quiet_list_cost_two_requests() -> None:
    tickets = Tickets(50)
    assert paged(tickets) == Held()
    assert tickets.asked == 2


def leads_of(*agents: str) -> tuple[int, Any]:
    rows = [{"lead_id": f"{agent}{number}", "agent_id": agent} for agent in agents for number in range(6)]
    return 200, {"data": {"leads": rows}}


def test_a_list_of_somebody_else_is_no_matter_of_pages() -> None:
    class Mixed:
        """The page is of another agent than the whole."""

        def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
            (send,) = sends
            return (Reply(send, *leads_of("b" if send.query["offset"] != "0" else "a")),)

        def wait(self, seconds: float) -> None:
            assert seconds == lists.PAUSE_S

    check: Check = PAGES["leads.list"]
    assert carry_out(check, BareContext(), Mixed()) == NotChecked(OTHERS_ANSWER)


def test_a_list_without_pages_says_nothing() -> None:
    class Whole(Tickets):
        def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
            (send,) = sends
            return super().exchange((replace(send, query={"limit": "100", "offset": "0"}),))

    assert paged(Whole(12)) == NotChecked(lists.NO_PAGES)


def test_a_list_that_pages_in_another_way_says_nothing_unless_it_has_had_such_pages() -> None:
    class First(Tickets):
        def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
            (send,) = sends
            return super().exchange((replace(send, query={**send.query, "offset": "0"}),))

    check, context = PAGES["tickets.list"], BareContext()
    assert carry_out(check, context, First(12)) == NotChecked(lists.NO_PAGES)
    assert carry_out(check, context, Tickets(12)) == Held()
    assert isinstance(carry_out(check, context, First(12)), Violated)


def test_one_page_that_is_kept_for_a_while_is_no_violation() -> None:
    class Keeping(Tickets):
        """Answers a page as it did the first time, and another row has come first since."""

        def __init__(self, rows: int) -> None:
            super().__init__(rows)
            self._kept: dict[str, tuple[Reply, ...]] = {}

        def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
            replies, query = super().exchange(sends), sends[0].query
            return replies if int(query["limit"]) > 50 else self._kept.setdefault(str(query), replies)

    for seed in range(20):
        tickets = Keeping(50)
        assert paged(tickets, seed) == Held()
        tickets._rows.insert(0, 1000)
        assert paged(tickets, seed) == NotChecked(lists.CHANGING)


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        pytest.param({"user_id": "somebody", "agent_id": "a1"}, OTHERS_ANSWER, id="of somebody else"),
        pytest.param({"user_id": "id of {actor}", "agent_id": None}, NO_DATA, id="without an agent"),
    ],
)
def test_no_list_of_an_agent_is_asked_for_whose_id_is_not_known(profile: dict[str, Any], why: str) -> None:
    of_agents = [check for check in PAGES.values() if "agents.profile" in check.uses]
    assert of_agents
    for check in of_agents:
        row = {name: value and value.format(actor=check.actors[0]) for name, value in profile.items()}
        carrier = InOrder((200, row))
        assert carry_out(check, BareContext(), carrier) == NotChecked(why)
        assert [send.operation for send in carrier.sent] == ["agents.profile"]
