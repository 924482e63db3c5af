"""Three views of an image, joined: its lattice measured, its unit cell and its spectrum seen."""

from __future__ import annotations

from torch import nn

from jarvis_stem.training import Recipe
from jarvis_stem.training.lattice_net import LatticeNet, spectrum_cnn

RECIPE = Recipe(epochs=16, batch_size=128)


def build(classes: int) -> nn.Module:
    """Build the model.

    Args:
        classes: Number of classes.
    """
    return LatticeNet(classes, cell=(16, 32, 64), spectrum=spectrum_cnn())
