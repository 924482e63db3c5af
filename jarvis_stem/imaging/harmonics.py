"""Fourier amplitudes of images at the harmonics of a lattice.

The kernels are compiled; what one is compiled from is all in this file, for numba's cache looks at
nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from jarvis_stem.imaging.stem import PIXEL_SIZE
from jarvis_stem.utils.threads import in_threads

HIGHEST = 0.3  # cycles a pixel; beyond it the probe has blurred the peaks away
BATCH = 32  # images that a thread takes at a time
ORDERS = 3  # of harmonics that are refined on, each way
_TILE = 4  # lines that the kernel multiplies at once: as many as the processor's registers hold
_STEPS = 3  # of Newton's method at most
_LONGEST_STEP, _SHORT_STEP = 0.3, 3e-3  # cycles a window; after the latter the next is nothing

# Powers of the angle, from 0, for amplitudes and for second derivatives. Python's integers numba
# would take for types of their own, and compile all anew for each.
_FIRST: Any = np.int64(1)
_SECOND: Any = np.int64(3)

compiled = njit(cache=True, nogil=True, error_model="numpy")
# The same with sums in another order and products added in one go; NaN and infinity stay.
summing = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})


@cache
def hann_window(size: tuple[int, int]) -> NDArray[np.float32]:
    """Hann's window for images of a size [H, W] in pixels, float32."""
    rows, columns = (np.hanning(n).astype(np.float32) for n in size)
    return rows[:, None] * columns


class Halves(NamedTuple):
    """A windowed image folded at its middle row.

    Rows as far above the centre as below share harmonics' cosines, and their sines but for the
    sign: sums and differences are half the work. What is odd in the angle meets the differences.

    Attributes:
        sums: Of its lower rows and their mirror images, float32[R, W], rows padded.
        differences: Of the same, float32[R, W].
        height: Rows of the image.
    """

    sums: NDArray[np.float32]
    differences: NDArray[np.float32]
    height: int


def apply_window(
    images: NDArray[np.uint8],
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Images [N, H, W] less their mean under the window, times it; and their sums under it [N]."""
    pixels = images.astype(np.float32, order="C")
    return pixels, _less_mean(pixels, hann_window(images.shape[1:]))


@summing
def _less_mean(images: NDArray[np.float32], window: NDArray[np.float32]) -> NDArray[np.float64]:
    height, width = window.shape
    wholes = np.zeros(len(images))
    for n in range(len(images)):
        pixels, under = images[n], 0.0
        for row in range(height):
            line, weight = np.float32(0), np.float32(0)
            for column in range(width):
                line += pixels[row, column] * window[row, column]
                weight += window[row, column]
            wholes[n] += float(line)
            under += float(weight)
        mean = np.float32(wholes[n] / under)
        for row in range(height):
            for column in range(width):
                pixels[row, column] = (pixels[row, column] - mean) * window[row, column]
    return wholes


def harmonic_orders(highest: int = ORDERS) -> NDArray[np.int64]:
    """Orders (h, k) of a half plane's harmonics, h a* + k b*, int64[M, 2].

    Args:
        highest: Each of h and k is from -highest to highest.

    Examples:
        >>> harmonic_orders(1).tolist()
        [[0, 1], [1, -1], [1, 0], [1, 1]]
    """
    steps = range(-highest, highest + 1)
    return np.array([(h, k) for h in steps for k in steps if (h, k) > (0, 0)], dtype=np.int64)


def harmonics(
    images: NDArray[np.uint8], vectors: NDArray[np.float64], orders: int = ORDERS
) -> NDArray[np.complex64]:
    """Fourier amplitudes of images at the harmonics of their lattices.

    Args:
        images: uint8[N, H, W], 0.2 Å a pixel.
        vectors: Basis vectors of each image's lattice as rows, Å, float64[N, 2, 2]; NaN for none.
        orders: Highest order along each reciprocal vector.

    Returns:
        complex64[N, M] in the order of `harmonic_orders`: of the image less its mean under a Hann
        window, times the window, by that mean; phases are at the image's centre, (size - 1) / 2.
        0 where there is no lattice and beyond half a cycle a pixel.

    Examples:
        >>> rows = np.arange(256)[:, None] * np.ones(256)
        >>> stripes = np.uint8(100 + 50 * np.cos(2 * np.pi * rows / 16))  # 3.2 Å apart
        >>> amplitudes = harmonics(stripes[None], np.array([[[3.2, 0], [0, 3.2]]]), orders=1)
        >>> abs(amplitudes[0]).round(2)  # a half of 50 in 100, at (1, 0)
        array([0.  , 0.  , 0.25, 0.  ], dtype=float32)
    """
    table = harmonic_orders(orders)
    amplitudes = np.zeros((len(images), len(table)), np.complex64)
    size = np.array(images.shape[1:])
    bases = np.full_like(vectors, np.nan)  # cycles a window
    known = np.isfinite(vectors).all(axis=(1, 2))
    bases[known] = np.linalg.inv(vectors[known]).mT * PIXEL_SIZE * size

    def work(part: slice) -> None:
        windowed, wholes = apply_window(images[part])
        amplitudes[part] = _amplitudes(bases[part], table, windowed, wholes)

    for_each(work, len(images), "measuring harmonics")
    return amplitudes


@compiled
def _amplitudes(
    bases: NDArray[np.float64],
    orders: NDArray[np.int64],
    windowed: NDArray[np.float32],
    wholes: NDArray[np.float64],
) -> NDArray[np.complex64]:
    """Amplitudes of each image up to half a cycle a pixel, by its sum; 0 where a basis is NaN."""
    amplitudes = np.zeros((len(bases), len(orders)), np.complex64)
    _, height, width = windowed.shape
    for n in range(len(bases)):
        if not np.isnan(bases[n, 0, 0]):
            places = np.abs(orders.astype(np.float64) @ bases[n])
            inside = (places[:, 0] <= 0.5 * height) & (places[:, 1] <= 0.5 * width)
            found = moments_of(bases[n], orders[inside], mirrored(windowed[n]), _FIRST)
            for k, m in enumerate(np.flatnonzero(inside)):
                amplitudes[n, m] = found[k, 0, 0] / max(wholes[n], 1e-30)
    return amplitudes


def for_each(work: Callable[[slice], None], count: int, what: str) -> None:
    """Do work for so many images, several batches at a time.

    Args:
        work: Called with the place of each batch, in as many threads as OMP_NUM_THREADS says or
            there are cores.
        count: Number of images.
        what: What is being done, at the left of the progress bar that many images have.
    """
    parts = [slice(n, min(n + BATCH, count)) for n in range(0, count, BATCH)]
    in_threads(work, parts, what)


@compiled
def refine(
    bases: NDArray[np.float64], orders: NDArray[np.int64], windowed: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Maximise the power at the harmonics of each image's reciprocal basis.

    Args:
        bases: Reciprocal vectors as rows, cycles a window, float64[N, 2, 2]; zeros for none.
        orders: Of the harmonics, int64[M, 2].
        windowed: float32[N, H, W].

    Returns:
        The better bases, float64[N, 2, 2].
    """
    refined = bases.copy()
    for n in range(len(bases)):
        if bases[n].any():
            left, halves = visible(bases[n], orders, windowed[n].shape), mirrored(windowed[n])
            for _ in range(_STEPS):
                step = _step(*harmonic_power(refined[n], left, halves))
                for i in range(4):
                    refined[n, i // 2, i % 2] += step[i]
                if np.abs(step).max() < _SHORT_STEP:
                    break
    return refined


@compiled
def visible(
    basis: NDArray[np.float64], orders: NDArray[np.int64], size: tuple[int, int]
) -> NDArray[np.int64]:
    """Those of a basis' harmonics, cycles a window, that the probe has left something of."""
    x, y = (orders.astype(np.float64) @ basis).T
    return orders[np.hypot(x / size[0], y / size[1]) < HIGHEST]


@compiled
def _step(
    power: float, gradient: NDArray[np.float64], curvature: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Newton's step, not too long; uphill along every axis, also where the power curves up."""
    values, axes = np.linalg.eigh(curvature)
    step = axes @ (axes.T @ gradient / np.maximum(np.abs(values), max(1e-3 * power, 1e-30)))
    return step / max(np.abs(step).max() / _LONGEST_STEP, 1)


@compiled
def harmonic_power(
    basis: NDArray[np.float64], orders: NDArray[np.int64], image: Halves
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Power of a windowed image at harmonics, and its derivatives by the basis' four numbers.

    Args:
        basis: Reciprocal vectors as rows, cycles a window, float64[2, 2].
        orders: Of the harmonics, int64[M, 2].
        image: From `mirrored`.

    Returns:
        The sum of the power over the harmonics, its gradient [4] and second derivatives [4, 4].
    """
    moments = moments_of(basis, orders, image, _SECOND)
    power, gradient, curvature = 0.0, np.zeros(4), np.zeros((4, 4))
    for m in range(len(orders)):
        value = moments[m, 0, 0].conjugate()
        power += value.real**2 + value.imag**2
        for i in range(2):
            first = moments[m, 1 - i, i]
            slope = 2 * (value * first).imag
            for j in range(2):
                second = moments[m, 2 - i - j, i + j]
                bend = 2 * (first.conjugate() * moments[m, 1 - j, j] - value * second).real
                for p in range(2):
                    for q in range(2):
                        curvature[2 * p + i, 2 * q + j] += orders[m, p] * orders[m, q] * bend
            for p in range(2):
                gradient[2 * p + i] += orders[m, p] * slope
    return power, gradient, curvature


@compiled
def moments_of(
    basis: NDArray[np.float64], orders: NDArray[np.int64], image: Halves, count: int
) -> NDArray[np.complex128]:
    """Sums of a windowed image times harmonics' waves and powers of the positions' angles.

    Args:
        basis: Reciprocal vectors as rows, cycles a window, float64[2, 2].
        orders: Of the harmonics, int64[M, 2].
        image: From `mirrored`.
        count: Number of powers, from 0: of the angle that a cycle a window has at a pixel.

    Returns:
        complex128[M, count, count]: powers along rows and along columns, less than count in all;
        the amplitudes are at [:, 0, 0].
    """
    of_sums, of_differences = sums_over_rows(basis[:, 0].copy(), orders, image, count)
    cosines, sines = waves(basis[:, 1].copy(), orders, image.sums.shape[1], 0)
    return _over_columns(of_sums, of_differences, cosines, sines, count)


@compiled
def sums_over_rows(
    steps: NDArray[np.float64], orders: NDArray[np.int64], image: Halves, count: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sums over an image's rows times harmonics' waves and powers of the rows' angles.

    Args:
        steps: Reciprocal vectors along the rows, cycles a window, float64[2].
        orders: Of the harmonics, int64[M, 2].
        image: From `mirrored`.
        count: Number of powers, from 0: of the angle that a cycle a window has at a row.

    Returns:
        float32[count * M, W] each, padded: the real part and the imaginary one of even powers, the
        imaginary part and the real one of odd powers.
    """
    of_sums, of_differences = _row_waves(steps, orders, image.height, count)
    return _product(of_sums, image.sums), _product(of_differences, image.differences)


@summing
def mirrored(windowed: NDArray[np.float32]) -> Halves:
    """Fold a windowed image float32[H, W] at its middle row."""
    height, width = windowed.shape
    first = height // 2
    sums = np.zeros((_padded(height - first), width), np.float32)
    differences = np.zeros_like(sums)
    for row in range(height - first):
        after, before = windowed[first + row], windowed[height - 1 - first - row]
        share = np.float32(0.5 if height % 2 and row == 0 else 1)  # that row has no other
        for column in range(width):
            sums[row, column] = (after[column] + before[column]) * share
            differences[row, column] = after[column] - before[column]
    return Halves(sums, differences, height)


@summing
def _row_waves(
    steps: NDArray[np.float64], orders: NDArray[np.int64], height: int, count: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What an image's halves are multiplied by, float32[count * M, rows], padded."""
    first, n = height // 2, len(orders)
    cosines, sines = waves(steps, orders, height, first)
    factors = _powers(height, first, count)
    of_sums = np.zeros((_padded(count * n), _padded(height - first)), np.float32)
    of_differences = np.zeros_like(of_sums)
    for k in range(count):
        for m in range(n):
            even, odd = of_sums[k * n + m], of_differences[k * n + m]
            for row in range(height - first):
                cosine, sine = cosines[m, row] * factors[k, row], -sines[m, row] * factors[k, row]
                even[row] = sine if k % 2 else cosine
                odd[row] = cosine if k % 2 else sine
    return of_sums, of_differences


@summing
def _over_columns(
    of_sums: NDArray[np.float32],
    of_differences: NDArray[np.float32],
    cosines: NDArray[np.float32],
    sines: NDArray[np.float32],
    count: int,
) -> NDArray[np.complex128]:
    """Moments [M, count, count] from those over the rows and waves over the columns."""
    n, width = cosines.shape
    factors = _powers(width, 0, count)
    moments = np.zeros((n, count, count), np.complex128)
    for m in range(n):
        cosine, sine = cosines[m], sines[m]
        for i in range(count):
            real, imaginary = of_sums[i * n + m], of_differences[i * n + m]
            if i % 2:
                real, imaginary = imaginary, real
            for j in range(count - i):
                factor, x, y = factors[j], np.float32(0), np.float32(0)
                for c in range(width):
                    x += (real[c] * cosine[c] + imaginary[c] * sine[c]) * factor[c]
                    y += (imaginary[c] * cosine[c] - real[c] * sine[c]) * factor[c]
                moments[m, i, j] = complex(x, y)
    return moments


@compiled
def _powers(size: int, first: int, count: int) -> NDArray[np.float32]:
    """So many powers, from 0, of the angle that a cycle a window has at each pixel."""
    powers = np.empty((count, size - first), np.float32)
    for c in range(size - first):
        power = 1.0
        for k in range(count):
            powers[k, c] = power
            power *= 2 * math.pi / size * (first + c - (size - 1) / 2)
    return powers


@summing
def waves(
    steps: NDArray[np.float64], orders: NDArray[np.int64], size: int, first: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosines and sines of harmonics along one axis, float32[M, size - first] each.

    Powers of the two reciprocal vectors' waves give them, for few pixels' cosines and sines are
    computed as such.

    Args:
        steps: Reciprocal vectors along the axis, cycles a window, float64[2].
        orders: Of the harmonics, int64[M, 2].
        size: Pixels along the axis; phases are 0 at its centre.
        first: Pixel to start from.
    """
    n, highest = size - first, 0
    for h, k in orders:
        highest = max(highest, abs(h), abs(k))
    powers = np.empty((2, 2, highest + 1, n))  # of either vector; cosines and sines
    for v in range(2):
        for c in range(n):
            angle = 2 * math.pi / size * steps[v] * (first + c - (size - 1) / 2)
            cosine, sine = math.cos(angle), math.sin(angle)
            powers[v, 0, 0, c], powers[v, 1, 0, c] = 1, 0
            for k in range(highest):
                before, beside = powers[v, 0, k, c], powers[v, 1, k, c]
                powers[v, 0, k + 1, c] = before * cosine - beside * sine
                powers[v, 1, k + 1, c] = before * sine + beside * cosine
    cosines, sines = np.empty((len(orders), n), np.float32), np.empty((len(orders), n), np.float32)
    for m in range(len(orders)):
        h, k = orders[m]
        sign_h, sign_k = (1.0 if h >= 0 else -1.0), (1.0 if k >= 0 else -1.0)
        cos_h, sin_h = powers[0, 0, abs(h)], powers[0, 1, abs(h)]
        cos_k, sin_k = powers[1, 0, abs(k)], powers[1, 1, abs(k)]
        for c in range(n):
            cosines[m, c] = cos_h[c] * cos_k[c] - sign_h * sin_h[c] * (sign_k * sin_k[c])
            sines[m, c] = sign_h * sin_h[c] * cos_k[c] + cos_h[c] * (sign_k * sin_k[c])
    return cosines, sines


@compiled
def _padded(lines: int) -> int:
    return -(-lines // _TILE) * _TILE


@summing
def _product(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Matrix product, of sides padded to the tile; BLAS would bring its own threads."""
    product = np.zeros((len(left), right.shape[1]), np.float32)
    for m in range(0, len(left), _TILE):
        to0, to1, to2, to3 = product[m], product[m + 1], product[m + 2], product[m + 3]
        for n in range(0, len(right), _TILE):
            a0, b0, c0, d0 = left[m, n], left[m, n + 1], left[m, n + 2], left[m, n + 3]
            a1, b1, c1, d1 = (
                left[m + 1, n],
                left[m + 1, n + 1],
                left[m + 1, n + 2],
                left[m + 1, n + 3],
            )
            a2, b2, c2, d2 = (
                left[m + 2, n],
                left[m + 2, n + 1],
                left[m + 2, n + 2],
                left[m + 2, n + 3],
            )
            a3, b3, c3, d3 = (
                left[m + 3, n],
                left[m + 3, n + 1],
                left[m + 3, n + 2],
                left[m + 3, n + 3],
            )
            from_a, from_b, from_c, from_d = right[n], right[n + 1], right[n + 2], right[n + 3]
            for column in range(right.shape[1]):
                a, b, c, d = from_a[column], from_b[column], from_c[column], from_d[column]
                to0[column] += a0 * a + b0 * b + c0 * c + d0 * d
                to1[column] += a1 * a + b1 * b + c1 * c + d1 * d
                to2[column] += a2 * a + b2 * b + c2 * c + d2 * d
                to3[column] += a3 * a + b3 * b + c3 * c + d3 * d
    return product
