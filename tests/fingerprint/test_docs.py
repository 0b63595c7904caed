"""docs/fingerprint.md is held to the code: numbers in the text, and the target that it shows."""

from __future__ import annotations

import re
from pathlib import Path

from perfsuite.fingerprint.compare import BLOCKS_LEAST
from perfsuite.fingerprint.run import FingerprintSettings
from perfsuite.fingerprint.statements import MOST_NAMED
from perfsuite.plan.files import KnownNames, read_targets
from perfsuite.run import fingerprint as costing

PAGE = (Path(__file__).parents[2] / "docs" / "fingerprint.md").read_text(encoding="utf-8")
WORDS = {2: "two", 5: "five"}


def test_numbers_in_the_text_are_those_of_the_code() -> None:
    usual = FingerprintSettings("")
    assert f"One warm-up call, {WORDS[usual.repeats]} repeats" in PAGE
    assert f"{usual.cold_wait_s:g} s at most" in PAGE
    assert f"({WORDS[costing.SHORT_REPEATS]} repeats of 60" in PAGE
    assert f"what it has not asked after {costing.SHORT_WITHIN_S:g} s" in PAGE
    assert f"the {MOST_NAMED} most frequent statements" in PAGE
    assert f"only {BLOCKS_LEAST} blocks **and** half as many again count" in PAGE


def test_the_target_can_be_used_as_it_stands(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "targets.toml"
    path.write_text(f"schema = 1\n{example}", encoding="utf-8")

    (target,) = read_targets(path, KnownNames([], [], []))
    assert (target.metric, target.limit, target.below) == ("max_queries_per_request", 15, True)
