"""A picture's contrast evened, so that what repeats is what is left of it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging import _kernels

_WIDER = 2  # times the background's width, for the variance


def evened(values: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    """Remove what varies slowly and make the contrast the same everywhere.

    Outliers are clipped, the mean of the surroundings is subtracted and the rest divided by its
    local standard deviation: contamination, bright adatoms and holes then weigh no more in the
    power spectrum than the lattice around them.

    Args:
        values: float32[H, W].
        width: Standard deviation of the surroundings' weights, pixels.

    Returns:
        float32[H, W], around 0; all 0 for a flat picture.

    Examples:
        >>> rows = np.arange(128, dtype=np.float32)[:, None] + np.zeros((1, 128), np.float32)
        >>> stripes = np.sin(rows)  # of 6 pixels, on a slope a hundred times as high
        >>> even = evened(100 * rows + stripes, 5)
        >>> float(np.corrcoef(even[20:-20, 64], stripes[20:-20, 64])[0, 1].round(2))
        0.89
    """
    return _kernels.evened(
        np.ascontiguousarray(values, np.float32), _radius(width), _radius(_WIDER * width)
    )


def evened_and_stretched(
    parts: NDArray[np.float32], width: float, left_out: float
) -> NDArray[np.uint8]:
    """Several of one size, `evened` and then `stretched`, by one call.

    Args:
        parts: float32[N, H, W].
        width: See `evened`.
        left_out: See `stretched`.
    """
    near, wide = _radius(width), _radius(_WIDER * width)
    return _kernels.evened_and_stretched(
        np.ascontiguousarray(parts, np.float32), near, wide, left_out
    )


def stretched(values: NDArray[np.float32], left_out: float) -> NDArray[np.uint8]:
    """Numbers as grey values, but for outliers.

    Args:
        values: float32[H, W].
        left_out: Share of the pixels that become black and white at either end.
    """
    return _kernels.stretched(np.ascontiguousarray(values, np.float32), left_out)


def _radius(width: float) -> int:
    """Pixels each way of moving means that together spread as a Gaussian does."""
    return max(1, round((math.sqrt(12 * width**2 / _kernels.PASSES + 1) - 1) / 2))
