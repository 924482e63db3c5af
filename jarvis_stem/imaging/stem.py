"""Simulate STEM images: the convolution approximation of JARVIS-Tools, vectorised.

Source: ``jarvis.analysis.stem.convolution_apprx.STEMConv`` of JARVIS-Tools, which the benchmark's
images were made with. Its conventions are kept because the published images have them: the
projected structure is centred on its centroid, x runs along rows, and atoms of one element whose
positions fall in one pixel count once (``array[rows, cols] += w`` keeps the last write). Under
other conditions than the benchmark's, atoms fill the whole view; see `noise`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from jarvis_stem.imaging.conditions import CLEAN, Conditions, degrade, each

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms  # takes seconds to be imported, and images need none

IMAGE_SIZE = 256
_HALF = IMAGE_SIZE // 2
PIXEL_SIZE = CLEAN.pixel_size  # Å
_EDGE = 0.6  # Å outside the field of view in which the benchmark's atoms are still drawn
_SCATTERED = np.arange(128) ** 1.7  # intensity by atomic number
_LORENTZIAN_SHARE = 0.5
_PROBE_REACH = 4  # widths
_PROBE_BINS = 100
_Points = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int16]]
"""Atoms' pixel coordinates x and y, and their atomic numbers."""
_CHUNK = 4  # images transformed at once: as many as the processor's cache holds


def simulate(
    structures: Sequence[Atoms],
    conditions: Conditions | Sequence[Conditions] = CLEAN,
    *,
    seed: int = 0,
    first: int = 0,
) -> NDArray[np.float32]:
    """Simulate STEM images, by default as STEMConv(output_size=[256, 256]).simulate_surface does.

    Args:
        structures: 2D structures with the layer in the plane of the first two lattice vectors.
        conditions: Of all images, or of each.
        seed: Of the noise; see `conditions.degrade`.
        first: Number of the first image, where these are part of a longer row.

    Returns:
        Intensities float32[N, 256, 256] in arbitrary units, x along rows; 0.2 Å per pixel by
        default.

    Raises:
        StemError: Another number of conditions than structures.

    Examples:
        >>> from jarvis_stem.imaging import prototypes
        >>> images = simulate([prototypes.structures()["proto-1H-MoS2.jpg"]], Conditions(dose=1e4))
        >>> images.shape, images.dtype
        ((1, 256, 256), dtype('float32'))
    """
    every = each(conditions, len(structures))
    images = np.empty((len(structures), IMAGE_SIZE, IMAGE_SIZE), np.float32)
    start = 0
    for optics, run in groupby(one.optics for one in every):
        end = start + len(list(run))
        for chunk in _slices(start, end, _CHUNK):
            images[chunk] = _drawn(structures[chunk], optics)
        start = end
    noisy = any(one != one.optics for one in every)
    return degrade(images, every, seed=seed, first=first) if noisy else images


def to_uint8(images: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Stretch each image's intensities linearly to 0..255, as matplotlib's ``imshow`` does.

    Args:
        images: Intensities float[N, H, W].

    Returns:
        uint8[N, H, W]; a constant image becomes 0.

    Examples:
        >>> to_uint8(np.array([[[0.5, 1.0, 1.5]]]))
        array([[[  0, 128, 255]]], dtype=uint8)
    """
    stretched = np.empty(images.shape, np.uint8)
    for image, out in zip(images, stretched, strict=True):  # one at a time stays in the cache
        low = image.min()
        span = image.max() - low
        scaled = (image - low) * (255 / (span if span > 0 else 1))
        out[...] = np.rint(scaled, out=scaled)
    return stretched


def batches(
    structures: Iterable[Atoms],
    size: int = 32,
    conditions: Conditions | Sequence[Conditions] = CLEAN,
    *,
    seed: int = 0,
) -> Iterator[NDArray[np.uint8]]:
    """Render structures in batches, on all cores.

    Args:
        structures: 2D structures.
        size: Images per batch.
        conditions: Of all images, or of each.
        seed: Of the noise; the images do not depend on the batches' size.

    Yields:
        uint8[<=size, 256, 256], in the order of the structures.

    Raises:
        StemError: Another number of conditions than structures.

    Examples:
        >>> from jarvis_stem.imaging import prototypes
        >>> structures = list(prototypes.structures().values())[:3]
        >>> [len(batch) for batch in batches(structures, size=2)]
        [2, 1]
    """
    atoms = list(structures)
    every = each(conditions, len(atoms))

    def render(part: slice) -> NDArray[np.uint8]:
        return to_uint8(simulate(atoms[part], every[part], seed=seed, first=part.start))

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # the arrays' work runs without the GIL
        yield from pool.map(render, _slices(0, len(atoms), size))


def _slices(start: int, end: int, size: int) -> list[slice]:
    return [slice(n, min(n + size, end)) for n in range(start, end, size)]


def _drawn(structures: Sequence[Atoms], optics: Conditions) -> NDArray[np.float32]:
    """Images of a few structures, without noise."""
    reach = _PROBE_REACH * optics.probe_width
    edge = _EDGE if optics == CLEAN else reach
    margin = math.ceil(max(reach, edge) / optics.pixel_size) + 1  # what goes round stays in it
    rows, columns = (fft.next_fast_len(n + 2 * margin) for n in (_HALF, IMAGE_SIZE))
    points = [_visible_atoms(atoms, optics, edge) for atoms in structures]
    canvas = _deltas(points, margin, (_HALF + rows, columns))
    # An image's halves become the two parts of one complex image, which a real probe does not mix:
    # scipy transforms that in less time than it takes for a real image of both.
    halves = np.empty((len(points), rows, columns), np.complex64)
    halves.real, halves.imag = canvas[:, :rows], canvas[:, _HALF:]
    spectra = fft.fft2(halves, overwrite_x=True)
    spectra.view(np.float32)[...] *= _probe_spectrum(
        optics.probe_width, optics.pixel_size, (rows, columns)
    )
    drawn = fft.ifft2(spectra, overwrite_x=True)
    inside = drawn[:, margin : margin + _HALF, margin : margin + IMAGE_SIZE]
    return np.concatenate([inside.real, inside.imag], axis=1)


@lru_cache(maxsize=8)
def _probe_spectrum(width: float, pixel_size: float, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Fourier transform of the probe, a Gaussian plus a Lorentzian cut off at four widths.

    The probe is even and its transform real; each value stands twice, for a spectrum's real and
    imaginary parts, since numpy multiplies floats faster than complex numbers.
    """
    radius = np.linspace(0, _PROBE_REACH * width, _PROBE_BINS)
    half = width / 2
    profile = np.exp(-(radius**2) / (2 * width**2))
    profile += _LORENTZIAN_SHARE * half**2 / (radius**2 + half**2)
    x, y = (np.fft.fftfreq(size, 1 / size) * pixel_size for size in shape)
    distance = np.hypot(x[:, None], y[None, :])
    probe = np.interp(distance, radius, profile / profile.max(), right=0)
    return fft.fft2(probe).real.astype(np.float32).repeat(2, axis=1)


def _deltas(points: Sequence[_Points], margin: int, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Atoms of N images on pixel grids with a margin, [N, *shape], over four pixels each."""
    image = np.repeat(np.arange(len(points)), [len(numbers) for *_, numbers in points])
    x, y, numbers = (np.concatenate(column) for column in zip(*points, strict=True))
    by_element = np.argsort(numbers, kind="stable")
    x, y, numbers, image = (column[by_element] for column in (x, y, numbers, image))
    row, column = np.floor(x), np.floor(y)
    down, right = x - row, y - column
    height, width = shape
    corner = ((image * height + row + margin) * width + column + margin).astype(np.intp)
    weight = _SCATTERED[numbers]
    shares = {
        0: weight * (1 - down) * (1 - right),
        1: weight * (1 - down) * right,
        width: weight * down * (1 - right),
        width + 1: weight * down * right,
    }
    canvas = np.zeros((len(points), *shape), np.float32)
    flat = canvas.reshape(-1)
    ends = np.flatnonzero(np.diff(numbers, prepend=0, append=0))
    for start, end in pairwise(ends):
        for offset, share in shares.items():
            # Of one element's atoms in one pixel the last one counts: this is no np.add.at.
            flat[corner[start:end] + offset] += share[start:end]
    return canvas


def _visible_atoms(atoms: Atoms, optics: Conditions, edge: float) -> _Points:
    """Atoms in the view and up to an edge (Å) around it, of a crystal centred on the image."""
    view = optics.pixel_size * (IMAGE_SIZE - 1)
    # STEMConv's supercell, which leaves corners of the image empty for an acute cell.
    repeats = 3 * (view // np.asarray(atoms.lattice.abc[:2]) + 1)
    cell = np.asarray(atoms.lattice_mat)[:2, :2] @ optics.distortion
    sites = np.asarray(atoms.cart_coords)[:, :2]
    sites = (sites - sites.mean(axis=0)) @ optics.distortion
    steps = _steps(cell, sites, view / 2 + edge, (repeats - 1) / 2, bounded=optics == CLEAN)
    cells = steps @ cell
    x, y = (sites.T[:, :, None] + cells.T[:, None, :] + view / 2) / optics.pixel_size
    low, high = -edge / optics.pixel_size, (view + edge) / optics.pixel_size
    visible = (x > low) & (x < high) & (y > low) & (y < high)
    numbers = np.array(atoms.atomic_numbers, np.int16)
    return x[visible], y[visible], numbers[np.nonzero(visible)[0]]


def _steps(
    cell: NDArray[np.float64],
    sites: NDArray[np.float64],
    reach: float,
    end: NDArray[np.float64],
    *,
    bounded: bool,
) -> NDArray[np.float64]:
    """Steps along a and b from the centre to all cells with a site that may be in reach, [M, 2].

    They differ from `end`, half of a supercell's, by whole numbers and, if bounded, end there.
    """
    inverse = np.linalg.inv(cell)
    fractional = sites @ inverse
    steps = reach * np.abs(inverse).sum(axis=0) + 1e-6  # atoms on the border may be either way
    first, last = -steps - fractional.max(axis=0), steps - fractional.min(axis=0)
    if bounded:
        first, last = np.maximum(first, -end), np.minimum(last, end)
    first = np.ceil(first + end) - end
    along_a, along_b = (np.arange(first[axis], last[axis] + 1e-6) for axis in (0, 1))
    grid = np.empty((len(along_a), len(along_b), 2))
    grid[..., 0], grid[..., 1] = along_a[:, None], along_b
    return grid.reshape(-1, 2)
