"""Peaks of an image's power spectrum, from which a lattice's measurement starts."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rocket_fft import c2c, r2c
from scipy.fft import next_fast_len

from jarvis_stem.imaging.harmonics import HIGHEST, compiled, hann_window

_NOISE_FROM = 0.42  # cycles a pixel; beyond it there is noise alone
_NOISE_STEP = 3  # bins: a part of the noise says how strong it is
_ABOVE_NOISE = 4.5  # times its root mean square; no noise of an image reaches that
_FAINTEST = 0.007  # of the strongest peak's amplitude
_MOST_PEAKS = 64
CLOSEST = 2.5  # cycles a window; closer peaks run into each other
_REACH = 2  # bins, each way, among which a peak is the highest


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
    n, *size = windowed.shape
    shape = (size[0], size[1])
    bins, reach = _resolution(shape)
    found = Peaks(
        np.empty((n, _MOST_PEAKS, 2)),
        np.empty((n, _MOST_PEAKS)),
        np.empty((n, _MOST_PEAKS)),
        np.empty(n, np.int64),
        np.array(shape, np.float64),
    )
    _find(windowed, bins, reach, _usable(shape), _rounding(shape), found)
    return found


def _resolution(shape: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Bins to a cycle a pixel along rows and columns, and how many each way matter."""
    rows, columns = (2 * next_fast_len(n) for n in shape)
    reach = [min(math.ceil(HIGHEST * n) + _REACH, n // 2 - 1) for n in (rows, columns)]
    return (rows, columns), (reach[0], reach[1])


@cache
def _usable(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Where in a half plane of the low frequencies peaks are neither too far nor too close."""
    bins, reach = _resolution(shape)
    row, column = np.ogrid[_REACH - reach[0] : reach[0] - _REACH + 1, : reach[1] - _REACH + 1]
    x, y = row / bins[0], column / bins[1]
    far_enough = np.hypot(x * shape[0], y * shape[1]) > CLOSEST
    return ((column > 0) | (row > 0)) & (np.hypot(x, y) < HIGHEST) & far_enough


@cache
def _rounding(shape: tuple[int, int]) -> np.float32:
    """Power that rounding to eight bits adds at least."""
    return np.float32(np.square(hann_window(shape)).sum() / 12)


@compiled
def _find(
    windowed: NDArray[np.float32],
    bins: tuple[int, int],
    reach: tuple[int, int],
    usable: NDArray[np.bool_],
    rounding: np.float32,
    found: Peaks,
) -> None:
    """Write down the peaks of each image."""
    _, height, width = windowed.shape
    padded = np.zeros((height, bins[1]), np.float32)
    half = np.empty((height, bins[1] // 2 + 1), np.complex64)
    spectrum = np.empty((bins[0], reach[1] + 1), np.complex64)
    for n in range(len(windowed)):
        for row in range(height):  # assigning to a part of an array takes seconds to compile
            for column in range(width):
                padded[row, column] = windowed[n, row, column]
        r2c(padded, half, np.array([1]), True, 1.0, 1)
        c2c(half[:, : reach[1] + 1], spectrum, np.array([0]), True, 1.0, 1)
        places, heights, weights = _strongest(spectrum, reach[0], usable, rounding)
        found.counts[n] = len(places)
        for peak in range(len(places)):
            for axis in range(2):
                found.places[n, peak, axis] = places[peak, axis] * (found.size[axis] / bins[axis])
            found.heights[n, peak], found.weights[n, peak] = heights[peak], weights[peak]


@compiled
def _strongest(
    spectrum: NDArray[np.complex64], reach: int, usable: NDArray[np.bool_], rounding: np.float32
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Places, bins, heights and weights of a spectrum's strongest peaks; see `Peaks`."""
    power = _low_power(spectrum, reach)
    floor = np.float32(_ABOVE_NOISE**2) * max(_noise(spectrum), rounding)
    here, heights = _highest(power.ravel(), _tops(power, usable, floor))
    strongest = heights[:1].sum()
    floor = max(floor, np.float32(_FAINTEST**2 * strongest))
    count = (heights > floor).sum()
    here, heights = here[:count], heights[:count]
    places = np.empty((count, 2))
    for n in range(count):
        row, column = divmod(here[n], power.shape[1])
        places[n, 0] = row - reach + _vertex(power, row - 1, column, row + 1, column)
        places[n, 1] = column - _REACH + _vertex(power, row, column - 1, row, column + 1)
    return places, np.sqrt(heights / strongest), np.log(heights / floor) / 2


@compiled
def _highest(
    power: NDArray[np.float32], tops: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The highest of the tops, in the flattened power, with their heights; the highest first.

    Kept in order one by one: NumPy's sorting takes seconds to compile.
    """
    here, heights, count = np.empty(_MOST_PEAKS, np.int64), np.empty(_MOST_PEAKS), 0
    for top in tops:
        height = np.float64(power[top])
        place = count
        while place > 0 and heights[place - 1] < height:
            place -= 1
        if place == _MOST_PEAKS:
            continue
        count = min(count + 1, _MOST_PEAKS)
        for later in range(count - 1, place, -1):
            here[later], heights[later] = here[later - 1], heights[later - 1]
        here[place], heights[place] = top, height
    return here[:count], heights[:count]


@compiled
def _noise(spectrum: NDArray[np.complex64]) -> np.float32:
    """Power of the noise: the median of what is beyond the probe's reach."""
    first, last = int(_NOISE_FROM * len(spectrum)), int((1 - _NOISE_FROM) * len(spectrum))
    rows, columns = range(first, last, _NOISE_STEP), range(0, spectrum.shape[1], _NOISE_STEP)
    power, n = np.empty(len(rows) * len(columns), np.float32), 0
    for row in rows:
        for column in columns:
            value = spectrum[row, column]
            power[n] = value.real * value.real + value.imag * value.imag
            n += 1
    return np.float32(_smallest(power, (n - 1) // 2) / np.float32(math.log(2)))


@compiled
def _smallest(values: NDArray[np.float32], place: int) -> np.float32:
    """The value at a place in their order, by Hoare's quickselect, which changes their order.

    NumPy's partition takes seconds to compile.
    """
    low, high = 0, len(values) - 1
    while low < high:
        pivot, left, right = values[(low + high) // 2], low, high
        while left <= right:
            while values[left] < pivot:
                left += 1
            while values[right] > pivot:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left, right = left + 1, right - 1
        if right < place < left:
            break
        low, high = (low, right) if place <= right else (left, high)
    return values[place]


@compiled
def _low_power(spectrum: NDArray[np.complex64], reach: int) -> NDArray[np.float32]:
    rows, columns = 2 * reach + 1, spectrum.shape[1]
    power = np.empty((rows, _REACH + columns), np.float32)
    for row in range(rows):
        line = spectrum[(row - reach) % len(spectrum)]
        for column in range(columns):
            value = line[column]
            squared = value.real * value.real + value.imag * value.imag
            power[row, _REACH + column] = squared
            if 0 < column <= _REACH:  # a real image's spectrum is symmetric
                power[rows - 1 - row, _REACH - column] = squared
    return power


@compiled
def _tops(
    power: NDArray[np.float32], usable: NDArray[np.bool_], floor: np.float32
) -> NDArray[np.int64]:
    """Where usable power above a floor is the highest of five by five, in the flattened array."""
    rows, columns = usable.shape
    across = np.empty((len(power), columns), np.float32)  # the highest of five side by side
    for row in range(len(power)):
        line, highest = power[row], across[row]
        for column in range(columns):
            highest[column] = line[column]
        for step in range(1, 2 * _REACH + 1):
            for column in range(columns):
                value = line[column + step]
                highest[column] = value if value > highest[column] else highest[column]
    found, count = np.empty(usable.size, np.int64), 0
    highest = np.empty(columns, np.float32)
    for row in range(rows):
        for column in range(columns):
            highest[column] = floor
        for step in range(2 * _REACH + 1):
            line = across[row + step]
            for column in range(columns):
                value = line[column]
                highest[column] = value if value > highest[column] else highest[column]
        line = power[row + _REACH]
        for column in range(columns):
            top = line[column + _REACH]
            if top > floor and top == highest[column] and usable[row, column]:
                found[count] = (row + _REACH) * power.shape[1] + column + _REACH
                count += 1
    return found[:count]


@compiled
def _vertex(power: NDArray[np.float32], row: int, column: int, other: int, beside: int) -> float:
    """Where the parabola through a peak of the log power and these two neighbours has its top."""
    below = math.log(max(np.float64(power[row, column]), 1e-30))
    above = math.log(max(np.float64(power[other, beside]), 1e-30))
    top = math.log(max(np.float64(power[(row + other) // 2, (column + beside) // 2]), 1e-30))
    offset = (below - above) / (2 * min(below - 2 * top + above, -1e-9))
    return min(max(offset, -1.0), 1.0)
