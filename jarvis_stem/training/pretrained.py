"""Start a torchvision CNN from ImageNet weights, on inputs that are not RGB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.error import URLError

import torch
from torch import nn

from jarvis_stem.utils.errors import StemError


def build_pretrained(architecture: Callable[..., nn.Module], weights: Any, pretrained: bool) -> Any:
    """Build a torchvision CNN, with ImageNet weights where wanted.

    Args:
        architecture: For example ``torchvision.models.resnet18``.
        weights: The member of its weights enum.
        pretrained: Whether to download and load them.

    Raises:
        StemError: The weights cannot be downloaded.
    """
    try:
        return architecture(weights=weights if pretrained else None)
    except (URLError, OSError) as error:
        raise StemError(
            f"--pretrained: cannot download {weights.url} ({error}); connect to a network once "
            "(the file is then cached), or train without --pretrained"
        ) from None


def first_convolution(rgb: nn.Conv2d, channels: int, pretrained: bool) -> nn.Conv2d:
    """Replace the first convolution by one for another number of channels.

    Args:
        rgb: The convolution on three channels.
        channels: Input channels of the new one; the first is the picture.
        pretrained: Whether to keep what the filters have learned: the picture's filter becomes the
            sum over red, green and blue, the other channels start at zero.
    """
    kernel, stride, padding = rgb.kernel_size, rgb.stride, rgb.padding
    new = nn.Conv2d(channels, rgb.out_channels, kernel, stride, padding, bias=False)  # type: ignore[arg-type]
    if pretrained:
        with torch.no_grad():
            new.weight.zero_()
            new.weight[:, 0] = rgb.weight.sum(dim=1)
    return new
