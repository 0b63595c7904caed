"""Errors of the files in which measurements and readings are kept."""

from __future__ import annotations

from perfsuite.messages import Code


class RawSamplesMessage(Code):
    """Why the file of all requests ends early."""

    LIMIT = "the limit of {limit} per run is reached"
    NOT_WRITTEN = "it cannot be written: {why}"


class MeasurementsMessage(Code):
    """The file cannot be written, or not be read to its end."""

    NOT_WRITTEN = "{path} cannot be written: {why}"
    NOT_READ = "{path}: cannot be read ({why})"
    NOT_THERE = "{path}: not there; is this the folder of a run?"
    DAMAGED = "{path}: damaged ({why}); the run cannot be read past this point"
    DAMAGED_RECORD = "{path}: a record is damaged ({why})"
    DAMAGED_HEADER = "{path}: its first line is damaged ({why})"
    NEWER = "{path}: written by a newer suite (schema {schema}, this one reads up to {known})"
    OTHER_COLUMNS = "{path}: its first line is not {columns}; is it another file?"
    DAMAGED_LINE = "{path}: line {line} is damaged ({why})"
