"""`target.toml`: every mistake is told with file, table and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.model import ApiMapping
from perfsuite.plan.credentials import read_accounts
from perfsuite.plan.mapping import read_mapping
from perfsuite.roles import ROLES

SLUGS = [role.slug for role in ROLES]


def mapping_of(folder: Path, text: str) -> ApiMapping:
    path = folder / "target.toml"
    path.write_text(text, encoding="utf-8")
    return read_mapping(path, SLUGS)


def test_paths_and_roles(tmp_path: Path) -> None:
    text = """
        schema = 1
        [path]
        "/api/v1/policies/" = "/api/v2/policies/"
        "/api/v1/policies/{policy_id}" = "/api/v2/policies/{policy_id}/"
        "/api/v1/leads/*" = "/crm/leads/*"
        "/openapi.json" = "/docs/openapi.json"
        [role]
        provider_admin = "insurer_admin"
    """
    assert mapping_of(tmp_path, text) == ApiMapping(
        {
            "/api/v1/policies/": "/api/v2/policies/",
            "/api/v1/policies/{policy_id}": "/api/v2/policies/{policy_id}/",
            "/api/v1/leads/*": "/crm/leads/*",
            "/openapi.json": "/docs/openapi.json",
        },
        {"provider_admin": "insurer_admin"},
    )


def test_all_of_it_may_be_left_out(tmp_path: Path) -> None:
    assert mapping_of(tmp_path, "schema = 1\n") == ApiMapping()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param('[path]\n"/health" = "/x"', "target.toml: key 'schema' is missing", id="no schema"),
        pytest.param(
            "schema = 2", "target.toml, line 1: schema: this version reads schema 1, not 2", id="another schema"
        ),
        pytest.param(
            "schema = 1\n[paths]", "target.toml, line 2: unknown key 'paths', did you mean 'path'?", id="a table"
        ),
        pytest.param(
            'schema = 1\n[path]\n"/api/v1/policys/" = "/x"',
            "target.toml, line 3: [path] unknown path '/api/v1/policys/', did you mean '/api/v1/policies/'?",
            id="a path",
        ),
        pytest.param(
            'schema = 1\n[path]\n"zzz" = "/x"',
            "target.toml, line 3: [path] unknown path 'zzz'. The paths of the contract are in docs/real-backend.md",
            id="no path at all",
        ),
        pytest.param(
            'schema = 1\n[path]\n"/api/v1/police*" = "/x*"',
            "target.toml, line 3: [path] /api/v1/police*: no path of the contract begins so",
            id="a beginning",
        ),
        pytest.param(
            'schema = 1\n[path]\n"/api/v1/*" = "/x"',
            "target.toml, line 3: [path] /api/v1/*: the * has to be at the end of both paths, or of none",
            id="a beginning on one side",
        ),
        pytest.param(
            'schema = 1\n[path]\n"/health" = "healthz"',
            'target.toml, line 3: [path] /health: must be a path without a query, such as "/api/v2/policies/"',
            id="no slash",
        ),
        pytest.param('schema = 1\n[path]\n"/health" = "/x?a=b"', "must be a path without a query", id="a query"),
        pytest.param('schema = 1\n[path]\n"/health" = "/x/{"', "must be a path without a query", id="half a name"),
        pytest.param('schema = 1\n[path]\n"/health" = 1', "/health: must be a text in quotes, not 1", id="a number"),
        pytest.param(
            'schema = 1\n[path]\n"/api/v1/policies/{policy_id}" = "/x/{id}"',
            "must have the same {names} of ids as the contract's path ({policy_id})",
            id="another name of the id",
        ),
        pytest.param('schema = 1\n[path]\n"/health" = "/{x}"', "contract's path (none)", id="an id too many"),
        pytest.param(
            'schema = 1\n[role]\npolicy_holder = "x"',
            "target.toml, line 3: [role] unknown key 'policy_holder', did you mean 'policyholder'?",
            id="a role",
        ),
        pytest.param('schema = 1\n[role]\npolicyholder = ""', "policyholder: must be a text", id="no name"),
    ],
)
def test_a_mistake_is_told_by_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        mapping_of(tmp_path, text)
    assert message in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


# ── the names of roles in the credentials ───────────────────────────────────────────────────────────


def _roles_of(folder: Path, names: dict[str, str], *cells: str) -> list[str]:
    path = folder / "accounts.csv"
    lines = [f"{number},secret,{cell}" for number, cell in enumerate(cells, 1)]
    path.write_text("\n".join(["phone_number,password,role", *lines]), encoding="utf-8")
    return [account.role for account in read_accounts(path, ROLES, {}, names)]


def test_the_targets_names_and_the_contracts_are_both_understood(tmp_path: Path) -> None:
    cells = ("insurer_admin", "provider_admin", "insurance_provider_admin", "policyholder")
    assert _roles_of(tmp_path, {"provider_admin": "insurer_admin"}, *cells) == [*["provider_admin"] * 3, "policyholder"]


def test_a_slug_means_itself_whatever_the_target_calls_so(tmp_path: Path) -> None:
    assert _roles_of(tmp_path, {"junior_agent": "senior_agent"}, "senior_agent", "junior_agent") == [
        "senior_agent",
        "junior_agent",
    ]


def test_one_name_for_several_roles_does_not_say_which(tmp_path: Path) -> None:
    names = {"senior_agent": "agent", "junior_agent": "agent"}
    with pytest.raises(UsageError) as raised:
        _roles_of(tmp_path, names, "agent")
    assert str(raised.value) == (
        "accounts.csv, line 2: the target calls several roles so (senior_agent, junior_agent);"
        " write which of them is meant"
    )
    assert _roles_of(tmp_path, names, "senior_agent", "junior_agent") == ["senior_agent", "junior_agent"]
