"""The sentences themselves: that every one renders, is used, and is called with the fields that it names.

No other test asserts sentences: they assert codes and fields.
"""

from __future__ import annotations

import ast
import copy
import importlib
import pickle
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

import perfsuite.messages
from perfsuite.errors import LoadError, UsageError, unwritable
from perfsuite.messages import Code, Message
from perfsuite.messages.files import FileMessage
from perfsuite.messages.notes import Note
from perfsuite.messages.reasons import Detail, Reason, Sign
from tests.cases import for_each

ROOT = Path(__file__).parents[2]

MODULES = [
    importlib.import_module(f"perfsuite.messages.{found.name}")
    for found in pkgutil.iter_modules(perfsuite.messages.__path__)
]
FOUND = [
    entry
    for module in MODULES
    for entry in vars(module).values()
    if isinstance(entry, type) and issubclass(entry, Code) and entry.__module__ == module.__name__
]
CATALOGUES = {catalogue.__name__: catalogue for catalogue in FOUND}
EVERY = [code for catalogue in FOUND for code in catalogue]


class Sample(Code):
    ROWS = "{rows:n row} of {names:list} in {waited_s:seconds} since {at:time}, {share:percent}"
    POLICIES = "{policies:n policy/policies}, {more:+,}"


def fields_of(code: Code) -> dict[str, str]:
    """Field → its format specification."""
    return {name: spec or "" for _, name, spec, _ in Formatter().parse(code.value) if name is not None}


def example(spec: str) -> Any:
    """A value that the specification can format."""
    own: dict[str, Any] = {"list": ["first", "second"], "percent": 0.034, "seconds": 12.5, "time": 0, "": "something"}
    return own.get(spec, 3)


@for_each("code", EVERY, ids=lambda code: f"{type(code).__name__}.{code.name}")
def test_every_sentence_renders(code: Code) -> None:
    message = code(**{name: example(spec) for name, spec in fields_of(code).items()})

    assert message.code is code
    assert not re.search(r"[{}]|  | [.,;:] ", message), message
    assert message == message.strip() or message.startswith(("; ", ", "))
    assert not message.endswith((".", ";", ","))


def test_codes_are_unique() -> None:
    assert len(CATALOGUES) == len(FOUND), "two catalogues share a name"
    for catalogue in FOUND:
        assert len(catalogue) == len(catalogue.__members__), f"{catalogue.__name__}: two codes with one sentence"


@cache
def suite() -> dict[Path, list[ast.AST]]:
    """The files of the suite, and in them all calls and attributes."""
    files = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "perfsuite").rglob("*.py"))}
    return {
        path: [node for node in ast.walk(tree) if isinstance(node, ast.Call | ast.Attribute)]
        for path, tree in files.items()
    }


def uses() -> Iterator[tuple[str, Code, ast.Call | None]]:
    """Where the suite names a code, and the call where it is rendered there."""
    for path, nodes in suite().items():
        calls: dict[ast.expr, ast.Call] = {}
        for node in nodes:
            if isinstance(node, ast.Call):
                calls[node.func] = node
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in CATALOGUES:
                place = f"{path.relative_to(ROOT)}:{node.lineno}: {node.value.id}.{node.attr}"
                assert node.attr in CATALOGUES[node.value.id].__members__, f"{place} is in no catalogue"
                yield place, CATALOGUES[node.value.id][node.attr], calls.get(node)


def test_every_call_gives_the_fields_that_the_sentence_names() -> None:
    for place, code, call in uses():
        if call is None:
            continue
        given = {keyword.arg for keyword in call.keywords}
        expected = set(fields_of(code))
        assert not call.args, place
        assert given - {None} <= expected, f"{place} has no field {given - {None} - expected}"
        assert None in given or given == expected, f"{place} lacks {expected - given}"


def test_every_sentence_is_used() -> None:
    used = {code for _, code, _ in uses()}

    assert [str(code) for catalogue in CATALOGUES.values() for code in catalogue if code not in used] == []


def plain_errors() -> Counter[str]:
    """Package → how often it raises an error with a sentence of its own."""
    found: Counter[str] = Counter()
    errors = {"SuiteError", "UsageError", "TargetError", "LoadError", "SafetyError", "UnexpectedError"}
    for path, nodes in suite().items():
        for node in nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in errors:
                text = node.args and isinstance(node.args[0], ast.Constant | ast.JoinedStr | ast.BinOp)
                found[path.relative_to(ROOT / "perfsuite").parts[0]] += bool(text)
    return +found


def test_errors_take_their_sentences_from_a_catalogue() -> None:
    assert plain_errors() == {}


SHORTEST_QUOTE = 25
"""Characters of a template between two fields that make a text in a test a quotation."""
QUOTING: dict[str, int] = {
    "cli/test_errors.py": 1,
    "fingerprint/test_output.py": 1,
    "history/test_commands.py": 4,
    "integration/test_commands.py": 1,
    "integration/test_cost.py": 1,
    "integration/test_real_backend.py": 7,
    "integration/test_rows_that_stay.py": 4,
    "integration/test_signals.py": 3,
    "monitor/test_postgres.py": 1,
    "report/example_runs.py": 3,
    "report/live/test_browser.py": 2,
    "report/live/test_page.py": 2,
    "report/live/test_terminal.py": 1,
    "report/page/test_highlights.py": 1,
    "report/page/test_timeline.py": 2,
    "report/test_rows_remaining.py": 1,
    "report/watched_run.py": 2,
}
"""Test file → how many of its texts quote a sentence. Only shrinks; the output of whole runs may be read as it is."""


def quotations() -> Counter[str]:
    """Test file → texts in it that repeat a sentence of a catalogue."""
    parts = {
        part.strip(" :;,.()")
        for catalogue in FOUND
        for code in catalogue
        for literal, *_ in Formatter().parse(code.value)
        for part in re.split("[:;]", literal)
    }
    quoted = re.compile("|".join(re.escape(part) for part in parts if len(part) >= SHORTEST_QUOTE))
    found: Counter[str] = Counter()
    for path in (ROOT / "tests").rglob("*.py"):
        if path.parent == Path(__file__).parent:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found[str(path.relative_to(ROOT / "tests"))] += bool(quoted.search(node.value))
    return +found


def test_other_tests_assert_codes_and_fields_and_quote_no_sentence() -> None:
    assert {name: number for name, number in quotations().items() if number > QUOTING.get(name, 0)} == {}


LIMIT = Reason.MAXIMUM(figure="95th percentile", observed="2,310 ms", limit="2,000 ms")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        pytest.param(
            Reason.PASSED(judged=1, steady_s=60, requests=1_200, failures=0),
            "1 judged target met over 60 s of steady state with 1,200 requests, 0 failures", id="a pass",
        ),
        pytest.param(
            LIMIT.also(Detail.SLOWEST(operation="policies.list", role="reader", value="3,400 ms")),
            "95th percentile 2,310 ms, limit 2,000 ms; slowest: policies.list as reader 3,400 ms",
            id="a missed target",
        ),
        pytest.param(
            LIMIT.also(
                Detail.TOO_CLOSE().also(
                    Detail.INTERVAL(interval="1,890–2,400 ms"), Detail.FAILURES_FEWER(failures=2), separator=", "
                )
            ),
            "95th percentile 2,310 ms, limit 2,000 ms; too close to call, 95 % CI 1,890–2,400 ms, with 2 fewer"
            " failures the target would be met", id="too close to call",
        ),
        pytest.param(
            Reason.WRONG_ANSWERS(answers=1).also(
                Detail.ALL_IN_ONE(operation="policies.list", role="reader", message="policy_id is missing")
            ),
            "1 wrong answer (the status was right, the content was not); policies.list as reader: policy_id is missing",
            id="a single wrong answer",
        ),
        pytest.param(
            Reason.COUNTS_DISAGREE(
                recorded=10_000,
                others=[Sign.COUNT(count=10_003, by="by Locust", more=3), Sign.COUNT(count=9_990, by="sent", more=-10)],
            ),
            "the counts of requests disagree: 10,000 recorded, 10,003 by Locust (+3), 9,990 sent (-10); some were"
            " counted twice or not at all, so no figure is certain: run again", id="differences with their signs",
        ),
        pytest.param(
            Note.LATE_LOGINS(late=31, users=220, share=0.042),
            "31 of 220 users were still logging in when the steady state began, a quarter into the plateau: 4.20 % of"
            " the requests that ended in it are logins; lower --spawn-rate, or run longer", id="a note",
        ),
        pytest.param(
            FileMessage.REFUSED(path="stats.csv", why="no space left on device"),
            "stats.csv: no space left on device. Free some space, correct the permissions, or choose another folder"
            " with --results", id="an error",
        ),
    ],
)  # fmt: skip
def test_sentences(message: Message, text: str) -> None:
    assert message == text


# ── the mechanism ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("message", "text"),
    [
        pytest.param(
            Sample.ROWS(rows=1, names=["a"], waited_s=54, at=0, share=0.5),
            "1 row of a in 54 s since 00:00:00 UTC, 50 %", id="one",
        ),
        pytest.param(
            Sample.ROWS(rows=1_200, names="abcdefghijkl", waited_s=7.5, at=3601.9, share=0.0351),
            "1,200 rows of a, b, c, d, e, f, g, h, i, j and 2 more in 7.5 s since 01:00:01 UTC, 3.51 %", id="many",
        ),
        pytest.param(Sample.POLICIES(policies=1, more=1_000), "1 policy, +1,000", id="an irregular noun: one"),
        pytest.param(Sample.POLICIES(policies=0, more=-1), "0 policies, -1", id="an irregular noun: none"),
    ],
)  # fmt: skip
def test_fields_are_formatted_by_the_template(message: Message, text: str) -> None:
    assert message == text


def test_a_missing_field_is_an_error() -> None:
    with pytest.raises(KeyError):
        Sample.ROWS(rows=1)


def test_details_follow_and_keep_their_codes() -> None:
    detail = Note.NOT_PUT_BACK(changes=["theme of 4"])
    message = Sample.POLICIES(policies=2, more=0).also(None, detail)

    assert message == f"2 policies, +0; {detail}"
    assert (message.code, message.fields["policies"], message.details) == (Sample.POLICIES, 2, (detail,))


@pytest.mark.parametrize("copied", [pytest.param(copy.deepcopy, id="copied"),
                                    pytest.param(lambda it: pickle.loads(pickle.dumps(it)), id="pickled")])  # fmt: skip  # noqa: S301
def test_a_copy_keeps_code_and_fields(copied: Any) -> None:
    message = copied(Note.NOT_PUT_BACK(changes=["theme of 4"]))

    assert (message, message.code) == (Note.NOT_PUT_BACK(changes=["theme of 4"]), Note.NOT_PUT_BACK)
    assert message.fields == {"changes": ["theme of 4"]}


def test_an_error_has_the_code_and_fields_of_its_message() -> None:
    error = unwritable(OSError(28, "No space left on device", "stats.csv"))

    assert isinstance(error, LoadError)
    assert (error.code, error.fields["path"]) == (FileMessage.REFUSED, "stats.csv")
    assert str(error).startswith("stats.csv: no space left on device. ")
    assert UsageError("text of a library").code is None
