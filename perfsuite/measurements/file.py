"""The file that the records of a run are in: `measurements.jsonl.gz`.

One JSON record a line, gzip, flushed every second so that a killed run can be read to its last second.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from perfsuite.errors import LoadError
from perfsuite.measurements.records import SCHEMA, Record, decoder, encoder
from perfsuite.messages.measurements import MeasurementsMessage

FILE_NAME = "measurements.jsonl.gz"
_PART_BYTES = 1 << 20

Line = TypeVar("Line")


class Header(msgspec.Struct, frozen=True):
    """First line of the file."""

    schema: int
    run_id: str


class Writer:
    """Appends records to the measurements file of a run. Raises LoadError when the disk does not take them."""

    def __init__(self, path: Path, run_id: str) -> None:
        self._path = path
        self._raw: BinaryIO = path.open("wb")
        self._gzip = gzip.GzipFile(fileobj=self._raw, mode="wb", compresslevel=5)
        with self._errors_named():
            self._gzip.write(encoder.encode(Header(SCHEMA, run_id)) + b"\n")
        self.flush()

    def write(self, record: msgspec.Struct) -> None:
        """Append one record; it is on disk after the next `flush`."""
        with self._errors_named():
            self._gzip.write(encoder.encode(record) + b"\n")

    def write_all(self, records: Sequence[msgspec.Struct]) -> None:
        """Append these records."""
        if records:
            with self._errors_named():
                self._gzip.write(encoder.encode_lines(records))

    def flush(self) -> None:
        """Hand everything written so far to the operating system, readable as it is."""
        with self._errors_named():
            self._gzip.flush(zlib.Z_SYNC_FLUSH)
            self._raw.flush()

    def close(self) -> None:
        """Write the end of the file."""
        with self._errors_named():
            self._gzip.close()
            self._raw.close()

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise LoadError(MeasurementsMessage.NOT_WRITTEN(path=self._path, why=why)) from error


class WholeFile:
    """A file beside the measurements that gets its name when it is whole. A disk that does not take it ends it."""

    def __init__(self, path: Path, run_id: str) -> None:
        self._path, self._part = path, path.with_name(f"{path.name}.part")
        self._writer: Writer | None = None
        with suppress(LoadError, OSError):
            self._writer = Writer(self._part, run_id)

    def write(self, lines: Sequence[msgspec.Struct]) -> None:
        """Append these."""
        if self._writer is not None and lines:
            try:
                self._writer.write_all(lines)
                self._writer.flush()
            except LoadError:
                self._writer = None

    def close(self, *, keep: bool = True) -> None:
        """Give it its name, or remove it."""
        if self._writer is not None:
            with suppress(LoadError, OSError):
                self._writer.close()
                if keep:
                    self._part.replace(self._path)
        with suppress(OSError):
            self._part.unlink(missing_ok=True)


def lines_of(path: Path, decoder: msgspec.json.Decoder[Line]) -> Iterator[Line]:
    """What such a file holds, without its header."""
    try:
        with gzip.open(path, "rb") as file:
            next(file, b"")
            for line in file:
                yield decoder.decode(line)
    except (EOFError, gzip.BadGzipFile, zlib.error, msgspec.DecodeError) as error:
        raise LoadError(MeasurementsMessage.DAMAGED(path=path, why=error)) from error


class Tail:
    """Reads a measurements file while it grows: `read()` returns the records that came since the last call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._unzip = zlib.decompressobj(wbits=31)
        self._rest = b""
        self._header: Header | None = None

    def read(self) -> list[Record]:
        """New whole records; [] when there are none, or the file is not there yet."""
        return [record for part in self.parts() for record in part]

    def parts(self) -> Iterator[list[Record]]:
        """The same, a part of the file at a time."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            while raw := file.read(_PART_BYTES):
                self._offset += len(raw)
                *lines, self._rest = (self._rest + self._unpacked(raw)).split(b"\n")
                yield [self._decode(line) for line in self._past_header(lines)]

    @property
    def schema(self) -> int:
        """Of what was read so far. Raises LoadError before the header."""
        if self._header is None:
            raise LoadError(MeasurementsMessage.NOT_THERE(path=self._path))
        return self._header.schema

    def _unpacked(self, raw: bytes) -> bytes:
        try:
            return self._unzip.decompress(raw)
        except zlib.error as error:
            raise LoadError(MeasurementsMessage.DAMAGED(path=self._path, why=error)) from error

    def _past_header(self, lines: list[bytes]) -> list[bytes]:
        if self._header is not None or not lines:
            return lines
        try:
            self._header = msgspec.json.decode(lines[0], type=Header)
        except msgspec.DecodeError as error:
            raise LoadError(MeasurementsMessage.DAMAGED_HEADER(path=self._path, why=error)) from error
        if self._header.schema > SCHEMA:
            raise LoadError(MeasurementsMessage.NEWER(path=self._path, schema=self._header.schema, known=SCHEMA))
        return lines[1:]

    def _decode(self, line: bytes) -> Record:
        try:
            return decoder.decode(line)
        except msgspec.DecodeError as error:
            raise LoadError(MeasurementsMessage.DAMAGED_RECORD(path=self._path, why=error)) from error


def read(path: Path) -> Iterator[Record]:
    """All records of a finished or killed run, in file order."""
    if not path.exists():
        raise LoadError(MeasurementsMessage.NOT_THERE(path=path))
    for part in Tail(path).parts():
        yield from part


def is_whole(path: Path) -> bool:
    """True if the file has its end, which is missing in a killed run."""
    unzip = zlib.decompressobj(wbits=31)
    with path.open("rb") as file:
        while part := file.read(_PART_BYTES):
            unzip.decompress(part)
    return unzip.eof
