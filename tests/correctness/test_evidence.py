"""Evidence holds no secret, even if the target repeats one."""

from __future__ import annotations

import pytest

from perfsuite.correctness.check import CheckActor, Reply, Send, TokenKind, Violated
from perfsuite.correctness.evidence import exchanged, secrets_of, without_secrets_of
from perfsuite.model import Account
from perfsuite.model.correctness import Exchanged

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0In0.c2ln"
HOLDER = CheckActor("policyholder", 1)
SECRETS = secrets_of([Account("9876543210", "geheim", "policyholder")], ["value of a header"])


def test_neither_phone_number_nor_password_nor_header_nor_token_is_in_the_texts() -> None:
    outcome = Violated("phone_number of one's own", f"9876543210, geheim, value of a header, Bearer {TOKEN}", ())

    assert without_secrets_of(outcome, SECRETS) == Violated("phone_number of one's own", "…, …, …, Bearer …", ())


def test_a_request_is_shown_with_values_shortened_and_without_secrets() -> None:
    query = {"customer_id": "9876543210"}
    send = Send(HOLDER, "policies.read", {"policy_id": "1" * 60}, token=TokenKind.FORGED, query=query)
    path = f"GET /api/v1/policies/{'1' * 39}…?customer_id=…"

    shown = exchanged(Reply(send, 200, {"any": "body"}, "ab01", 12.5), "policyholder#2", SECRETS)

    assert shown == Exchanged("policyholder#2, token forged", "policies.read", path, "ab01", 12.5, 200)


@pytest.mark.parametrize(
    ("operation", "path", "query", "shown"),
    [
        pytest.param(
            "leads.list",
            {},
            {"search": "9123456780", "limit": "20"},
            "/api/v1/leads/?search={search}&limit=20",
            id="phone number of a customer",
        ),
        pytest.param(
            "leads.search",
            {"search": "Asha Rao"},
            {},
            "/api/v1/leads/?search={search}",
            id="name of a customer",
        ),
        pytest.param("leads.list", {}, {"search": "PERF-1"}, "/api/v1/leads/?search=PERF-1", id="mark of a row"),
        pytest.param(
            "policies.list", {}, {"policyholder_id": "h1"}, "/api/v1/policies/?policyholder_id=h1", id="id of a row"
        ),
    ],
)
def test_of_the_data_of_the_target_a_request_shows_ids_alone(
    operation: str, path: dict[str, str], query: dict[str, str], shown: str
) -> None:
    assert (
        exchanged(Reply(Send(HOLDER, operation, path, query=query), 200, None), "policyholder#2").request
        == f"GET {shown}"
    )


def test_where_the_target_has_another_path_it_is_the_one_that_was_sent() -> None:
    send = Send(HOLDER, "policies.read", {"policy_id": "p1"})

    shown = exchanged(Reply(send, 200, None, template="/v2/contracts/{policy_id}?tenant=7"), "policyholder#2")

    assert shown.request == "GET /v2/contracts/p1?tenant=7"
