"""ResNet-18, less its last stage, on the power spectrum, joined with the measured lattice."""

from __future__ import annotations

from torch import nn

from jarvis_stem.training import Recipe, spectrum
from jarvis_stem.training.lattice_net import LatticeNet
from jarvis_stem.training.torchvision_compat import torchvision

RECIPE = Recipe(epochs=8)


def build(classes: int) -> nn.Module:
    """Build torchvision's ResNet-18 (He et al., CVPR 2016) on the spectrum, beside the lattice.

    Its last stage would see 3 x 2 places of the half plane, and has three quarters of the weights.

    Args:
        classes: Number of classes.
    """
    cnn = torchvision.models.resnet18()
    cnn.conv1 = nn.Conv2d(spectrum.CHANNELS, 64, 7, stride=2, padding=3, bias=False)
    cnn.layer4 = nn.Identity()
    cnn.fc = nn.Dropout(0.5)
    return LatticeNet(classes, spectrum=cnn)
