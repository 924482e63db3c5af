"""Simulate STEM images: the convolution approximation of JARVIS-Tools, vectorised.

Source: ``jarvis.analysis.stem.convolution_apprx.STEMConv`` of JARVIS-Tools, which the benchmark's
images were made with. Its conventions are kept because the published images have them: the
projected structure is centred on its centroid, x runs along rows, and atoms of one element whose
positions fall in one pixel count once (``array[rows, cols] += w`` keeps the last write).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from jarvis.core.atoms import Atoms
from numpy.typing import NDArray
from scipy import fft

IMAGE_SIZE = 256
PIXEL_SIZE = 0.2  # Å
_VIEW = PIXEL_SIZE * (IMAGE_SIZE - 1)  # Å
_EDGE = 0.6  # Å outside the field of view in which atoms are still drawn
_POWER = 1.7  # exponent of the atomic number in the scattered intensity
_WIDTH = 0.5  # Å, of the probe's Gaussian and of its Lorentzian
_LORENTZIAN_SHARE = 0.5
_PROBE_BINS = 100
_MARGIN = 16  # pixels: holds the atoms outside the view (4) and the probe's reach (10)
_CANVAS = IMAGE_SIZE + 2 * _MARGIN


def simulate(structures: Sequence[Atoms]) -> NDArray[np.float32]:
    """Simulate STEM images as STEMConv(output_size=[256, 256]).simulate_surface does.

    Args:
        structures: 2D structures with the layer in the plane of the first two lattice vectors.

    Returns:
        Intensities float32[N, 256, 256] in arbitrary units, x along rows; 0.2 Å per pixel.
    """
    deltas = np.stack([_projected_deltas(atoms) for atoms in structures])
    spectra = fft.rfft2(deltas, overwrite_x=True) * _probe_spectrum()
    images = fft.irfft2(spectra, s=(_CANVAS, _CANVAS), overwrite_x=True)
    inside = slice(_MARGIN, _MARGIN + IMAGE_SIZE)
    return images[:, inside, inside]


def to_uint8(images: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Stretch each image's intensities linearly to 0..255, as matplotlib's ``imshow`` does.

    Args:
        images: Intensities float[N, H, W].

    Returns:
        uint8[N, H, W]; a constant image becomes 0.
    """
    low = images.min(axis=(1, 2), keepdims=True)
    span = images.max(axis=(1, 2), keepdims=True) - low
    scaled = (images - low) * (255 / np.where(span > 0, span, 1))
    return np.round(scaled).astype(np.uint8)


def batches(structures: Iterable[Atoms], size: int = 32) -> Iterable[NDArray[np.uint8]]:
    """Render structures in batches.

    Args:
        structures: 2D structures.
        size: Images per batch.

    Yields:
        uint8[<=size, 256, 256], in the order of the structures.
    """
    batch: list[Atoms] = []
    for atoms in structures:
        batch.append(atoms)
        if len(batch) == size:
            yield to_uint8(simulate(batch))
            batch = []
    if batch:
        yield to_uint8(simulate(batch))


@cache
def _probe_spectrum() -> NDArray[np.complex64]:
    """Fourier transform of the probe, a Gaussian plus a Lorentzian cut off at 2 Å."""
    radius = np.linspace(0, 4 * _WIDTH, _PROBE_BINS)
    half = _WIDTH / 2
    profile = np.exp(-(radius**2) / (2 * _WIDTH**2))
    profile += _LORENTZIAN_SHARE * half**2 / (radius**2 + half**2)
    axis = np.fft.fftfreq(_CANVAS, 1 / _CANVAS) * PIXEL_SIZE
    distance = np.hypot(axis[:, None], axis[None, :])
    probe = np.interp(distance, radius, profile / profile.max(), right=0)
    return fft.rfft2(probe.astype(np.float32))


def _projected_deltas(atoms: Atoms) -> NDArray[np.float32]:
    """Project atoms along z onto the padded pixel grid, split over four pixels each."""
    positions = _atom_pixels(atoms)
    numbers = np.asarray(atoms.atomic_numbers)
    canvas = np.zeros((_CANVAS, _CANVAS), np.float32)
    limit = (-_EDGE / PIXEL_SIZE, (_VIEW + _EDGE) / PIXEL_SIZE)
    visible = np.all((positions > limit[0]) & (positions < limit[1]), axis=-1)
    for number in np.unique(numbers):
        same = numbers == number
        pixels = positions[same][visible[same]] + _MARGIN
        canvas += _split_over_pixels(pixels) * np.float32(number**_POWER)
    return canvas


def _atom_pixels(atoms: Atoms) -> NDArray[np.float64]:
    """Pixel coordinates [atom, cell, 2] in a supercell that is centred on the image."""
    cell = np.asarray(atoms.lattice_mat)
    # STEMConv's supercell, even where an acute cell leaves corners of the image empty.
    repeats = 3 * (_VIEW // np.asarray(atoms.lattice.abc[:2]) + 1).astype(int)
    steps = np.stack(np.meshgrid(*map(np.arange, repeats), indexing="ij"), axis=-1)
    cells = (steps.reshape(-1, 2) - (repeats - 1) / 2) @ cell[:2, :2]
    sites = np.asarray(atoms.cart_coords)[:, :2]
    positions = (sites - sites.mean(axis=0))[:, None] + cells[None]
    return (positions + _VIEW / 2) / PIXEL_SIZE


def _split_over_pixels(pixels: NDArray[np.float64]) -> NDArray[np.float32]:
    """Bilinear weights of points on the canvas; of points in one pixel the last one counts."""
    canvas = np.zeros((_CANVAS, _CANVAS), np.float32)
    corner = np.floor(pixels).astype(np.intp)
    row, column = corner.T
    down, right = (pixels - corner).T
    canvas[row, column] += (1 - down) * (1 - right)
    canvas[row + 1, column] += down * (1 - right)
    canvas[row, column + 1] += (1 - down) * right
    canvas[row + 1, column + 1] += down * right
    return canvas
