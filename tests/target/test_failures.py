"""Whose a failure is, by what the operating system says."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from perfsuite.messages.failures import GeneratorLimit
from perfsuite.model import FailureKind
from perfsuite.target.exchange import Failure
from perfsuite.target.failures import generator_failure, idle_closed, idle_closed_remark


@pytest.mark.parametrize(
    ("error", "limit"),
    [
        pytest.param(OSError(errno.EMFILE, ""), GeneratorLimit.OPEN_FILES, id="ulimit -n"),
        pytest.param(OSError(errno.ENFILE, ""), GeneratorLimit.OPEN_FILES_OF_SYSTEM, id="fs.file-max"),
        pytest.param(OSError(errno.EADDRNOTAVAIL, ""), GeneratorLimit.LOCAL_PORTS, id="no port left"),
        pytest.param(OSError(errno.ENOBUFS, ""), GeneratorLimit.BUFFERS, id="no buffers"),
        pytest.param(OSError(errno.ENOMEM, ""), GeneratorLimit.MEMORY, id="no memory for the kernel"),
        pytest.param(MemoryError(), GeneratorLimit.MEMORY, id="no memory for Python"),
        pytest.param(socket.gaierror(socket.EAI_MEMORY, ""), GeneratorLimit.MEMORY, id="no memory for a look-up"),
    ],
)
def test_a_limit_of_this_machine_is_the_generators(error: OSError | MemoryError, limit: GeneratorLimit) -> None:
    assert generator_failure(error) == Failure(FailureKind.GENERATOR, limit.value)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ConnectionRefusedError(errno.ECONNREFUSED, ""), id="refused"),
        pytest.param(ConnectionResetError(errno.ECONNRESET, ""), id="reset"),
        pytest.param(OSError(errno.EHOSTUNREACH, ""), id="no route"),
        pytest.param(TimeoutError("no answer in time"), id="an error without a number"),
        pytest.param(socket.gaierror(socket.EAI_NONAME, ""), id="unknown name"),
        pytest.param(ssl.SSLError(errno.ENOMEM, ""), id="a number of OpenSSL is no errno"),
    ],
)
def test_everything_else_is_not(error: OSError) -> None:
    assert generator_failure(error) is None


@pytest.mark.parametrize(("idle_s", "about"), [(5.004, "5 s"), (4.96, "5 s"), (65.2, "65 s"), (0.74, "700 ms")])
def test_closings_after_about_the_same_time_are_one_group(idle_s: float, about: str) -> None:
    assert idle_closed_remark(idle_s).why == about
    assert idle_closed(idle_s).kind is FailureKind.IDLE_CLOSED
    assert about in idle_closed(idle_s).message
