"""What master and workers say to each other besides Locust's own messages: custom messages of Locust's runners.

The type of a message is the tag of its class; its data are the fields as MessagePack, so that what comes from another
version of the suite is refused where it is decoded.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from perfsuite.measurements.packed import Packed, pack
from perfsuite.measurements.records import Record
from perfsuite.messages import text_of

EXIT_BROKEN = 70
"""Of a worker that an error of the suite itself ended (`EX_SOFTWARE` of sysexits.h)."""
HEARTBEAT = "heartbeat"
"""Locust's own message. Of a worker it carries `sent_s` (its own clock) besides, and its echo that and `master_s`."""


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """Worker → master, first of all: who asks to join.

    `versions`: what has to be the same on both sides, by name. `index`: its place among the workers where it was given
    one (Kubernetes: JOB_COMPLETION_INDEX). `local`: one of the master's own processes, on the master's clock.
    """

    versions: dict[str, str]
    host: str
    pid: int
    index: int | None = None
    local: bool = False


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    """Master → worker: it may join, under this name."""

    name: str


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Master → worker: it may not take part, or no longer. `lost`: it had taken part, and its users are elsewhere."""

    why: str
    lost: bool = False


class Load(msgspec.Struct, frozen=True, tag="load"):
    """Master → worker: what will be loaded; both files as the run's folder has them.

    `accounts`: digest of the accounts that may be used. `roles`: version of the module of the roles.
    `report_every_s`: how often to hand over what was recorded.
    """

    plan: bytes
    preflight: bytes
    accounts: str
    roles: str
    index: int
    report_every_s: float = 1.0


class Checked(msgspec.Struct, frozen=True, tag="checked"):
    """Worker → master: it can make the load, or why not. With how far its clock is ahead of the master's."""

    why: str = ""
    clock_offset_ms: float | None = None
    clock_uncertainty_ms: float | None = None


class UserSeat(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One user: its number in the whole run, which its seed follows from, and its account, by what is no secret."""

    number: int
    role: str
    phone_number: str


class Seats(msgspec.Struct, frozen=True, tag="seats"):
    """Master → worker: its users, in the order in which they start. It has no others: who is missing here, leaves.

    `start_at`: of the load, UTC epoch seconds of the master. `sessions`: open model, role → index of the worker that
    holds each session of the role, for actions that are due from `from_s` seconds after the start on. `rates`: in a
    search for the capacity, all changes of the rate so far: seconds after the start, actions a second. `checks`: this
    worker makes the checks of correctness.
    """

    seats: list[UserSeat]
    start_at: float
    from_s: float
    sessions: dict[str, list[int]]
    rates: list[tuple[float, float]] = []
    checks: bool = False


class Placed(msgspec.Struct, frozen=True, tag="placed"):
    """Worker → master: so many users have started, all it was asked for so far."""

    users: int


class Batch(msgspec.Struct, frozen=True, tag="batch"):
    """Worker → master: records, sent again until acknowledged; `number` counts from 1.

    `records`: `Packed` as MessagePack. `files`: what files of the worker's folder have grown by since the last batch.
    """

    number: int
    records: bytes
    files: dict[str, bytes] = {}
    clock_offset_ms: float | None = None
    clock_uncertainty_ms: float | None = None


class Ack(msgspec.Struct, frozen=True, tag="batch_ack"):
    """Master → worker: its batches up to this number are in the file. `elsewhere`: requests of all other workers."""

    number: int
    elsewhere: int = 0


class Drain(msgspec.Struct, frozen=True, tag="drain"):
    """Master → worker: let the requests in flight finish, hand over the rest."""

    reason: str


class Drained(msgspec.Struct, frozen=True, tag="drained"):
    """Worker → master: so many batches were handed over and acknowledged, with so many requests; no more will come."""

    batches: int
    requests: int


M = TypeVar("M", bound=msgspec.Struct)
"""Any of these."""

_encoder = msgspec.msgpack.Encoder()
_record_encoder = msgspec.msgpack.Encoder(enc_hook=text_of)
_record_decoder: msgspec.msgpack.Decoder[Packed] = msgspec.msgpack.Decoder(Packed)


def type_of(kind: type[msgspec.Struct]) -> str:
    """The name under which Locust knows the message."""
    return str(kind.__struct_config__.tag)


def data_of(message: msgspec.Struct) -> bytes:
    """What Locust sends along with the type."""
    return _encoder.encode(message)


def decoded(kind: type[M], data: bytes) -> M:
    """The message in the data. Raises msgspec.MsgspecError where it is another."""
    return msgspec.msgpack.decode(data, type=kind)


def encode_records(records: list[Record]) -> bytes:
    """The records of a batch."""
    return _record_encoder.encode(pack(records))


def decode_records(data: bytes) -> Packed:
    """Raises msgspec.MsgspecError where these are no records."""
    return _record_decoder.decode(data)
