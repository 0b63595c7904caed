"""`replay RUN VIOLATION`: whether it still happens, with its exit codes."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec
import pytest

from perfsuite.cli.main import main
from perfsuite.correctness import permissions
from perfsuite.correctness.check import TokenKind
from perfsuite.correctness.permissions import REFUSED_TOKENS
from perfsuite.messages.replay import ReplayMessage
from perfsuite.model import Plan, Scenario
from perfsuite.model.correctness import CheckKey, Invariant, Violation
from perfsuite.report.files.violations import SCHEMA, VIOLATIONS_FILE
from perfsuite.run.load_run import PLAN_FILE, save
from tests.integration.programs import Backend, run_suite, running_backend

pytestmark = pytest.mark.integration

DEFECT = "no_owner_check@users.read from 12s of the load"
VIOLATION = Violation(
    "v1",
    Invariant.ISOLATION,
    "own rows only",
    "users.read",
    ("junior_agent",),
    "HTTP 403 or HTTP 404",
    "HTTP 200",
    first_at=1_795_985_363.1,
)
DEFECTS: dict[str, CheckKey] = {
    "cache_without_user@agents.performance": (
        "caches",
        "figures of one's own",
        "agents.performance",
        ("senior_agent",),
    ),
    "no_owner_check@users.read": ("isolation", "own rows only", "users.read", ("junior_agent",)),
    "owner_in_list_only@agents.read": ("isolation", "own rows only", "agents.read", ("senior_agent",)),
    "deactivated_token": (
        "permissions",
        "refused to deactivated accounts",
        "users.me",
        ("policyholder", "super_admin"),
    ),
    "number_race": ("contests", "a policy number is given once", "policies.create", ("senior_agent", "super_admin")),
    "lost_update@users.preferences": (
        "writes",
        "two updates of different fields both count",
        "users.preferences",
        ("junior_agent",),
    ),
    "cache_without_role@leads.list": (
        "caches",
        "no answers of other roles",
        "leads.list",
        ("junior_agent", "regional_manager"),
    ),
    "skipped_row@agents.list": ("lists", "pages hold each row once", "agents.list", ("regional_manager",)),
    "stale_read@tickets.status": ("writes", "the next read shows a write", "tickets.status", ("support_staff",)),
    "counter_drift@dashboard.system": (
        "lists",
        "figures count the rows",
        "dashboard.system",
        ("super_admin", "senior_agent"),
    ),
    "double_submit@leads.create": (
        "writes",
        "a creation makes one row, as it was sent",
        "leads.create",
        ("senior_agent",),
    ),
}
"""Defect of the reference backend that needs no load → the check that finds it."""
UNKNOWN = Violation("v2", Invariant.PERMISSIONS, "of another version", "users.me", ("policyholder",), "a", "b")
SECRET = re.compile(r"testpassword|Bearer |eyJ[A-Za-z0-9_-]{8,}\.")


def a_run(
    folder: Path,
    host: str,
    demo: str | None = None,
    faults: tuple[str, ...] = (),
    violations: Sequence[Violation] = (VIOLATION, UNKNOWN),
) -> Path:
    """The folder of a run that found the violations."""
    scenario = Scenario("basic", 20, 20, 60)
    plan = Plan("basic_1", scenario, host, {}, (), (), 1, "2026-03-01T09:30:00Z", demo=demo, faults=faults)
    save(folder / PLAN_FILE, plan)
    lines = [msgspec.json.encode({"schema": SCHEMA, **asdict(one)}) for one in violations]
    (folder / VIOLATIONS_FILE).write_bytes(b"\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def defective(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A backend with all of the defects."""
    with running_backend(tmp_path_factory.mktemp("defective"), *DEFECTS) as backend:
        yield backend


def phone_numbers(backend: Backend) -> list[str]:
    with backend.credentials.open(encoding="utf-8", newline="") as file:
        return [row["phone_number"] for row in csv.DictReader(file)]


def test_a_demo_is_started_again_with_its_faults_and_it_still_happens(tmp_path: Path) -> None:
    folder = a_run(tmp_path, "http://127.0.0.1:1", "embedded", (DEFECT,))

    done = run_suite("replay", str(folder), "v1")

    assert (done.code, done.err, done.left) == (1, "", ())
    first, _replay, *steps, expected, seen, happens = done.out.splitlines()
    assert first == ReplayMessage.DEMO_WITH_FAULTS(
        demo="embedded", faults=[DEFECT.removesuffix(" from 12s of the load")]
    )
    read = "GET /api/v1/users/{user_id} → 200 "
    assert [step.partition("(")[0] for step in steps] == [f"  junior_agent#2: {read}", f"  junior_agent#1: {read}"]
    assert [expected, seen, happens] == [
        ReplayMessage.EXPECTED(expected=VIOLATION.expected),
        ReplayMessage.SEEN(seen=VIOLATION.seen),
        ReplayMessage.HAPPENS(tries=1),
    ]


def test_where_it_is_fixed_it_does_not_happen(backend: Backend, tmp_path: Path) -> None:
    folder = a_run(tmp_path, "http://127.0.0.1:1", "embedded", (DEFECT,))

    done = run_suite("replay", str(folder), "v1", *backend.target)

    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == ReplayMessage.DOES_NOT(tries=1)
    (own,) = folder.glob("replay_v1_*")
    texts = [done.out, *(path.read_text(encoding="utf-8") for path in own.iterdir())]
    assert not any(SECRET.search(text) or number in text for text in texts for number in phone_numbers(backend))


def test_without_an_account_it_cannot_be_tried(
    backend: Backend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few.csv"
    rows = [row for row in backend.credentials.read_text(encoding="utf-8").splitlines() if "junior_agent" not in row]
    few.write_text("\n".join(rows), encoding="utf-8")

    code = main(["replay", str(a_run(tmp_path, backend.host)), "v1", "--credentials", str(few), "--quiet"])

    assert code == 4
    assert capsys.readouterr().out.strip() == ReplayMessage.NOT_TRIED(why="no account")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["v1"], 3, "http://127.0.0.1:1: nothing listens there", id="no target"),
        pytest.param(["v1", "--host", "http://prod.example.org"], 6, "prod.example.org", id="not allowed"),
        pytest.param(["v3"], 2, "'v3', only v1 and v2", id="no such violation"),
        pytest.param(["v2"], 2, "v2: permissions, of another version", id="no such check"),
        pytest.param(["v1", "--credentials", "/nowhere/c.csv"], 2, "/nowhere/c.csv", id="no such accounts"),
    ],
)
def test_what_cannot_be_replayed_is_said_in_a_line_or_two(
    arguments: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = a_run(tmp_path, "http://127.0.0.1:1")

    assert main(["replay", str(folder), *arguments]) == code

    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") <= 2


@pytest.mark.parametrize("demo", [None, "embedded"])
def test_a_token_that_expired_cannot_be_replayed_which_is_said_at_once(
    demo: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = REFUSED_TOKENS[TokenKind.EXPIRED]
    check = next(check for check in permissions.checks() if check.rule == rule)
    violation = Violation("v1", check.invariant, rule, check.operation, check.roles, "HTTP 401", "HTTP 200")
    folder = a_run(tmp_path, "http://127.0.0.1:1", demo, violations=[violation])

    assert main(["replay", str(folder), "v1"]) == 4

    assert capsys.readouterr().out.splitlines() == [ReplayMessage.NEVER(why=permissions.NEVER_EXPIRED)]


def test_a_demo_has_its_own_accounts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = a_run(tmp_path, "http://127.0.0.1:1", "embedded")

    assert main(["replay", str(folder), "v1", "--credentials", "credentials.csv"]) == 2
    assert "--credentials" in capsys.readouterr().err


def test_without_a_violation_they_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = a_run(tmp_path, "http://127.0.0.1:1")

    assert main(["replay", str(folder)]) == 0

    first, second, how = capsys.readouterr().out.splitlines()
    invariant, rule, operation, roles = VIOLATION.key
    named = ReplayMessage.VIOLATION(id="v1", invariant=invariant, rule=rule, operation=operation, roles=roles)
    assert first == ReplayMessage.SEEN_FIRST(violation=named, count=1, first_at=VIOLATION.first_at)
    assert second.startswith("v2: ")
    command = shlex.join(["python", "run_performance_tests.py", "replay", str(folder), "v1"])
    assert how == ReplayMessage.HOW(command=command)


def test_a_run_without_violations_has_nothing_to_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = a_run(tmp_path, "http://127.0.0.1:1")
    (folder / VIOLATIONS_FILE).write_text("")

    assert main(["replay", str(folder)]) == 0
    assert capsys.readouterr().out.strip() == ReplayMessage.NONE()
    assert main(["replay", str(folder), "v1"]) == 2


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_happens_again_without_load_where_it_is_and_nowhere_else(
    defect: str, defective: Backend, backend: Backend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    invariant, rule, operation, roles = DEFECTS[defect]
    violation = Violation("v1", Invariant(invariant), rule, operation, roles, "", "")
    folder = a_run(tmp_path, defective.host, violations=[violation])

    again = main(["replay", str(folder), "v1", "--credentials", str(defective.credentials)])
    elsewhere = main(["replay", str(folder), "v1", *backend.target])

    said = capsys.readouterr().out
    assert (again, elsewhere) == (1, 0), said
    assert "#-" not in said, "accounts are called by their number in the credentials"
