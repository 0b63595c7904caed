"""What may come in: texts that every database can keep and give back as they were written.

NUL has no place in a text of PostgreSQL, a lone surrogate none in UTF-8, infinity none in JSON. All are refused
with 422 here, where the field is known, instead of failing in the database.
"""

import math
from datetime import date
from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator

NO_NUL = r"^[^\x00]*$"
# Longer than any name that is looked for, shorter than the patterns that SQLite refuses.
MAX_FILTER_LENGTH = 200
MAX_DEPTH = 20
_MAX_INTEGER = 2**63 - 1


def check_storable(value: Any, depth: int = 0) -> None:
    """Raise ValueError for a value, at any depth, that could not be read back as it was written."""
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            check_storable(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            check_storable(item, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not a number that JSON knows")
    elif isinstance(value, int) and abs(value) > _MAX_INTEGER:
        raise ValueError("larger than 64 bits")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ValueError("a text must not contain NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a text must not contain half of a surrogate pair") from None


class Input(BaseModel):
    """A body or a query. Every field is checked with `check_storable`."""

    @field_validator("*")
    @classmethod
    def storable(cls, value: Any) -> Any:
        """Return the value as it is, when it can be kept."""
        check_storable(value)
        return value


class Changes(Input):
    """A body whose fields may all be left out, so that a misspelt one must not pass unseen."""

    model_config = ConfigDict(extra="forbid")


def _in_paise(amount: float) -> float:
    if round(amount, 2) != amount:
        raise ValueError("at most two decimals")
    return amount


def _iso_day(value: Any) -> Any:
    # A number would be taken for seconds since 1970.
    if not isinstance(value, str):
        raise ValueError("a date must be a text, as in 2025-07-01")
    return value


# pydantic's own multiple_of lets through what is off by a billionth.
_IN_PAISE = Field(strict=True, ge=0.01, le=999_999_999_999, json_schema_extra={"multipleOf": 0.01})
Amount = Annotated[float, _IN_PAISE, AfterValidator(_in_paise)]
Day = Annotated[date, BeforeValidator(_iso_day)]
Filter = Annotated[str, StringConstraints(max_length=MAX_FILTER_LENGTH)]
# An id of the path: whatever it looks like, a row that does not exist is 404.
PathId = Annotated[str, Path(pattern=NO_NUL)]
