"""The machine that a run is on: versions, hardware, memory."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("jarvis-tools", "numpy", "scikit-learn", "scipy", "torch", "torchvision")


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
    if sys.platform == "win32":
        import psutil

        return round(psutil.Process().memory_info().peak_wset / 2**20)
    import resource  # not on Windows; psutil has no peak elsewhere

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))


def _git_commit() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None  # not a checkout, or no git
    return done.stdout.strip()
