"""A picture's contrast evened, so that what repeats is what is left of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_OUTLIERS = 0.2  # percent of the pixels that are clipped at either end
_WIDER = 2  # times the background's width, for the variance
_FLAT = 0.1  # of the mean deviation: less is not stretched


def evened(values: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    """Remove what varies slowly and make the contrast the same everywhere.

    Outliers are clipped, the mean of the surroundings is subtracted and the rest divided by its
    local standard deviation: contamination, bright adatoms and holes then weigh no more in the
    power spectrum than the lattice around them.

    Args:
        values: float32[H, W].
        width: Standard deviation of the Gaussian that the surroundings are, pixels.

    Returns:
        float32[H, W], around 0; all 0 for a flat picture.

    Examples:
        >>> rows = np.arange(128, dtype=np.float32)[:, None] + np.zeros((1, 128), np.float32)
        >>> stripes = np.sin(rows)  # of 6 pixels, on a slope a hundred times as high
        >>> even = evened(100 * rows + stripes, 5)
        >>> float(np.corrcoef(even[20:-20, 64], stripes[20:-20, 64])[0, 1].round(2))
        0.89
    """
    low, high = np.percentile(values, (_OUTLIERS, 100 - _OUTLIERS))
    clipped = np.clip(values, low, high).astype(np.float32)
    detail = clipped - _surroundings(clipped, width)
    deviation = np.sqrt(_surroundings(detail**2, _WIDER * width))
    floor = _FLAT * deviation.mean() + np.finfo(np.float32).tiny
    return np.asarray(detail / (deviation + floor), np.float32)


def _surroundings(values: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    return np.asarray(ndimage.gaussian_filter(values, width, mode="reflect", truncate=3))
