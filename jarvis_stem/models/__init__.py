"""Models by name. A new one is one file here: an ``nn.Module`` builder under `register`."""

from __future__ import annotations

import importlib
import pkgutil

from jarvis_stem.models.registry import Architecture, Recipe, find, register

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["Architecture", "Recipe", "find", "register"]
