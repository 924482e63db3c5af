"""What a training run leaves behind: its curve as it goes, its costs and result at the end."""

from __future__ import annotations

import io
import math
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure

from jarvis_stem.files import write_bytes, write_text
from jarvis_stem.training import Epoch

PACKAGES = ("jarvis-tools", "numpy", "scikit-learn", "scipy", "torch", "torchvision")
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


def environment(device: torch.device) -> dict[str, Any]:
    """What a run runs on and with: versions, commit, hardware.

    Args:
        device: The device it trained on.
    """
    return {
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "git_commit": _git_commit(),
        "hardware": hardware(device),
        "threads": torch.get_num_threads(),
    }


def hardware(device: torch.device) -> str:
    """Name the processor, and the GPU where one is used."""
    processor = torch.cpu.get_capabilities().get("cpu_name") or platform.machine()
    cores = f"{processor}, {torch.get_num_threads()} cores"
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} ({cores})"
    return cores


def peak_memory_mb() -> int:
    """Largest resident size of this process so far, MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 if sys.platform != "darwin" else 1024**2))


def _git_commit() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None  # not a checkout, or no git
    return done.stdout.strip()
