"""The lattices of a real picture: what its parts agree on.

A microscope's picture has contamination, holes, grains, slow background, distortion, and a scale
that need not be known. So lattices are measured in many tiles of it, at several scales. At the
right scale tiles of one crystal have the same lattice, and those that agree are a domain.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

from jarvis_stem.imaging import measurement, superposition
from jarvis_stem.imaging.contrast import evened_and_stretched, stretched
from jarvis_stem.imaging.harmonics import hann_window
from jarvis_stem.imaging.stem import PIXEL_SIZE

_WIDTH = 10  # pixels of a tile that the background is wide
_TILE = 192  # pixels a side
_SMALLEST = 64
_MOST = 4  # tiles a side
# A drawing's first, at which its search ends.
_WIDTHS = (10.0, 2.5, 5.0, 20.0, 40.0, 80.0)  # pixels of a picture whose scale is not known
_USUAL = (2.0, 1.0, 4.0)  # Å, where it is
_IDEAL = 5e-4  # variation among tiles; renders stay below, microscopes' pictures above
_WHOLE = 0.9  # of the tiles of a drawing show its lattice, at least
# Å² of a cell in a tile, the squares of 0.8 and 4.5 widths; others are chance, or beyond the
# spectrum's reach.
_CELLS = ((0.8 * _WIDTH * PIXEL_SIZE) ** 2, (4.5 * _WIDTH * PIXEL_SIZE) ** 2)
_ALIKE = 0.05  # of their length, by which vectors of one domain may differ
_MULTIPLE = 0.1  # the same, of a lattice and one several times finer
_LEAST = 0.04  # mean quality of a picture's tiles below which there is no lattice
_LEAST_POOLED = 0.4  # the same, of rows and columns of them, in which chance adds up too
_SURE = 0.5  # mean quality of a domain's tiles, which two lattices in each do not reach
_SECOND = 0.35  # of the first domain's weight that makes another one
_FEWEST = 3  # tiles of a domain; noise has two alike now and then
_INDEPENDENT = 0.25  # of overlapping tiles
_WINDOW = 0.02  # of its autocorrelation's maximum
_OUTLIERS = 1e-3  # of the pixels, at either end


@dataclass(frozen=True)
class Domain:
    """Tiles of a picture with one lattice.

    Attributes:
        vectors: Reduced basis vectors as rows, pixels of the picture, float64[2, 2]; x along rows.
        bases: The same of each tile, float64[N, 2, 2].
        tiles: Top, left, height and width of each tile, pixels, int64[N, 4].
        share: Of all tiles, 0..1.
        weight: The same, each counted by its lattice's quality.
        scales: At how many other scales most tiles have this lattice too.
    """

    vectors: NDArray[np.float64]
    bases: NDArray[np.float64]
    tiles: NDArray[np.int64]
    share: float
    weight: float
    scales: int = 0

    @property
    def variation(self) -> float:
        """By how much of their length vectors differ from tile to tile."""
        return float(np.linalg.norm(self.bases.std(axis=0)) / np.linalg.norm(self.vectors))

    @property
    def is_ideal(self) -> bool:
        """Whether the lattice is everywhere the same, as in a drawing."""
        return self.share > _WHOLE and self.variation < _IDEAL

    @property
    def errors(self) -> NDArray[np.float64]:
        """Standard errors of a, b, pixels, and gamma, degrees, float64[3]: the tiles' spread.

        Tiles may overlap by half each way, so that a quarter of them count as independent.
        """
        lengths = np.linalg.norm(self.bases, axis=2)
        cosines = (self.bases[:, 0] * self.bases[:, 1]).sum(axis=1) / lengths.prod(axis=1)
        values = np.column_stack([lengths, np.degrees(np.arccos(cosines))])
        spread = values.std(axis=0, ddof=1)
        return np.asarray(spread / math.sqrt(max(1, len(values) * _INDEPENDENT)))


@dataclass(frozen=True)
class _Tiles:
    """Parts of a picture at one scale.

    Attributes:
        boxes: Top, left, height and width, pixels of the picture, int64[N, 4].
        images: What is measured of each, uint8[N, H, W].
        width: Pixels of the picture that the background is wide.
    """

    boxes: NDArray[np.int64]
    images: NDArray[np.uint8]
    width: float


def find_domains(values: NDArray[np.float32], pixel_size: float | None = None) -> list[Domain]:
    """Find the lattices of a picture.

    Args:
        values: float32[H, W], at least 64 pixels a side.
        pixel_size: Å, where it is known.

    Returns:
        Domains, the largest first; none where tiles do not agree on a lattice. Where one is ideal,
        other scales are not looked at.

    Examples:
        >>> from jarvis_stem.imaging import prototypes, stem
        >>> drawn = stem.simulate([prototypes.structures()["proto-1H-MoS2.jpg"]])[0]
        >>> (domain,) = find_domains(drawn, 0.2)
        >>> (np.linalg.norm(domain.vectors, axis=1) * 0.2).round(2)
        array([3.16, 3.16])
    """
    widths = _WIDTHS if pixel_size is None else [width / pixel_size for width in _USUAL]
    grids = [(boxes, width) for width in widths if len(boxes := _boxes(values.shape, width))]
    picture = Image.fromarray(np.ascontiguousarray(values))
    found: list[tuple[list[Domain], _Tiles]] = []
    for grid in grids:
        tiles = _cut(picture, *grid)
        domains = _lattices(tiles, _LEAST)
        found.append((domains, tiles))
        if _are_ideal(domains) and _are_ideal(all_of_it := _with_superposed(domains, tiles)):
            return all_of_it
    if not any(domains for domains, _ in found):
        found = [(_lattices(_pooled(tiles), _LEAST_POOLED), tiles) for _, tiles in found]
    return _best([(domains, tiles) for domains, tiles in found if domains])


def _are_ideal(found: Sequence[Domain]) -> bool:
    return len(found) == 1 and found[0].is_ideal


def _best(found: Sequence[tuple[list[Domain], _Tiles]]) -> list[Domain]:
    """The domains at the scale at which they weigh most."""
    if not found:
        return []
    (domains, tiles), *others = sorted(found, key=lambda pair: -pair[0][0].weight)
    first, *further = _with_superposed(domains, tiles)
    like = [_is_one(first.vectors, domains[0].vectors) for domains, _ in others]
    return [replace(first, scales=sum(like)), *further]


def _with_superposed(domains: list[Domain], tiles: _Tiles) -> list[Domain]:
    """Two lattices that all tiles show together, instead of one that does not explain them."""
    if domains[0].weight > (1 - superposition.MORE) * domains[0].share:
        return domains
    spectra = _spectra(tiles)
    two = superposition.find_two(_autocorrelation(spectra, tiles))
    if not two:
        return domains
    lines = [_autocorrelation(spectra[line], tiles) for line in _lines(tiles)]
    scale = tiles.width / _WIDTH
    found = [
        Domain(
            vectors * scale,
            np.array([superposition.fitted(vectors, line) for line in lines]) * scale,
            *(tiles.boxes, 1.0, share),
        )
        for vectors, share in two
    ]
    # One that is coarser than the tiles' own adds places at which they show nothing.
    same = [_is_explained(one.vectors, domains[0].vectors) for one in found]
    if not any(same):  # then either the tiles or their sum show what is not there
        return domains if domains[0].weight > _SURE * domains[0].share else found
    return domains if len(domains) > 1 else [domains[0], found[1 - same.index(True)]]


def _lattices(tiles: _Tiles, least: float) -> list[Domain]:
    """The lattice that most tiles have, if their mean quality is enough, and another one."""
    lattices = measurement.measure(tiles.images, _CELLS)
    vectors = lattices.vectors * (tiles.width / _WIDTH / PIXEL_SIZE)
    quality = lattices.quality.copy()
    first = _domain(vectors, quality, tiles.boxes)
    if first is None or first.weight < least:
        return []
    for n in np.flatnonzero(quality):
        quality[n] *= not _is_explained(vectors[n], first.vectors)
    second = _domain(vectors, quality, tiles.boxes)
    return [first] if second is None or second.weight < _SECOND * first.weight else [first, second]


def _boxes(shape: tuple[int, ...], width: float) -> NDArray[np.int64]:
    """Overlapping tiles that cover a picture, at least 3 x 3, or none of one that is too small."""
    least, usual = (n * width / _WIDTH for n in (_SMALLEST, _TILE))
    sizes = [round(min(usual, n / 2)) for n in shape]
    if min(sizes) < least:
        return np.empty((0, 4), np.int64)
    rows, columns = (
        np.linspace(0, n - size, min(_MOST, -(-2 * n // size) - 1)).round().astype(int)
        for n, size in zip(shape, sizes, strict=True)
    )
    return np.array([(top, left, *sizes) for top in rows for left in columns])


def _cut(picture: Image.Image, boxes: NDArray[np.int64], width: float) -> _Tiles:
    """Tiles with evened contrast, at the scale at which the background is `_WIDTH` wide."""
    scale = _WIDTH / width
    shape = np.maximum(_SMALLEST, np.floor(boxes[0, 2:] * scale).astype(int))
    if boxes[:, 2:].prod(axis=1).sum() < picture.width * picture.height:
        parts = [_scaled(picture, corner, shape, scale) for corner in boxes[:, :2]]
    else:  # what tiles share is made once
        whole = np.floor(np.array([picture.height, picture.width]) * scale).astype(int)
        made = _scaled(picture, np.zeros(2), whole, scale)
        corners = np.minimum(np.rint(boxes[:, :2] * scale).astype(int), whole - shape)
        parts = [made[top : top + shape[0], left : left + shape[1]] for top, left in corners]
    return _Tiles(boxes, evened_and_stretched(np.array(parts), _WIDTH, _OUTLIERS), width)


def _scaled(
    picture: Image.Image, corner: NDArray[Any], shape: NDArray[np.int_], scale: float
) -> NDArray[np.float32]:
    """Pixels float32[shape] of a part of a picture."""
    top, left = corner.tolist()
    bottom, right = (corner + shape / scale).tolist()
    box = (left, top, min(right, picture.width), min(bottom, picture.height))
    rows, columns = shape.tolist()
    return np.asarray(picture.resize((columns, rows), Image.Resampling.BICUBIC, box))


def _pooled(tiles: _Tiles) -> _Tiles:
    """Rows and columns of tiles, and of each the mean autocorrelation: noise has none.

    The autocorrelation of a crystal has its lattice, wherever in the tile it begins. So the means
    show lattices that no tile shows alone.
    """
    spectra, lines = _spectra(tiles), _lines(tiles)
    boxes = [_around(tiles.boxes[line]) for line in lines]
    images = [_autocorrelation(spectra[line], tiles) for line in lines]
    return _Tiles(np.array(boxes), np.array(images), tiles.width)


def _lines(tiles: _Tiles) -> list[NDArray[np.bool_]]:
    """Which tiles are in each row and each column."""
    return [one == place for one in tiles.boxes[:, :2].T for place in np.unique(one)]


def _spectra(tiles: _Tiles) -> NDArray[np.float32]:
    return np.asarray(np.abs(fft.rfft2(_windowed(tiles.images))) ** 2)


def _windowed(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images around 0, to 0 at their edges."""
    level = images.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return np.asarray((images - level) * hann_window((images.shape[1], images.shape[2])))


def _autocorrelation(spectra: NDArray[np.float32], tiles: _Tiles) -> NDArray[np.uint8]:
    """The mean autocorrelation of the tiles that the spectra are of, without the window's own."""
    shape = (tiles.images.shape[1], tiles.images.shape[2])
    window = np.abs(fft.rfft2(hann_window(shape))) ** 2
    values, own = (fft.irfft2(one, s=shape) for one in (spectra.mean(axis=0), window))
    least = _WINDOW * own.max()  # of the far ends nothing is known
    return stretched(fft.fftshift(values / np.maximum(own, least)), _OUTLIERS)


def _around(boxes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The box around boxes."""
    first, last = boxes[:, :2].min(axis=0), (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
    return np.concatenate([first, last - first])


def _domain(
    vectors: NDArray[np.float64], quality: NDArray[np.float64], tiles: NDArray[np.int64]
) -> Domain | None:
    """The tiles that agree on a lattice, of the largest summed quality, if they are enough."""
    usable = np.flatnonzero(quality)
    if len(usable) < _FEWEST:
        return None
    nearest, near = _alike(vectors[usable], vectors[usable])
    best = int((near * quality[usable]).sum(axis=1).argmax())
    members, bases = usable[near[best]], nearest[best, near[best]]
    if len(members) < _FEWEST:
        return None
    mean = np.average(bases, axis=0, weights=quality[members])
    reduced = measurement.reduce(mean)
    bases = np.rint(reduced @ np.linalg.inv(mean)) @ bases
    weight = float(quality[members].sum() / len(tiles))
    return Domain(reduced, bases, tiles[members], len(members) / len(tiles), weight)


_BASES = np.array(
    [
        ((a, b), (c, d))
        for a, b, c, d in itertools.product((-1, 0, 1), repeat=4)
        if abs(a * d - b * c) == 1
    ],
    float,
)


def _alike(
    bases: NDArray[np.float64], others: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Of each of the others the basis that is nearest to each of these, and whether it is near.

    Args:
        bases: float64[N, 2, 2].
        others: float64[K, 2, 2].

    Returns:
        Bases float64[N, K, 2, 2] and bool[N, K].
    """
    relative = others @ np.linalg.inv(bases)[:, None]
    misses = np.abs(_BASES @ relative[:, :, None] - np.eye(2)).max(axis=(3, 4))
    best = misses.argmin(axis=2)
    return _BASES[best] @ others, misses.min(axis=2) < _ALIKE


def _is_one(basis: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether two lattices are one."""
    return bool(_alike(basis[None], other[None])[1][0, 0])


def _is_explained(other: NDArray[np.float64], basis: NDArray[np.float64]) -> bool:
    """Whether a lattice is this one, or some times finer or coarser."""
    for fine, coarse in ((other, basis), (basis, other)):
        orders = coarse @ np.linalg.inv(fine)
        if np.abs(orders - orders.round()).max() < _MULTIPLE:
            return True
    return False
