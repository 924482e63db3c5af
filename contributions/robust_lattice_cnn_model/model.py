"""The measured lattice with its standard errors, and the unit cell seen, learned in noise too."""

from __future__ import annotations

from torch import nn

from jarvis_stem.training import Recipe
from jarvis_stem.training.lattice_net import LatticeNet
from jarvis_stem.utils.errors import StemError

RECIPE = Recipe(epochs=60, batch_size=128, noisy_copies=3)


def build(classes: int, pretrained: bool) -> nn.Module:
    """Build the model.

    Args:
        classes: Number of classes.
        pretrained: There are no weights learned elsewhere.

    Raises:
        StemError: Weights learned elsewhere were asked for.
    """
    if pretrained:
        raise StemError(
            "--pretrained: robust_lattice_cnn_model has no such weights; train without it"
        )
    return LatticeNet(classes, errors=True, cell=(16, 32, 64))
