"""ResNet-18 on the power spectrum."""

from __future__ import annotations

from torch import nn

from jarvis_stem.models import Recipe
from jarvis_stem.models import pretrained as imagenet
from jarvis_stem.models.spectrum import LatticeSpectrum
from jarvis_stem.torchvision_compat import torchvision

RECIPE = Recipe(epochs=12, label_smoothing=0.05)


def build(classes: int, pretrained: bool) -> nn.Module:
    """Build torchvision's ResNet-18 (He et al., CVPR 2016) behind a spectral input.

    Args:
        classes: Number of classes.
        pretrained: Start from torchvision's ImageNet weights.

    Raises:
        StemError: The weights cannot be downloaded.
    """
    models = torchvision.models
    cnn = imagenet.build(models.resnet18, models.ResNet18_Weights.IMAGENET1K_V1, pretrained)
    cnn.conv1 = imagenet.first_convolution(cnn.conv1, LatticeSpectrum.channels, pretrained)
    cnn.fc = nn.Linear(cnn.fc.in_features, classes)
    return nn.Sequential(LatticeSpectrum(), cnn)
