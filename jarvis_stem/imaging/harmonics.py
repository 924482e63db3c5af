"""Fourier amplitudes of images at the harmonics of a lattice."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController
from torch import Tensor

from jarvis_stem.imaging.stem import PIXEL_SIZE
from jarvis_stem.utils.progress import track

BATCH = 32  # images
ORDERS = 3  # of harmonics that are refined on, each way


def hann_window(size: tuple[int, ...]) -> Tensor:
    """Hann's window for images of a size [H, W] in pixels, float32."""
    rows, columns = (torch.hann_window(n, periodic=False) for n in size)
    return rows[:, None] * columns


def apply_window(images: Tensor) -> Tensor:
    """The images less their mean under the window, times the window, float32."""
    window = hann_window(images.shape[1:])
    pixels = images.to(torch.float32)
    mean = (pixels * window).sum(2, keepdim=True).sum(1, keepdim=True) / window.sum()
    return (pixels - mean) * window


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
    amplitudes = np.zeros((len(images), len(harmonic_orders(orders))), np.complex64)
    known = np.flatnonzero(np.isfinite(vectors).all(axis=(1, 2)))
    table = harmonic_orders(orders).astype(np.float64)

    def work(part: slice) -> None:
        places = table @ np.linalg.inv(vectors[known[part]]).mT * PIXEL_SIZE
        found = amplitudes_at(torch.from_numpy(images[known[part]]), torch.from_numpy(places))
        amplitudes[known[part]] = found.numpy()

    by_batches(work, len(known), "measuring harmonics")
    return amplitudes


def by_batches(work: Callable[[slice], None], count: int, what: str) -> None:
    """Do work for batches of so many images, several at a time.

    Each batch is one thread's: its operations are too small to share among several. The number of
    torch's threads is left as it is for everybody else.

    Args:
        work: Called with the slice of each batch, in as many threads as torch has.
        count: Number of images.
        what: What is being done, at the left of the progress bar.
    """
    executor = ThreadPoolExecutor(torch.get_num_threads(), initializer=_compute_alone)
    try:
        starts = range(0, count, BATCH)
        batches = [executor.submit(work, slice(start, start + BATCH)) for start in starts]
        for batch in track(batches, what):
            batch.result()
    finally:
        executor.shutdown(cancel_futures=True)


def _compute_alone() -> None:
    """Have torch share nothing of what this thread computes among others."""
    torch.get_num_threads()  # torch takes over the process' number at its first use in a thread
    # OpenMP's number is the calling thread's alone; torch.set_num_threads is for all to come.
    _thread_pools().limit(limits=1, user_api="openmp")


@cache
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()


def amplitudes_at(images: Tensor, places: Tensor) -> Tensor:
    """Harmonics at places [N, M, 2] in cycles a pixel."""
    window = hann_window(images.shape[1:])
    windowed = apply_window(images)
    whole = (images * window).sum(2).sum(1)[:, None].clamp(min=1e-30)
    rows, columns = (plane_waves(places[..., i] * n, n) for i, n in enumerate(images.shape[1:]))
    amplitudes = (sum_over_rows(rows, windowed) * columns).sum(-1) / whole
    return torch.where((places.abs() <= 0.5).all(-1), amplitudes, 0)


def harmonic_power(places: Tensor, windowed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Power at places [N, M, 2] in cycles a window, its gradients and its second derivatives."""
    waves, along = [], []
    for axis, n in enumerate(windowed.shape[1:]):
        wave = plane_waves(places[..., axis], n)
        u = (2 * math.pi * pixel_positions(n) / n).float()
        waves.append(wave)
        along.append(u)
    rows = torch.cat([waves[0] * along[0] ** k for k in range(3)], 1)
    over_rows = sum_over_rows(rows, windowed).chunk(3, 1)
    columns = [waves[1] * along[1] ** k for k in range(3)]
    value, x, y, xx, xy, yy = (
        (over_rows[i] * columns[j]).sum(-1).to(torch.complex128)
        for i, j in ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
    )
    first = torch.stack([x, y], -1)
    second = torch.stack([xx, xy, xy, yy], -1).unflatten(-1, (2, 2))
    gradient = 2 * (value.conj()[..., None] * first).imag
    products = first.conj()[..., None] * first[..., None, :]
    curvature = 2 * (products - value.conj()[..., None, None] * second).real
    return value.abs().square(), gradient, curvature


def pixel_positions(size: int) -> Tensor:
    """Positions of so many pixels from their centre, pixels, float64."""
    return torch.arange(size, dtype=torch.float64) - (size - 1) / 2


def plane_waves(places: Tensor, size: int) -> Tensor:
    """Waves of places [N, M] in cycles a window over the pixels, complex64[N, M, size]."""
    cycles = places[..., None] * (pixel_positions(size) / size)
    # Single precision needs small angles.
    angles = (-2 * math.pi * (cycles - torch.round(cycles))).float()
    return torch.complex(torch.cos(angles), torch.sin(angles))


def sum_over_rows(waves: Tensor, windowed: Tensor) -> Tensor:
    """Sums over the rows of images times waves [N, K, H]: complex64[N, K, W]."""
    return torch.complex(torch.bmm(waves.real, windowed), torch.bmm(waves.imag, windowed))
