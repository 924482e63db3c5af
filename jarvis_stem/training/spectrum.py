"""The input that shows a CNN the lattice: the power spectrum, with what its symmetry breaks.

The log power of the Hann-windowed image at low frequencies. A translation leaves it as it is and
lattice vectors become peaks, so that a CNN sees a ratio of lengths or an angle at once. The
spectrum of a real image is symmetric, so half the plane suffices.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from jarvis_stem.imaging.stem import IMAGE_SIZE

CHANNELS = 6  # of `channels`
SHAPE = (95, 48)  # whole periods an image along rows, from -47, and along columns, from 0
_NOISE_FLOOR = 0.05  # power; about what the rounding to 8 bits leaves behind
_LOG_SCALE = 4.0  # brings the log power of benchmark images to near unit variance
_BATCH = 64  # images transformed at once, which bounds the memory


def log_power(images: Tensor) -> Tensor:
    """Transform images to the logarithm of their power at low frequencies.

    Args:
        images: uint8[N, 256, 256].

    Returns:
        float32[N, 95, 48], around 0 and of about unit variance; see `SHAPE`.
    """
    window, rows, columns = _waves()
    with torch.no_grad():
        batches = (_less_mean(batch.float() / 255, window) for batch in images.split(_BATCH))
        sums = [_complex(rows @ (batch @ columns)) for batch in batches]
        return torch.cat([_log(one.abs().square()) for one in sums])


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
    coordinates = _coordinates().to(log_power.device).expand(len(log_power), -1, -1, -1)
    broken = (log_power - log_power.flip(1), log_power - _quarter_turn(log_power))
    return torch.stack((log_power, *coordinates.unbind(dim=1), *broken), dim=1)


def _frequencies() -> tuple[Tensor, Tensor]:
    """Frequencies along rows and along columns, periods an image."""
    n = SHAPE[1]
    return torch.arange(1.0 - n, n), torch.arange(float(n))


@cache
def _coordinates() -> Tensor:
    """Frequency along rows and columns and its modulus, by the highest, float32[3, 95, 48]."""
    grid = torch.meshgrid(*_frequencies(), indexing="ij")
    return torch.stack((*grid, torch.hypot(*grid))) / SHAPE[1]


@cache
def _waves() -> tuple[Tensor, Tensor, Tensor]:
    """Hann's window of mean 1, and the windowed waves to multiply images by from both sides.

    Cosines over sines, [1, 190, 256] and [1, 256, 96]: faster than complex on a CPU.
    """
    positions = torch.arange(IMAGE_SIZE) - (IMAGE_SIZE - 1) / 2
    window = 1 + (2 * math.pi / (IMAGE_SIZE - 1) * positions).cos()
    phases = (f[:, None] * (positions * (2 * math.pi / IMAGE_SIZE)) for f in _frequencies())
    rows, columns = (torch.cat((phase.cos(), phase.sin()))[None] * window for phase in phases)
    return window[:, None] * window, rows, columns.transpose(1, 2)


def _less_mean(images: Tensor, window: Tensor) -> Tensor:
    return images - (images * window).mean(dim=(1, 2), keepdim=True)


def _log(power: Tensor) -> Tensor:
    return torch.log(power + _NOISE_FLOOR) / _LOG_SCALE


def _quarter_turn(plane: Tensor) -> Tensor:
    """Turn a half plane [N, 2F - 1, F] by 90 degrees; f and -f have the same value in it."""
    n = plane.shape[2]
    right = plane[:, :n].flip(1).transpose(1, 2)  # (x, y) of x >= 0 from (-y, x)
    left = plane[:, n - 1 :, 1:].transpose(1, 2).flip(1)  # of x < 0 from (y, -x)
    return torch.cat((left, right), dim=1)


def _complex(sums: Tensor) -> Tensor:
    """Sums over exp(-i(r + c)), [N, R, C], from those over cosines and sines, [N, 2R, 2C]."""
    (cos_cos, cos_sin), (sin_cos, sin_sin) = (half.chunk(2, dim=2) for half in sums.chunk(2, dim=1))
    return torch.complex(cos_cos - sin_sin, -(cos_sin + sin_cos))
