"""The garbage collector, kept from looking through what cannot be garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collecting() -> Iterator[None]:
    """Records and figures are many and hold no cycles: to look through them again and again for some takes a fifth
    of the time, or more."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
