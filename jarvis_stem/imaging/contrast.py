"""A picture's contrast evened, so that what repeats is what is left of it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging.harmonics import compiled, summing

_OUTLIERS = 0.002  # share of the pixels that are clipped at either end
_WIDER = 2  # times the background's width, for the variance
_FLAT = 0.1  # of the mean deviation: less is not stretched
_SAMPLED = 2  # pixels, each way, of which one tells the range of all
_PASSES = 3  # of moving means, which come close to a Gaussian


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
    return _evened(np.ascontiguousarray(values), _radius(width), _radius(_WIDER * width))


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
    return _evened_and_stretched(np.ascontiguousarray(parts), near, wide, left_out)


def stretched(values: NDArray[np.float32], left_out: float) -> NDArray[np.uint8]:
    """Numbers as grey values, but for outliers.

    Args:
        values: float32[H, W].
        left_out: Share of the pixels that become black and white at either end.
    """
    return _grey(np.ascontiguousarray(values), left_out)


def _radius(width: float) -> int:
    """Pixels each way of moving means that together spread as a Gaussian does."""
    return max(1, round((math.sqrt(12 * width**2 / _PASSES + 1) - 1) / 2))


@compiled
def _evened_and_stretched(
    parts: NDArray[np.float32], near: int, wide: int, left_out: float
) -> NDArray[np.uint8]:
    images = np.empty(parts.shape, np.uint8)
    for n in range(len(parts)):
        grey = _grey(_evened(parts[n], near, wide), left_out)
        for row in range(grey.shape[0]):
            for column in range(grey.shape[1]):
                images[n, row, column] = grey[row, column]
    return images


@compiled
def _evened(values: NDArray[np.float32], near: int, wide: int) -> NDArray[np.float32]:
    low, high = _range(values, _OUTLIERS)
    detail = np.empty_like(values)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            value = values[row, column]
            value = value if value > low else low
            detail[row, column] = value if value < high else high
    detail -= _surroundings(detail, near)
    deviation = np.sqrt(_surroundings(detail * detail, wide))
    floor = np.float32(_FLAT * _mean(deviation) + 1e-37)
    return np.asarray(detail / (deviation + floor), np.float32)


@summing
def _mean(values: NDArray[np.float32]) -> np.float32:
    total = np.float32(0)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            total += values[row, column]
    return total / np.float32(values.size)


@compiled
def _grey(values: NDArray[np.float32], left_out: float) -> NDArray[np.uint8]:
    low, high = _range(values, left_out)
    scale = np.float32(255) / max(high - low, np.float32(1e-6))
    grey = np.empty(values.shape, np.uint8)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            value = (values[row, column] - low) * scale
            grey[row, column] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))
    return grey


@compiled
def _range(values: NDArray[np.float32], left_out: float) -> tuple[np.float32, np.float32]:
    """Lowest and highest of some of the pixels but for a share of them."""
    sample = values[::_SAMPLED, ::_SAMPLED]
    few = int(left_out * (sample.size - 1)) + 1
    lowest, highest = np.full(few, np.inf, np.float32), np.full(few, np.inf, np.float32)
    for row in range(sample.shape[0]):
        for column in range(sample.shape[1]):
            value = sample[row, column]
            if value < lowest[-1]:
                _insert(lowest, value)
            if -value < highest[-1]:
                _insert(highest, -value)
    return lowest[-1], -highest[-1]


@compiled
def _insert(ordered: NDArray[np.float32], value: np.float32) -> None:
    """Put a number in its place, and drop the last one."""
    place = len(ordered) - 1
    while place > 0 and ordered[place - 1] > value:
        ordered[place] = ordered[place - 1]
        place -= 1
    ordered[place] = value


@compiled
def _surroundings(values: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Mean of the surroundings; the picture is mirrored at its edges."""
    for _ in range(2):  # down, and across
        for _ in range(_PASSES):
            values = _moving_mean(values, radius)
        values = values.T.copy()
    return values


@compiled
def _moving_mean(values: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Mean of so many rows above and below each."""
    rows, columns = values.shape
    means, total = np.empty_like(values), np.zeros(columns, np.float32)
    for row in range(-radius, radius + 1):
        total += values[_mirrored(row, rows)]
    share = np.float32(1 / (2 * radius + 1))
    for row in range(rows):
        leaving, coming = (
            values[_mirrored(row - radius, rows)],
            values[_mirrored(row + radius + 1, rows)],
        )
        for column in range(columns):
            means[row, column] = total[column] * share
            total[column] += coming[column] - leaving[column]
    return means


@compiled
def _mirrored(place: int, count: int) -> int:
    """The place that a picture continued by its mirror images has there."""
    place %= 2 * count
    return place if place < count else 2 * count - 1 - place
