"""Numbers of any type as a picture's field of single precision."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging.picture_files.recording import Pixels

_BAND = 3  # rows; fewer are flat at the edge of a few of the benchmark's clean images
_KEPT = 0.5  # of a side; a picture of less data than that is none with bands
_AS: dict[str, np.dtype[Any]] = {
    "b1": np.dtype("u1"),
    "f2": np.dtype("f4"),
}  # types that cannot be calculated with
_OUTLYING = 1e-4  # share of pixels at each end that are not asked for the range of the others
_OUTLYING_IN_SAMPLE = 1e-3  # the same of a sample
_FEWEST = 4096  # pixels of a picture and of a sample


def field_of(pixels: Pixels) -> NDArray[np.float32]:
    """A picture's field: without bands that have no data, and without outlying pixels.

    Args:
        pixels: Real numbers [H, W], bright where much was counted.

    Returns:
        float32[H, W]; of types that single precision does not hold, less the lowest number. Pixels
        that are not finite stay so inside the picture.
    """
    kind = _AS.get(pixels.dtype.kind + str(pixels.itemsize), pixels.dtype).newbyteorder("=")
    values = without_outliers(without_bands(pixels.astype(kind, copy=False)))
    # What is too large is not finite, and refused as such.
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.can_cast(values.dtype, np.float32):
            wide = values if values.dtype.kind == "u" else values.astype(np.float64)
            values = wide - np.fmin.reduce(wide, axis=None)
        return values.astype(np.float32)


def without_bands(values: Pixels) -> Pixels:
    """Cut off edges of one number, or of none, that aligning frames has left without data.

    White edges are a margin. A clean image has flat rows too, as wide inside it as at its edges.

    Examples:
        >>> picture = np.pad(np.eye(99) + 1, ((9, 0), (0, 4)))
        >>> without_bands(picture).shape
        (99, 99)
    """
    for _ in range(values.ndim):  # rows, then columns
        values = _without_rows(values).T
    return values


def _without_rows(values: Pixels) -> Pixels:
    low, high = values.min(axis=1), values.max(axis=1)
    flat = (low == high) & (high < np.fmax.reduce(high))
    if values.dtype.kind == "f":
        flat |= np.isnan(values).all(axis=1)
    kept = np.flatnonzero(~flat)
    if kept.size < _KEPT * len(flat):
        return values
    inner = int(np.diff(kept, prepend=kept[0] - 1).max()) - 1
    least = max(_BAND, 2 * inner + 1)
    start, stop = kept[0], kept[-1] + 1
    top, bottom = low[:start], low[stop:]
    return values[
        start if _is_band(top, least) else 0 : stop if _is_band(bottom, least) else len(flat)
    ]


def _is_band(numbers: Pixels, least: int) -> bool:
    """Whether so many flat rows have all the same number, or none."""
    return len(numbers) >= least and np.array_equal(
        numbers, np.full_like(numbers, numbers[0]), equal_nan=numbers.dtype.kind == "f"
    )


def without_outliers(values: Pixels) -> Pixels:
    """Clip single pixels that are farther from all others than these are from each other.

    Examples:
        >>> picture = np.arange(10_000.0).reshape(100, 100)
        >>> picture[5, 5] = -1e9
        >>> float(without_outliers(picture).min())
        1.0
    """
    finite = values.ravel()
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        finite = values[np.isfinite(values)]
    if finite.size < _FEWEST:
        return values
    least, most = float(finite.min()), float(finite.max())
    sample = finite[:: finite.size // _FEWEST]  # its range is narrower and quickly had
    for numbers, left_out in ((sample, _OUTLYING_IN_SAMPLE), (finite, _OUTLYING)):
        low, high = _inner_range(numbers, 1 + int(numbers.size * left_out))
        span = float(high) - float(low)
        if span > 0 and float(low) - least <= span and most - float(high) <= span:
            return values
    return values if span == 0 else np.clip(values, low, high)


def _inner_range(numbers: Pixels, left_out: int) -> tuple[Any, Any]:
    """Lowest and highest number but for so many at each end."""
    ordered = np.partition(numbers, (left_out, numbers.size - 1 - left_out))
    return ordered[left_out], ordered[-1 - left_out]
