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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging.harmonics import (
    apply_window,
    compiled,
    for_each,
    harmonic_orders,
    refine,
)
from jarvis_stem.imaging.peaks import CLOSEST, Peaks, find_peaks
from jarvis_stem.imaging.stem import PIXEL_SIZE

_SMALLEST = 16  # pixels a side
_NEAR = 0.4  # cycles a window: how far a peak may be from a harmonic
_EXACT = 0.15  # the same, where it shall prove a finer lattice
_SEEDS, _PARTNERS = 4, 12  # peaks, of the strongest, that the first basis is two of
_STRONG = 0.3  # of the strongest peak's amplitude, for a peak of the first basis if there are such
_DIVISIONS = 6  # how many times finer a lattice may be made at once
_FAINTER = (0.1, 0.03, 0.0)  # of the strongest peak: what finer lattices are made for in turn
_ENOUGH = 0.7  # of the unexplained peaks have to fit a finer lattice
_PRICE = 2.5  # of a lattice e times finer, in weights of peaks
_FOLDS = 1  # whole cycles a pixel, each way, that harmonics are folded back by
_FOLDED = 3.0  # times the strength that bilinear drawing gives a folded harmonic at most


@dataclass(frozen=True)
class Lattices:
    """Measured lattices of N images.

    Attributes:
        vectors: Reduced basis vectors a and b as rows, Å, float64[N, 2, 2] with x along rows of the
            image; |a| <= |b|, gamma 60 to 90 degrees. NaN where no lattice was found.
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
        bases = _explaining(peaks, CLOSEST)
        if cells:
            many = np.abs(np.linalg.det(bases))  # cells an image
            bases[(many * cells[0] > field) | (many * cells[1] < field)] = 0
        bases = refine(bases, harmonic_orders(), windowed)
        vectors[part], quality[part] = _lattices(bases, peaks, PIXEL_SIZE)

    if min(images.shape[1:]) >= _SMALLEST:
        for_each(work, len(images), "measuring lattices")
    return Lattices(vectors, quality)


def reduce(bases: NDArray[np.float64]) -> NDArray[np.float64]:
    """Reduce plane lattices' bases to their two shortest vectors (Lagrange and Gauss).

    Args:
        bases: Independent vectors as rows, float64[..., 2, 2].

    Returns:
        float64[..., 2, 2] with |a| <= |b| and 0 <= a.b <= |a|^2 / 2; a points to the half plane
        x > 0.

    Examples:
        >>> reduce(np.array([[3.0, 0.0], [7.0, 4.0]]))
        array([[3., 0.],
               [1., 4.]])
    """
    reduced = np.array(bases, np.float64, order="C")
    _reduce_each(reduced.reshape(-1, 2, 2))
    return reduced


@compiled
def _reduce_each(bases: NDArray[np.float64]) -> None:
    for n in range(len(bases)):
        _put(_reduced(bases[n]), bases, n)


@compiled
def _reduced(basis: NDArray[np.float64]) -> NDArray[np.float64]:
    ax, ay, bx, by = basis[0, 0], basis[0, 1], basis[1, 0], basis[1, 1]
    while True:
        if ax * ax + ay * ay > bx * bx + by * by:
            ax, ay, bx, by = bx, by, ax, ay
        times = np.rint((ax * bx + ay * by) / (ax * ax + ay * ay))
        x, y = bx - times * ax, by - times * ay
        if not x * x + y * y < bx * bx + by * by:  # rounding must not keep it going round
            break
        bx, by = x, y
    if ax < 0:
        ax, ay = -ax, -ay
    sign = -1.0 if ax * bx + ay * by < 0 else 1.0
    return _basis(ax, ay, sign * bx, sign * by)


@compiled
def _basis(ax: float, ay: float, bx: float, by: float) -> NDArray[np.float64]:
    basis = np.empty((2, 2))
    basis[0, 0], basis[0, 1], basis[1, 0], basis[1, 1] = ax, ay, bx, by
    return basis


class _Peaks(NamedTuple):
    """Those of one image, P of them; see `Peaks`."""

    places: NDArray[np.float64]
    heights: NDArray[np.float64]
    weights: NDArray[np.float64]
    size: NDArray[np.float64]


@compiled
def _of_image(peaks: Peaks, n: int) -> _Peaks:
    count = peaks.counts[n]
    heights, weights = peaks.heights[n, :count], peaks.weights[n, :count]
    return _Peaks(peaks.places[n, :count], heights, weights, peaks.size)


@compiled
def _explaining(peaks: Peaks, closest: float) -> NDArray[np.float64]:
    """The basis that best explains each image's peaks, zeros where none does: [N, 2, 2]."""
    bases = np.empty((len(peaks.counts), 2, 2))
    for n in range(len(bases)):
        those = _of_image(peaks, n)
        basis = _start(those, closest)
        if _area(basis) > 0:
            for height in _FAINTER:
                basis = _divide(_fit(basis, those), those, height, closest)
            basis = _fit(basis, those)
        _put(basis, bases, n)
    return bases


@compiled
def _put(basis: NDArray[np.float64], bases: NDArray[np.float64], n: int) -> None:
    """Make it the nth of several; assigning to a part of an array takes seconds to compile."""
    for i in range(2):
        for j in range(2):
            bases[n, i, j] = basis[i, j]


@compiled
def _lattices(
    bases: NDArray[np.float64], peaks: Peaks, pixel_size: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Basis vectors, Å, and quality by image, NaN and 0 where no basis was found."""
    vectors, quality = np.full(bases.shape, np.nan), np.zeros(len(bases))
    for n in range(len(bases)):
        if bases[n].any():
            _put(_reduced(_inverse(bases[n] / peaks.size).T * pixel_size), vectors, n)
            quality[n] = _quality(bases[n], _of_image(peaks, n))
    return vectors, quality


@compiled
def _start(peaks: _Peaks, closest: float) -> NDArray[np.float64]:
    """The basis of the smallest cell that two of the strongest peaks make, zeros if none do."""
    basis, smallest = np.zeros((2, 2)), np.inf
    for i in range(min(_SEEDS, len(peaks.places))):
        for j in range(i + 1, min(_PARTNERS, len(peaks.places))):
            a, b = peaks.places[i], peaks.places[j]
            pair = _basis(a[0], a[1], b[0], b[1])
            area, most = _area(pair), math.sqrt((a[0] ** 2 + a[1] ** 2) * (b[0] ** 2 + b[1] ** 2))
            if area > 0.15 * most and area > closest**2:
                area += 1e6 if peaks.heights[j] < _STRONG else 0.0
                if area < smallest:
                    smallest, basis = area, pair
    return _reduced(basis)


@compiled
def _area(basis: NDArray[np.float64]) -> float:
    return abs(basis[0, 0] * basis[1, 1] - basis[0, 1] * basis[1, 0])


@compiled
def _inverse(basis: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b, c, d = basis[0, 0], basis[0, 1], basis[1, 0], basis[1, 1]
    det = a * d - b * c
    return _basis(d / det, -b / det, -c / det, a / det)


@compiled
def nearest_harmonics(
    basis: NDArray[np.float64], places: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance of each place [P, 2] from the nearest harmonic, cycles a window, and its orders."""
    inverse = _inverse(basis)
    misses, orders = np.empty(len(places)), np.empty((len(places), 2))
    for n in range(len(places)):
        x, y = places[n, 0], places[n, 1]
        h, k = x * inverse[0, 0] + y * inverse[1, 0], x * inverse[0, 1] + y * inverse[1, 1]
        orders[n, 0], orders[n, 1] = np.rint(h), np.rint(k)
        h, k = h - orders[n, 0], k - orders[n, 1]
        x, y = h * basis[0, 0] + k * basis[1, 0], h * basis[0, 1] + k * basis[1, 1]
        misses[n] = math.sqrt(x * x + y * y)
    return misses, orders


@compiled
def _fit(basis: NDArray[np.float64], peaks: _Peaks) -> NDArray[np.float64]:
    """Least squares over the peaks that are harmonics, weighted by their amplitudes."""
    misses, orders = nearest_harmonics(basis, peaks.places)
    normal, right = np.zeros((2, 2)), np.zeros((2, 2))
    for n in range(len(misses)):
        if misses[n] <= _NEAR:
            for i in range(2):
                left = orders[n, i] * peaks.heights[n] ** 2
                for j in range(2):
                    normal[i, j] += left * orders[n, j]
                    right[i, j] += left * peaks.places[n, j]
    if _area(normal) <= 1e-6:
        return basis
    inverse, fitted = _inverse(normal), np.empty((2, 2))
    for i in range(2):
        for j in range(2):
            fitted[i, j] = inverse[i, 0] * right[0, j] + inverse[i, 1] * right[1, j]
    return fitted


@compiled
def _unexplained(basis: NDArray[np.float64], peaks: _Peaks) -> NDArray[np.float64]:
    """Weights of the peaks that are neither harmonics nor where weak ones are folded back to."""
    misses, _ = nearest_harmonics(basis, peaks.places)
    folded, weights = _folded(basis, peaks), np.zeros(len(misses))
    for n in range(len(misses)):
        if misses[n] > _NEAR and not folded[n]:
            weights[n] = peaks.weights[n]
    return weights


@compiled
def _folded(basis: NDArray[np.float64], peaks: _Peaks) -> NDArray[np.bool_]:
    """Whether each peak may be a harmonic from beyond the sampling frequency.

    Drawing an atom on four pixels bilinearly multiplies its transform by sinc^2 of either frequency
    and adds copies of that shifted by whole cycles a pixel; at frequency q the copy from q + m is
    (q / (q + m))^2 of a harmonic that were there itself.
    """
    folded = np.zeros(len(peaks.places), np.bool_)
    origins, copies = np.empty_like(peaks.places), np.empty(len(folded))
    for i in range(-_FOLDS, _FOLDS + 1):
        for j in range(-_FOLDS, _FOLDS + 1):
            for n in range(len(folded)):
                copies[n] = 1.0
                for axis in range(2):
                    fold = i if axis == 0 else j
                    place = peaks.places[n, axis]
                    origins[n, axis] = place + fold * peaks.size[axis]
                    if fold != 0:
                        copies[n] *= (place / origins[n, axis]) ** 2
            misses, _ = nearest_harmonics(basis, origins)
            for n in range(len(folded)):
                near = misses[n] <= _NEAR and (i != 0 or j != 0)
                folded[n] |= near and peaks.heights[n] < _FOLDED * copies[n]
    return folded


@compiled
def _divide(
    basis: NDArray[np.float64], peaks: _Peaks, height: float, closest: float
) -> NDArray[np.float64]:
    """Of lattices up to some times finer the one that best explains what is not, from a height."""
    weights, total = _unexplained(basis, peaks), 0.0
    for n in range(len(weights)):
        weights[n] = weights[n] if peaks.heights[n] >= height else 0.0
        total += weights[n]
    best, most = basis, 0.0
    for i in range(1, _DIVISIONS + 1):
        for j in range(1, _DIVISIONS // i + 1):
            for k in range(j):  # Hermite's normal form of every lattice that many times coarser
                x, y = basis[0, 0] / i, basis[0, 1] / i
                finer = _basis(x, y, (basis[1, 0] - k * x) / j, (basis[1, 1] - k * y) / j)
                misses, _ = nearest_harmonics(finer, peaks.places)
                explained = 0.0
                for n in range(len(weights)):
                    explained += weights[n] if misses[n] <= _EXACT else 0.0
                area = _area(finer)
                gain = explained - total * _chance(area, _EXACT) - _PRICE * math.log(i * j)
                if explained >= _ENOUGH * total and area > closest**2 and gain > most:
                    best, most = (finer, gain) if i * j > 1 else (best, most)
    return _reduced(best)


@compiled
def _chance(area: float, tolerance: float) -> float:
    """Probability that a peak anywhere is as near to a harmonic."""
    return min(math.pi * tolerance**2 / area, 1.0)


@compiled
def _quality(basis: NDArray[np.float64], peaks: _Peaks) -> float:
    missed = _unexplained(basis, peaks).sum() / max(peaks.weights.sum(), 1e-30)
    return max(0.0, min(1.0, 1 - missed - _chance(_area(basis), _NEAR)))
