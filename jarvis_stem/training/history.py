"""What a training run leaves behind: its curve as it goes, its costs and result at the end."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from jarvis_stem.training.checkpoint import Epoch
from jarvis_stem.utils.files import write_bytes, write_text

_DRAWN_EVERY = 10.0  # seconds


class HistoryWriter:
    """Keeps a run's epochs so far in ``metrics.csv`` and ``learning_curve.png``.

    The picture takes longer than a short epoch; it is drawn every few seconds and at the end.

    Attributes:
        n_written: How many epochs it was given.
    """

    def __init__(self, folder: Path) -> None:
        """Write to a run's folder."""
        self.n_written = 0
        self._folder = folder
        self._drawn = -math.inf

    def write(self, history: Sequence[Epoch]) -> None:
        """Write the history after one more epoch."""
        self.n_written += 1
        text = _table(history).to_csv(float_format="%.6g", lineterminator="\n")
        write_text(self._folder / "metrics.csv", text)
        if time.monotonic() - self._drawn > _DRAWN_EVERY:
            self.draw(history)

    def draw(self, history: Sequence[Epoch]) -> None:
        """Draw the history now."""
        write_bytes(self._folder / "learning_curve.png", _learning_curve(_table(history)))
        self._drawn = time.monotonic()


def _table(history: Sequence[Epoch]) -> pd.DataFrame:
    return pd.DataFrame([asdict(epoch) for epoch in history]).set_index("epoch")


def _learning_curve(table: pd.DataFrame) -> bytes:
    """Loss and accuracy of both parts by epoch, as PNG."""
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, quantity in zip(panels, ("loss", "accuracy"), strict=True):
        for part in ("train", "validation"):
            panel.plot(table.index, table[f"{part}_{quantity}"], marker=".", label=part)
        panel.set(xlabel="epoch", ylabel=quantity)
        panel.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    return picture.getvalue()
