"""The stages of a scenario: read from the file, shown before a run, and the load at any time."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.messages import Code, Message
from perfsuite.messages.plan import PlanMessage
from perfsuite.messages.toml_tables import TomlMessage
from perfsuite.model import Arrival, Scenario
from perfsuite.model.plan import RateProfile, rate_profile_of
from perfsuite.model.stages import Stage, falls_back, load_text, spans_of, steady_lengths
from perfsuite.plan.files import ScenarioFile, choose, read_scenarios
from perfsuite.plan.options import PlanOptions


def _read(folder: Path, *lines: str) -> ScenarioFile:
    path = folder / "scenarios.toml"
    path.write_text("\n".join(["schema = 1", "[scenario.shape]", *lines]), encoding="utf-8")
    return read_scenarios(path)


def test_users_in_stages(tmp_path: Path) -> None:
    file = _read(
        tmp_path,
        "spawn_rate = 5",
        'stages = [{ name = "up", duration = "10s", users = 20 }, { name = "high", duration = "1m", users = 20 },',
        '{ name = "low", duration = 30, users = 0, held = true }]',
    )
    stages = (Stage("up", 10, 20), Stage("high", 60, 20), Stage("low", 30, 0, held=True))
    assert file.scenarios["shape"] == Scenario("shape", 20, 5, 100, stages=stages)
    assert [span.kind for span in spans_of(stages)] == ["ramp", "hold", "hold"]
    assert [load_text(span) for span in spans_of(stages)] == ["0 to 20 users", "20 users", "0 users"]


def test_without_a_spawn_rate_a_tenth_of_the_users_start_a_second(tmp_path: Path) -> None:
    stages = 'stages = [{ name = "all", duration = "10s", users = 50 }]'
    assert _read(tmp_path, stages).scenarios["shape"].spawn_rate == 5


def test_rates_in_stages(tmp_path: Path) -> None:
    file = _read(
        tmp_path,
        "users = 30",
        'arrival = "poisson"',
        'stages = [{ name = "up", duration = "10s", arrival_rate = 8 }, { name = "on", duration = "10s", '
        "arrival_rate = 8 }]",
    )
    stages = (Stage("up", 10, arrival_rate=8.0), Stage("on", 10, arrival_rate=8.0))
    assert file.scenarios["shape"] == Scenario("shape", 30, 3, 20, "", Arrival(8.0, poisson=True), stages)


_USUAL = PlanOptions()
ONE = '{ name = "a", duration = "10s", users = 5 }'
NOT_HELD = '{ name = "a", duration = "1s", users = 1, held = 1 }'
OF_RATE = '{ name = "b", duration = "1s", arrival_rate = 2 }'


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        pytest.param(["stages = []"], PlanMessage.STAGES_FORM, id="none"),
        pytest.param(["stages = [1]"], PlanMessage.STAGES_FORM, id="no table"),
        pytest.param(['duration = "1m"', f"stages = [{ONE}]"], PlanMessage.STAGES_SAY_SO, id="duration"),
        pytest.param(["refill = true", f"stages = [{ONE}]"], PlanMessage.STAGES_SAY_SO, id="refill"),
        pytest.param(["users = 3", f"stages = [{ONE}]"], PlanMessage.STAGES_SAY_SO, id="users"),
        pytest.param([f"stages = [{ONE}, {ONE}]"], PlanMessage.STAGE_TWICE, id="twice"),
        pytest.param(['stages = [{ name = "a", duration = "10s" }]'], PlanMessage.STAGE_LEVEL, id="no load"),
        pytest.param([f"stages = [{ONE}, {OF_RATE}]"], PlanMessage.STAGES_OF_TWO_MODELS, id="mixed"),
        pytest.param([f"stages = [{ONE.replace('5', '0')}]"], PlanMessage.STAGES_WITHOUT_LOAD, id="all at 0"),
        pytest.param([f"stages = [{ONE.replace('a', 'steady', 2)}]"], TomlMessage.UNKNOWN, id="another key"),
        pytest.param(['stages = [{ name = "steady", duration = "1s", users = 1 }]'], PlanMessage.STAGE_NAME, id="name"),
        pytest.param([f"stages = [{NOT_HELD}]"], PlanMessage.TRUE_OR_FALSE, id="held"),
        pytest.param([f"stages = [{ONE.replace('10s', 'soon')}]"], PlanMessage.NOT_A_DURATION, id="when"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, lines: list[str], code: Code) -> None:
    with pytest.raises(UsageError) as error:
        _read(tmp_path, *lines)
    assert isinstance(error.value.message, Message)
    assert error.value.message.code is code
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("scenarios.toml, line ")


REFILL = ("users = 7", "spawn_rate = 7", "refill = true")


def _nights(folder: Path, *more: str, options: PlanOptions = _USUAL) -> Scenario:
    return choose(_read(folder, *REFILL, *more), ["shape"], options)[0]


def test_refill_adds_a_pause_without_writes_and_a_second_fill(tmp_path: Path) -> None:
    found = _nights(tmp_path, 'duration = "1h"')
    fill = Stage("fill 1", 3_600, 7, held=True)

    assert found.stages == (fill, Stage("pause", 1_200, 7, None, True, True), Stage("fill 2", 1_200, 7, held=True))
    assert found.duration_s == 6_000
    assert [span.kind for span in spans_of(found.stages)] == ["hold", "read-only", "hold"]
    assert load_text(spans_of(found.stages)[1]) == "7 users, reads only"
    assert list(steady_lengths(found.stages, 7)) == ["fill 1", "fill 2"]


def test_pause_and_second_fill_have_at_least_ten_minutes(tmp_path: Path) -> None:
    options = PlanOptions(users=9, duration_s=900)
    found = _nights(tmp_path, 'duration = "1h"', options=options)

    assert [(stage.users, stage.duration_s) for stage in found.stages] == [(9, 900), (9, 600), (9, 600)]


def test_both_fills_have_the_same_arrival_rate(tmp_path: Path) -> None:
    found = _nights(tmp_path, 'duration = "10m"', "arrival_rate = 4")

    assert [(stage.users, stage.arrival_rate) for stage in found.stages] == [(None, 4.0)] * 3
    assert found.arrival == Arrival(4.0)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        pytest.param(['duration = "599s"'], PlanMessage.REFILL_TOO_SHORT, id="a fill of less than ten minutes"),
        pytest.param(
            ['duration = "1h"', "arrival_rate = 4", "arrival_rate_end = 5"], PlanMessage.REFILL_RATE, id="two rates"
        ),
    ],
)
def test_fills_that_would_show_nothing_are_refused(tmp_path: Path, lines: list[str], code: Code) -> None:
    with pytest.raises(UsageError) as error:
        _nights(tmp_path, *lines)
    assert isinstance(error.value.message, Message)
    assert error.value.message.code is code


@pytest.mark.parametrize(
    ("options", "name"),
    [
        pytest.param(PlanOptions(users=3), "--users", id="users"),
        pytest.param(PlanOptions(duration_s=3), "--duration", id="duration"),
        pytest.param(PlanOptions(arrival_rate=3), "--arrival-rate", id="rate"),
    ],
)
def test_options_do_not_change_what_the_stages_say(tmp_path: Path, options: PlanOptions, name: str) -> None:
    file = _read(tmp_path, f"stages = [{ONE}]")
    with pytest.raises(UsageError) as error:
        choose(file, ["shape"], options)
    assert isinstance(error.value.message, Message)
    assert error.value.message == PlanMessage.SCENARIO_HAS_STAGES(option=name, scenario="shape")
    assert choose(file, ["shape"], PlanOptions(spawn_rate=7))[0].spawn_rate == 7


def test_a_held_stage_is_steady_when_its_users_have_started_and_settled() -> None:
    stages = [Stage("low", 60, 40, held=True), Stage("up", 10, 90), Stage("high", 30, 90)]
    assert steady_lengths(stages, 20) == {"low": 58 - 5, "high": 27}
    assert not falls_back(stages)
    assert falls_back([*stages, Stage("again", 30, 40, held=True)])


def test_the_rate_follows_the_stages() -> None:
    stages = (
        Stage("up", 10, arrival_rate=8),
        Stage("jump", 10, arrival_rate=20, held=True),
        Stage("rest", 5, arrival_rate=0, held=True),
        Stage("again", 5, arrival_rate=4, held=True),
    )
    profile = rate_profile_of(Scenario("shape", 30, 3, 30, "", Arrival(20.0), stages))
    assert isinstance(profile, RateProfile)
    assert [profile.expected(at_s) for at_s in (5, 10, 20, 25, 30)] == [10, 40, 240, 240, 260]
    times = list(profile.times(1))
    assert len(times) == 260
    assert not [at_s for at_s in times if 20 < at_s < 25]
    for number in (0.5, 39, 41, 239, 241, 259):
        assert profile.expected(profile.time_of(number)) == pytest.approx(number)
