"""The documentation is held to the code: options, commands, tables, files, columns, links."""

from __future__ import annotations

import ast
import dataclasses
import re
import shlex
import socket
import typing
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from mitra_backend.__main__ import make_parser as backend_parser
from mitra_backend.faults import parse_fault

from perfsuite import errors, model
from perfsuite.cli import main as cli
from perfsuite.cli.commands import COMMANDS, RUN, Command, help_parser
from perfsuite.cli.commands.load import PAUSE_BETWEEN_S
from perfsuite.cli.parser import parse
from perfsuite.correctness.catalogue import all_checks
from perfsuite.format import bound, option_duration, percent
from perfsuite.measurements import records as measurements
from perfsuite.messages.reasons import Reason
from perfsuite.model.correctness import SHARES
from perfsuite.monitor.readings import READINGS_COLUMNS
from perfsuite.plan.files import KnownNames, read_scenarios, read_targets
from perfsuite.report.files.csv_files import REMAINING_COLUMNS
from perfsuite.report.terminal.summary import render_summary
from perfsuite.report.write import write_all
from perfsuite.roles import ROLES
from perfsuite.roles.mix import users_by_role
from perfsuite.summary.summarize import Circumstances
from perfsuite.target.journal import JournalEntry
from tests.cases import for_each
from tests.report import example_runs

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RUNNING, COMMANDS_PAGE = ROOT / "docs" / "running.md", ROOT / "docs" / "commands.md"
TROUBLE_PAGE = ROOT / "docs" / "troubleshooting.md"
FILES_PAGE = ROOT / "docs" / "files.md"
CORRECTNESS_PAGE = ROOT / "docs" / "correctness.md"
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
EXAMPLES_PAGE = ROOT / "examples" / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", EXAMPLES_PAGE, *sorted((ROOT / "docs").rglob("*.md"))]

STARTER = "run_performance_tests.py"
OTHER_PROGRAMS = {
    # Locust's own, in debug mode
    "--headless", "--run-time", "--master", "--worker", "--master-bind-host",
    # Chromium's, for the picture of the report
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars", "--user-data-dir",
    "--window-size", "--screenshot",
    # gunicorn's, for a log with the ids of requests
    "--access-logformat",
    # of docker, docker compose, kubectl
    "--file", "--tag", "--rm", "--detach", "--build", "--use-aliases", "--no-deps", "--entrypoint", "--volumes",
    "--init", "--cap-drop", "--network", "--env", "--volume", "--kustomize", "--namespace", "--follow", "--selector",
    "--output", "--filename", "--for", "--all",
    # every argparse program's
    "--help",
    # shown for its message
    "--user",
}  # fmt: skip
OPTIONS_OF_TARGET = "${target[@]}"
"""What docs/real-backend.md has said once; its test runs the commands with it."""
MACHINE_PATHS = re.compile(r"(?<![\w.])/(work|tmp|home|root|Users|opt|mnt|var)/")
LONGEST_DECISION = 25
LARGEST_PICTURE = 150_000

named = for_each("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


# ── reading Markdown ────────────────────────────────────────────────────────────────────────────────


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Fenced code blocks as (language, text), indentation removed."""
    for indent, language, text in re.findall(r"(?ms)^( *)```(\w*)\n(.*?)^ *```$", page.read_text()):
        yield language, "\n".join(line.removeprefix(indent) for line in text.splitlines())


def section(page: Path, heading: str) -> str:
    """The text below a heading, up to the next one of its rank or a higher one."""
    lines = page.read_text().splitlines()
    start = next(index for index, line in enumerate(lines) if line.lstrip("#") == f" {heading}")
    rank = len(lines[start]) - len(lines[start].lstrip("#"))
    fenced, text = False, []
    for line in lines[start + 1 :]:
        fenced ^= line.lstrip().startswith("```")
        if not fenced and re.match(rf"#{{1,{rank}}} ", line):
            break
        text.append(line)
    return "\n".join(text)


def table(text: str) -> list[list[str]]:
    """The rows of the first table in a text, without its heading; code marks removed."""
    rows = re.search(r"(?m)(^\|.*\|\n?)+", text)
    assert rows, "no table"
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in rows.group().splitlines()]
    return [[cell.replace("`", "") for cell in row] for row in cells[2:]]


def names_in_first_cells(text: str) -> list[str]:
    return [name for row in table(text) for name in row[0].split()]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.+)$", re.sub(r"(?ms)^ *```.*?^ *```$", "", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# ── options and commands ────────────────────────────────────────────────────────────────────────────


def options_of(parser: ArgumentParser) -> set[str]:
    return {name for action in parser._actions for name in action.option_strings if name.startswith("--")}


def options_of_command(command: Command) -> set[str]:
    return options_of(help_parser(command))


def options_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def bench_options() -> set[str]:
    sources = "".join(path.read_text() for path in (ROOT / "bench").glob("*.py"))
    return set(re.findall(r'add_argument\("(--[a-z-]+)"', sources))


def commands(page: Path) -> Iterator[list[str]]:
    """The command lines of a page's code blocks, as words, continued lines joined."""
    for language, text in blocks(page):
        for line in text.replace("\\\n", " ").splitlines():
            if language in ("", "sh", "bash") or line.startswith("$ "):
                words = shlex.split(line.removeprefix("$ "), comments=True)
                yield [word for number, word in enumerate(words) if number or "=" not in word]


def suite_commands(page: Path) -> Iterator[list[str]]:
    """The arguments of every call of the suite in a page."""
    for words in commands(page):
        for number, word in enumerate(words[:3]):
            if word == STARTER:
                yield [word for word in words[number + 1 :] if word != OPTIONS_OF_TARGET]


@named
def test_options_that_are_named_exist(page: Path) -> None:
    ours = set().union(*(options_of_command(command) for command in COMMANDS.values()))
    known = ours | options_of(backend_parser()) | bench_options() | OTHER_PROGRAMS
    text = re.sub(r"\]\([^)]*\)", "]", page.read_text())
    assert options_in(text) - known == set()


def test_every_option_of_a_run_is_in_an_example() -> None:
    examples = [arguments for arguments in suite_commands(RUNNING) if not arguments or arguments[0] not in COMMANDS]
    shown = {word.split("=")[0] for arguments in examples for word in arguments if word.startswith("--")}
    assert options_of_command(RUN) - shown == set()


def test_every_option_of_a_run_is_in_the_table_of_options() -> None:
    rows = table(section(RUNNING, "Every option"))
    assert options_of_command(RUN) - options_in(" ".join(row[0] for row in rows)) == set()


@pytest.mark.parametrize("command", [command for command in COMMANDS.values() if command is not RUN])
def test_every_option_of_a_command_is_in_its_section(command: Command) -> None:
    text = section(COMMANDS_PAGE, command.name)
    assert options_of_command(command) - options_in(text) - {"--help", "--version"} == set()
    assert [arguments for arguments in suite_commands(COMMANDS_PAGE) if arguments[:1] == [command.name]] != []


@named
def test_commands_parse(page: Path) -> None:
    known = read_scenarios(ROOT / "scenarios.toml").scenarios
    for arguments in suite_commands(page):
        given = {each.option.name: each.texts for each in parse(arguments, {}).given}
        for fault in given.get("--fault", ()):
            parse_fault(fault)
        wrong = {"baic"}  # shown for its message
        own = given.get("--scenarios", ("nowhere",))[-1]
        more = read_scenarios(ROOT / own).scenarios if (ROOT / own).exists() else {}
        assert set(given.get("--scenario", ())) <= wrong | set(known) | set(more)


@named
def test_other_programs_are_called_with_files_that_exist(page: Path) -> None:
    for words in commands(page):
        for word in words:
            if re.fullmatch(r"[\w./-]+\.(py|toml|html|md)", word) and not word.startswith("my-"):
                assert (ROOT / word).exists(), word


@named
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))
    text = page.read_text()
    inline = {word for words in re.findall(r"`make ([a-z ]+)`", text) for word in words.split()}
    in_blocks = {word for words in commands(page) if words[:1] == ["make"] for word in words[1:]}
    assert (inline | in_blocks) - targets == set()


def shown_calls() -> list[tuple[str, str]]:
    """Commands of the docs with what they print, from their console blocks."""
    texts = [text for page in PAGES for language, text in blocks(page) if language == "console"]
    return [(text.split("\n", 1)[0].removeprefix("$ "), text.split("\n", 1)[1]) for text in texts]


@pytest.mark.parametrize(("command", "printed"), shown_calls(), ids=lambda text: text.split("\n")[0][:60])
def test_commands_print_what_the_docs_show(
    command: str, printed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as probe:  # a port where nothing listens, since something may listen at the usual one
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    arguments = shlex.split(command.replace(":8015", f":{port}"))[2:]
    monkeypatch.chdir(tmp_path)

    code = cli.main([*arguments, "--results", str(tmp_path / "results")])

    out, err = capsys.readouterr()
    out = re.sub(r"(?m)^  --results .*\n", "", out)  # this test's own
    out = re.sub(r"measured here on [\d-]+", "measured here on 2026-11-29", out)
    assert (err if code else out).strip().replace(f":{port}", ":8015") == printed


def test_the_table_heads_of_the_docs_are_those_of_the_program() -> None:
    runs = (example_runs.passed(), example_runs.open_model())  # without and with intervals
    printed = "\n".join(render_summary(run, width=80) for run in runs)
    heads = [re.findall(r"\S+", line) for line in printed.splitlines()]
    shown = [line for language, text in blocks(RUNNING) if language == "text" for line in text.splitlines()]
    for line in shown:
        if line.startswith(("Role ", "Target ")):
            assert line.split() in heads


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────


def test_scenarios() -> None:
    scenarios = read_scenarios(ROOT / "scenarios.toml")
    rows = table(section(RUNNING, "Scenarios"))
    assert rows == [
        [s.name, str(s.users), f"{s.spawn_rate:g}/s", option_duration(s.duration_s), s.purpose]
        for s in scenarios.scenarios.values()
    ]
    assert scenarios.multiple == tuple(row[0] for row in rows if row[0] not in ("acceptance", "spike", "steps"))


def test_targets() -> None:
    known = KnownNames([role.slug for role in ROLES], [], list(read_scenarios(ROOT / "scenarios.toml").scenarios))
    targets = read_targets(ROOT / "targets.toml", known)
    assert table(section(RUNNING, "Targets")) == [
        [target.name, target.metric, bound(target.metric, target.limit, below=target.below)] for target in targets
    ]
    assert {target.name: target.information_in for target in targets if target.information_in} == {
        "failure rate": ("stress",)
    }


def test_users_by_role() -> None:
    head, rows = section(RUNNING, "Users by role"), table(section(RUNNING, "Users by role"))
    totals = [int(number) for number in re.findall(r"of (\d+)", head.splitlines()[1])]
    counts = [users_by_role(total, ROLES) for total in totals]
    assert rows == [
        [role.title, role.slug, str(role.weight), f"{role.think_min_s:g}–{role.think_max_s:g} s"]
        + [str(count[role.slug]) for count in counts]
        for role in ROLES
    ]


def test_exit_codes() -> None:
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    rows = {int(row[0]): row[1] for row in table(section(README, "Exit codes"))}
    assert rows.keys() == codes
    assert {code: rows[code].split(":")[0] for code in (0, 1, 4)} == {0: "PASS", 1: "FAIL", 4: "INCONCLUSIVE"}
    words = {errors.UsageError: "wrong", errors.TargetError: "target", errors.SafetyError: "safety"}
    assert [word in rows[error.exit_code] for error, word in words.items()] == [True] * len(words)
    in_help = re.search(r"exit codes:(.*)", help_parser(RUN).epilog or "", re.DOTALL)
    assert in_help
    assert set(re.findall(r"\b\d+\b", in_help[1])) == {str(code) for code in codes}


def test_kinds_of_failure() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "perfsuite").rglob("*.py") if "model" not in path.parts)
    used = {kind.value for kind in model.FailureKind if f"FailureKind.{kind.name}" in sources}
    assert used <= {row[0] for row in table(section(TROUBLE_PAGE, "Failed requests"))} <= set(model.FailureKind)


def test_reasons_of_an_inconclusive_run() -> None:
    """Each reason in the table is one that the judge gives: its words, where they are not filled in."""
    templates = [code.value for code in Reason]
    reasons = [row[0] for row in table(section(TROUBLE_PAGE, "When a run is INCONCLUSIVE"))]
    parts = {reason: [part.strip() for part in reason.split("…") if part.strip()] for reason in reasons}
    assert [
        reason
        for reason, words in parts.items()
        if not any(all(part in template for part in words) for template in templates)
    ] == []
    validity = texts_of(["perfsuite/judge/validity.py"])
    rules = validity.split("reasons = [")[1].split("]")[0] + validity.split("reasons = (")[1].split("\n    )")[0]
    # saturated, held back, lost, died, cut off, rate not reached, nothing judged, no target, another baseline, the
    # suite's errors, rows that remain
    assert len(reasons) == 11 + len(re.findall(r"_\w+\(", rules))


# ── files of a run ──────────────────────────────────────────────────────────────────────────────────


def file_names_in(source: Path) -> set[str]:
    """The texts in a module that look like the name of a file that a run leaves."""
    texts = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.JoinedStr):
            texts.add(
                "".join(str(part.value) if isinstance(part, ast.Constant) else "<process>" for part in node.values)
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
    name = re.compile(r"[a-z][a-z<>_-]*\.((jsonl|csv)(\.gz)?|json|log|md|html|xml|db)")
    return {text for text in texts if name.fullmatch(text)}


def test_list_of_files(tmp_path: Path) -> None:
    modules = (
        "run/pipeline.py", "run/load_run.py", "run/load_process.py", "run/capacity.py", "measurements/file.py",
        "measurements/raw_samples.py", "run/fingerprint.py", "target/journal.py", "fingerprint/output.py",
        "model/cleanup.py", "load/state.py", "monitor/readings.py", "suite_errors.py", "measurements/roll_up.py",
        "monitor/minutes.py",
    )  # fmt: skip
    made = {name for module in modules for name in file_names_in(ROOT / "perfsuite" / module)}
    made |= {path.name for path in write_all(example_runs.passed(), tmp_path)}
    assert {row[0] for row in table(FILES_PAGE.read_text())} == made


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        pytest.param("readings.csv", READINGS_COLUMNS, id="readings.csv"),
        pytest.param("rows_remaining.csv", REMAINING_COLUMNS, id="rows_remaining.csv"),
    ],
)
def test_columns(heading: str, names: tuple[str, ...]) -> None:
    assert names_in_first_cells(section(FILES_PAGE, heading)) == list(names)


def fields_of(record: type) -> set[str]:
    return {field.name for field in dataclasses.fields(record)}


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        pytest.param("plan.json", fields_of(model.Plan), id="plan.json"),
        pytest.param("preflight.json", fields_of(model.PreflightReport), id="preflight.json"),
        pytest.param("circumstances.json", fields_of(Circumstances), id="circumstances.json"),
        pytest.param("journal.jsonl", fields_of(JournalEntry), id="journal.jsonl"),
    ],
)
def test_keys(heading: str, names: set[str]) -> None:
    written = names_in_first_cells(section(FILES_PAGE, heading))
    assert sorted(written) == sorted(names)


def test_records_of_the_measurements() -> None:
    common = {"worker", "sequence"}
    records = {
        str(record.__struct_config__.tag): set(record.__struct_fields__) - common
        for record in typing.get_args(measurements.Record)
    }
    rows = table(section(FILES_PAGE, "measurements.jsonl.gz"))
    assert {row[0]: set(row[1].split()) for row in rows} == records


# ── pages ───────────────────────────────────────────────────────────────────────────────────────────


@named
def test_links_within_the_repository_resolve(page: Path) -> None:
    text = re.sub(r"(?ms)^ *```.*?^ *```$", "", page.read_text())
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@named
def test_paths_in_the_text_exist(page: Path) -> None:
    """Names such as `perfsuite/roles/` are those of files and folders of the repository."""
    pattern = r"`((?:perfsuite|backend|tests|docs|examples|bench|deploy)/[\w./-]*|\.ci/\w+)`"
    missing = {path for path in re.findall(pattern, page.read_text()) if not (ROOT / path).exists()}
    assert missing == set()


@named
def test_no_path_of_a_machine(page: Path) -> None:
    assert MACHINE_PATHS.findall(page.read_text()) == []


def test_pictures_are_small() -> None:
    for picture in (ROOT / "docs" / "images").iterdir():
        assert picture.read_bytes().startswith(b"\x89PNG"), picture
        assert picture.stat().st_size < LARGEST_PICTURE, picture


def test_decisions_are_numbered_and_short() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    for number, page in enumerate(DECISIONS, 1):
        lines = page.read_text().splitlines()
        assert len(lines) <= LONGEST_DECISION, page
        assert lines[0].startswith(f"# {number}. "), page
        assert [line for line in lines if line.startswith("## ")] == ["## Context", "## Decision", "## Consequence"]


def test_the_role_in_the_docs_is_the_example_that_is_run() -> None:
    shown = [text for language, text in blocks(ROOT / "docs" / "writing-a-role.md") if language == "python"]
    assert shown == [(ROOT / "examples" / "own_role" / "auditor.py").read_text().rstrip("\n")]


def test_rules_of_correctness_are_those_of_the_code() -> None:
    shown = {(row[0], row[1]) for row in table(section(CORRECTNESS_PAGE, "What is checked"))}
    assert shown == {(check.invariant.value, check.rule) for check in all_checks()}


def test_shares_of_checks_are_those_of_the_code() -> None:
    shown = {row[0]: row[1] for row in table(section(CORRECTNESS_PAGE, "How much is checked"))}
    limits = {level.value: percent(share) if share else "nothing" for level, share in SHARES.items()}
    assert shown == limits


def texts_of(names: Iterable[str]) -> str:
    return "".join((ROOT / name).read_text() for name in names)


def test_numbers_in_the_text_are_those_of_the_code() -> None:
    assert "less 10 % of the plateau (at most 5 s)" in texts_of(["docs/metrics.md"])
    periods = texts_of(["perfsuite/model/periods.py"])
    assert "SETTLING_SHARE = 0.1\n" in periods
    assert "SETTLING_MOST_S = 5.0\n" in periods
    assert f"{int(PAUSE_BETWEEN_S)} s apart" in RUNNING.read_text()
    assert f"The seven roles add up to {sum(role.weight for role in ROLES)}" in texts_of(["docs/writing-a-role.md"])
