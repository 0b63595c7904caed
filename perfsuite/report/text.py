"""Text from outside (messages, names, reasons) made safe for the place it goes to."""

from __future__ import annotations

import re

# C0/C1 controls, bidirectional overrides (they reverse what a reader sees), surrogates and the non-characters
# that UTF-8 or XML 1.0 cannot hold.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~])")
_FORMULA_STARTS = ("=", "+", "-", "@")


def clean(text: str) -> str:
    """`text` on one line: every run of control and other unprintable characters becomes one space."""
    return _UNPRINTABLE.sub(" ", text)


def csv_cell(text: str) -> str:
    """`text` for a cell of CSV: what a spreadsheet would take for a formula gets a leading apostrophe."""
    formula = text.lstrip().startswith(_FORMULA_STARTS) or text.startswith(("\t", "\r", "\n"))
    return f"'{clean(text)}" if formula else clean(text)


def markdown(text: str) -> str:
    """`text` for a cell of a Markdown table: no markup, no HTML, no new column."""
    html = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A zero-width space keeps @names from becoming mentions of somebody.
    return _MARKDOWN.sub(r"\\\1", html).replace("@", "@\u200b")


def heading(text: str) -> str:
    """`text` cleaned, with a capital at its beginning."""
    one_line = clean(text)
    return one_line[:1].upper() + one_line[1:]


def shortened(text: str, length: int) -> str:
    """`text` with at most `length` characters, the last one an ellipsis where something is gone."""
    one_line = clean(text)
    return one_line if len(one_line) <= length else one_line[: max(length - 1, 0)].rstrip() + "…"
