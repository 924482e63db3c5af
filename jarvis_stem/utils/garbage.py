"""How often Python looks for garbage, which modules and structures that stay are not."""

from __future__ import annotations

import gc

_BETWEEN = 100_000  # new objects


def collect_seldom() -> None:
    """Look for garbage seldom: by default a tenth of a training is looking for it."""
    gc.set_threshold(_BETWEEN)
