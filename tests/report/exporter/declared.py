"""All metrics that the exporter declares, found without a list that could be forgotten."""

from __future__ import annotations

from perfsuite.report.exporter import families
from perfsuite.report.exporter.families import READINGS, Family

OF_LOAD_AND_TARGETS = tuple(value for value in vars(families).values() if isinstance(value, Family))
FAMILIES = (*OF_LOAD_AND_TARGETS, *READINGS.values())
