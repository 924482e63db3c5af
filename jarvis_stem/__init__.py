"""Bravais lattices of 2D materials from STEM images: benchmark, models, leaderboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jarvis_stem.predictor import load_model, predict

__all__ = ["load_model", "predict"]
__version__ = "0.1.0"
DEFAULT_MODEL = "robust_lattice_cnn_model"  # a microscope's picture has noise: docs/robustness.md


def __getattr__(name: str) -> Any:
    """Import the models when they are asked for: scoring must do without torch (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jarvis_stem import predictor

    return getattr(predictor, name)
