"""The lattice that an image shows, measured to a small fraction of a pixel.

The peaks of the power spectrum give a first reciprocal basis: two strong peaks, and a finer lattice
wherever another peak asks for one. Newton's method on its four numbers then maximises the power at
the basis' harmonics. What is measured is the primitive lattice of the projection, which may be
finer than the cell of the structure; atoms sit on whole pixels in these images, so a cell that is a
whole number of pixels only after several repeats can look like those repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from jarvis_stem.progress import track
from jarvis_stem.stem import PIXEL_SIZE

_PADDED = 512  # pixels of the transform that peaks are looked for in
_FAINTEST = 0.02  # of the strongest peak's amplitude; below are the traces of whole-pixel atoms
_HIGHEST = 0.3  # cycles a pixel; beyond it the probe has blurred the peaks away
_MOST_PEAKS = 80
_LARGEST_CELL = 100.0  # pixels; the window cannot part the peaks of a larger one
_TOLERANCE = 0.4  # of one cycle a window: how far a peak may be from a harmonic
_SEEDS, _PARTNERS = 4, 12  # strong peaks that a first basis is made of
_DIVISIONS = range(2, 9)  # how many times finer a lattice one more peak may ask for
_GOOD = 0.93  # a score that no other basis need be tried after
_ORDERS = 3  # of harmonics that are refined on, each way
_STEPS = 5  # of Newton's method; it has settled after three


@dataclass(frozen=True)
class Lattices:
    """Measured lattices of N images.

    Attributes:
        vectors: Reduced basis vectors a and b as rows, Å, float64[N, 2, 2] with x along rows of the
            image; |a| <= |b|, gamma 60 to 90 degrees. NaN where no lattice was found.
        quality: Share of an image's peaks that are harmonics of its lattice, less what chance would
            give a lattice as dense, float64[N] in 0..1; 0 where no lattice was found.
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


def measure(images: NDArray[np.uint8]) -> Lattices:
    """Measure the lattice of each image.

    Args:
        images: uint8[N, H, W], 0.2 Å a pixel.

    Returns:
        The lattices, in the images' order.
    """
    vectors = np.full((len(images), 2, 2), np.nan)
    quality = np.zeros(len(images))
    for n in track(range(len(images)), "measuring lattices"):
        found = _measure(images[n])
        if found is not None:
            vectors[n], quality[n] = found
    return Lattices(vectors, quality)


def reduce(basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Reduce a plane lattice's basis to its two shortest vectors (Lagrange and Gauss).

    Args:
        basis: Independent vectors as rows, float64[2, 2].

    Returns:
        float64[2, 2] with |a| <= |b| and 0 <= a.b <= |a|^2 / 2; a points to the half plane x > 0.
    """
    a, b = basis
    while True:
        if a @ a > b @ b:
            a, b = b, a
        shorter = b - np.round((a @ b) / (a @ a)) * a
        if shorter @ shorter >= b @ b:  # rounding must not keep it going round
            break
        b = shorter
    if a[0] < 0:
        a = -a
    return np.array([a, b if a @ b >= 0 else -b])


def _measure(image: NDArray[np.uint8]) -> tuple[NDArray[np.float64], float] | None:
    """Basis vectors and quality of one image, or None."""
    windowed = _windowed(image)
    peaks, amplitudes = _peaks(windowed)
    found = _search(peaks, amplitudes, _TOLERANCE / min(image.shape))
    if found is None:
        return None
    reciprocal, quality = found
    refined = _refine(reciprocal, windowed)
    vectors = np.linalg.inv(refined).T.astype(np.float64) * PIXEL_SIZE
    return reduce(vectors), quality


def _windowed(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    window = np.outer(*(np.hanning(n) for n in image.shape))
    pixels = image.astype(np.float64)
    return (pixels - np.average(pixels, weights=window)) * window


def _peaks(windowed: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The spectrum's peaks in a half plane, strongest first: cycles a pixel [P, 2], amplitudes."""
    spectrum = np.abs(fft.fftshift(fft.fft2(windowed, (_PADDED, _PADDED))))
    middle = _PADDED // 2
    x, y = np.indices(spectrum.shape) - middle
    distance = np.hypot(x, y) / _PADDED
    is_peak = (
        (spectrum == ndimage.maximum_filter(spectrum, 5))
        & ((x > 0) | ((x == 0) & (y > 0)))
        & (distance > 1 / _LARGEST_CELL)
        & (distance < _HIGHEST)
    )
    is_peak &= spectrum > _FAINTEST * spectrum[is_peak].max(initial=0)
    at = np.argwhere(is_peak)
    amplitudes = spectrum[is_peak]
    order = np.argsort(-amplitudes, kind="stable")[:_MOST_PEAKS]
    at, amplitudes = at[order], amplitudes[order]
    if not len(at):
        return np.empty((0, 2)), amplitudes
    log = np.log(spectrum + 1e-12 * spectrum.max())
    offsets = np.stack([_vertex(log, at, step) for step in ((1, 0), (0, 1))], axis=1)
    return (at + offsets - middle) / _PADDED, amplitudes


def _vertex(
    values: NDArray[np.float64], at: NDArray[np.intp], step: tuple[int, int]
) -> NDArray[np.float64]:
    """Where a parabola through a maximum and its neighbours has its top, in steps."""
    below, here, above = (values[tuple((at + sign * np.array(step)).T)] for sign in (-1, 0, 1))
    curvature = below - 2 * here + above
    return np.divide(below - above, 2 * curvature, out=np.zeros(len(at)), where=curvature < 0)


def _search(
    peaks: NDArray[np.float64], amplitudes: NDArray[np.float64], tolerance: float
) -> tuple[NDArray[np.float64], float] | None:
    """The reciprocal basis, rows in cycles a pixel, whose harmonics most peaks are; its quality."""
    best: tuple[tuple[float, float], NDArray[np.float64]] | None = None
    for seed in peaks[:_SEEDS]:
        for partner in peaks[:_PARTNERS]:
            if not _is_basis(start := np.array([seed, partner])):
                continue
            basis = _grow(reduce(start), peaks, amplitudes, tolerance)
            share = np.mean(_misses(basis, peaks) <= tolerance)
            density = abs(np.linalg.det(basis))  # of two that explain as much the sparser is right
            quality = float(share - min(1.0, np.pi * tolerance**2 / density))
            if best is None or (round(quality, 2), density) > best[0]:
                best = (round(quality, 2), density), basis
            if quality > _GOOD:
                return basis, quality
    return None if best is None else (best[1], max(0.0, best[0][0]))


def _is_basis(vectors: NDArray[np.float64]) -> bool:
    """Whether two vectors are independent, and those of no larger cell than can be seen."""
    lengths = np.linalg.norm(vectors, axis=1)
    area = abs(np.linalg.det(vectors))
    return bool(
        area > 0.15 * lengths.prod()
        and np.linalg.norm(reduce(vectors), axis=1).min() > 1 / _LARGEST_CELL
    )


def _grow(
    basis: NDArray[np.float64],
    peaks: NDArray[np.float64],
    amplitudes: NDArray[np.float64],
    tolerance: float,
) -> NDArray[np.float64]:
    """Fit a basis to its peaks, and divide it where another peak asks for a finer lattice."""
    for _ in _DIVISIONS:
        basis = _fit(basis, peaks, amplitudes, tolerance)
        missed = peaks[_misses(basis, peaks) > tolerance]
        finer = (_divide(basis, peak, tolerance) for peak in missed)
        divided = next((one for one in finer if one is not None), None)
        if divided is None:
            return basis
        basis = divided
    return basis


def _misses(basis: NDArray[np.float64], peaks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each peak from the nearest harmonic."""
    orders = np.round(peaks @ np.linalg.inv(basis))
    return np.linalg.norm(peaks - orders @ basis, axis=1)


def _fit(
    basis: NDArray[np.float64],
    peaks: NDArray[np.float64],
    amplitudes: NDArray[np.float64],
    tolerance: float,
) -> NDArray[np.float64]:
    """Least squares over the peaks that are harmonics, weighted by their amplitudes."""
    hits = _misses(basis, peaks) <= tolerance
    orders = np.round(peaks[hits] @ np.linalg.inv(basis))
    if np.linalg.matrix_rank(orders) < 2:
        return basis
    weights = amplitudes[hits, None]
    return np.linalg.lstsq(orders * weights, peaks[hits] * weights)[0].astype(np.float64)


def _divide(
    basis: NDArray[np.float64], peak: NDArray[np.float64], tolerance: float
) -> NDArray[np.float64] | None:
    """The lattice that has a peak's remainder too, if some multiple of it is in this one."""
    rest = peak - np.round(peak @ np.linalg.inv(basis)) @ basis
    for times in _DIVISIONS:
        if _misses(basis, times * rest[None])[0] <= 0.6 * tolerance * min(times, 3):
            steps = np.stack(np.meshgrid(np.arange(-times, times + 1), *[np.arange(-2, 3)] * 2), -1)
            found = steps.reshape(-1, 3) @ np.array([rest, *basis])
            found = found[np.linalg.norm(found, axis=1) > 1 / _LARGEST_CELL]
            found = found[np.argsort(np.linalg.norm(found, axis=1))]
            pairs = (np.array([found[0], other]) for other in found[1:])
            return next((reduce(pair) for pair in pairs if _is_basis(pair)), None)
    return None


def _refine(basis: NDArray[np.float64], windowed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Maximise the power at the harmonics of a reciprocal basis."""
    scale = max(windowed.shape)  # in cycles a window, all four numbers are of the order of one
    power, gradient, curvature = _power(basis, windowed)
    for _ in range(_STEPS):
        values, axes = np.linalg.eigh(curvature / scale**2)
        # Uphill along every axis, also where the power curves the other way.
        step = axes @ ((axes.T @ gradient / scale) / np.maximum(np.abs(values), 1e-3 * power))
        step *= min(1.0, 0.3 / max(np.abs(step).max(), 1e-30)) / scale
        for shorter in (1.0, 0.25, 0.0625):
            moved = basis + shorter * step.reshape(2, 2)
            new = _power(moved, windowed)
            if new[0] >= power:
                basis, (power, gradient, curvature) = moved, new
                break
        else:
            break
    return basis


def _power(
    basis: NDArray[np.float64], windowed: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Power at the harmonics of a basis, and its derivatives by the basis' four numbers."""
    orders = _harmonics()
    places = orders @ basis
    orders = orders[np.linalg.norm(places, axis=1) < _HIGHEST]
    places = orders @ basis
    rows, columns = (_moments(places[:, axis], size) for axis, size in enumerate(windowed.shape))
    over_rows = rows @ windowed  # [3, M, W]: the transform and its derivatives along x
    value = (over_rows[0] * columns[0]).sum(-1)
    first = [(over_rows[1] * columns[0]).sum(-1), (over_rows[0] * columns[1]).sum(-1)]
    mixed = (over_rows[1] * columns[1]).sum(-1)
    second = [
        [(over_rows[2] * columns[0]).sum(-1), mixed],
        [mixed, (over_rows[0] * columns[2]).sum(-1)],
    ]
    slope = np.array([2 * (np.conj(value) * one).real for one in first])
    bend = np.array(
        [
            [
                2 * (np.conj(first[i]) * first[j] + np.conj(value) * second[i][j]).real
                for j in (0, 1)
            ]
            for i in (0, 1)
        ]
    )
    gradient = np.einsum("mp,im->pi", orders, slope).ravel()
    curvature = np.einsum("mp,mq,ijm->piqj", orders, orders, bend).reshape(4, 4)
    return float((np.abs(value) ** 2).sum()), gradient, curvature


def _moments(places: NDArray[np.float64], size: int) -> NDArray[np.complex128]:
    """Waves of M places over the pixels, and their first two derivatives by place: [3, M, size]."""
    phase = -2j * np.pi * (np.arange(size) - size / 2)
    wave = np.exp(places[:, None] * phase)
    return np.stack([wave, wave * phase, wave * phase**2])


def _harmonics() -> NDArray[np.float64]:
    """Orders of a half plane's harmonics, [M, 2]."""
    steps: Sequence[int] = range(-_ORDERS, _ORDERS + 1)
    return np.array([(h, k) for h in steps for k in steps if (h, k) > (0, 0)], dtype=np.float64)
