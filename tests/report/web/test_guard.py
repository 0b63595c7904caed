"""Which requests the live page's server answers."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from perfsuite.report.web.server import refusal

PORT = 8016
HERE = f"127.0.0.1:{PORT}"
NAVIGATED = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def refused(path: str = "/", method: str = "GET", port: int = PORT, **headers: str) -> int | None:
    """Status of the refusal; None if the request is allowed. Header names are written with _ for -."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    found = refusal(method, path, Headers(raw=raw), port)
    return found.status_code if found else None


@pytest.mark.parametrize(
    "host", [HERE, f"localhost:{PORT}", f"LOCALHOST:{PORT}", f"[::1]:{PORT}"], ids=lambda host: str(host)
)
def test_names_of_this_machine_are_answered(host: str) -> None:
    assert refused(host=host) is None
    assert refused("/states", host=host, origin=f"http://{host}", sec_fetch_site="same-origin") is None


@pytest.mark.parametrize(
    "host",
    [
        pytest.param(f"evil.example:{PORT}", id="another name: DNS rebinding"),
        pytest.param(f"127.0.0.1.evil.example:{PORT}", id="a name that begins like ours"),
        pytest.param("127.0.0.1:9999", id="another port: something else of this machine"),
        pytest.param("127.0.0.1", id="no port means 80"),
        pytest.param(f"localhost.:{PORT}", id="a trailing dot is another origin to a browser"),
        pytest.param(f"192.168.0.7:{PORT}", id="the address of this machine on its network"),
        pytest.param("", id="empty"),
    ],
)
def test_other_names_are_refused(host: str) -> None:
    assert refused(host=host) == 403


def test_no_host_and_two_hosts_are_refused() -> None:
    headers = Headers(raw=[(b"host", HERE.encode()), (b"host", HERE.encode())])
    found = [refusal("GET", "/", Headers(raw=[]), PORT), refusal("GET", "/", headers, PORT)]
    assert [one and one.status_code for one in found] == [403, 403]


def test_port_80_is_not_written() -> None:
    assert refused(port=80, host="localhost") is None


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        pytest.param("/states", {"origin": "http://evil.example"}, id="a foreign origin"),
        pytest.param("/", {"origin": "http://evil.example"}, id="a foreign origin at the page itself"),
        pytest.param("/states", {"origin": "null"}, id="a sandboxed frame, a file"),
        pytest.param("/states", {"origin": f"https://{HERE}"}, id="another scheme"),
        pytest.param("/states", {"origin": "http://127.0.0.1:9999"}, id="another server of this machine"),
        pytest.param("/states", {"sec-fetch-site": "cross-site"}, id="a picture or script on a foreign page"),
        pytest.param("/states", {"sec-fetch-site": "same-site"}, id="a page of another port"),
        pytest.param("/states", {"sec-fetch-site": "cross-site", **NAVIGATED}, id="a link to anything but the page"),
        pytest.param("/", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, id="the page as a picture"),
        pytest.param(
            "/",
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
            id="the page in a frame",
        ),
    ],
)
def test_other_sites_are_refused(path: str, headers: dict[str, str]) -> None:
    assert refused(path, host=HERE, **headers) == 403


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"sec-fetch-site": "cross-site", **NAVIGATED}, id="a link on another page"),
        pytest.param({"sec-fetch-site": "none", **NAVIGATED}, id="typed by a person"),
        pytest.param({}, id="curl"),
    ],
)
def test_links_to_the_page_work_from_anywhere(headers: dict[str, str]) -> None:
    assert refused("/", host=HERE, **headers) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"])
def test_only_get(method: str) -> None:
    assert refused(method=method, host=HERE) == 405
