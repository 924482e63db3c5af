"""Two lattices in one spectrum: layers one upon the other, or grains smaller than a tile.

Peaks of two lattices make one that explains them badly, or one that is far too coarse. So pairs of
lattices are tried, each made of two strong peaks, for the pair that explains most of all peaks.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging import measurement
from jarvis_stem.imaging.harmonics import apply_window
from jarvis_stem.imaging.peaks import CLOSEST, find_peaks

_NEAR = 0.4  # cycles a window: how far a peak may be from a harmonic
_SEEDS = 14  # strong peaks that a lattice is made of two of
_TRIED = 40  # first lattices
_FLATTEST = 0.15  # area of a basis by the product of its lengths
_TOGETHER = 0.75  # of the peaks, by weight, are explained by both
MORE = 0.15  # than by one lattice
_EACH = 0.15  # explained by one of them alone
_SIZES = 2.5  # between the areas of the cells
_COARSEST, _COMMON = 6, 0.1  # times as coarse, of its vectors: what both are harmonics of

Bases = NDArray[np.float64]


@dataclass(frozen=True)
class _Peaks:
    places: NDArray[np.float64]
    heights: NDArray[np.float64]
    weights: NDArray[np.float64]  # with 1 as sum


def find_two(image: NDArray[np.uint8]) -> list[tuple[Bases, float]]:
    """Find two lattices in an image that one does not explain.

    Args:
        image: uint8[H, W].

    Returns:
        Reduced basis vectors as rows, pixels, float64[2, 2], and the share of the peaks, by weight,
        that they explain, of the lattice that explains more first; nothing where there are no two.
    """
    quality = measurement.measure(image[None]).quality[0]
    peaks, size = _peaks(image)
    pair = _best(peaks) if quality < 1 - MORE else None
    if pair is None:
        return []
    first, second = (_near(basis, peaks) for basis in pair)
    alone = min(_sum(first & ~second, peaks), _sum(second & ~first, peaks))
    together = _sum(first | second, peaks)
    if alone < _EACH or together < max(_TOGETHER, quality + MORE) or not _are_two(pair):
        return []
    inverse = np.asarray(np.linalg.inv(pair / size), np.float64)
    vectors = measurement.reduce(inverse.transpose(0, 2, 1))
    shares = [_sum(first, peaks), _sum(second, peaks)]
    return sorted(zip(vectors, shares, strict=True), key=lambda found: -found[1])


def fitted(vectors: Bases, image: NDArray[np.uint8]) -> Bases:
    """Fit a lattice to an image's peaks by least squares.

    Args:
        vectors: Basis vectors as rows, pixels, float64[2, 2].
        image: uint8[H, W].

    Returns:
        Basis vectors near those, float64[2, 2]; the same where there are no such peaks.
    """
    peaks, size = _peaks(image)
    basis = _fit(np.linalg.inv(vectors).T * size, peaks)
    return np.asarray(np.linalg.inv(basis / size).T)


def _peaks(image: NDArray[np.uint8]) -> tuple[_Peaks, NDArray[np.float64]]:
    windowed, _ = apply_window(image[None])
    found = find_peaks(windowed)
    count = found.counts[0]
    weights = found.weights[0, :count]
    share = weights / max(weights.sum(), 1e-30)
    return _Peaks(found.places[0, :count], found.heights[0, :count], share), found.size


def _best(peaks: _Peaks) -> Bases | None:
    """The pair of bases, cycles a window, float64[2, 2, 2], that explains most beyond chance."""
    firsts = _candidates(peaks.places[:_SEEDS])
    order = np.argsort(-_gains(firsts, peaks), kind="stable")[:_TRIED]
    best, most = None, 0.0
    for first in (_fit(firsts[n], peaks) for n in order):
        rest = ~_near(first, peaks)
        left = _Peaks(peaks.places[rest], peaks.heights[rest], peaks.weights[rest])
        seconds = _candidates(left.places[:_SEEDS])
        if len(seconds) == 0:
            continue
        gains = _gains(seconds, left)
        gain = float(gains.max() + _gains(first[None], peaks)[0])
        if gain > most:
            best, most = np.stack([first, _fit(seconds[gains.argmax()], left)]), gain
    return best


def _are_two(pair: Bases) -> bool:
    """Whether lattices are of like size and not parts of one coarse reciprocal lattice."""
    areas = np.abs(np.linalg.det(pair))
    ratio = pair[0] @ np.linalg.inv(pair[1])
    times = np.arange(1, _COARSEST + 1)[:, None, None]
    misses = np.abs(ratio * times - (ratio * times).round()).max(axis=(1, 2))
    return bool(areas.max() <= _SIZES * areas.min() and misses.min() > _COMMON)


def _candidates(places: NDArray[np.float64]) -> Bases:
    """Reduced bases of any two of the places that are not nearly in line."""
    pairs = np.array(list(itertools.combinations(places, 2))).reshape(-1, 2, 2)
    areas = np.abs(np.linalg.det(pairs))
    lengths = np.linalg.norm(pairs, axis=2).prod(axis=1)
    return measurement.reduce(pairs[(areas > _FLATTEST * lengths) & (areas > CLOSEST**2)])


def _gains(bases: Bases, peaks: _Peaks) -> NDArray[np.float64]:
    """Weight of the peaks that each basis explains, beyond what chance would."""
    chance = np.minimum(math.pi * _NEAR**2 / np.abs(np.linalg.det(bases)), 1)
    return np.asarray(_near(bases, peaks) @ peaks.weights - chance * peaks.weights.sum())


def _near(bases: Bases, peaks: _Peaks) -> NDArray[np.bool_]:
    """Whether each peak is a harmonic, bool[..., P] of bases [..., 2, 2]."""
    orders = peaks.places @ np.linalg.inv(bases)
    return np.asarray(np.linalg.norm((orders - orders.round()) @ bases, axis=-1) <= _NEAR)


def _sum(which: NDArray[np.bool_], peaks: _Peaks) -> float:
    return float(peaks.weights[which].sum())


def _fit(basis: Bases, peaks: _Peaks) -> Bases:
    """Least squares over the peaks that are harmonics, weighted by their amplitudes."""
    near = _near(basis, peaks)
    orders = (peaks.places[near] @ np.linalg.inv(basis)).round()
    weights = peaks.heights[near, None]
    solution, _, rank, _ = np.linalg.lstsq(orders * weights, peaks.places[near] * weights)
    return np.asarray(solution) if rank == 2 else basis
