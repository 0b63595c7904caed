"""The noise of environments, kept beside the results: what later comparisons under the same conditions must exceed."""

from __future__ import annotations

from pathlib import Path

from perfsuite.errors import UsageError
from perfsuite.history.comparison.conditions import mismatches
from perfsuite.model.history import Conditions
from perfsuite.model.noise import Noise, NoiseFile
from perfsuite.run.files import load, save

FILE_NAME = "noise.json"


def noise_of(results: Path, conditions: Conditions) -> Noise | None:
    """What was measured under these conditions; None where nothing was. Raises UsageError for a damaged file."""
    kept = _read(results)
    return next((noise for noise in kept.noises if not mismatches(noise.conditions, conditions)), None)


def keep_noise(results: Path, noise: Noise) -> Path:
    """Keep it instead of what was measured before under these conditions; where it is kept."""
    others = [one for one in _read(results).noises if mismatches(one.conditions, noise.conditions)]
    results.mkdir(parents=True, exist_ok=True)
    save(results / FILE_NAME, NoiseFile((noise, *others)))
    return results / FILE_NAME


def check_noise(results: Path) -> None:
    """Raises UsageError where what was measured before is damaged: to be told before hours of load, not after."""
    _read(results)


def _read(results: Path) -> NoiseFile:
    path = results / FILE_NAME
    if not path.exists():
        return NoiseFile()
    try:
        return load(path, NoiseFile)
    except UsageError as error:
        raise UsageError(f"{error}.\nRemove it: the command `noise` makes it anew") from error
