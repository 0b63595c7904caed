"""Unexpected exceptions of the suite itself or of a role: counted by place, the first traceback of each kept in a log.

Code that catches an unexpected exception adds it to the `SuiteErrorLog` of its process, so that it appears in the
summary and no run passes with it.
"""

from __future__ import annotations

import logging
import re
import sysconfig
import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from perfsuite.model import SuiteErrorGroup

LOG_FILE = "suite-errors.log"
MOST_PLACES = 100
"""Of more places in one process only the number of errors is kept."""
OTHER_PLACES = "(other places)"

_MOST_TEXT = 200
_MOST_TRACEBACK = 20_000
_SHORTEST_SECRET = 4
_TOKEN = re.compile(r"eyJ[\w.-]+|(?<=Bearer )\S+")
_LIBRARIES = (*{sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}, "<frozen")

_log = logging.getLogger(__name__)


class SuiteErrorLog:
    """The errors of one process. `folder`: of the run, where the log goes; None: no log is kept.

    `secrets`: texts that must not appear in a message or the log.
    """

    def __init__(self, folder: Path | None, secrets: Iterable[str] = ()) -> None:
        self._log_path = folder / LOG_FILE if folder is not None else None
        self._secrets = tuple(secrets)
        self._groups: dict[tuple[str, str], SuiteErrorGroup] = {}
        self._taken: dict[tuple[str, str], int] = {}

    def add(self, error: BaseException, during: str = "", secrets: Iterable[str] = ()) -> str:
        """Count one error; its place. `during`: what was being done; `secrets`: further ones. Never raises."""
        with suppress(AttributeError):  # an exception with slots alone takes no mark: it may be counted twice
            error._counted = True  # type: ignore[attr-defined]
        place, kind = place_of(error), type(error).__name__
        key = (place, kind)
        if key not in self._groups and len(self._groups) >= MOST_PLACES:
            key = (OTHER_PLACES, "")
        group = self._groups.get(key) or self._first(key, error, during, (*self._secrets, *secrets))
        self._groups[key] = replace(group, count=group.count + 1)
        return place

    def add_unless_counted(self, error: BaseException, during: str = "") -> None:
        """The same for an exception that may have been counted before."""
        if not getattr(error, "_counted", False):
            self.add(error, during)

    def new(self) -> tuple[SuiteErrorGroup, ...]:
        """What was counted since the last call."""
        groups = [
            replace(group, count=group.count - self._taken.get(key, 0))
            for key, group in self._groups.items()
            if group.count > self._taken.get(key, 0)
        ]
        self._taken = {key: group.count for key, group in self._groups.items()}
        return tuple(groups)

    def _first(
        self, key: tuple[str, str], error: BaseException, during: str, secrets: tuple[str, ...]
    ) -> SuiteErrorGroup:
        if key[0] == OTHER_PLACES:
            return SuiteErrorGroup(OTHER_PLACES, f"errors at more than {MOST_PLACES} places", 0)
        message = message_of(error, secrets) + (f" ({during})" if during else "")
        return SuiteErrorGroup(key[0], message, 0, self._logged(key[0], error, during, secrets))

    def _logged(self, place: str, error: BaseException, during: str, secrets: tuple[str, ...]) -> str:
        """Write the traceback down; the name of the file, "" where it could not be."""
        text = without_secrets(_traceback_of(error), secrets)
        entry = f"{place}{f', {during}' if during else ''}\n{text}\n"
        if self._log_path is None:
            _log.error("%s", entry)
            return ""
        try:
            with self._log_path.open("ab", buffering=0) as log:
                log.write(entry.encode(errors="replace"))
        except OSError as why:
            _log.error("%s cannot be written (%s): %s", self._log_path, why.strerror or why, entry)
            return ""
        return LOG_FILE

    @property
    def count(self) -> int:
        """All errors so far."""
        return sum(group.count for group in self._groups.values())

    @property
    def groups(self) -> tuple[SuiteErrorGroup, ...]:
        """By place and type, the most frequent first."""
        return most_frequent_first(self._groups.values())


def most_frequent_first(groups: Iterable[SuiteErrorGroup]) -> tuple[SuiteErrorGroup, ...]:
    """Groups of several processes: those of the same place and type together, with the first one's message."""
    found: dict[tuple[str, str], SuiteErrorGroup] = {}
    for group in groups:
        key = (group.place, group.message.split(":")[0])
        known = found.get(key)
        found[key] = group if known is None else replace(known, count=known.count + group.count)
    return tuple(sorted(found.values(), key=lambda group: (-group.count, group.place, group.message)))


def place_of(error: BaseException) -> str:
    """Where it was raised: "module:line function" of the innermost frame that belongs to the suite or a role.

    That of a library where no frame does; "unknown place" for an exception that was never raised.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return "unknown place"
    own = [(frame, line) for frame, line in frames if not _is_library(frame.f_code.co_filename)]
    frame, line = (own or frames)[-1]
    return f"{frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_name}"


def _is_library(file: str) -> bool:
    return "site-packages" in file or not Path(file).is_absolute() or file.startswith(_LIBRARIES)


def message_of(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """Type and text on one line, without secrets: "KeyError: 'agent_id'"."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001  an exception of somebody else's may not even have a text
        text = "its text cannot be had"
    text = without_secrets(text, secrets)
    return f"{type(error).__name__}: {text[:_MOST_TEXT]}" if text else type(error).__name__


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text less these secrets and whatever looks like a token."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "…")
    return _TOKEN.sub("…", text)


def _traceback_of(error: BaseException) -> str:
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001  as above: the text of an exception may raise itself
        text = "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__
    if len(text) <= _MOST_TRACEBACK:
        return text
    half = _MOST_TRACEBACK // 2
    return f"{text[:half]}\n  …\n{text[-half:]}"
