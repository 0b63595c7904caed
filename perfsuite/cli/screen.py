"""Progress of a run: a live view on a terminal, lines in a log, a live page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

import msgspec
from rich.console import Console
from rich.live import Live

from perfsuite.cli.options import OutputOptions
from perfsuite.cli.terminal import Terminal, writing_to
from perfsuite.errors import SuiteError
from perfsuite.model import LiveSnapshot, RunReport
from perfsuite.report.live.page import LivePageBuilder, live_files
from perfsuite.report.live.terminal import live_view, render_progress
from perfsuite.report.web.server import PageServer
from perfsuite.run.context import Screen
from perfsuite.run.error_collector import ErrorCollector

LINE_EVERY_S = 5.0
"""In a log one line in five seconds is enough."""


class PlainScreen:
    """Lines of text: for logs, for CI, and for pipes."""

    def __init__(self, stream: TextIO, *, every_s: float = LINE_EVERY_S) -> None:
        self._stream = stream
        self._every_s = every_s
        self._next_s = 0.0

    def say(self, text: str) -> None:
        """Write a line."""
        with writing_to(self._stream):
            print(text, file=self._stream, flush=True)

    def warn(self, text: str) -> None:
        """Write a line."""
        self.say(text)

    def progress(self, snapshot: LiveSnapshot) -> None:
        """Write a line at most every 5 s."""
        if snapshot.live.elapsed_s < self._next_s:
            return
        self._next_s = snapshot.live.elapsed_s + self._every_s
        self.say(render_progress(snapshot))

    def load_over(self) -> None:
        """Reset for the next load."""
        self._next_s = 0.0


class LiveScreen(PlainScreen):
    """A view on a terminal, redrawn every second."""

    def __init__(self, stream: TextIO, *, color: bool) -> None:
        super().__init__(stream)
        self._console = Console(file=stream, no_color=not color, highlight=False, markup=False)
        self._live: Live | None = None

    def say(self, text: str) -> None:
        """Write a line above the view."""
        with writing_to(self._stream):
            self._console.print(text)

    def progress(self, snapshot: LiveSnapshot) -> None:
        """Redraw the view."""
        with writing_to(self._stream):
            if self._live is None:
                self._live = Live(console=self._console, auto_refresh=False, transient=True)
                self._live.start()
            self._live.update(live_view(snapshot), refresh=True)

    def load_over(self) -> None:
        """Remove the view."""
        live, self._live = self._live, None
        if live is not None:
            with writing_to(self._stream):
                live.stop()


class QuietScreen(PlainScreen):
    """Warnings only: `--quiet`."""

    def say(self, text: str) -> None:
        """Nothing."""

    def warn(self, text: str) -> None:
        """Write a line."""
        super().say(text)

    def progress(self, snapshot: LiveSnapshot) -> None:
        """Nothing."""


class PageScreen:
    """The live page: shows the latest state to every visitor, and each following one."""

    def __init__(self, server: PageServer) -> None:
        self.address = server.address
        self._server = server
        self._builder = LivePageBuilder()
        self._show()

    def say(self, text: str) -> None:
        """Show a line."""
        self._builder.say(text)
        self._show()

    def warn(self, text: str) -> None:
        """Show a line."""
        self.say(text)

    def progress(self, snapshot: LiveSnapshot) -> None:
        """Show the state of the load."""
        self._builder.progress(snapshot)
        self._show()

    def load_over(self) -> None:
        """Show that the verdict follows."""
        self._builder.load_over()
        self._show()

    def run_over(self, report: RunReport, folder: Path) -> None:
        """Show the verdict."""
        self._builder.run_over(report, folder)
        self._show()

    def run_failed(self, reason: str) -> None:
        """Show why there is no verdict."""
        self._builder.run_failed(reason)
        self._show()

    def end(self) -> None:
        """Show the end, and stop the server of the page."""
        self._builder.end()
        self._show()
        self._server.close()

    def _show(self) -> None:
        page = self._builder.page
        self._server.publish(msgspec.json.encode(page), last=page.ended)


@contextmanager
def live_page(port: int, errors: ErrorCollector) -> Iterator[PageScreen]:
    """The live page at `port` of this machine (0: a free one), until the end of the block.

    An exception that ends the block is shown on the page. Raises UsageError if the port is not available.
    """
    page = PageScreen(PageServer(live_files(), port))
    try:
        yield page
    except (SuiteError, KeyboardInterrupt) as error:
        errors.optional("the live page", partial(page.run_failed, str(error) or "Interrupted."))
        raise
    finally:
        errors.optional("the live page", page.end)


class Screens:
    """Several screens at once: the terminal, the page, what Prometheus reads.

    An error of a screen does not end the run: that screen stops showing such events, and the others report it.
    """

    def __init__(self, screens: Sequence[Screen], errors: ErrorCollector) -> None:
        self._screens = tuple(screens)
        self._errors = errors
        self._failed: set[tuple[Screen, str]] = set()

    def say(self, text: str) -> None:
        """Pass it to all of them."""
        self._each("say", lambda screen: screen.say(text))

    def warn(self, text: str) -> None:
        """Pass it to all of them."""
        self._each("warn", lambda screen: screen.warn(text))

    def progress(self, snapshot: LiveSnapshot) -> None:
        """Pass it to all of them."""
        self._each("progress", lambda screen: screen.progress(snapshot))

    def load_over(self) -> None:
        """Pass it to all of them."""
        self._each("load_over", lambda screen: screen.load_over())

    def _each(self, what: str, show: Callable[[Screen], None]) -> None:
        for screen in self._screens:
            if (screen, what) in self._failed:
                continue
            try:
                show(screen)
            except Exception as error:  # noqa: BLE001  a screen must not end a run
                self._failed.add((screen, what))
                during = f"{what.replace('_', ' ')} on the {type(screen).__name__}"
                self.warn(f"Not shown there any more. {self._errors.record(error, during, decides=False)}")


def screen_for(terminal: Terminal, output: OutputOptions) -> PlainScreen:
    """A live view on a terminal, plain lines elsewhere, warnings with --quiet."""
    if output.quiet:
        return QuietScreen(terminal.results)
    if terminal.results.isatty():
        return LiveScreen(terminal.results, color=terminal.color(output.color))
    return PlainScreen(terminal.results)
