"""A right answer that was decoded and checked in one pass is one that the checks find right, whatever the bytes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perfsuite.model.role import Call, Role
from perfsuite.roles import ROLES
from perfsuite.target import checks
from perfsuite.target.catalogue import CATALOGUE, Operation
from perfsuite.target.checks import RowOwners
from perfsuite.target.exchange import Answer
from perfsuite.target.rows import Rows
from perfsuite.target.typed_answer import TypedAnswer
from tests.cases import for_each

USER = "user-1"
TYPED = [name for name, operation in CATALOGUE.items() if TypedAnswer.of(operation, "")]
POLICYHOLDER, SENIOR_AGENT = OWNERS = [
    next(role for role in ROLES if role.slug == slug) for slug in ("policyholder", "senior_agent")
]
KNOWN = {(name, "known"): "somebody" for name in ("agent_id", "policyholder_id")}


def path_of(operation: Operation) -> dict[str, str]:
    names = [part.partition("}")[0] for part in operation.path.split("{")[1:]]
    return {name: f"asked {name}" for name in names}


def right_body(operation: Operation) -> Any:
    """As the contract says: promised fields, ids as asked for, one owner."""
    path = path_of(operation)
    fields = operation.fields if operation.lists is None else operation.row_fields
    row = {name: path.get(name, 7 if "total" in name.lower() else f"some {name}") for name in fields} | {"more": [1]}
    row |= {operation.identity: USER} if operation.identity else {}
    row |= {"id": "row 1"} if operation.parent else {}
    body: Any = row
    for name in reversed(operation.inside):
        body = {name: body}
    if operation.lists is not None:
        rows = [row, copy.deepcopy(row)]
        body = rows if operation.lists in ("", "*") else {operation.lists: rows, "total": 2}
    return body


def in_full(
    operation: Operation, body: bytes, path: dict[str, str], seen: RowOwners, role: Role = POLICYHOLDER
) -> tuple[bool, Any]:
    """Whether the checks find it right, as a session asks them; and the decoded body."""
    decoded, failure = checks.decoded(operation, answer_of(body))
    failure = failure or checks.rule_failure(operation, decoded, Call(path=path), role, USER, seen)
    return failure is None, decoded


def answer_of(body: bytes) -> Answer:
    return Answer(200, {}, body, 0.0, 0)


def compare(operation: Operation, body: bytes, *, recognised: bool | None = None, role: Role = POLICYHOLDER) -> None:
    """`recognised`: whether it must be found right in one pass; None where it may be looked at in full."""
    typed = TypedAnswer.of(operation, checks.RowOwners().owner_field(operation, role))
    assert typed is not None
    path, seen_typed, seen_full = path_of(operation), RowOwners(users={**KNOWN}), RowOwners(users={**KNOWN})
    count = typed.rows(answer_of(body), path, USER, seen_typed)
    if recognised is not None:
        assert bool(count) is recognised
    if not count:
        return
    right, decoded = in_full(operation, body, path, seen_full, role)
    assert right
    assert seen_typed == seen_full
    rows = [checks.object_of(decoded)] if operation.lists is None else checks.rows_of(operation, decoded)
    learnt = Rows(typed, operation, body, count)
    assert learnt[count - 1] == (rows or [])[-1]
    assert learnt.decoded() == rows
    assert [learnt[0]][0] is learnt.decoded()[0], "a row is one object"


@for_each("name", TYPED)
@pytest.mark.parametrize("role", OWNERS, ids=lambda role: role.slug)
def test_a_right_answer_is_recognised(name: str, role: Role) -> None:
    operation = CATALOGUE[name]
    compare(operation, msgspec.json.encode(right_body(operation)), recognised=True, role=role)


def test_a_role_may_own_rows_by_one_field_and_other_rows_by_another() -> None:
    role = replace(SENIOR_AGENT, owns={"policies.page": "agent_id", "policies.list": "provider_id"})
    typed_seen, full_seen = RowOwners(), RowOwners()
    for name, owner_field in role.owns.items():
        operation = CATALOGUE[name]
        typed, body = TypedAnswer.of(operation, owner_field), msgspec.json.encode(right_body(operation))
        assert typed is not None
        assert typed.rows(answer_of(body), path_of(operation), USER, typed_seen) == 2
        assert in_full(operation, body, path_of(operation), full_seen, role)[0]
    assert typed_seen == full_seen


def test_what_is_used_or_compared_is_always_looked_at_in_full() -> None:
    assert {name for name, operation in CATALOGUE.items() if not operation.writes} - set(TYPED) == {"login"}
    assert [name for name in TYPED if CATALOGUE[name].writes] == ["users.preferences", "policies.approve"]


HOLDER = dict[str, Any]
Change = Callable[[HOLDER, list[str]], None]


def _holders(operation: Operation, body: Any) -> list[HOLDER]:
    if operation.lists is not None:
        return checks.rows_of(operation, body) or []
    for name in operation.inside:
        body = body[name]
    return [body]


def _set_all(value: Any) -> Change:
    return lambda holder, names: holder.update(dict.fromkeys(names, value))


def _set_last(value: Any) -> Change:
    return lambda holder, names: holder.update({names[-1]: value} if names else {})


CHANGES = [
    pytest.param(_set_all(None), id="null values"),
    pytest.param(_set_all(5), id="numbers where texts belong"),
    pytest.param(_set_all({"a": [{}]}), id="objects"),
    pytest.param(_set_last("another"), id="another value"),
    pytest.param(lambda holder, names: holder.pop(names[-1], None) if names else None, id="a field is missing"),
    pytest.param(lambda holder, _names: holder.clear(), id="empty objects"),
    pytest.param(lambda holder, _names: holder.update(extra={"deep": [[[None]]]}), id="extra fields"),
    pytest.param(lambda holder, _names: holder.update(name="अमिताभ"), id="text beyond ASCII"),
    pytest.param(lambda holder, _names: holder.update(name='"\\\n'), id="escapes"),
    pytest.param(lambda holder, _names: holder.update(policyholder_id="known"), id="rows of somebody else"),
    pytest.param(lambda holder, _names: holder.update(agent_id="known"), id="rows of another agent"),
    pytest.param(lambda holder, _names: holder.update(agent_id=None), id="rows of nobody"),
    pytest.param(lambda holder, _names: holder.update(id=None), id="a row without an id"),
    pytest.param(lambda holder, _names: holder.update(data={"data": 1}), id="a field named data"),
]


@pytest.mark.parametrize("change", CHANGES)
@for_each("name", TYPED)
def test_changed_answers_are_judged_as_the_checks_judge_them(name: str, change: Change) -> None:
    operation = CATALOGUE[name]
    names = [*(operation.fields if operation.lists is None else operation.row_fields)]
    whole = right_body(operation)
    for last_only in (False, True):
        body = copy.deepcopy(whole)
        holders = _holders(operation, body)
        for holder in holders[-1:] if last_only else holders:
            change(holder, names)
        for role in OWNERS:
            compare(operation, msgspec.json.encode(body), role=role)


def _bytes_about(body: bytes) -> Iterator[bytes]:
    yield from (
        b"",
        b"null",
        b"[]",
        b"{}",
        b"7",
        b'"text"',
        b"[7]",
        b"[[]]",
        b"[null]",
        b'{"data":null}',
        b'{"data":7}',
    )
    yield body[:-1]
    yield body + b"x"
    yield body + b" \n"
    yield b"\xef\xbb\xbf" + body
    for value in (
        *(b"1e999", b"-1e999", b"1" * 5000, b"NaN", b"01", b"1.", b'"\xff"', b'"\xed\xa0\x80"', b'"\\ud800"'),
        *(b'"\\x"', b'"a\nb"', b"[" * 5000 + b"]" * 5000, b"[" * 5000, b'{"a":1,"a":2}', b"{1:2}", b"tru", b"[1,]"),
    ):
        extra = b'"more":' + value + b","
        yield body.replace(b"{", b"{" + extra)
        yield body.replace(b"{", b"{" + extra, 1)
    yield body.replace(b'"more"', b'"mo\xffre"')
    yield b'{"data":' + body + b"}"
    yield body[:-1] + b"," + body[1:]  # every key, or row, twice
    yield body.replace(b"}", b',"data":null}')


@for_each("name", TYPED)
def test_odd_bytes_are_judged_as_the_checks_judge_them(name: str) -> None:
    operation = CATALOGUE[name]
    for body in _bytes_about(msgspec.json.encode(right_body(operation))):
        compare(operation, body)


def test_a_huge_number_is_json_all_the_same() -> None:
    operation = CATALOGUE["users.me"]
    body = msgspec.json.encode(right_body(operation)).replace(b'"more":[1]', b'"more":1e999,"also":' + b"1" * 5000)
    compare(operation, body, recognised=True)
    assert answer_of(body).json()["more"] == float("inf")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(st.data())
def test_any_values_are_judged_as_the_checks_judge_them(data: st.DataObject) -> None:
    operation = CATALOGUE[data.draw(st.sampled_from(TYPED))]
    body = right_body(operation)
    for holder in _holders(operation, body):
        for name in data.draw(st.lists(st.sampled_from([*holder, "data", "id", "extra"]), max_size=4)):
            holder[name] = data.draw(JSON)
    encoded = msgspec.json.encode(body)
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(encoded) - 1))
        encoded = encoded[:at] + data.draw(st.binary(max_size=3)) + encoded[at + data.draw(st.integers(0, 2)) :]
    compare(operation, encoded)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'[{"policy_id":"asked"},{"policy_id":"asked"}]', id="rows that repeat what was asked for"),
        pytest.param(b'[{"policy_id":"asked"},{}]', id="one that does not name it"),
        pytest.param(b'[{"policy_id":"asked"},{"policy_id":"other"}]', id="one of something else"),
        pytest.param(b'[{"policy_id":5}]', id="a number"),
    ],
)
def test_what_was_asked_for_must_be_repeated_where_it_is_named(body: bytes) -> None:
    operation = Operation("ad hoc", "GET", "/of/{policy_id}", lists="", row_fields=())
    typed = TypedAnswer.of(operation, "")
    path = {"policy_id": "asked"}
    assert typed is not None
    right = checks.echo_failure(operation, msgspec.json.decode(body), path) is None
    assert bool(typed.rows(answer_of(body), path, USER, RowOwners())) is right


def test_other_names_in_the_path_than_the_contracts_are_looked_at_in_full() -> None:
    operation = CATALOGUE["policies.read"]
    typed = TypedAnswer.of(operation, "")
    assert typed is not None
    answer = answer_of(msgspec.json.encode(right_body(operation)))
    path = path_of(operation)
    assert typed.rows(answer, path, USER, RowOwners()) == 1
    assert typed.rows(answer, path | {"status": "active"}, USER, RowOwners()) == 0
