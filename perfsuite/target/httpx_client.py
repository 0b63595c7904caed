"""The transport of the parent process (preflight, cleanup, health): httpx, one connection pool, no redirects."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from socket import gaierror

import httpx

from perfsuite.clock import utc_s
from perfsuite.model import FailureKind
from perfsuite.target.connection import ConnectionSettings, tls_context, tls_message
from perfsuite.target.exchange import Answer, Failure, Request, of_proxy

TIMEOUT_S = 30.0
_AS_THE_LOAD = {"Accept-Encoding": "identity"}
"""Preflight asks for uncompressed answers, as the load does."""


class HttpxTransport:
    """Sends requests as `settings` say and nowhere else. Certificates are verified."""

    def __init__(self, settings: ConnectionSettings, *, timeout_s: float | None = None) -> None:
        # Proxies and credentials from the environment are ignored: the suite measures the target.
        self._client = httpx.Client(
            base_url=settings.host,
            headers={**_AS_THE_LOAD, **dict(settings.headers)},
            proxy=settings.proxy or None,
            timeout=timeout_s or settings.timeout_s or TIMEOUT_S,
            follow_redirects=False,
            trust_env=False,
            verify=tls_context(settings.ca_file, certificate=settings.certificate),
        )
        self._proxied = bool(settings.proxy)

    def exchange(self, request: Request) -> Answer:
        """Send and wait for the whole answer; a failure is part of the answer."""
        sent_at, began = utc_s(), time.perf_counter_ns()
        try:
            response = self._client.request(
                request.method, request.target, headers=dict(request.headers_by_name), content=request.body
            )
        except httpx.HTTPError as error:
            failure = failure_of(error)
            return Answer(0, {}, b"", sent_at, _since_us(began), of_proxy(failure) if self._proxied else failure)
        # Accounts share this transport: the cookie of one must not reach the requests of another.
        self._client.cookies.clear()
        return Answer(response.status_code, response.headers, response.content, sent_at, _since_us(began))

    def close(self) -> None:
        """Close all connections."""
        self._client.close()


def _since_us(began_ns: int) -> int:
    return (time.perf_counter_ns() - began_ns) // 1000


def failure_of(error: httpx.HTTPError) -> Failure:
    """The kind of failure behind an httpx error, which wraps that of the operating system."""
    if isinstance(error, httpx.ProxyError):
        return Failure(FailureKind.PROXY, f"the proxy opens no way to the target ({error})")
    for cause in _causes(error):
        match cause:
            case gaierror():
                return Failure(FailureKind.NAME_NOT_FOUND, "the host name is not known")
            case ConnectionRefusedError():
                return Failure(FailureKind.CONNECTION_REFUSED, "connection refused")
            case ssl.SSLError():
                return Failure(FailureKind.TLS, tls_message(cause))
    if isinstance(error, httpx.TimeoutException):
        return Failure(FailureKind.TIMEOUT, "no answer in time")
    return Failure(FailureKind.CONNECTION_LOST, f"the connection broke ({type(error).__name__})")


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
