"""The power spectrum of images at low frequencies, as networks read it.

The log power of the Hann-windowed image. A translation leaves it as it is and lattice vectors
become peaks, so that a CNN sees a ratio of lengths or an angle at once. The spectrum of a real
image is symmetric, so half the plane suffices.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.formats.description import SHAPES
from jarvis_stem.imaging.stem import IMAGE_SIZE

SHAPE = SHAPES["spectrum"]  # whole periods an image along rows, from -47, and along columns, from 0
_NOISE_FLOOR = np.float32(0.05)  # power; about what the rounding to 8 bits leaves behind
_LOG_SCALE = np.float32(4)  # brings the log power of benchmark images to near unit variance
_BATCH = 64  # images transformed at once, which bounds the memory


def log_power(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Transform images to the logarithm of their power at low frequencies.

    Args:
        images: uint8[N, 256, 256].

    Returns:
        float32[N, 95, 48], around 0 and of about unit variance; see `SHAPE`.
    """
    window, rows, columns = _waves()
    found = np.empty((len(images), *SHAPE), np.float32)
    for start in range(0, len(images), _BATCH):
        batch = images[start : start + _BATCH].astype(np.float32) / 255
        batch -= (batch * window).mean(axis=(1, 2), keepdims=True)
        power = _power(np.asarray(rows @ (batch @ columns), np.float32))
        found[start : start + _BATCH] = np.log(power + _NOISE_FLOOR) / _LOG_SCALE
    return found


@cache
def _waves() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Hann's window of mean 1, and the windowed waves to multiply images by from both sides.

    Cosines over sines, [190, 256] and [256, 96]: faster than complex.
    """
    n = SHAPE[1]
    positions = np.arange(IMAGE_SIZE) - (IMAGE_SIZE - 1) / 2
    window = 1 + np.cos(2 * math.pi / (IMAGE_SIZE - 1) * positions)
    phases = (
        frequencies[:, None] * (positions * (2 * math.pi / IMAGE_SIZE))
        for frequencies in (np.arange(1 - n, n), np.arange(n))
    )
    rows, columns = (np.concatenate((np.cos(p), np.sin(p))) * window for p in phases)
    both = (window[:, None] * window, rows, columns.T)
    window, rows, columns = (np.ascontiguousarray(one, np.float32) for one in both)
    return window, rows, columns


def _power(sums: NDArray[np.float32]) -> NDArray[np.float32]:
    """Power at (r, c), [N, R, C], from sums over cosines and sines, [N, 2R, 2C]."""
    cosines, sines = np.split(sums, 2, axis=1)
    (cos_cos, cos_sin), (sin_cos, sin_sin) = (
        np.split(half, 2, axis=2) for half in (cosines, sines)
    )
    return (cos_cos - sin_sin) ** 2 + (cos_sin + sin_cos) ** 2
