"""Roles whose module brings a listener to Locust's event."""

from __future__ import annotations

from typing import Any

import locust

from tests.load.faulty_roles import ROLES as ROLES

HEARD: list[str] = []


@locust.events.request.add_listener  # type: ignore[untyped-decorator]
def hear(name: str, **_event: Any) -> None:
    """Keep what was heard of."""
    HEARD.append(name)
