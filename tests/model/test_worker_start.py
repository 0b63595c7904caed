"""What a worker process gets when it starts."""

import msgspec
import pytest

from perfsuite.model import Access, Account, OwnConnection, Secrets, WorkerStart

PLANNED = Access("/run/ca.pem", "http://proxy:3128", ("X-Key",), "/run/cert.pem", "/run/key.pem", retry=False)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param(OwnConnection(), PLANNED, id="nothing given: as planned"),
        pytest.param(
            OwnConnection("/here/ca.pem", "http://other:1", "/here/cert.pem", "/here/key.pem"),
            Access("/here/ca.pem", "http://other:1", ("X-Key",), "/here/cert.pem", "/here/key.pem", retry=False),
            id="all given",
        ),
        pytest.param(
            OwnConnection(client_cert="/here/both.pem"),
            Access("/run/ca.pem", "http://proxy:3128", ("X-Key",), "/here/both.pem", "", retry=False),
            id="a certificate with its key inside needs no other key",
        ),
    ],
)
def test_own_files_replace_those_of_the_plan(own: OwnConnection, expected: Access) -> None:
    assert own.over(PLANNED) == expected


def test_it_is_one_json_line_without_secrets_in_its_repr() -> None:
    secrets = Secrets((Account("555", "pass-word", "customer"),), (("X-Key", "header-value"),), "key-password", "tok")
    start = WorkerStart("10.0.0.5", 5557, "the-token", secrets, ("staging.example",), local=False, index=3)

    line = msgspec.json.encode(start)

    assert b"\n" not in line
    assert msgspec.json.decode(line, type=WorkerStart) == start
    assert all(text not in repr(start) for text in ("the-token", "tok'", "pass-word", "header-value", "key-password"))
