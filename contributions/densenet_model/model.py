"""A slim DenseNet-121 on the power spectrum, joined with the measured lattice."""

from __future__ import annotations

from torch import nn

from jarvis_stem.training import Recipe, spectrum
from jarvis_stem.training.lattice_net import LatticeNet
from jarvis_stem.training.torchvision_compat import torchvision

RECIPE = Recipe(epochs=8)


def build(classes: int) -> nn.Module:
    """Build a DenseNet-121 (Huang et al., CVPR 2017) of growth rate 16, half of the published one.

    Args:
        classes: Number of classes.
    """
    cnn = torchvision.models.DenseNet(16, (6, 12, 24, 16), num_init_features=32)
    cnn.features.conv0 = nn.Conv2d(spectrum.CHANNELS, 32, 7, stride=2, padding=3, bias=False)
    cnn.classifier = nn.Dropout(0.5)
    return LatticeNet(classes, spectrum=cnn)
