"""Draw a run's learning curve at each line that comes in: ``learning_curve.py TABLE PICTURE``.

It is a process of its own, for matplotlib is imported as long as a perceptron learns.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jarvis_stem.utils.files import write_bytes


def draw(table: Path, picture: Path) -> None:
    """Draw loss and accuracy of both parts by epoch.

    Args:
        table: CSV of the epochs.
        picture: PNG that is written.
    """
    epochs = np.atleast_1d(np.genfromtxt(table, delimiter=",", names=True))
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, quantity in zip(panels, ("loss", "accuracy"), strict=True):
        for part in ("train", "validation"):
            panel.plot(epochs["epoch"], epochs[f"{part}_{quantity}"], marker=".", label=part)
        panel.set(xlabel="epoch", ylabel=quantity)
        panel.legend()
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=120)
    write_bytes(picture, drawn.getvalue())


if __name__ == "__main__":
    for _ in sys.stdin:
        draw(*map(Path, sys.argv[1:]))
