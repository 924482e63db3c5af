"""ResNet-18, less its last stage, on the power spectrum, joined with the measured lattice."""

from __future__ import annotations

from torch import nn

from jarvis_stem.training import Recipe
from jarvis_stem.training.lattice_net import LatticeNet
from jarvis_stem.training.pretrained import build_pretrained, first_convolution
from jarvis_stem.training.spectrum import LatticeSpectrum
from jarvis_stem.training.torchvision_compat import torchvision

RECIPE = Recipe(epochs=8)


def build(classes: int, pretrained: bool) -> nn.Module:
    """Build torchvision's ResNet-18 (He et al., CVPR 2016) on the spectrum, beside the lattice.

    Its last stage would see 3 x 2 places of the half plane, and has three quarters of the weights.

    Args:
        classes: Number of classes.
        pretrained: Start from torchvision's ImageNet weights.

    Raises:
        StemError: The weights cannot be downloaded.
    """
    models = torchvision.models
    cnn = build_pretrained(models.resnet18, models.ResNet18_Weights.IMAGENET1K_V1, pretrained)
    cnn.conv1 = first_convolution(cnn.conv1, LatticeSpectrum.derived, pretrained)
    cnn.layer4 = nn.Identity()
    cnn.fc = nn.Dropout(0.5)
    return LatticeNet(classes, spectrum=cnn)
