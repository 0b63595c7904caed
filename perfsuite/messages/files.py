"""Errors of files, whichever package reads or writes them."""

from __future__ import annotations

from perfsuite.messages import Code


class FileMessage(Code):
    """Shared by all packages."""

    REFUSED = "{path}: {why}. Free some space, correct the permissions, or choose another folder with --results"
    NOT_WRITTEN = "{path} cannot be written: {why}. Choose another folder with --results"
    DAMAGED = "{path}: damaged, or written by another version ({why})"
