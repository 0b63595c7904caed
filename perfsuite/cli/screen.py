"""What a person sees while a run goes on: a live view on a terminal, a line now and then in a log, a live page."""

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
        """Write it as any other line."""
        self.say(text)

    def progress(self, snapshot: LiveSnapshot) -> None:
        """Write a line when the last one is old enough."""
        if snapshot.live.elapsed_s < self._next_s:
            return
        self._next_s = snapshot.live.elapsed_s + self._every_s
        self.say(render_progress(snapshot))

    def load_over(self) -> None:
        """The load is over; the next one begins counting anew."""
        self._next_s = 0.0


class LiveScreen(PlainScreen):
    """A view that is drawn anew every second, on a terminal."""

    def __init__(self, stream: TextIO, *, color: bool) -> None:
        super().__init__(stream)
        self._console = Console(file=stream, no_color=not color, highlight=False, markup=False)
        self._live: Live | None = None

    def say(self, text: str) -> None:
        """Write a line above the view."""
        with writing_to(self._stream):
            self._console.print(text)

    def progress(self, snapshot: LiveSnapshot) -> None:
        """Draw the view anew."""
        with writing_to(self._stream):
            if self._live is None:
                self._live = Live(console=self._console, auto_refresh=False, transient=True)
                self._live.start()
            self._live.update(live_view(snapshot), refresh=True)

    def load_over(self) -> None:
        """Take the view away."""
        live, self._live = self._live, None
        if live is not None:
            with writing_to(self._stream):
                live.stop()


class QuietScreen(PlainScreen):
    """Nothing but warnings and the end: `--quiet`."""

    def say(self, text: str) -> None:
        """Stay silent."""

    def warn(self, text: str) -> None:
        """Write a line."""
        super().say(text)

    def progress(self, snapshot: LiveSnapshot) -> None:
        """Stay silent."""


class PageScreen:
    """The live page: whoever opens it sees the last state, and each one that follows."""

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
        """Show it as any other line."""
        self.say(text)

    def progress(self, snapshot: LiveSnapshot) -> None:
        """Show the state of the load."""
        self._builder.progress(snapshot)
        self._show()

    def load_over(self) -> None:
        """Show that the verdict is on its way."""
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
        """Show that this was all, and end the page's server."""
        self._builder.end()
        self._show()
        self._server.close()

    def _show(self) -> None:
        page = self._builder.page
        self._server.publish(msgspec.json.encode(page), last=page.ended)


@contextmanager
def live_page(port: int, errors: ErrorCollector) -> Iterator[PageScreen]:
    """The live page at `port` of this machine (0: a free one), for as long as the block lasts.

    The page shows what ends the block. Raises UsageError where the port cannot be had.
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

    A screen is no part of the run: what one of them cannot show any more is left out there, and said on the others.
    """

    def __init__(self, screens: Sequence[Screen], errors: ErrorCollector) -> None:
        self._screens = tuple(screens)
        self._errors = errors
        self._failed: set[tuple[Screen, str]] = set()

    def say(self, text: str) -> None:
        """Pass it to all of them."""
        self._each("say", lambda screen: screen.say(text))

    def warn(self, text: str) -> None:
        """Warn all of them."""
        self._each("warn", lambda screen: screen.warn(text))

    def progress(self, snapshot: LiveSnapshot) -> None:
        """Show it on all of them."""
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
            except Exception as error:  # noqa: BLE001  what shows a run must not end it
                self._failed.add((screen, what))
                during = f"{what.replace('_', ' ')} on the {type(screen).__name__}"
                self.warn(f"Not shown there any more. {self._errors.record(error, during, decides=False)}")


def screen_for(terminal: Terminal, output: OutputOptions) -> PlainScreen:
    """What shows a run while it goes on: a live view on a terminal, plain lines elsewhere, warnings with --quiet."""
    if output.quiet:
        return QuietScreen(terminal.results)
    if terminal.results.isatty():
        return LiveScreen(terminal.results, color=terminal.color(output.color))
    return PlainScreen(terminal.results)
