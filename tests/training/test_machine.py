"""What a run says of the machine it is on."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from jarvis_stem.training import machine


def test_peak_memory_is_the_largest_so_far() -> None:
    block = np.ones(2**27, np.uint8)  # 128 MB that are touched
    held = psutil.Process().memory_info().rss / 2**20
    del block
    peak = machine.peak_memory_mb()
    assert held - 1 <= peak < psutil.virtual_memory().total / 2**20
    assert machine.peak_memory_mb() >= peak


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is different there: no module resource, and psutil knows a peak."""
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(peak_wset=300 * 2**20))
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "resource", None)
        patch.setattr(psutil, "Process", lambda: process)
        patch.setattr(sys, "platform", "win32")
        importlib.reload(machine)
        yield
    importlib.reload(machine)


@pytest.mark.usefixtures("windows")
def test_peak_memory_on_windows_needs_no_resource_module() -> None:
    assert machine.peak_memory_mb() == 300
