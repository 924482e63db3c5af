"""torchvision imports beside a CPU-only torch, and is left alone where it imports by itself."""

from __future__ import annotations

import subprocess
import sys


def python(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_models_and_transforms_work() -> None:
    code = """
import torch
from jarvis_stem.training.torchvision_compat import torchvision
from torchvision.transforms import v2
model = torchvision.models.resnet18(num_classes=5)
model(v2.RandomHorizontalFlip()(torch.rand(2, 3, 64, 64))).sum().backward()
print(torchvision.__version__)
"""
    assert python(code)


def test_import_that_works_is_left_alone() -> None:
    # A stand-in for a torchvision whose compiled part loads.
    code = """
import sys, types
sys.modules["torchvision"] = types.ModuleType("torchvision")
from jarvis_stem.training import torchvision_compat
print(torchvision_compat.torchvision is sys.modules["torchvision"], torchvision_compat._libraries)
"""
    assert python(code) == "True []"


def test_any_other_failure_is_passed_on() -> None:
    code = """
import importlib
from jarvis_stem.training import torchvision_compat
def fail(name): raise RuntimeError("a driver is missing")
importlib.import_module = fail
try:
    torchvision_compat.import_torchvision()
except RuntimeError as error:
    print(error)
"""
    assert python(code) == "a driver is missing"
