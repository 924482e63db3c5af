"""The lattice that an image shows, measured to a small fraction of a pixel.

Peaks of the power spectrum give a reciprocal basis: two strong ones, and a finer lattice where
others ask for one. Newton's method on its four numbers then maximises the power at the basis'
harmonics. What is measured is the primitive lattice of the projection, which may be finer than the
cell of the structure. Images are taken many at a time, each by itself: neither the others nor the
number of threads changes what is found.

Atoms are drawn on whole pixels. Harmonics beyond the sampling frequency therefore show up folded
back by whole cycles a pixel; weak peaks where those fall ask for nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging import _kernels
from jarvis_stem.imaging.harmonics import (
    apply_window,
    for_each,
    harmonic_orders,
    refine,
)
from jarvis_stem.imaging.peaks import CLOSEST, find_peaks
from jarvis_stem.imaging.stem import PIXEL_SIZE

_SMALLEST = 16  # pixels a side


@dataclass(frozen=True)
class Lattices:
    """Measured lattices of N images.

    Attributes:
        vectors: Reduced basis vectors a and b as rows, Å, float64[N, 2, 2] with x along rows of the
            image, as `reduce` returns them; NaN where no lattice was found.
        quality: Share of an image's peaks that the lattice explains, by weight, less what chance
            would give a lattice as fine, float64[N] in 0..1; 0 where no lattice was found.
    """

    vectors: NDArray[np.float64]
    quality: NDArray[np.float64]

    @cached_property
    def lengths(self) -> NDArray[np.float64]:
        """Lengths of a and b, Å, float64[N, 2]."""
        return np.linalg.norm(self.vectors, axis=2)

    @cached_property
    def gamma(self) -> NDArray[np.float64]:
        """Angle between a and b, degrees, float64[N]."""
        cosine = (self.vectors[:, 0] * self.vectors[:, 1]).sum(axis=1) / self.lengths.prod(axis=1)
        return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def measure(images: NDArray[np.uint8], cells: tuple[float, float] | None = None) -> Lattices:
    """Measure the lattice of each image.

    Args:
        images: uint8[N, H, W], 0.2 Å a pixel.
        cells: Least and greatest area of a cell, Å², where lattices of others count as none.

    Returns:
        The lattices, in the images' order.

    Examples:
        >>> from jarvis_stem.imaging import prototypes, stem
        >>> drawn = stem.simulate([prototypes.structures()["proto-1H-MoS2.jpg"]])
        >>> lattices = measure(stem.to_uint8(drawn))
        >>> lattices.lengths.round(2), lattices.gamma.round(2)
        (array([[3.16, 3.16]]), array([60.]))
    """
    vectors = np.full((len(images), 2, 2), np.nan)
    quality = np.zeros(len(images))
    field = math.prod(images.shape[1:]) * PIXEL_SIZE**2

    def work(part: slice) -> None:
        windowed, _ = apply_window(images[part])
        peaks = find_peaks(windowed)
        bases = _kernels.explaining(*peaks, CLOSEST)
        if cells:
            many = np.abs(np.linalg.det(bases))  # cells an image
            bases[(many * cells[0] > field) | (many * cells[1] < field)] = 0
        bases = refine(bases, harmonic_orders(), windowed)
        vectors[part], quality[part] = _kernels.lattices(bases, *peaks, PIXEL_SIZE)

    if min(images.shape[1:]) >= _SMALLEST:
        for_each(work, len(images), "measuring lattices")
    return Lattices(vectors, quality)


def reduce(bases: NDArray[np.float64]) -> NDArray[np.float64]:
    """Reduce plane lattices' bases to their two shortest vectors (Lagrange and Gauss).

    Args:
        bases: Independent vectors as rows, float64[..., 2, 2].

    Returns:
        float64[..., 2, 2] with |a| <= |b| and 0 <= a.b <= |a|^2 / 2 (gamma 60 to 90 degrees); a
        points to the half plane x > 0. What differs by less than 5e-8 of a length counts as equal,
        lest rounding choose: of vectors equally long the one nearer to x is taken, of two that are
        equally near that to y > 0, and where a is at right angles to b, b points to x > 0 too; a
        vector along y points to y > 0.

    Examples:
        >>> reduce(np.array([[3.0, 0.0], [7.0, 4.0]]))
        array([[3., 0.],
               [1., 4.]])
    """
    vectors = np.ascontiguousarray(bases, np.float64)
    return _kernels.reduced(vectors.reshape(-1, 2, 2)).reshape(vectors.shape)


def nearest_harmonics(
    basis: NDArray[np.float64], places: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance of each place [P, 2] from the nearest harmonic, cycles a window, and its orders."""
    return _kernels.nearest_harmonics(
        np.ascontiguousarray(basis, np.float64), np.ascontiguousarray(places, np.float64)
    )
