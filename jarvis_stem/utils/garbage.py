"""How often Python looks for garbage, which modules and structures that stay are not."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_BETWEEN = 100_000  # new objects


def collect_seldom() -> None:
    """Look for garbage seldom: by default a tenth of a training is looking for it."""
    gc.set_threshold(_BETWEEN)


@contextmanager
def kept_for_good() -> Iterator[None]:
    """Look for no garbage among what is made meanwhile, which stays: modules that are imported.

    It is of use once a process; another time what is garbage by then would stay, too.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
