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
from functools import cache, cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jarvis_stem.imaging.harmonics import apply_window, by_batches, harmonic_orders, harmonic_power
from jarvis_stem.imaging.peaks import CLOSEST, HIGHEST, Peaks, find_peaks
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
_STEPS = 3  # of Newton's method
_LONGEST_STEP = 0.3  # cycles a window
_NO_BASIS = torch.eye(2, dtype=torch.float64) * 1e4


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


def measure(images: NDArray[np.uint8]) -> Lattices:
    """Measure the lattice of each image.

    Args:
        images: uint8[N, H, W], 0.2 Å a pixel.

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

    def work(part: slice) -> None:
        found = _measure(torch.from_numpy(np.ascontiguousarray(images[part])))
        vectors[part], quality[part] = (one.numpy() for one in found)

    if min(images.shape[1:]) >= _SMALLEST:
        by_batches(work, len(images), "measuring lattices")
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
    return _reduced(torch.from_numpy(np.asarray(bases, np.float64))).numpy()


def _reduced(bases: Tensor) -> Tensor:
    a, b = bases.unbind(-2)
    while True:
        swapped = _dot(a, a) > _dot(b, b)
        a, b = torch.where(swapped, b, a), torch.where(swapped, a, b)
        shorter = b - torch.round(_dot(a, b) / _dot(a, a)) * a
        improved = _dot(shorter, shorter) < _dot(b, b)  # rounding must not keep it going round
        if not improved.any():
            break
        b = torch.where(improved, shorter, b)
    a = torch.where(a[..., :1] < 0, -a, a)
    return torch.stack([a, torch.where(_dot(a, b) < 0, -b, b)], -2)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1, keepdim=True)


def _measure(images: Tensor) -> tuple[Tensor, Tensor]:
    """Basis vectors and quality of a batch."""
    windowed = apply_window(images)
    peaks = find_peaks(windowed)
    basis, found = _start(peaks)
    for height in _FAINTER:
        basis = _divide(_fit(basis, peaks), peaks, height)
    basis = _refine(_fit(basis, peaks), windowed)
    quality = torch.where(found, _quality(basis, peaks), 0)
    vectors = _reduced(torch.linalg.inv(basis / peaks.size).mT * PIXEL_SIZE)
    return torch.where(found[:, None, None], vectors, torch.nan), quality


def _start(peaks: Peaks) -> tuple[Tensor, Tensor]:
    """The basis of the largest cell that two of the strongest peaks make, and whether any do."""
    pairs = torch.cartesian_prod(torch.arange(_SEEDS), torch.arange(_PARTNERS))
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    bases, heights = peaks.places[:, pairs], peaks.heights[:, pairs].amin(-1)
    area = torch.linalg.det(bases).abs()
    usable = (heights > 0) & (area > 0.15 * bases.norm(dim=-1).prod(-1)) & (area > CLOSEST**2)
    area = torch.where(usable, area + torch.where(heights < _STRONG, 1e6, 0.0), torch.inf)
    smallest, which = area.min(1)
    found = torch.isfinite(smallest)
    basis = bases[torch.arange(len(bases)), which]
    return _reduced(torch.where(found[:, None, None], basis, _NO_BASIS)), found


def nearest_harmonics(basis: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Distance of each place from the nearest harmonic, cycles a window, and its orders."""
    orders = places @ torch.linalg.inv(basis)
    whole = torch.round(orders)
    return ((orders - whole) @ basis).norm(dim=-1), whole


def _fit(basis: Tensor, peaks: Peaks) -> Tensor:
    """Least squares over the peaks that are harmonics, weighted by their amplitudes."""
    misses, orders = nearest_harmonics(basis, peaks.places)
    heights = torch.where(misses <= _NEAR, peaks.heights, 0)[..., None]
    left = orders * heights
    normal = left.mT @ left
    enough = (torch.linalg.det(normal) > 1e-6)[:, None, None]
    normal = torch.where(enough, normal, torch.eye(2, dtype=torch.float64))
    fitted = torch.linalg.solve(normal, left.mT @ (peaks.places * heights))
    return torch.where(enough, fitted, basis)


def _unexplained(basis: Tensor, peaks: Peaks) -> Tensor:
    """Weights of the peaks that are neither harmonics nor where weak ones are folded back to."""
    misses, _ = nearest_harmonics(basis, peaks.places)
    return torch.where((misses > _NEAR) & ~_folded(basis, peaks), peaks.weights, 0)


def _folded(basis: Tensor, peaks: Peaks) -> Tensor:
    """Whether each peak may be a harmonic from beyond the sampling frequency.

    Drawing an atom on four pixels bilinearly multiplies its transform by sinc^2 of either frequency
    and adds copies of that shifted by whole cycles a pixel; at frequency q the copy from q + m is
    (q / (q + m))^2 of a harmonic that were there itself.
    """
    steps = torch.arange(-_FOLDS, _FOLDS + 1, dtype=torch.float64)
    folds = torch.cartesian_prod(steps, steps)
    folds = folds[(folds != 0).any(1)]
    origins = peaks.places[:, None] + (folds * peaks.size)[:, None]
    misses, _ = nearest_harmonics(basis[:, None], origins)
    copies = torch.where(folds[:, None] == 0, 1, (peaks.places[:, None] / origins) ** 2).prod(-1)
    return ((misses <= _NEAR) & (peaks.heights[:, None] < _FOLDED * copies)).any(1)


def _divide(basis: Tensor, peaks: Peaks, height: float) -> Tensor:
    """Of lattices up to some times finer the one that best explains what is not, from a height."""
    weights = torch.where(peaks.heights >= height, _unexplained(basis, peaks), 0)[:, None]
    coarser = _divisions()
    finer = torch.linalg.inv(coarser) @ basis[:, None]
    orders = (peaks.places @ torch.linalg.inv(basis))[:, None] @ coarser
    hits = ((orders - torch.round(orders)) @ finer).norm(dim=-1) <= _EXACT
    explained, total = (hits * weights).sum(-1), weights.sum(-1)
    area = torch.linalg.det(finer).abs()
    gain = explained - total * _chance(area, _EXACT) - _PRICE * torch.linalg.det(coarser).log()
    gain = torch.where((explained >= _ENOUGH * total) & (area > CLOSEST**2), gain, -torch.inf)
    gain[:, 0] = 0  # the lattice as it is
    return _reduced(finer[torch.arange(len(basis)), gain.argmax(1)])


@cache
def _divisions() -> Tensor:
    """Every lattice up to so many times finer: its orders by this one's, [K, 2, 2]."""
    sides = [(i, j) for i in range(1, _DIVISIONS + 1) for j in range(1, _DIVISIONS // i + 1)]
    forms = [((i, 0), (k, j)) for i, j in sides for k in range(j)]  # Hermite's normal form
    return torch.tensor(forms, dtype=torch.float64)


def _chance(area: Tensor, tolerance: float) -> Tensor:
    """Probability that a peak anywhere is as near to a harmonic."""
    return (math.pi * tolerance**2 / area).clamp(max=1)


def _quality(basis: Tensor, peaks: Peaks) -> Tensor:
    missed = _unexplained(basis, peaks).sum(1) / peaks.weights.sum(1).clamp(min=1e-30)
    return (1 - missed - _chance(torch.linalg.det(basis).abs(), _NEAR)).clamp(0, 1)


def _refine(basis: Tensor, windowed: Tensor) -> Tensor:
    """Maximise the power at the harmonics of reciprocal bases, cycles a window."""
    orders = torch.from_numpy(harmonic_orders()).double()
    size = torch.tensor(windowed.shape[1:], dtype=torch.float64)
    inside = (orders @ basis / size).norm(dim=-1) < HIGHEST
    for _ in range(_STEPS):
        power, gradient, curvature = harmonic_power(orders @ basis, windowed)
        gradient = torch.einsum("nm,mp,nmi->npi", inside.double(), orders, gradient).flatten(1)
        curvature = torch.einsum("nm,mp,mq,nmij->npiqj", inside.double(), orders, orders, curvature)
        values, axes = torch.linalg.eigh(curvature.reshape(-1, 4, 4))
        # Uphill along every axis, also where the power curves the other way.
        floor = (1e-3 * (power * inside).sum(1, keepdim=True)).clamp(min=1e-30)
        step = (
            axes
            @ ((axes.mT @ gradient[..., None])[..., 0] / torch.maximum(values.abs(), floor))[
                ..., None
            ]
        )
        basis = basis + (
            step / (step.abs().amax(1, keepdim=True) / _LONGEST_STEP).clamp(min=1)
        ).reshape(-1, 2, 2)
    return basis
