"""Files of a worker elsewhere that the master needs as well, as they grow: journals, raw samples, error logs."""

from __future__ import annotations

import re
from pathlib import Path

from perfsuite.errors import LoadError
from perfsuite.messages.measurements import MeasurementsMessage
from perfsuite.suite_errors import LOG_FILE

MOST_BYTES = 4 << 20
"""Of all files together in one batch; what is more comes with the next."""
_NAME = re.compile(r"(journal|samples)-worker-\d+(\.\d+)?\.(jsonl|csv\.gz)")


class FileGrowth:
    """What the files in a folder have grown by since it was last asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, int] = {}

    def read(self) -> dict[str, bytes]:
        """File name → new bytes; {} when there are none."""
        grown, left = {}, MOST_BYTES
        for path in sorted(self._folder.iterdir()):
            if left > 0 and path.is_file() and is_shared(path.name):
                with path.open("rb") as file:
                    file.seek(self._read.get(path.name, 0))
                    new = file.read(left)
                if new:
                    grown[path.name] = new
                    self._read[path.name] = self._read.get(path.name, 0) + len(new)
                    left -= len(new)
        return grown


def append_growth(folder: Path, grown: dict[str, bytes]) -> None:
    """Append what was read elsewhere to the files of the same names. Other names than a worker has are passed over.

    Raises LoadError when the disk does not take it.
    """
    for name, new in grown.items():
        if is_shared(name):
            path = folder / name
            try:
                with path.open("ab") as file:
                    file.write(new)
            except OSError as error:
                why = (error.strerror or str(error)).lower()
                raise LoadError(MeasurementsMessage.NOT_WRITTEN(path=path, why=why)) from error


def is_shared(name: str) -> bool:
    """True for the files that a worker writes for the run."""
    return name == LOG_FILE or _NAME.fullmatch(name) is not None
