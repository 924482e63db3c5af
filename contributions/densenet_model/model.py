"""A slim DenseNet-121 on the power spectrum, joined with the measured lattice."""

from __future__ import annotations

from torch import nn

from jarvis_stem.training import Recipe
from jarvis_stem.training.lattice_net import LatticeNet
from jarvis_stem.training.pretrained import first_convolution
from jarvis_stem.training.spectrum import LatticeSpectrum
from jarvis_stem.training.torchvision_compat import torchvision
from jarvis_stem.utils.errors import StemError

RECIPE = Recipe(epochs=8)


def build(classes: int, pretrained: bool) -> nn.Module:
    """Build a DenseNet-121 (Huang et al., CVPR 2017) of growth rate 16, half of the published one.

    Args:
        classes: Number of classes.
        pretrained: There are no ImageNet weights of this width.

    Raises:
        StemError: Weights learned elsewhere were asked for.
    """
    if pretrained:
        raise StemError("--pretrained: densenet_model has no such weights; train without it")
    cnn = torchvision.models.DenseNet(16, (6, 12, 24, 16), num_init_features=32)
    first = first_convolution(cnn.features.conv0, LatticeSpectrum.derived, pretrained)
    cnn.features.conv0 = first
    cnn.classifier = nn.Dropout(0.5)
    return LatticeNet(classes, spectrum=cnn)
