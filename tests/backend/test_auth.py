"""Logging in, tokens and their end."""

import time

import jwt
import pytest
from mitra_backend.permissions import ROLES
from mitra_backend.security import hash_password, verify_password

from tests.backend.conftest import Serve
from tests.backend.support import SECRET, Api


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


def _token(**changes: object) -> str:
    claims = {"sub": "x", "roles": ["super_admin"], "permissions": ["users.me"], "type": "access"}
    return jwt.encode({**claims, "exp": time.time() + 86_400, **changes}, SECRET, "HS256")


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        pytest.param("", "Authentication required", id="no token"),
        pytest.param("Basic abc", "Authentication required", id="another scheme"),
        pytest.param("Bearer abc", "Invalid token", id="not a token"),
        pytest.param(f"Bearer {_token(exp=1)}", "Token has expired", id="too old"),
        pytest.param(f"Bearer {_token(type='refresh')}", "Invalid token", id="a refresh token"),
        pytest.param(
            "Bearer " + jwt.encode({"sub": "x", "exp": 9e9, "type": "access"}, "k" * 40, "HS256"),
            "Invalid token",
            id="signed by somebody else",
        ),
        pytest.param(
            "Bearer " + jwt.encode({"sub": "x", "exp": 9e9, "type": "access"}, None, "none"),
            "Invalid token",
            id="not signed",
        ),
    ],
)
def test_bad_tokens(api: Api, header: str, detail: str) -> None:
    answer = api.http.get("/api/v1/users/me", headers={"Authorization": header})
    assert (answer.status_code, answer.json()) == (401, {"detail": detail})


def test_a_token_that_worked_ends_on_time(serve: Serve) -> None:
    api = serve(token_lifetime_s=3)
    assert api.call("policyholder", "GET", "/users/me").status_code == 200
    time.sleep(3.1)
    answer = api.call("policyholder", "GET", "/users/me")
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
