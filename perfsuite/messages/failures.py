"""Failures of requests: what some of them are called, and what several have in common."""

from __future__ import annotations

from perfsuite.messages import Code


class FailureMessage(Code):
    """A pattern of failures, and what follows from it."""

    PATTERN = "{what}, {times}, {where}"
    REGULAR_PATTERN = "{what}, {times}, {spacing}, {where}"
    LIKELY_IN_FRONT = "likely something in front of the operations"
    SEEN_BEFORE = "seen before the load as well: {where:list}"
    NOT_SEEN_BEFORE = "not seen before the load"


class GeneratorLimit(Code):
    """A limit of the load machine that a request failed on before it left. Constant, so that alike failures group."""

    OPEN_FILES = "too many open files in the load process"
    OPEN_FILES_OF_SYSTEM = "too many open files on the load machine"
    LOCAL_PORTS = "no free local port, or no local address, to connect from"
    BUFFERS = "no buffer space for a socket on the load machine"
    MEMORY = "out of memory on the load machine"


class RequestFailure(Code):
    """Messages of failures that have a figure to show.

    Those of the HTTP client and of checks (`perfsuite.target`) stand where they are raised: they are data by which
    failures are grouped, and not sentences.
    """

    IDLE_CLOSED = "the target closes idle connections after about {idle_s:seconds}; the request came just then"
