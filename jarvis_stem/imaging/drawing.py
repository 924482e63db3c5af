"""Draw a crystal's atoms on an image, each a copy of the probe, by compiled code.

Numba compiles it when this is first imported, which takes two seconds, and keeps the result for
later processes. There is nothing parallel in it: a forked process that uses the threads of its
parent's OpenMP is ended.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from numba.core.dispatcher import Dispatcher

_POWER = 1.7  # of the atomic number: the intensity
_BLOCK = 24  # columns added at once; vector instructions need a number that the compiler knows
_TOLERANCE = 1e-6  # cells; atoms on the border may be either way

_Function = TypeVar("_Function", bound=Callable[..., object])


def padded(probe: NDArray[np.float64]) -> NDArray[np.float32]:
    """Prepare a probe for `draw`.

    Args:
        probe: Intensities about the middle of an odd number of pixels, [K, K].

    Returns:
        float32[K + 2, >= K + 2], zero in the rows and columns around the probe.
    """
    size = len(probe)
    columns = math.ceil((size + 1) / _BLOCK) * _BLOCK
    return np.pad(probe, ((1, 1), (1, columns - size))).astype(np.float32)


def _kept(signature: str) -> Callable[[_Function], Dispatcher[_Function]]:
    """Compile at once, for these types alone, and keep the result where that can be done."""

    def decorate(function: _Function) -> Dispatcher[_Function]:
        try:
            return numba.njit(signature, nogil=True, cache=True)(function)
        except (OSError, RuntimeError):  # the disk is full, or no folder for it can be written to
            return numba.njit(signature, nogil=True)(function)

    return decorate


@numba.njit(nogil=True)
def _steps(
    cell: NDArray[np.float64],
    sites: NDArray[np.float64],
    axis: int,
    reach: float,
    end: float,
    bounded: bool,
) -> tuple[float, int]:
    """First step along a (0) or b (1) to a cell with a site that may be in reach, and how many."""
    other = 1 - axis
    area = cell[axis, 0] * cell[other, 1] - cell[axis, 1] * cell[other, 0]
    along_x, along_y = cell[other, 1] / area, -cell[other, 0] / area  # the reciprocal vector
    steps = reach * (abs(along_x) + abs(along_y)) + _TOLERANCE
    low, high = math.inf, -math.inf
    for n in range(len(sites)):
        fractional = sites[n, 0] * along_x + sites[n, 1] * along_y
        low, high = min(low, fractional), max(high, fractional)
    first, last = -steps - high, steps - low
    if bounded:
        first, last = max(first, -end), min(last, end)
    first = math.ceil(first + end) - end
    return first, max(0, math.ceil(last + _TOLERANCE - first))


@numba.njit(nogil=True)
def _add(
    canvas: NDArray[np.float32],
    top: int,
    left: int,
    down: float,
    right: float,
    intensity: float,
    probe: NDArray[np.float32],
) -> None:
    """Add an atom that lies between four pixels, so far down and right of the first one."""
    here = np.float32(intensity * (1 - down) * (1 - right))
    beside = np.float32(intensity * (1 - down) * right)
    below = np.float32(intensity * down * (1 - right))
    across = np.float32(intensity * down * right)
    for start in range(0, probe.shape[1] - 1, _BLOCK):
        for i in range(probe.shape[0] - 1):
            row = canvas[top + i, left + start :]
            lower, upper = probe[i + 1, start:], probe[i, start:]
            for j in range(_BLOCK):
                row[j] += (
                    here * lower[j + 1]
                    + beside * lower[j]
                    + below * upper[j + 1]
                    + across * upper[j]
                )


@_kept("f4[:,:](f8[:,::1], f8[:,::1], i8[::1], f8[::1], b1, f4[:,::1], i8, f8, f8)")
def draw(
    cell: NDArray[np.float64],
    sites: NDArray[np.float64],
    numbers: NDArray[np.int64],
    end: NDArray[np.float64],
    bounded: bool,
    probe: NDArray[np.float32],
    size: int,
    pixel_size: float,
    edge: float,
) -> NDArray[np.float32]:
    """Draw the atoms of a plane crystal, x along rows.

    Args:
        cell: Vectors a and b in rows, Å, [2, 2].
        sites: Positions about the image's centre of the atoms in one cell, Å, [N, 2].
        numbers: Atomic numbers, ascending, [N].
        end: Half the steps along a and b from a supercell's first cell to its last one, [2]; cells
            are whole steps from there.
        bounded: Whether the crystal ends with that supercell.
        probe: As `padded` returns it.
        size: Pixels along each edge of the image.
        pixel_size: Å.
        edge: How far outside the view atoms are drawn, Å.

    Returns:
        float32[size, size]. Of the atoms of one element that fall in one pixel the last one counts,
        in the order of the sites, then of the steps along a, then along b.
    """
    view = pixel_size * (size - 1)
    low, high = -edge / pixel_size, (view + edge) / pixel_size
    outside = math.ceil(edge / pixel_size) + 1
    rows, columns = probe.shape[0] - 1, probe.shape[1] - 1
    span = size + 2 * outside
    canvas = np.zeros((span + rows, span + columns), np.float32)
    latest = np.zeros((span, span), np.int16)  # element drawn last in each pixel
    first_a, n_a = _steps(cell, sites, 0, view / 2 + edge, end[0], bounded)
    first_b, n_b = _steps(cell, sites, 1, view / 2 + edge, end[1], bounded)
    for n in range(len(sites) - 1, -1, -1):  # backwards: the last one in a pixel comes first
        for i in range(n_a - 1, -1, -1):
            for j in range(n_b - 1, -1, -1):
                a, b = first_a + i, first_b + j
                x = (sites[n, 0] + (a * cell[0, 0] + b * cell[1, 0]) + view / 2) / pixel_size
                y = (sites[n, 1] + (a * cell[0, 1] + b * cell[1, 1]) + view / 2) / pixel_size
                if low < x < high and low < y < high:
                    row, column = math.floor(x), math.floor(y)
                    top, left = row + outside, column + outside
                    if latest[top, left] != numbers[n]:
                        latest[top, left] = numbers[n]
                        intensity = numbers[n] ** _POWER
                        _add(canvas, top, left, x - row, y - column, intensity, probe)
    start = outside + rows // 2 - 1
    return canvas[start : start + size, start : start + size]
