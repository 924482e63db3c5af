"""torchvision imports beside a CPU-only torch, and is left alone where it imports by itself."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest
import torch


@pytest.fixture
def compat() -> ModuleType:
    """The module, imported late: torchvision takes a second, and few tests need it."""
    return importlib.import_module("jarvis_stem.training.torchvision_compat")


def test_models_and_transforms_work(compat: ModuleType) -> None:
    from torchvision.transforms import v2

    model = compat.torchvision.models.resnet18(num_classes=5)
    model(v2.RandomHorizontalFlip()(torch.rand(2, 3, 64, 64))).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_import_that_works_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, compat: ModuleType
) -> None:
    works = ModuleType("torchvision")  # a stand-in for one whose compiled part loads
    monkeypatch.setitem(sys.modules, "torchvision", works)
    declared = list(compat._libraries)
    assert compat.import_torchvision() is works
    assert compat._libraries == declared


def test_any_other_failure_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, compat: ModuleType
) -> None:
    def fail(_name: str) -> None:
        raise RuntimeError("a driver is missing")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(RuntimeError, match="a driver is missing"):
        compat.import_torchvision()
