"""Many small cases in one test: to collect and report thousands of tests takes longer than to run them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any


def for_each(name: str, cases: Sequence[Any], *, ids: Callable[[Any], str] = str) -> Callable[..., Callable[..., None]]:
    """Like `pytest.mark.parametrize`, but one test: the first case that fails is named below its error."""
    assert cases, "no case"

    def decorated(test: Callable[..., None]) -> Callable[..., None]:
        @wraps(test)
        def every(**fixtures: Any) -> None:
            for case in cases:
                try:
                    test(**fixtures, **{name: case})
                except BaseException as error:
                    error.add_note(f"{name}: {ids(case)}")
                    raise

        signature = inspect.signature(test)
        others = [parameter for parameter in signature.parameters.values() if parameter.name != name]
        every.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return every

    return decorated
