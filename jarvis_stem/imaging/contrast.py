"""A picture's contrast evened, so that what repeats is what is left of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

_OUTLIERS = 0.2  # percent of the pixels that are clipped at either end
_WIDER = 2  # times the background's width, for the variance
_SAMPLES = 2.5  # of what varies slowly, a standard deviation
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
    low, high = np.percentile(values[::2, ::2], (_OUTLIERS, 100 - _OUTLIERS))
    clipped = np.clip(values, low, high).astype(np.float32)
    detail = clipped - _surroundings(clipped, width)
    deviation = np.sqrt(_surroundings(detail**2, _WIDER * width))
    floor = _FLAT * deviation.mean() + np.finfo(np.float32).tiny
    return np.asarray(detail / (deviation + floor), np.float32)


def _surroundings(values: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    """Mean of the surroundings, taken of fewer pixels, which is all that it has to show."""
    factor = max(1, round(width / _SAMPLES))
    picture = Image.fromarray(values)
    smooth = ndimage.gaussian_filter(
        np.asarray(picture.reduce(factor)), width / factor, mode="reflect", truncate=3
    )
    whole = Image.fromarray(smooth).resize(picture.size, Image.Resampling.BILINEAR)
    return np.asarray(whole, np.float32)
