"""DenseNet-121 on the power spectrum."""

from __future__ import annotations

from torch import nn

from jarvis_stem.models import Recipe
from jarvis_stem.models import pretrained as imagenet
from jarvis_stem.models.spectrum import LatticeSpectrum
from jarvis_stem.torchvision_compat import torchvision

RECIPE = Recipe(epochs=15, label_smoothing=0.05)


def build(classes: int, pretrained: bool) -> nn.Module:
    """Build torchvision's DenseNet-121 (Huang et al., CVPR 2017) behind a spectral input.

    Args:
        classes: Number of classes.
        pretrained: Start from torchvision's ImageNet weights.

    Raises:
        StemError: The weights cannot be downloaded.
    """
    models = torchvision.models
    cnn = imagenet.build(models.densenet121, models.DenseNet121_Weights.IMAGENET1K_V1, pretrained)
    first = imagenet.first_convolution(cnn.features.conv0, LatticeSpectrum.channels, pretrained)
    cnn.features.conv0 = first
    cnn.classifier = nn.Linear(cnn.classifier.in_features, classes)
    return nn.Sequential(LatticeSpectrum(), cnn)
