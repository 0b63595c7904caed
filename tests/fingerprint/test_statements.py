"""Statements as text: no parameter is ever shown, and lists of different lengths are the same statement."""

from __future__ import annotations

import pytest

from perfsuite.fingerprint.statements import LONGEST, comparable, headline, kept, kind_of, masked
from perfsuite.model.fingerprint import StatementKind


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        pytest.param("SELECT a FROM t WHERE id = $1", "SELECT a FROM t WHERE id = $1", id="parameters stay numbered"),
        pytest.param("SELECT 'it''s secret', 12.5, 0xFF, .5, 1e5", "SELECT ?, ?, ?, ?, ?", id="literals"),
        pytest.param("SELECT t1.c2, x_3 FROM t1", "SELECT t1.c2, x_3 FROM t1", id="digits of names stay"),
        pytest.param("SELECT E'a', U&'b', B'1', N'c'", "SELECT ?, ?, ?, ?", id="prefixed texts"),
        pytest.param('SELECT "it\'s a name" FROM t', 'SELECT "it\'s a name" FROM t', id="names may hold quotes"),
        pytest.param("SELECT 1 -- 98765 \n, 'x'", "SELECT ? , ?", id="line comments go"),
        pytest.param("SELECT 1 /* user='9876543210' */", "SELECT ?", id="comments that carry context go"),
        pytest.param("DO $body$ secret $$ inner $body$", "DO ?", id="dollar quotes"),
        pytest.param("CREATE ROLE x PASSWORD 'secret'", "CREATE ROLE x PASSWORD ?", id="utility statements"),
        pytest.param("a = 'x\\', 'secret'", "a = …", id="a backslash may end the text elsewhere"),
        pytest.param("a = E'x\\' secret'", "a = E …", id="an escaped quote"),
        pytest.param("a = 'secret", "a = …", id="not ended"),
        pytest.param("DO $$ secret", "DO …", id="a dollar quote that is not ended"),
        pytest.param("a /* b /* c */ 'secret' */", "a …", id="nested comments are not trusted"),
        pytest.param("  SELECT\n  a ;", "SELECT a", id="on one line"),
    ],
)
def test_masking(query: str, shown: str) -> None:
    assert masked(query) == shown


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        pytest.param("a IN ($1, $2, $3)", "a IN ($1, …)", id="a list"),
        pytest.param("a IN ($7)", "a IN ($1, …)", id="a list of one"),
        pytest.param("VALUES ($1::TEXT, $2::INT)", "VALUES ($1::TEXT, …)", id="values with types"),
        pytest.param("f($1) + g($2)", "f($1) + g($2)", id="arguments of a function"),
        pytest.param("a = $5 AND b = $9 AND c = $5", "a = $1 AND b = $2 AND c = $1", id="numbered from 1"),
    ],
)
def test_what_is_compared(query: str, shown: str) -> None:
    assert comparable(query) == shown


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("BEGIN", StatementKind.TRANSACTION),
        ("commit", StatementKind.TRANSACTION),
        ('ROLLBACK TO SAVEPOINT "x"', StatementKind.TRANSACTION),
        ("SELECT $1", StatementKind.CONNECTION),
        ("SET search_path TO x", StatementKind.CONNECTION),
        ("select pg_catalog.version()", StatementKind.CONNECTION),
        ("SELECT typname AS name, oid FROM pg_type t WHERE a = $1", StatementKind.CONNECTION),
        ("SELECT $1 FROM users", StatementKind.QUERY),
        ("UPDATE settings SET a = $1", StatementKind.QUERY),
    ],
)
def test_kinds(query: str, kind: StatementKind) -> None:
    assert kind_of(query) is kind


def test_long_columns_go_before_the_condition() -> None:
    columns = ", ".join(f"policies.column_{number}" for number in range(100))
    text = " ".join(["SELECT", columns, "FROM policies WHERE policies.policy_id = $1"])

    assert kept(text) == "SELECT … FROM policies WHERE policies.policy_id = $1"
    assert headline(text, 20) == "SELECT … FROM polic…"
    assert len(kept("x" * 1000)) == LONGEST
