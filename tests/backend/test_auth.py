"""Logging in, tokens and their end."""

import base64
import hashlib
import hmac
import json
import time
from types import SimpleNamespace
from typing import Any

import httpx
import jwt
import pytest
from mitra_backend.permissions import ROLES, ROLES_BY_PERMISSION
from mitra_backend.security import hash_password, verify_password

from tests.backend.conftest import Serve
from tests.backend.support import BODIES, REQUESTS, SECRET, Api


@pytest.mark.parametrize("role", ROLES)
def test_every_account_of_the_contract_logs_in(api: Api, role: str) -> None:
    answer = api.login(role)
    claims = jwt.decode(answer["access_token"], SECRET, ["HS256"])
    assert answer["token_type"] == "bearer"
    assert answer["expires_in"] == 900
    assert answer["user"]["role"] == role
    assert claims["roles"] == [role]
    assert claims["sub"] == answer["user"]["user_id"]
    assert claims["permissions"] == answer["permissions"]
    assert claims["type"] == "access"
    assert claims["exp"] - claims["iat"] == 900
    assert 0 < claims["exp"] - time.time() <= 900
    assert "password" not in str(answer)


@pytest.mark.parametrize(
    ("phone", "password"),
    [
        pytest.param("9876543200", "wrong", id="wrong password"),
        pytest.param("1", "testpassword", id="unknown number"),
    ],
)
def test_wrong_credentials(api: Api, phone: str, password: str) -> None:
    answer = api.http.post("/api/v1/auth/login", json={"phone_number": phone, "password": password})
    assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid credentials"})


def test_a_malformed_login_does_not_repeat_the_password(api: Api) -> None:
    answer = api.http.post("/api/v1/auth/login", json={"password": "hush-hush"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "phone_number"]
    assert "hush-hush" not in answer.text


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _token(key: str = SECRET, algorithm: str = "HS256", header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token of a Super Admin: signed as HS256, HS384 or HS512, else not; claims that are None are left out."""
    claims = {"sub": "x", "roles": ["super_admin"], "permissions": list(ROLES_BY_PERMISSION), "type": "access"}
    claims |= {"exp": int(time.time()) + 86_400, **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    whole = {"typ": "JWT", "alg": algorithm, **(header or {})}
    signed = f"{_encoded(json.dumps(whole).encode())}.{_encoded(json.dumps(kept).encode())}"
    digest = algorithm.replace("HS", "sha")
    signature = hmac.digest(key.encode(), signed.encode(), digest) if digest in hashlib.algorithms_available else b""
    return f"{signed}.{_encoded(signature)}"


def _promoted(token: str) -> str:
    """The token with the claims of a Super Admin under its own signature."""
    header, _claims, signature = token.split(".")
    return f"{header}.{_token().split('.')[1]}.{signature}"


OWN_KEY = {"jwk": {"kty": "oct", "k": _encoded(b"k" * 40)}}
REQUIRED, INVALID, EXPIRED = "Authentication required", "Invalid token", "Token has expired"
BAD_HEADERS = {
    "no token": ("", REQUIRED),
    "another scheme": ("Basic abc", REQUIRED),
    "nothing after the scheme": ("Bearer", REQUIRED),
    "not a token": ("Bearer abc", INVALID),
    "dots alone": ("Bearer ..", INVALID),
    "not ASCII": (b"Bearer \xff\xfe.\xe2\x80\xae.\x80", INVALID),
    "very long": ("Bearer " + "x" * 30_000, INVALID),
    "too old": (f"Bearer {_token(exp=1)}", EXPIRED),
    "a refresh token": (f"Bearer {_token(type='refresh')}", INVALID),
    "of no type": (f"Bearer {_token(type=None)}", INVALID),
    "without end": (f"Bearer {_token(exp=None)}", INVALID),
    "its end is no number": (f"Bearer {_token(exp='never')}", INVALID),
    "of nobody": (f"Bearer {_token(sub=None)}", INVALID),
    "signed by somebody else": (f"Bearer {_token('k' * 40)}", INVALID),
    "another algorithm": (f"Bearer {_token(algorithm='HS512')}", INVALID),
    "a key by its file": (f"Bearer {_token('', header={'kid': '/dev/null'})}", INVALID),
    "a key of its own": (
        f"Bearer {_token('k' * 40, header=OWN_KEY)}",
        INVALID,
    ),
    "signature cut off": (f"Bearer {_token().rpartition('.')[0]}.", INVALID),
    **{f"alg {name}": (f"Bearer {_token(algorithm=name)}", INVALID) for name in ("none", "None", "NONE", "nOnE", "")},
}


@pytest.mark.parametrize(("header", "detail"), BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_no_route_takes_a_bad_token(api: Api, header: str | bytes, detail: str) -> None:
    for name, (method, path) in REQUESTS.items():
        answer = api.http.request(method, f"/api/v1{path}", headers={"Authorization": header}, json=BODIES.get(name))
        assert (answer.status_code, answer.json()) == (401, {"detail": detail}), name
        assert answer.headers["www-authenticate"] == "Bearer"


def test_nobody_promotes_themselves(api: Api) -> None:
    token = api.login("policyholder")["access_token"]
    headers = {"Authorization": f"Bearer {_promoted(token)}"}
    assert api.http.get("/api/v1/users/", headers=headers).status_code == 401
    with_own = {"Authorization": f"Bearer {token}", "X-Role": "super_admin", "X-User-Role": "super_admin"}
    assert api.http.get("/api/v1/users/", headers=with_own).status_code == 403


def test_the_token_of_the_table_is_good_when_nothing_is_wrong_with_it(api: Api) -> None:
    answer = api.http.get("/api/v1/users/", headers={"Authorization": f"Bearer {_token()}"})
    assert answer.status_code == 200


def test_a_token_that_worked_ends_on_time(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    api = serve(token_lifetime_s=3600)
    assert api.call("policyholder", "GET", "/users/me").status_code == 200

    def later(by_s: float) -> httpx.Response:
        monkeypatch.setattr("mitra_backend.security.time", SimpleNamespace(time=lambda: time.time() + by_s))
        return api.call("policyholder", "GET", "/users/me")

    assert later(3000).status_code == 200
    answer = later(3600)
    assert (answer.status_code, answer.json()["detail"]) == (401, "Token has expired")


def test_logins_add_no_rows_and_are_noted(serve: Serve) -> None:
    api = serve()
    before = api.get("super_admin", "/dashboard/system-overview")["totalUsers"]
    api.login("policyholder")
    assert api.get("policyholder", "/users/me")["last_login_at"] is not None
    assert api.get("super_admin", "/dashboard/system-overview")["totalUsers"] == before


def test_logout(api: Api) -> None:
    assert api.call("policyholder", "POST", "/auth/logout").json()["success"] is True


def test_password_hash_is_argon2id_of_the_stated_cost() -> None:
    hashed = hash_password("testpassword")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify_password(hashed, "testpassword")
    assert not verify_password(hashed, "Testpassword")
    assert not verify_password("not a hash", "testpassword")
