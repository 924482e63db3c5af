"""The input that shows a CNN the lattice: the power spectrum, with what its symmetry breaks."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from jarvis_stem.imaging.spectrum import SHAPE

CHANNELS = 6  # of `channels`


def channels(log_power: Tensor) -> Tensor:
    """Lay beside the log power where it is and what its symmetry breaks, for a CNN.

    Args:
        log_power: float32[N, 95, 48].

    Returns:
        float32[N, 6, 95, 48]: the log power; the frequency along rows and columns and its modulus,
        without which global pooling forgets where the peaks were (CoordConv: Liu et al., NeurIPS
        2018); the log power less its mirror image in the columns, and less itself turned by 90
        degrees: zero wherever a rectangular, respectively a square, lattice puts its peaks.
    """
    # Repeated for each image; a graph has no plainer way.
    coordinates = _COORDINATES.to(log_power.device) + 0 * log_power[:, None]
    broken = (log_power - log_power.flip(1), log_power - _quarter_turn(log_power))
    return torch.stack((log_power, *coordinates.unbind(dim=1), *broken), dim=1)


def _coordinates() -> Tensor:
    """Frequency along rows and columns and its modulus, by the highest, float32[3, 95, 48]."""
    n = SHAPE[1]
    rows, columns = np.meshgrid(np.arange(1.0 - n, n), np.arange(float(n)), indexing="ij")
    return torch.from_numpy(np.stack((rows, columns, np.hypot(rows, columns))) / n).float()


_COORDINATES = _coordinates()  # now: made while a graph is exported they would be a part of it


def _quarter_turn(plane: Tensor) -> Tensor:
    """Turn a half plane [N, 2F - 1, F] by 90 degrees; f and -f have the same value in it."""
    n = plane.shape[2]
    right = plane[:, :n].flip(1).transpose(1, 2)  # (x, y) of x >= 0 from (-y, x)
    left = plane[:, n - 1 :, 1:].transpose(1, 2).flip(1)  # of x < 0 from (y, -x)
    return torch.cat((left, right), dim=1)
