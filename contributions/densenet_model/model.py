"""A slim DenseNet-121 on the power spectrum, joined with the measured lattice."""

from __future__ import annotations

from torch import nn

from jarvis_stem.errors import StemError
from jarvis_stem.models import Recipe
from jarvis_stem.models import pretrained as imagenet
from jarvis_stem.models.lattice import LatticeNet
from jarvis_stem.models.spectrum import LatticeSpectrum
from jarvis_stem.torchvision_compat import torchvision

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
    first = imagenet.first_convolution(cnn.features.conv0, LatticeSpectrum.derived, pretrained)
    cnn.features.conv0 = first
    cnn.classifier = nn.Dropout(0.5)
    return LatticeNet(classes, spectrum=cnn)
