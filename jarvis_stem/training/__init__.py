"""What the models of contributions share, and how the model of one is loaded."""

from __future__ import annotations

from jarvis_stem.training.architecture import (
    Architecture,
    Describing,
    Mirroring,
    Reading,
    Recipe,
    load,
)

__all__ = ["Architecture", "Describing", "Mirroring", "Reading", "Recipe", "load"]
