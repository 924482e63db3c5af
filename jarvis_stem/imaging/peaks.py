"""Peaks of an image's power spectrum, from which a lattice's measurement starts."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from jarvis_stem.imaging import _kernels
from jarvis_stem.imaging.harmonics import HIGHEST, hann_window

CLOSEST = 2.5  # cycles a window; closer peaks run into each other
_AT_ONCE = 2  # images; what is made of more does not stay in the processor's cache


class Peaks(NamedTuple):
    """The strongest peaks of each spectrum in a half plane, strongest first.

    Attributes:
        places: Cycles a window along rows and columns, float64[N, 64, 2].
        heights: Amplitudes by the strongest peak's, float64[N, 64].
        weights: Logarithms of the amplitudes by the faintest that counts, float64[N, 64].
        counts: How many there are, int64[N]; the rest is of no meaning.
        size: Height and width of the images, pixels, float64[2].
    """

    places: NDArray[np.float64]
    heights: NDArray[np.float64]
    weights: NDArray[np.float64]
    counts: NDArray[np.int64]
    size: NDArray[np.float64]


def find_peaks(windowed: NDArray[np.float32]) -> Peaks:
    """Find the strongest peaks of images float32[N, H, W] that `apply_window` returned."""
    shape = windowed.shape[1], windowed.shape[2]
    (rows, columns), reach = _resolution(shape)
    parts = []
    for start in range(0, len(windowed), _AT_ONCE):
        half = fft.rfft(windowed[start : start + _AT_ONCE], columns, workers=1)
        spectra = fft.fft(half[:, :, : reach[1] + 1], rows, axis=1, workers=1)
        parts.append(_kernels.strongest(spectra, reach[0], _usable(shape), _rounding(shape)))
    places, heights, weights, counts = (np.concatenate(one) for one in zip(*parts, strict=True))
    size = np.array(shape, np.float64)
    return Peaks(places * (size / (rows, columns)), heights, weights, counts, size)


def _resolution(shape: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Bins to a cycle a pixel along rows and columns, and how many each way matter."""
    rows, columns = (2 * fft.next_fast_len(n) for n in shape)
    reach = [min(math.ceil(HIGHEST * n) + _kernels.PEAK_REACH, n // 2 - 1) for n in (rows, columns)]
    return (rows, columns), (reach[0], reach[1])


@cache
def _usable(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Where in a half plane of the low frequencies peaks are neither too far nor too close."""
    bins, reach = _resolution(shape)
    rows, columns = (n - _kernels.PEAK_REACH for n in reach)
    row, column = np.ogrid[-rows : rows + 1, : columns + 1]
    x, y = row / bins[0], column / bins[1]
    far_enough = np.hypot(x * shape[0], y * shape[1]) > CLOSEST
    return ((column > 0) | (row > 0)) & (np.hypot(x, y) < HIGHEST) & far_enough


@cache
def _rounding(shape: tuple[int, int]) -> float:
    """Power that rounding to eight bits adds at least."""
    return float(np.square(hann_window(shape)).sum() / 12)
