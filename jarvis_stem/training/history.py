"""What a training run leaves behind: its curve as it goes, its costs and result at the end."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

from jarvis_stem.training.checkpoint import Epoch
from jarvis_stem.training.learning_curve import learning_curve
from jarvis_stem.utils.files import write_text

_EVERY = 1.0  # seconds


class HistoryWriter:
    """Keeps a run's epochs in ``metrics.csv`` and ``learning_curve.svg``.

    Both are written every second at most, and at the end, however it ends.

    Attributes:
        n_written: How many epochs it was given.
    """

    def __init__(self, folder: Path) -> None:
        """Write to a run's folder."""
        self.n_written = 0
        self._folder = folder
        self._history: Sequence[Epoch] = ()
        self._written = -math.inf

    def __enter__(self) -> HistoryWriter:
        return self

    def __exit__(self, *_error: object) -> None:
        self._write()

    def write(self, history: Sequence[Epoch]) -> None:
        """Write the history after one more epoch, at once or later."""
        self.n_written += 1
        self._history = history
        if time.monotonic() - self._written > _EVERY:
            self._write()

    def _write(self) -> None:
        """Write what is not written yet."""
        if self._history:
            write_text(self._folder / "metrics.csv", _table(self._history))
            write_text(self._folder / "learning_curve.svg", learning_curve(self._history))
            self._history, self._written = (), time.monotonic()


def _table(history: Sequence[Epoch]) -> str:
    """The epochs as CSV."""
    rows = [",".join(field.name for field in fields(Epoch))]
    for epoch in history:
        rows.append(",".join(f"{value:.6g}" for value in astuple(epoch)))
    return "\n".join([*rows, ""])
