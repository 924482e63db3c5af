"""Fourier amplitudes of images at the harmonics of a lattice."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging import _kernels
from jarvis_stem.imaging.stem import PIXEL_SIZE
from jarvis_stem.utils.threads import in_threads

HIGHEST = 0.3  # cycles a pixel; beyond it the probe has blurred the peaks away
BATCH = 32  # images that a thread takes at a time
ORDERS = 3  # of harmonics that are refined on, each way
_STEPS = 3  # of Newton's method at most
_LONGEST_STEP, _SHORT_STEP = 0.3, 3e-3  # cycles a window; after the latter the next is nothing


@cache
def hann_window(size: tuple[int, int]) -> NDArray[np.float32]:
    """Hann's window for images of a size [H, W] in pixels, float32."""
    rows, columns = (np.hanning(n).astype(np.float32) for n in size)
    return rows[:, None] * columns


class Halves(NamedTuple):
    """Windowed images folded at their middle row, as compiled code takes them.

    Attributes:
        sums: Of the lower rows and their mirror images, float32[N, R, W], rows padded.
        differences: Of the same, float32[N, R, W].
        height: Rows of an image.
    """

    sums: NDArray[np.float32]
    differences: NDArray[np.float32]
    height: int


def apply_window(
    images: NDArray[np.uint8],
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Images [N, H, W] less their mean under the window, times it; and their sums under it [N]."""
    pixels = images.astype(np.float32, order="C")
    return pixels, _kernels.apply_window(pixels, hann_window(images.shape[1:]))


def fold(windowed: NDArray[np.float32]) -> Halves:
    """Fold windowed images float32[N, H, W] at their middle row."""
    return Halves(*_kernels.fold(windowed), windowed.shape[1])


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
    if len(images) != len(vectors):
        raise ValueError(f"expected vectors of {len(images)} images, got {len(vectors)}")
    table = harmonic_orders(orders)
    amplitudes = np.zeros((len(images), len(table)), np.complex64)
    size = np.array(images.shape[1:])
    vectors = np.asarray(vectors, np.float64)
    bases = np.full(vectors.shape, np.nan)  # cycles a window
    known = np.isfinite(vectors).all(axis=(1, 2))
    bases[known] = np.linalg.inv(vectors[known]).mT * PIXEL_SIZE * size

    def work(part: slice) -> None:
        windowed, wholes = apply_window(images[part])
        places = np.abs(table @ bases[part])
        inside = np.all(places <= size / 2, axis=2)  # of NaN none is
        found = _kernels.amplitudes(bases[part], table, inside, *fold(windowed))
        amplitudes[part] = found / np.maximum(wholes, 1e-30)[:, None]

    for_each(work, len(images), "measuring harmonics")
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
    refined, halves = bases.copy(), fold(windowed)
    used = visible(bases, orders, windowed.shape[1:])
    moving = np.flatnonzero(bases.any(axis=(1, 2)))
    for _ in range(_STEPS):
        power = _kernels.harmonic_powers(refined[moving], moving, orders, used[moving], *halves)
        steps = _steps(*power)
        refined[moving] += steps.reshape(-1, 2, 2)
        moving = moving[~(np.abs(steps).max(axis=1) < _SHORT_STEP)]
    return refined


def visible(
    bases: NDArray[np.float64], orders: NDArray[np.int64], size: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Of which harmonics of each basis, cycles a window, the probe has left something: [N, M]."""
    return np.hypot(*np.moveaxis(orders @ bases / size, 2, 0)) < HIGHEST


def _steps(
    powers: NDArray[np.float64], gradients: NDArray[np.float64], curvatures: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Newton's steps [N, 4], not too long; uphill along every axis, also where power curves up."""
    values, axes = np.linalg.eigh(curvatures)
    least = np.maximum(1e-3 * powers, 1e-30)[:, None]
    along = np.einsum("nij,ni->nj", axes, gradients) / np.maximum(np.abs(values), least)
    steps = np.einsum("nij,nj->ni", axes, along)
    longest = np.abs(steps).max(axis=1, keepdims=True)
    return np.asarray(steps / np.maximum(longest / _LONGEST_STEP, 1))


def harmonic_power(
    basis: NDArray[np.float64], orders: NDArray[np.int64], image: Halves
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Power of a windowed image at harmonics, and its derivatives by the basis' four numbers.

    Args:
        basis: Reciprocal vectors as rows, cycles a window, float64[2, 2].
        orders: Of the harmonics, int64[M, 2].
        image: From `fold`, one alone.

    Returns:
        The sum of the power over the harmonics, its gradient [4] and second derivatives [4, 4].
    """
    every = np.ones((1, len(orders)), bool)
    one = np.zeros(1, np.int64)
    powers = _kernels.harmonic_powers(basis[None], one, orders, every, *image)
    power, gradient, curvature = (values[0] for values in powers)
    return float(power), gradient, curvature


def moments_of(
    basis: NDArray[np.float64], orders: NDArray[np.int64], image: Halves, count: int
) -> NDArray[np.complex128]:
    """Sums of a windowed image times harmonics' waves and powers of the positions' angles.

    Args:
        basis: Reciprocal vectors as rows, cycles a window, float64[2, 2].
        orders: Of the harmonics, int64[M, 2].
        image: From `fold`, one alone.
        count: Number of powers, from 0: of the angle that a cycle a window has at a pixel.

    Returns:
        complex128[M, count, count]: powers along rows and along columns, less than count in all;
        the amplitudes are at [:, 0, 0].
    """
    return _kernels.moments(basis, orders, *image, count)


def sums_over_rows(
    steps: NDArray[np.float64], orders: NDArray[np.int64], image: Halves, count: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sums over an image's rows times harmonics' waves and powers of the rows' angles.

    Args:
        steps: Reciprocal vectors along the rows, cycles a window, float64[2].
        orders: Of the harmonics, int64[M, 2].
        image: From `fold`, one alone.
        count: Number of powers, from 0: of the angle that a cycle a window has at a row.

    Returns:
        float32[count * M, W] each, padded: the real part and the imaginary one of even powers, the
        imaginary part and the real one of odd powers.
    """
    return _kernels.sums_over_rows(steps, orders, *image, count)


def waves(
    steps: NDArray[np.float64], orders: NDArray[np.int64], size: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosines and sines of harmonics along one axis, float32[M, size] each.

    Args:
        steps: Reciprocal vectors along the axis, cycles a window, float64[2].
        orders: Of the harmonics, int64[M, 2].
        size: Pixels along the axis; phases are 0 at its centre.
    """
    return _kernels.waves(steps, orders, size)
