"""The load's own answers: what one shows of somebody else is a violation; one that could show nothing is no check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from perfsuite.correctness.catalogue import all_checks, check_of
from perfsuite.correctness.check import NO_ANSWER
from perfsuite.correctness.errors import NO_SERVER_ERROR, NOT_EACH_TIME
from perfsuite.correctness.watch import AnswerWatcher
from perfsuite.correctness.watched import AS_SENT, ASKED, OWN_ANSWER, OWN_ROWS, checks
from perfsuite.model import Account, ApiMapping, Plan, Scenario
from perfsuite.model.correctness import CheckLevel
from perfsuite.model.role import Behaviour, Call, Step
from perfsuite.roles import ROLES
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.contract_rules import OWN_LISTS
from perfsuite.target.exchange import Answer
from perfsuite.target.journal import Marks
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session
from tests.target.contract import ACCOUNT_FIELDS, DASHBOARDS, LEAD, POLICY, PREMIUM, row
from tests.target.fake_target import PASSWORD, FakeTarget, Notes, answer, lost

RUN = "basic_20260301_093000"
BY_SLUG = {role.slug: role for role in ROLES}
ACCOUNTS = [
    Account(f"98100{place:02d}{number:03d}", PASSWORD, slug)
    for place, slug in enumerate(BY_SLUG)
    for number in range(3)
]
DASHBOARD = "dashboard.senior_agent"
Found = dict[tuple[str, str, str, str], dict[str, Any]]


def plan_with(mapping: ApiMapping) -> Plan:
    return Plan(
        RUN,
        Scenario("basic", 5, 1, 60),
        "http://localhost",
        {},
        (),
        (),
        1,
        "2026-03-01T09:30:00Z",
        check_correctness=CheckLevel.SAMPLE,
        mapping=mapping,
    )


class Load:
    """The users of one process."""

    def __init__(
        self, *, watched: bool = True, accounts: Sequence[Account] = ACCOUNTS, off: Mapping[str, tuple[str, ...]] = {}
    ) -> None:
        """`off`: rule → operations of which it is not checked."""
        mapping = ApiMapping(off={**off}, file="target.toml")
        self.run, self.accounts = RunState.of(plan_with(mapping), ()), accounts
        self.watch = AnswerWatcher(self.run, accounts, mapping)
        if watched:
            self.run.watch = self.watch.of

    def user(self, role: str, position: int = 0) -> User:
        account = [one for one in self.accounts if one.role == role][position]
        return User(self.run, account)

    def found(self, *, errors: bool = False) -> Found:
        """Invariant, rule, operation and result → the fields of its record: those of errors, or all others."""
        return {
            (*key[:3], result.value): found
            for key, result, found in self.watch.take()
            if (key[0] == "errors") is errors
        }


class User:
    """A session of the load; its target answers what the test says."""

    def __init__(self, run: RunState, account: Account) -> None:
        self.target, self.notes = FakeTarget(), Notes()
        self.id = f"id of {account.phone_number}"
        user = row(ACCOUNT_FIELDS, user_id=self.id, role=account.role)
        self.target.users = {account.phone_number: user}
        self.session = Session(BY_SLUG[account.role], account, self.target, run, self.notes)

    def gets(self, operation: str, *answers: Answer, path: Mapping[str, str] | None = None) -> list[str]:
        """Ask as often as there are answers; the ids of the requests."""
        self.target.give(operation, *answers)
        step = Step(operation, lambda _session: Call(path=path or {}))
        self.session.perform(Behaviour("reading", 1, (step,) * len(answers)))
        return [seen.request_id for seen in self.notes.requests if seen.operation == operation]

    def makes(self, operation: str, field: str) -> str:
        """Create a row; its mark."""
        mark = self.session.new_mark()
        self.target.give(operation, answer({field: mark}, 201))
        self.session.perform(Behaviour("making", 1, (Step(operation, lambda _session: Call(body={field: mark})),)))
        return mark


def policies(*agents: str) -> Answer:
    return answer([row(POLICY, policyholder_id=f"holder of {agent}", agent_id=agent) for agent in agents])


def leads(*names: str) -> Answer:
    """As targets list them that do not name the agent."""
    return answer({"leads": [row(LEAD, customer_name=name) for name in names]})


# ── whose rows ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("role", "operation", "path"),
    [
        pytest.param("policyholder", "policies.list", {}, id="a policyholder's policies"),
        pytest.param("senior_agent", "policies.list", {}, id="an agent's policies"),
        pytest.param("junior_agent", "policies.page", {"offset": "20"}, id="a page of them"),
    ],
)
def test_the_list_of_another_account(role: str, operation: str, path: Mapping[str, str]) -> None:
    load = Load()
    first, second = load.user(role), load.user(role, 2)
    (before,) = first.gets(operation, policies("a", "a"), path=path)
    _right, wrong, _again = second.gets(operation, policies("b"), policies("a"), policies("a"), path=path)

    found = load.found()
    shown = found["caches", OWN_ANSWER, operation, "violated"]
    assert found["caches", OWN_ANSWER, operation, "held"] == {"count": 2}
    assert found["isolation", OWN_LISTS, operation, "held"] == {"count": 2}
    assert (shown["count"], shown["expected"], shown["seen"]) == (2, OWN_ROWS, f"rows of {role}#1")
    assert [(one.actor, one.request_id, one.status) for one in shown["evidence"]] == [
        (f"{role}#1", before, 200),
        (f"{role}#3", wrong, 200),
    ]
    assert len(second.notes.failures) == 2, "they are failed requests all the same"
    assert load.found() == {}, "each answer is reported once"


@pytest.mark.parametrize("operations", [("leads.list", "policies.list"), ("*",)])
def test_agents_may_see_rows_of_others_where_that_rule_is_switched_off(operations: tuple[str, ...]) -> None:
    load = Load(off={OWN_LISTS: operations})
    first, second = load.user("senior_agent"), load.user("senior_agent", 1)
    mark = first.makes("leads.create", "customer_name")
    second.gets("leads.list", leads(mark))
    second.gets("policies.list", policies("a", "b"))

    assert not [key for key in load.found() if key[-1] == "violated"]
    assert not second.notes.failures
    why = {key[2]: found["why"] for key, _result, found in load.watch.never() if key[1] == OWN_LISTS}
    assert why == dict.fromkeys(("leads.list", "policies.list"), "switched off in target.toml")


def test_policyholders_never_see_rows_of_others() -> None:
    load = Load(off={OWN_LISTS: ("*",)})
    user = load.user("policyholder")
    user.gets("policies.list", answer([row(POLICY, policyholder_id=one) for one in "ab"]))

    assert not [key for key in load.found() if key[-1] == "violated"]
    assert len(user.notes.failures) == 1


def test_one_rule_that_is_switched_off_leaves_the_others() -> None:
    load = Load(off={OWN_ANSWER: ("policies.list",)})
    user = load.user("senior_agent")
    user.gets("policies.list", policies("a", "b"))

    assert list(load.found()) == [("isolation", OWN_LISTS, "policies.list", "violated")]


def test_a_list_of_several_accounts_is_not_the_answer_to_another_one() -> None:
    load = Load()
    user = load.user("senior_agent")
    (request_id,) = user.gets("policies.list", policies("a", "b"))

    ((key, shown),) = load.found().items()
    assert key == ("isolation", OWN_LISTS, "policies.list", "violated")
    assert shown["seen"] == "rows of several accounts"
    assert [one.request_id for one in shown["evidence"]] == [request_id]


def test_the_account_of_somebody_else() -> None:
    load = Load()
    first, second = load.user("junior_agent"), load.user("junior_agent", 1)
    own, others = (answer(row(ACCOUNT_FIELDS, user_id=user.id)) for user in (second, first))
    first.gets("users.me", others)
    second.gets("users.me", own, others)

    found = load.found()
    assert found["caches", OWN_ANSWER, "users.me", "held"] == {"count": 2}
    shown = found["caches", OWN_ANSWER, "users.me", "violated"]
    assert (shown["expected"], shown["seen"]) == ("one's own account", "the account of junior_agent#1")
    assert [one.actor for one in shown["evidence"]] == ["junior_agent#1", "junior_agent#2"]


def test_something_else_than_was_asked_for() -> None:
    load = Load()
    user = load.user("support_staff")
    user.gets("policies.read", *(answer(row(POLICY, policy_id=name)) for name in "ab"), path={"policy_id": "a"})
    payments = answer({"premiums": [row(PREMIUM, id="payment")]})
    user.gets("policies.premiums", payments, path={"policy_id": "a"})
    user.gets("policies.premiums", payments, path={"policy_id": "b"})

    found = load.found()
    assert {key[2:]: shown["count"] for key, shown in found.items() if key[:2] == ("isolation", ASKED)} == {
        ("policies.read", "held"): 1,
        ("policies.read", "violated"): 1,
        ("policies.premiums", "held"): 1,
        ("policies.premiums", "violated"): 1,
    }
    shown = found["isolation", ASKED, "policies.read", "violated"]
    assert shown["seen"] == "policy_id of the answer is not the one asked for"
    assert [one.request for one in shown["evidence"]] == ["GET /api/v1/policies/a"]


# ── marks ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_lead_of_another_agent_is_known_by_its_mark() -> None:
    load = Load()
    maker, other = load.user("senior_agent", 1), load.user("senior_agent")
    mark = maker.makes("leads.create", "customer_name")
    own = other.makes("leads.create", "customer_name")
    (before,) = maker.gets("leads.list", leads(mark))
    _right, wrong = other.gets("leads.list", leads(own), leads(mark, own))

    found = load.found()
    assert found["isolation", OWN_LISTS, "leads.list", "held"] == {"count": 2}
    shown = found["isolation", OWN_LISTS, "leads.list", "violated"]
    assert (shown["count"], shown["seen"]) == (1, "a row that senior_agent#2 has made")
    assert [(one.actor, one.request_id) for one in shown["evidence"]] == [
        ("senior_agent#2", before),
        ("senior_agent#1", wrong),
    ]


def test_a_whole_answer_of_another_agent_is_known_by_its_marks() -> None:
    load = Load()
    maker, other = load.user("senior_agent", 1), load.user("senior_agent")
    mark = maker.makes("leads.create", "customer_name")
    maker.gets("leads.list", leads(mark, mark))
    other.gets("leads.list", leads("somebody"), leads(mark, mark))

    found = load.found()
    assert found["caches", OWN_ANSWER, "leads.list", "held"] == {"count": 1}, "it could have shown the other's lead"
    shown = found["caches", OWN_ANSWER, "leads.list", "violated"]
    assert [one.actor for one in shown["evidence"]] == ["senior_agent#1"], "nobody else could have been wrong before"


def test_a_lead_that_the_target_gave_to_another_agent() -> None:
    load = Load()
    maker, other = load.user("senior_agent", 1), load.user("senior_agent")
    given, kept = (maker.makes("leads.create", "customer_name") for _ in range(2))
    rows = [
        [row(LEAD, customer_name=name) | {"agent_id": agent} for name, agent in of_agent]
        for of_agent in (((given, "b"), ("somebody", "b")), ((kept, "a"),))
    ]
    of_other, of_maker = (answer({"leads": one}) for one in rows)
    other.gets("leads.list", of_other)
    maker.gets("leads.list", of_maker)
    (_right, wrong) = other.gets("leads.list", of_maker)

    found = load.found()
    assert found["caches", OWN_ANSWER, "leads.list", "held"] == {"count": 2}
    shown = found["caches", OWN_ANSWER, "leads.list", "violated"]
    assert (shown["seen"], shown["evidence"][-1].request_id) == ("rows of senior_agent#2", wrong)


FIGURES = {"totalPoliciesSold": 12, "totalPremiumCollected": 9_500.0, "conversionRate": 0.25}
FEW = {"totalPoliciesSold": 0, "totalPremiumCollected": 0, "conversionRate": 0.25}
Shown = Sequence[Mapping[str, Any]]
"""The figures of the maker's dashboard and of the other agent's."""


@pytest.mark.parametrize(
    ("figures", "own_lead", "found"),
    [
        pytest.param((FIGURES, FIGURES), False, {"violated": 1}, id="all of another agent's"),
        pytest.param((FIGURES, FIGURES | {"totalPoliciesSold": 2}), False, {"held": 1}, id="leads of a team"),
        pytest.param((FIGURES, FIGURES), True, {"held": 1}, id="one's own lead among them"),
        pytest.param((FEW, FEW), False, {}, id="too few figures to tell them apart"),
    ],
)
def test_a_dashboard_is_of_another_agent_only_as_a_whole(figures: Shown, own_lead: bool, found: dict[str, int]) -> None:
    load = Load()
    maker, other = load.user("senior_agent", 1), load.user("senior_agent")
    marks = [one.makes("leads.create", "customer_name") for one in ((maker, other) if own_lead else (maker,))]
    theirs, own = (
        answer(row(DASHBOARDS[DASHBOARD], personalStats=one, recentActivities=marks) | {"generated_at": f"10:00:{at}"})
        for at, one in enumerate(figures)
    )
    (before,) = maker.gets(DASHBOARD, theirs)
    (asked,) = other.gets(DASHBOARD, own)

    seen = load.found()
    assert {key[3]: one["count"] for key, one in seen.items() if key[:3] == ("caches", OWN_ANSWER, DASHBOARD)} == found
    if "violated" in found:
        shown = seen["caches", OWN_ANSWER, DASHBOARD, "violated"]
        assert shown["seen"] == "the dashboard of senior_agent#2"
        assert [(one.actor, one.request_id) for one in shown["evidence"]] == [
            ("senior_agent#2", before),
            ("senior_agent#1", asked),
        ]


def test_a_mark_that_two_accounts_share_says_nothing() -> None:
    marks, seen = Marks(RUN), dict[str, str]()
    numbers = (f"{number}" for number in range(9_000_000_000, 9_001_000_000))
    first, second = next(
        (seen[one], number) for number in numbers if seen.setdefault(one := marks.creator(number), number) != number
    )
    own, other, free = (Account(number, PASSWORD, "senior_agent") for number in (first, second, "9100000000"))
    load = Load(accounts=[own, other, free])
    user = load.user("senior_agent")
    mark = user.makes("leads.create", "customer_name")
    load.user("senior_agent", 2).makes("leads.create", "customer_name")
    user.gets("leads.list", leads(mark))

    assert marks.creator(first) == marks.creator(second)
    assert {key[3] for key in load.found()} == {"held"}


def test_marks_that_everybody_may_see() -> None:
    load = Load()
    user, admin = load.user("junior_agent"), load.user("super_admin")
    older = "PERF-20260228093000-b5eff5-0a0a0a-000001"
    made_by_admin = admin.session.new_mark()
    load.user("senior_agent").makes("leads.create", "customer_name")
    user.gets("leads.list", leads(load.run.marks.next(), older, made_by_admin, "PERF-20260301093000-b5eff5-000001"))

    assert {key[3] for key in load.found()} == {"held"}


def test_another_process_of_the_run_knows_the_mark() -> None:
    load, elsewhere = Load(), Marks(RUN)
    maker = next(one for one in ACCOUNTS if one.role == "senior_agent")
    load.user("junior_agent").gets("leads.list", leads("somebody", elsewhere.next(maker.phone_number)))

    ((_key, shown),) = load.found().items()
    assert shown["seen"] == "a row that senior_agent#1 has made"


# ── reading what one has written ────────────────────────────────────────────────────────────────────

SOLD = {"policy_number": "n", "plan_name": "Term plan", "sum_assured": 500_000, "start_date": "2026-03-01"}


@pytest.mark.parametrize(
    ("read", "found"),
    [
        pytest.param({}, {"held": 1}, id="as it was sent"),
        pytest.param({"sum_assured": 500_000.0}, {"held": 1}, id="the same number"),
        pytest.param({"start_date": "2026-03-01T00:00:00"}, {"held": 1}, id="a date in another form"),
        pytest.param({"status": "active"}, {"held": 1}, id="approved meanwhile"),
        pytest.param({"plan_name": "Other"}, {"violated": 1}, id="another text"),
        pytest.param({"sum_assured": 50_000}, {"violated": 1}, id="another number"),
    ],
)
def test_a_new_policy_is_read_as_it_was_sent(read: dict[str, Any], found: dict[str, int]) -> None:
    load = Load()
    agent = load.user("senior_agent")
    made = row(POLICY, policy_id="new", agent_id="a", policyholder_id="h") | SOLD
    agent.target.give("policies.create", answer(made, 201))
    agent.target.give("policies.read", answer(made | read))
    create = Step("policies.create", lambda _session: Call(body=SOLD))
    look = Step("policies.read", lambda _session: Call(path={"policy_id": "new"}))
    agent.session.perform(Behaviour("policy creation", 1, (create, look, look)))

    records = {
        key[3]: fields for key, fields in load.found().items() if key[:3] == ("writes", AS_SENT, "policies.read")
    }
    assert {result: fields["count"] for result, fields in records.items()} == found
    if shown := records.get("violated"):
        ((name, value),) = read.items()
        assert (shown["expected"], shown["seen"]) == (f"{name} {SOLD[name]}", f"{name} {value}")
        assert [one.operation for one in shown["evidence"]] == ["policies.create", "policies.read"]


# ── errors of the server ────────────────────────────────────────────────────────────────────────────


def errors_of(*answers: tuple[int, float], operation: str = "policies.list") -> dict[str, dict[str, Any]]:
    """What these answers show, each with its status and how many s after the first it came: result → its record."""
    load = Load()
    user, given = load.user("senior_agent"), policies("a")
    if CATALOGUE[operation].creates:
        given = answer({"customer_name": "n"}, 201)
    for status, at_s in answers:
        reply = given if status == 200 else answer({"detail": "of the target"}, status) if status else lost()
        path = dict.fromkeys(CATALOGUE[operation].names, "20")
        user.gets(operation, replace(reply, sent_at=given.sent_at + at_s), path=path)
    found = load.found(errors=True)
    assert {key[:3] for key in found} <= {("errors", NO_SERVER_ERROR, operation)}
    return {key[3]: shown for key, shown in found.items()}


@pytest.mark.parametrize("operation", ["policies.list", "policies.page", "leads.create"])
def test_an_operation_that_is_answered_with_errors_alone_is_wrong(operation: str) -> None:
    found = errors_of((200, 0), (500, 1), (500, 3), (500, 6.1), (500, 7), (200, 9), operation=operation)

    assert found.keys() == {"held", "violated"}
    assert found["held"] == {"count": 2}
    shown = found["violated"]
    assert (shown["count"], shown["expected"], shown["seen"]) == (4, NO_SERVER_ERROR, "HTTP 500 each time")
    assert [(one.actor, one.operation, one.status) for one in shown["evidence"]] == [
        ("senior_agent#1", operation, 500)
    ] * 2
    assert [one.sent_at - answer().sent_at for one in shown["evidence"]] == pytest.approx([1, 6.1])


@pytest.mark.parametrize(
    ("answers", "errors"),
    [
        pytest.param([(500, 0), (500, 6)], 2, id="two"),
        pytest.param([(500, 0), (500, 1), (500, 2), (500, 3)], 4, id="for a moment"),
        pytest.param([(500, 0), (500, 3), (200, 4), (500, 7), (500, 9)], 4, id="not each time"),
        pytest.param([(500, 0), (500, 3), (404, 4), (500, 7)], 3, id="refused in between"),
        pytest.param([(503, 0), (503, 3), (503, 6)], 0, id="a gateway"),
        pytest.param([(500, 0), (0, 3), (503, 6), (429, 9)], 1, id="too busy for the others"),
    ],
)
def test_single_errors_are_for_the_failure_rate(answers: list[tuple[int, float]], errors: int) -> None:
    found = errors_of(*answers, (200, 99))

    assert found.pop("held")["count"] == 1 + [status for status, _at in answers].count(200)
    assert found == ({"not checked": {"count": errors, "why": NOT_EACH_TIME}} if errors else {})


def test_answers_that_do_not_come_say_nothing_about_the_errors_around_them() -> None:
    found = errors_of((500, 0), (503, 1), (500, 3), (0, 4), (500, 6))
    assert {result: shown["count"] for result, shown in found.items()} == {"violated": 3}


def test_errors_at_the_end_are_counted_and_an_operation_that_was_wrong_goes_on_being_it() -> None:
    load = Load()
    user = load.user("policyholder")
    broken = answer({"detail": "broken"}, 500)
    user.gets("users.me", *(replace(broken, sent_at=broken.sent_at + at_s) for at_s in (0, 3, 6)))
    assert [shown["count"] for shown in load.found(errors=True).values()] == [3]
    user.gets("users.me", broken)
    assert [(key[3], shown["count"]) for key, shown in load.found(errors=True).items()] == [("violated", 1)]
    user.gets("policies.list", broken)
    assert load.found(errors=True) == {}
    at_the_end = [(key[2], found) for key, _result, found in load.watch.take(last=True)]
    assert at_the_end == [("policies.list", {"count": 1, "why": NOT_EACH_TIME})]


# ── what is no check ────────────────────────────────────────────────────────────────────────────────


def test_an_answer_in_which_nothing_could_have_shown_is_not_counted() -> None:
    load = Load()
    maker, admin = load.user("senior_agent"), load.user("super_admin")
    maker.gets("policies.list", policies())
    maker.gets("leads.list", leads("somebody"))
    own = maker.makes("leads.create", "customer_name")
    maker.gets("leads.list", leads(own))
    admin.gets("policies.coverage", answer({"coverage": []}), path={"policy_id": "a"})
    admin.gets("policies.list", policies("a", "b"))
    admin.gets("leads.list", leads(own))

    assert load.found() == {}
    assert {(key[2], result.value, found["why"]) for key, result, found in load.watch.never()} == {
        ("policies.list", "not checked", NO_ANSWER),
        ("leads.list", "not checked", NO_ANSWER),
        ("policies.coverage", "not checked", NO_ANSWER),
    }


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(answer({"detail": "busy"}, 503), id="too busy"),
        pytest.param(answer({"detail": "broken"}, 500), id="broken"),
        pytest.param(lost(), id="no answer"),
        pytest.param(answer([{"policy_id": "a"}]), id="a row without its promised fields"),
        pytest.param(answer(raw=b"<html>"), id="no JSON"),
    ],
)
def test_what_is_wrong_otherwise_is_no_violation(given: Answer) -> None:
    load = Load()
    user = load.user("policyholder")
    user.gets("policies.list", policies("a"), given)

    assert {key[3] for key in load.found()} == {"held"}
    assert len(user.notes.failures) == 1


def test_nothing_is_looked_at_where_nothing_is_checked() -> None:
    load = Load(watched=False)
    load.user("policyholder").gets("policies.list", policies("a"), policies("a", "b"))

    assert load.found() == {}
    assert list(load.watch.never()) == []


def test_rows_of_the_evidence_show_no_phone_number() -> None:
    load = Load()
    number = ACCOUNTS[0].phone_number
    load.user("support_staff").gets("policies.read", answer(row(POLICY, policy_id="a")), path={"policy_id": number})

    ((_key, shown),) = load.found().items()
    assert number not in str(shown)


def test_what_is_watched_can_be_replayed() -> None:
    keys = [check.key for check in (*all_checks(), *checks())]
    assert len(set(keys)) == len(keys)
    assert all(check_of(check.key) is not None for check in checks())
