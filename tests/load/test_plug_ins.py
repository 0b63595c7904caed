"""Plug-ins in the suite's own load process hear of its requests by Locust's event."""

from __future__ import annotations

import pytest

from tests.load.child import findings


@pytest.mark.parametrize(("roles", "times"), [("tests.load.listening_roles", 2), ("tests.load.faulty_roles", 0)])
def test_a_listener_hears_of_every_request_once(roles: str, times: int) -> None:
    found = findings("in_child_plug_ins", roles)

    assert found["heard"] == ["policies.premiums"] * times
    assert found["late"] == ["policies.premiums"]
    assert found["counts"] == [3, 3]
