"""What a database must have, with an error of one line for each lack; and reading with read rights only."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from perfsuite.errors import SuiteError, TargetError, UsageError
from perfsuite.fingerprint.database import described, opened_statistics
from perfsuite.messages import Message
from perfsuite.messages.fingerprint import FingerprintMessage
from tests.fingerprint.conftest import Backend

OWNER = 10
"""Id of the user that made the cluster."""
ABOUT: dict[str, Any] = {
    "name": "mitra",
    "server": "16.3",
    "extension": "1.10",
    "may_read": True,
    "track": "top",
    "track_utility": "on",
    "track_planning": "off",
    "query_id": "auto",
}


@pytest.mark.parametrize(
    ("about", "message"),
    [
        pytest.param({"track": None}, FingerprintMessage.NOT_LOADED(), id="not loaded"),
        pytest.param(
            {"track": None, "extension": None},
            FingerprintMessage.NOT_LOADED_OR_CREATED(database="mitra"),
            id="nothing of it",
        ),
        pytest.param({"extension": None}, FingerprintMessage.NOT_CREATED(database="mitra"), id="not created"),
        pytest.param({"extension": "1.7"}, FingerprintMessage.TOO_OLD(version="1.7"), id="of an old server"),
        pytest.param({"may_read": False}, FingerprintMessage.ONLY_OWN_STATEMENTS(), id="no rights"),
        pytest.param(
            {"track": "none"},
            FingerprintMessage.NOT_TRACKED(setting="pg_stat_statements.track = none"),
            id="not tracked",
        ),
        pytest.param(
            {"query_id": "off"}, FingerprintMessage.NOT_TRACKED(setting="compute_query_id = off"), id="no ids"
        ),
    ],
)
def test_what_is_missing(about: dict[str, Any], message: Message) -> None:
    with pytest.raises(TargetError) as caught:
        described({**ABOUT, **about})

    assert (caught.value.code, caught.value.fields) == (message.code, message.fields)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("about", "notes"),
    [
        pytest.param({"server": "17.2", "extension": "1.11"}, (), id="17"),
        pytest.param({"server": "14.1", "extension": "1.9"}, (), id="14"),
        pytest.param(
            {"server": "13.9", "extension": "1.8", "query_id": None, "track": "all"},
            (
                FingerprintMessage.NO_EVICTIONS(version="1.8"),
                FingerprintMessage.INSIDE_FUNCTIONS(),
            ),
            id="13",
        ),
        pytest.param(
            {"track_utility": "off"},
            (FingerprintMessage.UTILITY_NOT_COUNTED(),),
            id="no utility statements",
        ),
    ],
)
def test_versions(about: dict[str, Any], notes: tuple[str, ...]) -> None:
    assert described({**ABOUT, **about})[1] == notes


def _refused(dsn: str) -> SuiteError:
    with pytest.raises(SuiteError) as caught, opened_statistics(dsn):
        pass
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("dsn", ["", "  "])
def test_no_dsn(dsn: str) -> None:
    assert _refused(dsn).code is FingerprintMessage.NO_DSN


def test_a_dsn_that_is_none_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught, opened_statistics("postgresql://x:sesame@h/d?nonsense=1"):
        pass
    assert caught.value.code is FingerprintMessage.BAD_DSN
    assert "sesame" not in str(caught.value)


def test_nobody_there() -> None:
    assert _refused("postgresql://nobody@127.0.0.1:1/x").code is FingerprintMessage.NO_CONNECTION


# ── a real one ──────────────────────────────────────────────────────────────────────────────────────


def _account(backend: Backend, name: str, *grants: str) -> str:
    with backend.connect() as connection:
        connection.execute(f"DROP ROLE IF EXISTS {name}")
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'open-sesame'")
        for grant in grants:
            connection.execute(grant)
    return make_conninfo(backend.dsn, user=name, password="open-sesame")


@pytest.mark.integration
def test_read_rights_are_enough(backend: Backend) -> None:
    dsn = _account(backend, "fp_reader", "GRANT pg_read_all_stats TO fp_reader")

    with opened_statistics(dsn) as statistics, backend.connect() as other:
        before = statistics.snapshot()
        other.execute("SELECT count(*) FROM tickets WHERE subject = 'secret'")
        ran = [
            key
            for key, counters in statistics.snapshot().statements.items()
            if counters.calls - (before.statements[key].calls if key in before.statements else 0)
        ]
        new = [key for key in ran if key not in before.statements]
        (text,) = statistics.texts(new).values()

    assert (text.query, text.user) == ("SELECT count(*) FROM tickets WHERE subject = $1", "mitra")


@pytest.mark.integration
def test_its_own_statements_are_not_counted(backend: Backend) -> None:
    with opened_statistics(backend.dsn) as statistics:
        before = statistics.totals().calls
        statistics.snapshot()
        statistics.transactions()
        statistics.texts([(10, 1)])

        assert statistics.totals().calls == before


@pytest.mark.integration
def test_users_can_be_ignored(backend: Backend) -> None:
    with opened_statistics(backend.dsn, ["mitra"]) as statistics:
        assert OWNER not in {user for user, _queryid in statistics.snapshot().statements}
    with opened_statistics(backend.dsn) as statistics:
        assert OWNER in {user for user, _queryid in statistics.snapshot().statements}


@pytest.mark.integration
def test_without_rights(backend: Backend) -> None:
    assert _refused(_account(backend, "fp_nobody")).code is FingerprintMessage.ONLY_OWN_STATEMENTS


@pytest.mark.integration
def test_a_database_without_the_extension(backend: Backend) -> None:
    refused = _refused(make_conninfo(backend.dsn, dbname="postgres"))
    assert (refused.code, refused.fields["database"]) == (FingerprintMessage.NOT_CREATED, "postgres")


@pytest.mark.integration
def test_a_wrong_password(backend: Backend) -> None:
    refused = _refused(make_conninfo(backend.dsn, password="sesame"))

    assert refused.code is FingerprintMessage.NO_CONNECTION
    assert "password authentication failed" in refused.fields["why"]
    assert "sesame" not in str(refused)


@pytest.mark.integration
def test_an_error_in_between_is_one_line(backend: Backend) -> None:
    ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'agentmitra-fingerprint'"

    with (
        pytest.raises(TargetError) as caught,
        opened_statistics(backend.dsn) as statistics,
        backend.connect() as killer,
    ):
        killer.execute(ours)
        statistics.totals()
    assert caught.value.code is FingerprintMessage.NOT_READ
    assert "\n" not in str(caught.value)
