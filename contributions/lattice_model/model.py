"""A perceptron on the measured lattice, which sees nothing else of the image."""

from __future__ import annotations

from torch import nn

from jarvis_stem.training import Recipe
from jarvis_stem.training.lattice_net import LatticeNet

RECIPE = Recipe(epochs=30, batch_size=128)


def build(classes: int) -> nn.Module:
    """Build the model.

    Args:
        classes: Number of classes.
    """
    return LatticeNet(classes)
