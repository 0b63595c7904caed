"""What coordinator and load workers say to each other: one JSON object a line, over a worker's stdin and stdout."""

from __future__ import annotations

import msgspec

from perfsuite.measurements.records import Record
from perfsuite.model import Account, Headers

EXIT_BROKEN = 70
"""Of a worker that an error of the suite itself ended (`EX_SOFTWARE` of sysexits.h)."""


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """To a worker: make load. `users` in the order in which they start; `start_at` is UTC epoch seconds.

    `sessions`: open model, role → index of the worker that holds each session of the role.
    """

    index: int
    users: list[Account]
    spawn_rate: float
    start_at: float
    sessions: dict[str, list[int]]
    headers: Headers = ()
    numbers: list[int] = []
    """The number of each user in the whole run, which its seed follows from."""
    key_password: str = ""


class Add(msgspec.Struct, frozen=True, tag="add"):
    """To a worker: take over users of one that was lost.

    `sessions` hold for actions that are due from `from_s` seconds after the start on.
    """

    users: list[Account]
    spawn_rate: float
    from_s: float
    sessions: dict[str, list[int]]
    numbers: list[int] = []


class Ack(msgspec.Struct, frozen=True, tag="ack"):
    """To a worker: its batches up to this number are in the file."""

    batch: int


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """To a worker: let the requests in flight finish, hand over the rest, end."""

    reason: str


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """From a worker: it has started and waits for Begin."""


class Placed(msgspec.Struct, frozen=True, tag="placed"):
    """From a worker: all its users have started."""

    users: int


class Batch(msgspec.Struct, frozen=True, tag="batch"):
    """From a worker: records, numbered from 1; sent again never, kept until acknowledged."""

    batch: int
    records: list[Record]


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """From a worker: everything was handed over and acknowledged."""


Order = Begin | Add | Ack | Stop
Report = Ready | Placed | Batch | Ended

order_decoder: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
report_decoder: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


def encoded(message: Order | Report) -> bytes:
    """One line."""
    return msgspec.json.encode(message) + b"\n"
