"""Errors in TOML files. The file, the line, the table and the key come before them."""

from __future__ import annotations

from perfsuite.messages import Code


class TomlMessage(Code):
    """What is wrong with a TOML file or one of its keys."""

    MISSING_FILE = "{path}: there is no such file"
    UNREADABLE = "{path}: cannot be read: {why}"
    NOT_UTF8 = "{path}: is not UTF-8 text"
    NOT_TOML = "{file}: is not valid TOML: {why}"
    OTHER_SCHEMA = "this version reads schema {schema}, not {value}"
    MISSING_KEY = "key {key!r} is missing"
    UNKNOWN = "unknown {kind} {name!r}{hint}"
    NOT_A_TEXT = "must be a text in quotes, not {value}"
    NOT_A_NUMBER = "must be a number, not {value}"
    NEGATIVE = "must be 0 or more, not {value}"
    NOT_POSITIVE = "must be above 0, not {value}"
    NOT_WHOLE = "must be a whole number, not {value}"
    NOT_TEXTS = 'must be a list of texts such as ["a", "b"], not {value}'
    NOT_A_TABLE = "must be a table, [{table}], not {value}"
