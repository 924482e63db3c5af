"""Simulate STEM images: the convolution approximation of JARVIS-Tools, compiled.

Source: ``jarvis.analysis.stem.convolution_apprx.STEMConv`` of JARVIS-Tools, which the benchmark's
images were made with. Its conventions are kept because the published images have them: the
projected structure is centred on its centroid, x runs along rows, and atoms of one element whose
positions fall in one pixel count once (``array[rows, cols] += w`` keeps the last write). Under
other conditions than the benchmark's, atoms fill the whole view; see `conditions`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging import drawing
from jarvis_stem.imaging.conditions import CLEAN, Conditions, degrade, each

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms  # takes seconds to be imported, and images need none

IMAGE_SIZE = 256
PIXEL_SIZE = CLEAN.pixel_size  # Å
_EDGE = 0.6  # Å outside the field of view in which the benchmark's atoms are still drawn
_LORENTZIAN_SHARE = 0.5
_PROBE_REACH = 4  # widths
_PROBE_BINS = 100
_PART = 32  # images drawn by a thread at a time


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
    for image, atoms, condition in zip(images, structures, every, strict=True):
        image[...] = _drawn(atoms, condition.optics)
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


def render(
    structures: Sequence[Atoms],
    out: NDArray[np.uint8],
    conditions: Conditions | Sequence[Conditions] = CLEAN,
    *,
    seed: int = 0,
    first: int = 0,
) -> Iterator[int]:
    """Render structures into an array, on all cores and part by part.

    Args:
        structures: 2D structures.
        out: uint8[N, 256, 256], written to.
        conditions: Of all images, or of each.
        seed: Of the noise.
        first: Number of the first image, where these are part of a longer row.

    Yields:
        How many images there are after each part, of N.

    Raises:
        StemError: Another number of conditions than structures.

    Examples:
        >>> from jarvis_stem.imaging import prototypes
        >>> structures = list(prototypes.structures().values())[:50]
        >>> list(render(structures, np.empty((50, 256, 256), np.uint8)))
        [32, 50]
    """
    every = each(conditions, len(structures))

    def draw(start: int) -> int:
        part = slice(start, start + _PART)
        images = simulate(structures[part], every[part], seed=seed, first=first + start)
        out[part] = to_uint8(images)
        return start + len(images)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # drawing needs no GIL
        yield from pool.map(draw, range(0, len(structures), _PART))


def _drawn(atoms: Atoms, optics: Conditions) -> NDArray[np.float32]:
    """Image of a crystal that is centred on it, without noise."""
    view = optics.pixel_size * (IMAGE_SIZE - 1)
    # STEMConv's supercell, which leaves corners of the image empty for an acute cell.
    cell = np.asarray(atoms.lattice_mat)[:2]
    # JARVIS' abc, rounded as there: a length that divides the view decides about a row of cells.
    lengths = [round(n, 6) for n in np.sqrt(np.sum(cell.round(5) ** 2, axis=1)).tolist()]
    repeats = 3 * (view // np.array(lengths) + 1)
    sites = np.asarray(atoms.cart_coords)[:, :2]
    numbers = np.asarray(atoms.atomic_numbers, np.int64)
    by_element = np.argsort(numbers, kind="stable")
    return drawing.draw(
        cell[:, :2] @ optics.distortion,
        (sites - sites.mean(axis=0))[by_element] @ optics.distortion,
        numbers[by_element],
        (repeats - 1) / 2,
        optics == CLEAN,
        _probe(optics.probe_width, optics.pixel_size),
        IMAGE_SIZE,
        optics.pixel_size,
        _EDGE if optics == CLEAN else _PROBE_REACH * optics.probe_width,
    )


@lru_cache(maxsize=8)
def _probe(width: float, pixel_size: float) -> NDArray[np.float32]:
    """A Gaussian plus a Lorentzian cut off at four widths, as `drawing.draw` takes it."""
    radius = np.linspace(0, _PROBE_REACH * width, _PROBE_BINS)
    half = width / 2
    profile = np.exp(-(radius**2) / (2 * width**2))
    profile += _LORENTZIAN_SHARE * half**2 / (radius**2 + half**2)
    pixels = math.ceil(_PROBE_REACH * width / pixel_size)
    x = np.arange(-pixels, pixels + 1) * pixel_size
    distance = np.hypot(x[:, None], x)
    return drawing.padded(np.interp(distance, radius, profile / profile.max(), right=0))
