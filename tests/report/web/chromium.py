"""Chromium without a window, driven over its DevTools protocol: what a page shows while it changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import websocket

_WITHIN_S = 90.0
_LOOK_EVERY_S = 0.05


def until(condition: Callable[[], Any], what: Callable[[], str]) -> Any:
    """What `condition` gives as soon as that is true; the test fails when it takes too long."""
    deadline = time.monotonic() + _WITHIN_S
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {_WITHIN_S:g} s: {what()}")
        time.sleep(_LOOK_EVERY_S)
    return found


class Tab:
    """One page in a browser. `console`: what its scripts and the browser said; `asked`: the addresses it asked for."""

    def __init__(self, connection: websocket.WebSocket) -> None:
        self._connection = connection
        self._numbers = count(1)
        self.console: list[str] = []
        self.asked: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol, and its result."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv())
            if message.get("id") == number:
                assert "error" not in message, message
                return dict(message["result"])
            self._note(message["method"], message["params"])

    def _note(self, event: str, told: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            self.console.append(told["exceptionDetails"]["text"])
        elif event == "Runtime.consoleAPICalled":
            self.console.append(json.dumps(told["args"]))
        elif event == "Log.entryAdded":
            self.console.append(told["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            self.asked.append(told["request"]["url"])

    def value(self, expression: str) -> Any:
        """What a JavaScript expression comes to in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until_loaded(self) -> None:
        """Wait until the page is there with its scripts run."""
        until(
            lambda: self.value("location.href !== 'about:blank' && document.readyState === 'complete'"),
            lambda: "the page has not loaded",
        )

    def text(self, selector: str = "body") -> str:
        """The text that is seen there, on one line; "" where nothing is."""
        found = f"document.querySelector({json.dumps(selector)})"
        seen = self.value(f"{found}?.checkVisibility() ? {found}.innerText : ''")
        return " ".join(str(seen).split())

    def shows(self, text: str, selector: str = "body") -> None:
        """Wait until `text` is seen there."""
        until(lambda: text in self.text(selector), lambda: f"{text!r}; there is {self.text(selector)!r}")


@contextmanager
def running_tab(program: str, profile: Path) -> Iterator[Tab]:
    """A tab of a browser of its own, which ends with the block. It finds nothing but this machine."""
    arguments = [
        program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank",
    ]  # fmt: skip
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with closing(_connection(profile / "DevToolsActivePort")) as connection:
            yield Tab(connection)
    finally:
        process.terminate()
        process.wait()


def _connection(told: Path) -> websocket.WebSocket:
    """To the first tab of the browser that tells its port in this file."""
    lines = until(lambda: told.exists() and told.read_text(encoding="utf-8").splitlines(), lambda: "Chromium's port")

    def tabs() -> list[dict[str, str]]:
        listed = httpx.get(f"http://127.0.0.1:{lines[0]}/json/list", trust_env=False).json()
        return [tab for tab in listed if tab["type"] == "page"]

    address = until(tabs, lambda: "a tab")[0]["webSocketDebuggerUrl"]
    return websocket.create_connection(address, suppress_origin=True, timeout=_WITHIN_S)


def find_chromium() -> str:
    """The browser's program. The test is skipped where there is none, and fails in CI."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    if os.environ.get("CI") == "true":
        pytest.fail("Chromium is not installed: the live page cannot be tried in a browser")
    pytest.skip("Chromium is not installed (package chromium): the live page is not tried in a browser")
