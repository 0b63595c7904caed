"""Why master and workers cannot open their connection."""

from __future__ import annotations

from perfsuite.messages import Code


class ChannelMessage(Code):
    """On the address that was given. The word for what went wrong comes from the operating system."""

    CANNOT_LISTEN = "cannot listen for workers on {address}: {why}. Choose another address or port"
    UNKNOWN_HOST = "cannot listen for workers on {address}: the name has no address ({why})"
    NO_ADDRESS = "{address} is no address of a master: {why}. Write HOST:PORT, IPv6 as [ADDRESS]:PORT"
    TOO_BIG = "a message of {size:number} bytes is bigger than the connection takes ({limit:number} bytes)"
    CLOSED = "the connection between master and worker is closed"
