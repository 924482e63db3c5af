"""What is measured of an image's lattice for a model to learn from.

`Measured` lays out what `describe` measures once an image: the lattice to a small fraction of a
pixel, the amplitudes of its harmonics, and the spectrum for what those miss.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jarvis_stem.imaging import lattice_errors, measurement
from jarvis_stem.imaging.harmonics import harmonic_orders, harmonics
from jarvis_stem.training.spectrum import SHAPE, log_power

HIGHEST_ORDER = 6  # of the harmonics a unit cell is drawn from: 0.8 cycles an Å in a cell of 8 Å
_SCALARS = 7  # vectors, quality, brightness, contrast
_LEAST_ERROR, _UNKNOWN_ERROR = 1e-6, 1.0  # Å and degrees; the latter where there is none


class Measured:
    """Named views of what `describe` returned.

    Attributes:
        vectors: Reduced basis vectors as rows, Å, [N, 2, 2]; zeros where no lattice was found.
        scalars: Quality of the lattice, mean and standard deviation of the image, [N, 3].
        harmonics: Complex amplitudes of half a plane's harmonics, [N, 84].
        errors: Standard errors of |a| and |b|, Å, and of gamma, degrees, [N, 3]; [N, 0] if they
            were not asked for.
        spectrum: Log power, [N, 95, 48]; of no images if it was not asked for.
    """

    def __init__(self, description: Tensor) -> None:
        """Wrap a description, float32[N, D]."""
        lattice, *self._parts, self.errors, spectrum = _parted(description)
        self.vectors = lattice[:, :4].unflatten(1, (2, 2))
        self.scalars = lattice[:, 4:]
        self.spectrum = spectrum.reshape(-1, *SHAPE)

    @cached_property
    def harmonics(self) -> Tensor:
        """Complex amplitudes of the harmonics."""
        return torch.complex(*(part.contiguous() for part in self._parts))


def describe(images: Tensor, *, spectrum: bool, errors: bool = False) -> Tensor:
    """Measure what a model learns from, of each image.

    Args:
        images: uint8[N, 256, 256].
        spectrum: Whether to have the spectrum too.
        errors: Whether to have the lattice's standard errors too.

    Returns:
        float32[N, D]; `Measured` knows what is where.
    """
    pixels = images.numpy()
    lattices = measurement.measure(pixels)
    amplitudes = torch.from_numpy(harmonics(pixels, lattices.vectors, HIGHEST_ORDER))
    parts = [
        torch.from_numpy(lattices.vectors).nan_to_num(0.0).flatten(1),
        torch.from_numpy(lattices.quality)[:, None],
        _brightness(pixels),
        amplitudes.real,
        amplitudes.imag,
    ]
    if errors:
        measured = torch.from_numpy(lattice_errors.standard_errors(pixels, lattices.vectors))
        parts.append(measured.nan_to_num(_UNKNOWN_ERROR).clamp(_LEAST_ERROR, _UNKNOWN_ERROR))
    if spectrum:
        parts.append(log_power(images).flatten(1))
    return torch.cat([part.float() for part in parts], dim=1)


def only(description: Tensor, *, spectrum: bool, errors: bool) -> Tensor:
    """Leave of descriptions that have everything what `describe` gives for these wishes."""
    *always, measured, seen = _parted(description)
    return torch.cat(
        [*always, *([measured] if errors else []), *([seen] if spectrum else [])], dim=1
    )


def mirror(description: Tensor) -> Tensor:
    """Describe images' reflections along x from what `describe` says of the images.

    Reflected vectors both point to x < 0 and are taken the other way, which turns the signs of y.
    The harmonics there are the old ones' complex conjugates, for phases are at the image's centre.

    Args:
        description: float32[N, D].

    Returns:
        float32[N, D].
    """
    lattice, real, imaginary, errors, spectrum = _parted(description)
    signs = lattice.new_tensor([1, -1, 1, -1] + [1] * (_SCALARS - 4))
    reflected = spectrum.unflatten(1, SHAPE).flip(1) if spectrum.numel() else spectrum
    return torch.cat((lattice * signs, real, -imaginary, errors, reflected.flatten(1)), dim=1)


def _parted(description: Tensor) -> tuple[Tensor, ...]:
    """Vectors and scalars, harmonics' real and imaginary parts, errors, spectrum."""
    orders = len(orders_of(HIGHEST_ORDER))
    before = (_SCALARS, _SCALARS + orders, _SCALARS + 2 * orders)
    *always, rest = description.tensor_split(before, dim=1)
    n_errors = rest.shape[1] % math.prod(SHAPE)
    return (*always, *rest.tensor_split((n_errors,), dim=1))


def _brightness(pixels: NDArray[np.uint8]) -> Tensor:
    """Mean and standard deviation of each image in 0..1, [N, 2]."""
    size = math.prod(pixels.shape[1:])
    sums = [
        (image.sum(dtype=np.uint64), np.square(image, dtype=np.uint16).sum(dtype=np.uint64))
        for image in pixels
    ]
    total, squares = np.array(sums, float).reshape(-1, 2).T
    deviation = np.sqrt((squares - total**2 / size) / (size - 1))
    return torch.from_numpy(np.stack((total / size, deviation), axis=1) / 255)


def orders_of(highest: int) -> list[tuple[int, int]]:
    """Orders (h, k) of a half plane's harmonics up to the highest."""
    return [(int(h), int(k)) for h, k in harmonic_orders(highest)]
