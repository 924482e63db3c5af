"""The measured lattice with its standard errors, and the unit cell seen, learned in noise too."""

from __future__ import annotations

from torch import nn

from jarvis_stem.training import Recipe
from jarvis_stem.training.lattice_net import LatticeNet

RECIPE = Recipe(epochs=60, batch_size=128, noisy_copies=4)


def build(classes: int) -> nn.Module:
    """Build the model.

    Args:
        classes: Number of classes.
    """
    return LatticeNet(classes, errors=True, cell=(16, 32, 64))
