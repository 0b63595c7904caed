"""What a request costs on this machine: computed from records, kept for a week, and never a reason to fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.clock import utc_s
from perfsuite.errors import LoadError
from perfsuite.measurements.records import Record
from perfsuite.messages.calibration import CalibrationMessage, ProcessNote
from perfsuite.model import Arrival, Plan, Scenario
from perfsuite.model.calibration import Calibration
from perfsuite.roles import ROLES
from perfsuite.roles.mix import users_by_role
from perfsuite.run import calibration
from perfsuite.run.calibration import (
    CACHE_FILE,
    CACHE_VARIABLE,
    KEPT_S,
    cache_file,
    calibrated,
    calibration_of,
    keep_calibration,
    known_calibration,
    process_notes,
)
from tests.judge.made_summaries import make_plan
from tests.summary.made_records import Process

FOUND = Calibration(120.0, 8_000, 2.0, 0.0)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the cache, still empty."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


CLOSED = make_plan()
"""Of the closed model."""


def found_now(_open_model: bool = False) -> Calibration:
    return replace(FOUND, measured_at=utc_s())


def not_measured(_open_model: bool) -> Calibration:
    raise AssertionError("measured again")


# ── from the records of a load ──────────────────────────────────────────────────────────────────────


def load(process: Process, *, failed: int = 0) -> list[Record]:
    """Plateau from 1.1 to 4.4: the whole seconds are 2 and 3."""
    ok = [5.0] * 1_000
    return [
        process.phase("ramp-up", 0.5),
        process.phase("plateau", 1.1),
        *(process.requests(second, ok, [5.0] * failed, ended=len(ok) + failed) for second in range(5)),
        *(process.generator(second, 90.0) for second in (0, 1, 4)),
        process.generator(2, 20.0),
        process.generator(3, 30.0, span_s=0.9),
        process.generator(3, 10.0, span_s=0.1),  # a busy process reports late, and then soon again
        process.phase("ramp-down", 4.4),
    ]


def test_cpu_and_requests_of_the_whole_seconds_between_the_phases() -> None:
    measured = calibration_of(load(Process()))

    assert measured.requests == 2_000
    assert measured.cpu_us == pytest.approx(1e6 * (0.2 + 0.27 + 0.01) / 2_000)


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([], id="no record"),
        pytest.param(load(Process(), failed=1), id="failures: the work was not that of a real run"),
        pytest.param(load(Process())[:1], id="no plateau"),
    ],
)
def test_nothing_that_counts_is_an_error(records: list[Record]) -> None:
    with pytest.raises(LoadError) as error:
        calibration_of(records)

    assert error.value.code is CalibrationMessage.NOTHING_MEASURED


# ── what is kept ────────────────────────────────────────────────────────────────────────────────────


def test_a_role_without_think_times_can_be_measured() -> None:
    never_waits = replace(ROLES[0], think_min_s=0, think_max_s=0)

    for open_model in (False, True):
        users = calibration.calibration_plan(8015, open_model, (never_waits, *ROLES[1:])).users_by_role

        assert users.keys() == {role.slug for role in ROLES}
        assert sum(users.values()) == calibration.USERS


def test_it_is_measured_once(cache: Path) -> None:
    said: list[str] = []
    first = calibrated(CLOSED, said.append, measure=found_now)

    assert calibrated(CLOSED, said.append, measure=not_measured) == first
    assert said == [CalibrationMessage.MEASURING()]
    assert (cache / CACHE_FILE).is_file()


@pytest.mark.parametrize(
    "age_s", [pytest.param(KEPT_S + 1, id="old"), pytest.param(-3_600.0, id="from the future: a clock was set")]
)
def test_an_old_one_is_measured_again(age_s: float) -> None:
    keep_calibration(replace(FOUND, measured_at=utc_s() - age_s), False)

    assert known_calibration(False) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("__version__", "0.0.1", id="another version of the suite"),
        pytest.param("_processor", lambda: "another", id="another processor"),
        pytest.param("usable_cores", lambda: 64.0, id="another number of cores"),
    ],
)
def test_each_machine_and_version_has_its_own(name: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_calibration(found_now(), False)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(calibration, name, value)
        assert known_calibration(False) is None
        keep_calibration(replace(found_now(), cpu_us=77.0), False)
    kept = known_calibration(False)

    assert kept is not None
    assert kept.cpu_us == FOUND.cpu_us


def test_each_model_has_its_own() -> None:
    keep_calibration(found_now(), False)
    keep_calibration(replace(found_now(), cpu_us=200.0), True)

    assert calibrated(CLOSED, [].append, measure=not_measured).cpu_us == FOUND.cpu_us
    assert calibrated(large(10.0), [].append, measure=not_measured).cpu_us == 200.0


def damaged(cache: Path) -> None:
    cache.mkdir()
    (cache / CACHE_FILE).write_bytes(b'[{"key":')


def unwritable(cache: Path) -> None:
    cache.write_text("a file where the folder should be", encoding="utf-8")


@pytest.mark.parametrize("broken", [pytest.param(damaged, id="damaged"), pytest.param(unwritable, id="unwritable")])
def test_a_broken_cache_is_no_error(broken: Callable[[Path], None], cache: Path) -> None:
    broken(cache)
    made = found_now()

    assert calibrated(CLOSED, [].append, measure=lambda _open_model: made) == made


def test_without_a_variable_it_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_file() == tmp_path / "agentmitra-performance" / CACHE_FILE
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_file() == Path.home() / ".cache" / "agentmitra-performance" / CACHE_FILE


# ── before a run ────────────────────────────────────────────────────────────────────────────────────


def large(rate: float) -> Plan:
    counts = users_by_role(70, ROLES)
    return replace(make_plan(), scenario=Scenario("basic", 70, 10, 60, arrival=Arrival(rate)), users_by_role=counts)


def test_a_run_is_told_before_its_load_that_its_processes_are_too_few() -> None:
    keep_calibration(found_now(), True)

    assert ProcessNote.TOO_FEW in [note.code for note in process_notes(large(50_000.0), [].append)]


def test_a_small_load_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "measured", not_measured)

    assert process_notes(large(50.0), [].append) == []


def test_a_measurement_that_fails_keeps_no_run_from_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_open_model: bool) -> Calibration:
        raise LoadError(CalibrationMessage.LOAD_FAILED(code=1))

    monkeypatch.setattr(calibration, "measured", failing)
    (note,) = process_notes(large(50_000.0), [].append)

    assert note.code is ProcessNote.NOT_KNOWN
