"""Where the target has a path of the contract, and whether a URL is on its server."""

from __future__ import annotations

import pytest

from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.connection import ConnectionSettings, contract_paths, deployed, deployed_paths

MAPPING = {
    "/api/v1/policies/": "/api/v2/policies/",
    "/api/v1/policies/{policy_id}": "/api/v2/policy/{policy_id}/full",
    "/api/v1/*": "/v3/*",
    "/api/v1/agents/*": "/people/agents/*",
    "/health": "/healthz",
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/api/v1/policies/", "/api/v2/policies/", id="the path itself"),
        pytest.param("/api/v1/policies/?status={status}", "/api/v2/policies/?status={status}", id="with its query"),
        pytest.param("/api/v1/policies/{policy_id}", "/api/v2/policy/{policy_id}/full", id="with an id"),
        pytest.param("/api/v1/policies/{policy_id}/coverage", "/v3/policies/{policy_id}/coverage", id="by a beginning"),
        pytest.param("/api/v1/agents/{agent_id}", "/people/agents/{agent_id}", id="the longest beginning counts"),
        pytest.param("/health", "/healthz", id="beside the API"),
        pytest.param("/openapi.json", "/openapi.json", id="not mapped"),
    ],
)
def test_deployed(path: str, expected: str) -> None:
    assert deployed(path, MAPPING) == expected


def test_only_operations_with_another_path_are_listed() -> None:
    moved = deployed_paths({"/api/v1/policies/": "/api/v2/policies/", "/health": "/health"})

    assert set(moved) == {name for name, operation in CATALOGUE.items() if operation.template == "/api/v1/policies/"}
    assert moved["policies.page"] == "/api/v2/policies/?limit=20&offset={offset}"
    assert deployed_paths({}) == {}


def test_paths_of_the_contract_are_without_queries_each_once() -> None:
    paths = contract_paths()
    assert len(set(paths)) == len(paths)
    assert {path for path in paths if "?" in path} == set()
    assert {"/health", "/openapi.json", "/api/v1/health/system", "/api/v1/auth/login"} <= set(paths)


@pytest.mark.parametrize(
    ("url", "there"),
    [
        pytest.param("https://gateway.test/other", True, id="another path"),
        pytest.param("https://GATEWAY.test:443", True, id="the port written out"),
        pytest.param("http://gateway.test", False, id="another scheme"),
        pytest.param("https://gateway.test:8443", False, id="another port"),
        pytest.param("https://gateway.test.evil.net", False, id="another name"),
    ],
)
def test_whether_a_way_leads_to_a_server(url: str, there: bool) -> None:
    assert ConnectionSettings("https://gateway.test/mitra").reaches(url) is there


def test_the_values_of_headers_are_not_shown() -> None:
    connection = ConnectionSettings("http://localhost/a/b", headers=(("X-Api-Key", "geheim"),))
    assert connection.base_path == "/a/b"
    assert "geheim" not in repr(connection)
