"""`fingerprint.json`, `fingerprint-after.json`: fingerprints kept with their run."""

from __future__ import annotations

from pathlib import Path

import msgspec

from perfsuite.errors import UsageError
from perfsuite.model.fingerprint import Fingerprint

FILE_NAME = "fingerprint.json"
AFTER_FILE = "fingerprint-after.json"
"""One that was taken after the load, with those that look for what grew in it."""
SCHEMA = 1


def write_fingerprint(fingerprint: Fingerprint, folder: Path, name: str = FILE_NAME) -> Path:
    """Write it into the folder of a run. Raises UsageError when the disk does not take it."""
    path = folder / name
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(fingerprint), indent=1) + b"\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. Choose another folder with --results") from error
    return path


def read_fingerprint(where: Path) -> Fingerprint:
    """The fingerprint in a folder or file. Raises UsageError when there is none, or of another version."""
    path = where / FILE_NAME if where.is_dir() else where
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{where}: no fingerprint was taken in this run ({FILE_NAME} is not there)") from None
    try:
        schema = msgspec.json.decode(content, type=_Schema).schema
        if schema != SCHEMA:
            raise UsageError(f"{path}: schema {schema}, this version of the suite reads {SCHEMA}")
        return msgspec.json.decode(content, type=Fingerprint)
    except msgspec.MsgspecError as error:
        raise UsageError(f"{path}: damaged, or written by another version ({error})") from error


class _Schema(msgspec.Struct):
    schema: int
