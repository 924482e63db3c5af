"""Bravais lattices of 2D materials from STEM images: benchmark, models, leaderboard."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jarvis_stem.api import load_model, predict

__all__ = ["load_model", "predict"]
__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    """Import the models when they are asked for: scoring must do without torch (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jarvis_stem import api

    return getattr(api, name)


class _Package(ModuleType):
    """Keeps ``jarvis_stem.predict`` the function, whoever imports the command's module."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
