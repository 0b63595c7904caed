"""Whatever a client sends: it is kept as it was written or refused, and no answer is undocumented."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mitra_backend import body_limit, inputs
from mitra_backend.permissions import ROUTE_NAMES

from tests.backend.hostile import (
    ESCAPES,
    FIELDS,
    INJECTIONS,
    PLACES,
    TEXTS,
    WRITES,
    Attacker,
    documented_statuses,
    query_parameters,
    quoted,
)
from tests.backend.support import Api, running, settings_for

WRITING = {"POST", "PUT", "DELETE", "PATCH"}


@pytest.fixture(scope="module")
def attacker(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacker]:
    """Has a backend of its own: other tests look for rows without these texts."""
    with running(settings_for(template, tmp_path_factory.mktemp("hostile"))) as attacked:
        yield Attacker(attacked)


@pytest.mark.parametrize(("name", "field"), PLACES, ids=[f"{name} {field}" for name, field in PLACES])
def test_a_field_is_kept_as_written_or_refused(attacker: Attacker, name: str, field: str) -> None:
    assert attacker.problems(name, field) == {}


def test_every_field_of_every_body_is_among_the_places(api: Api) -> None:
    document = api.http.get("/openapi.json").json()
    fields = {}
    for route in api.app.router.routes:
        for method in (getattr(route, "methods", None) or set()) & WRITING:
            operation = document["paths"][route.path][method.lower()]  # type: ignore[attr-defined]
            if "requestBody" in operation:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
                fields[route.name] = set(document["components"]["schemas"][schema]["properties"])  # type: ignore[attr-defined]
    assert fields == {name: set(names.split()) for name, names in FIELDS.items()}
    assert {name: set(write.body(api)) for name, write in WRITES.items()} == fields


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'{"a":' * 30_000])
def test_what_is_no_object_is_refused(attacker: Attacker, content: bytes) -> None:
    api = attacker.api
    documented = documented_statuses(api)
    for name, write in WRITES.items():
        path = attacker.path(write)
        answer = api.call(write.role, write.method, path, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in documented[name] & {400, 413, 422}, name


def rows_found(body: Any) -> int:
    """How many rows an answer has: bare, enveloped, or as a figure of a dashboard."""
    return len(body) if isinstance(body, list) else int(body.get("totalAgents", body.get("data", {}).get("total", 0)))


def test_query_parameters_find_nothing_that_is_not_there(api: Api) -> None:
    seen = [(path, name) for path, name in query_parameters(api) if name not in ("limit", "offset")]
    assert len(seen) > 20
    for path, name in seen:
        full = path.replace("{agent_id}", api.own_agent()["agent_id"])
        for what, text in [*((key, quoted(text)) for key, text in TEXTS.items()), *((one, one) for one in ESCAPES)]:
            answer = api.call("super_admin", "GET", f"/{full}?{name}={text}&limit=1")
            assert answer.status_code in (200, 422), f"{path} {name} {what}: {answer.text[:80]}"
            if answer.status_code == 200 and what in INJECTIONS:
                assert rows_found(answer.json()) == 0, (path, name, text)


def test_ids_of_the_path_find_nothing(api: Api) -> None:
    documented = documented_statuses(api)
    for route in api.app.router.routes:
        if route.name not in ROUTE_NAMES or "{" not in route.path:  # type: ignore[attr-defined]
            continue
        body = WRITES[route.name].body(api) if route.name in WRITES else None  # type: ignore[attr-defined]
        start, _, rest = route.path.partition("{")  # type: ignore[attr-defined]
        tail = rest.partition("}")[2]
        method = next(iter(route.methods))  # type: ignore[attr-defined]
        for text in [*(quoted(text) for text in TEXTS.values() if text), *ESCAPES]:
            answer = api.call("super_admin", method, f"/{start}{text}{tail}", json=body)
            # Where the text brings slashes, the path may be no route, or another method's.
            fitting = documented[route.name] & {403, 404, 422}  # type: ignore[attr-defined]
            assert answer.status_code in fitting | ({405} if "%2F" in text else set()), (route.name, text[:40])  # type: ignore[attr-defined]


def test_a_large_body_is_refused_before_it_is_read(attacker: Attacker) -> None:
    api = attacker.api
    headers = {"Content-Type": "application/json"}
    largest = body_limit.MAX_BODY_BYTES
    for name, write in WRITES.items():
        path = attacker.path(write)
        body = json.dumps(write.body(api)).encode()
        body += b" " * (largest + 1 - len(body))
        answer = api.call(write.role, write.method, path, content=body, headers=headers)
        assert answer.status_code == 413, name
        assert answer.json() == {"detail": "Body is larger than 65536 bytes"}
        chunks = iter([body[:30_000], body[30_000:]])
        answer = api.call(write.role, write.method, path, content=chunks, headers=headers)
        assert answer.status_code == 413, f"{name} in chunks"
        fitting = api.call(write.role, write.method, path, content=body[:-1], headers=headers)
        assert fitting.status_code != 413, name


def test_values_may_be_nested_as_deep_as_the_limit_says() -> None:
    value: Any = 1
    for _level in range(inputs.MAX_DEPTH):
        value = [value]
    inputs.check_storable(value)
    with pytest.raises(ValueError, match="nested deeper than 20 levels"):
        inputs.check_storable([value])


def test_errors_are_documented_with_the_login(api: Api) -> None:
    document = api.http.get("/openapi.json").json()
    statuses = documented_statuses(api)
    assert statuses["policies.create"] == {201, 400, 401, 403, 404, 409, 413, 422, 503}
    assert statuses["users.me"] == {200, 401, 503}
    assert statuses["health.root"] == {200}
    security = document["paths"]["/api/v1/users/me"]["get"]["security"]
    assert list(security[0]) == list(document["components"]["securitySchemes"]) == ["bearer"]
    assert "security" not in document["paths"]["/health"]["get"]
