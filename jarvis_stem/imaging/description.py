"""What is computed of an image for a network to read: see `formats.description`.

The lattice to a small fraction of a pixel, the amplitudes of its harmonics, the unit cell that
these draw, and the spectrum for what they miss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.formats.description import SHAPES
from jarvis_stem.imaging.harmonics import harmonic_orders, harmonics
from jarvis_stem.imaging.lattice_numbers import error_numbers, lattice_numbers
from jarvis_stem.imaging.spectrum import log_power

Floats = NDArray[np.float32]
HIGHEST_ORDER = 6  # of the harmonics a unit cell is drawn from: 0.8 cycles an Å in a cell of 8 Å
_NUMBERED_ORDER = 3  # of those whose amplitudes are given as numbers; higher ones are near zero
_FAINT = np.float32(3e-3)  # of the mean: about what rounding to 8 bits leaves of an amplitude
_LEAST_ERROR, _UNKNOWN_ERROR = 1e-6, 1.0  # Å and degrees; the latter where there is none


@dataclass(frozen=True)
class Measured:
    """What is measured of N images; what was not asked for is of no images.

    Attributes:
        images: uint8[N, 256, 256].
        vectors: Reduced basis vectors as rows, Å, float32[N, 2, 2]; zeros where no lattice was
            found.
        scalars: Quality of the lattice, mean and standard deviation of the image, float32[N, 3].
        harmonics: Complex amplitudes of half a plane's harmonics, complex64[N, 84].
        errors: Standard errors of |a| and |b|, Å, and of gamma, degrees, float32[N, 3].
        spectrum: Log power, float32[N, 95, 48].
    """

    images: NDArray[np.uint8]
    vectors: Floats
    scalars: Floats
    harmonics: NDArray[np.complex64]
    errors: Floats
    spectrum: Floats

    def mirrored(self) -> Measured:
        """What would be measured of the images' reflections along x, which nobody looks at.

        Reflected vectors both point to x < 0 and are taken the other way, which turns the signs of
        y. The harmonics there are the old ones' complex conjugates, for phases are at the image's
        centre. Of equally long vectors, or at right angles, a measurement might choose others.
        """
        return replace(
            self,
            images=self.images[:, ::-1],
            vectors=self.vectors * np.array([1, -1], np.float32),
            harmonics=self.harmonics.conj(),
            spectrum=self.spectrum[:, ::-1],
        )


def describe(images: NDArray[np.uint8], parts: Sequence[str]) -> tuple[list[Floats], list[Floats]]:
    """Describe images and their reflections along x, which have the same Bravais class.

    Args:
        images: uint8[N, 256, 256], 0.2 Å a pixel.
        parts: Names of the parts of the description that are wanted.

    Returns:
        Each part of the images and each of their reflections, float32[N, ...] of its shape in
        `SHAPES`.
    """
    measured = measure(images, parts)
    return described(measured, parts), described(measured.mirrored(), parts)


def described(measured: Measured, parts: Sequence[str]) -> list[Floats]:
    """Each of the parts, float32[N, ...], of images that were measured for them."""
    shape = len(measured.images)
    return [_PARTS[part](measured).reshape(shape, *SHAPES[part]) for part in parts]


def measure(images: NDArray[np.uint8], parts: Sequence[str]) -> Measured:
    """Measure of images what these parts of their description need.

    Args:
        images: uint8[N, 256, 256], 0.2 Å a pixel.
        parts: Names of the parts.
    """
    # Here, for a tenth of a second that what is measured already need not cost.
    from jarvis_stem.imaging import lattice_errors, measurement

    needs_lattice = bool({"lattice", "errors", "harmonics", "cell"} & {*parts})
    n = len(images) if needs_lattice else 0
    lattices = measurement.measure(images[:n])
    amplitudes = harmonics(images[:n], lattices.vectors, HIGHEST_ORDER)
    n_errors = n if "errors" in parts else 0
    errors = lattice_errors.standard_errors(images[:n_errors], lattices.vectors[:n_errors])
    known = np.nan_to_num(errors, nan=_UNKNOWN_ERROR).clip(_LEAST_ERROR, _UNKNOWN_ERROR)
    scalars = np.concatenate((lattices.quality[:, None], _brightness(images[:n])), axis=1)
    return Measured(
        images,
        np.nan_to_num(lattices.vectors).astype(np.float32),
        scalars.astype(np.float32),
        amplitudes,
        known.astype(np.float32),
        log_power(images if "spectrum" in parts else images[:0]),
    )


def unit_cell(amplitudes: NDArray[np.complex64]) -> Floats:
    """Draw the unit cell averaged over the image, from its harmonics.

    Args:
        amplitudes: Of half a plane's harmonics, complex64[N, 84].

    Returns:
        Intensities less their mean, by it, float32[N, 16, 16]; rows along a, columns along b.
    """
    size = SHAPES["cell"][-1]
    plane = np.zeros((len(amplitudes), size, size), np.complex64)
    h, k = harmonic_orders(HIGHEST_ORDER).T
    plane[:, h % size, k % size] = amplitudes
    plane[:, -h % size, -k % size] = amplitudes.conj()
    return np.asarray(np.fft.ifft2(plane, norm="forward").real, np.float32)


def _image(measured: Measured) -> Floats:
    return np.asarray(measured.images.astype(np.float32) / np.float32(255))


def _lattice(measured: Measured) -> Floats:
    parts = (lattice_numbers(measured.vectors), measured.scalars)
    return np.concatenate(parts, axis=1).astype(np.float32, copy=False)


def _errors(measured: Measured) -> Floats:
    return error_numbers(measured.vectors, measured.errors)


def _harmonics(measured: Measured) -> Floats:
    low = np.abs(harmonic_orders(HIGHEST_ORDER)).max(axis=1) <= _NUMBERED_ORDER
    amplitudes = np.abs(measured.harmonics[:, low])
    both = (np.log(amplitudes + _FAINT), amplitudes)
    return np.concatenate(both, axis=1).astype(np.float32, copy=False)


_PARTS: dict[str, Callable[[Measured], Floats]] = {
    "image": _image,
    "lattice": _lattice,
    "errors": _errors,
    "harmonics": _harmonics,
    "cell": lambda measured: unit_cell(measured.harmonics),
    "spectrum": lambda measured: measured.spectrum,
}


def _brightness(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean and standard deviation of each image in 0..1, [N, 2]."""
    size = images[0].size if len(images) else 1
    sums = [
        (image.sum(dtype=np.uint64), np.square(image, dtype=np.uint16).sum(dtype=np.uint64))
        for image in images
    ]
    total, squares = np.array(sums, float).reshape(-1, 2).T
    deviation = np.sqrt((squares - total**2 / size) / max(size - 1, 1))
    return np.stack((total / size, deviation), axis=1) / 255
