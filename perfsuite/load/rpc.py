"""Messages as Locust's sockets take them."""

from __future__ import annotations

from typing import Any

import msgspec
from locust.rpc import Message as RpcMessage

from perfsuite.load.messages import data_of, type_of


def encoded(message: msgspec.Struct, client_id: str) -> RpcMessage:
    """One of the suite's own messages. `client_id`: of the worker that it is from or to."""
    return rpc_message(type_of(type(message)), data_of(message), client_id)


def rpc_message(kind: str, data: Any, client_id: str) -> RpcMessage:
    """One of Locust's own messages."""
    return RpcMessage(kind, data, client_id)  # type: ignore[no-untyped-call]
