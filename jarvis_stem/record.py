"""What a training run leaves behind: its curve as it goes, its costs and result at the end."""

from __future__ import annotations

import io
import platform
import resource
import subprocess
import sys
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


def write_history(folder: Path, history: Sequence[Epoch]) -> None:
    """Write a run's epochs so far as ``metrics.csv`` and ``learning_curve.png``.

    Args:
        folder: The run's folder.
        history: One entry an epoch.
    """
    table = pd.DataFrame([asdict(epoch) for epoch in history]).set_index("epoch")
    write_text(folder / "metrics.csv", table.to_csv(float_format="%.6g", lineterminator="\n"))
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, quantity in zip(panels, ("loss", "accuracy"), strict=True):
        for part in ("train", "validation"):
            panel.plot(table.index, table[f"{part}_{quantity}"], marker=".", label=part)
        panel.set(xlabel="epoch", ylabel=quantity)
        panel.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_bytes(folder / "learning_curve.png", picture.getvalue())


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
