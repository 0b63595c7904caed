"""Evidence holds no secret, even if the target repeats one."""

from __future__ import annotations

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
    send = Send(HOLDER, "policies.read", {"policy_id": "1" * 60}, token=TokenKind.FORGED, query={"phone": "9876543210"})
    path = f"GET /api/v1/policies/{'1' * 39}…?phone=…"

    shown = exchanged(Reply(send, 200, {"any": "body"}, "ab01", 12.5), SECRETS)

    assert shown == Exchanged("policyholder#2, token forged", "policies.read", path, "ab01", 12.5, 200)
