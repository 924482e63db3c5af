"""Draw a crystal's atoms on an image, each a copy of the probe, by compiled code."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging import _kernels


def padded(probe: NDArray[np.float64]) -> NDArray[np.float32]:
    """Prepare a probe for `draw`.

    Args:
        probe: Intensities about the middle of an odd number of pixels, [K, K].

    Returns:
        float32[K + 2, >= K + 2], zero in the rows and columns around the probe.
    """
    size = len(probe)
    columns = math.ceil((size + 1) / _kernels.BLOCK) * _kernels.BLOCK
    return np.pad(probe, ((1, 1), (1, columns - size))).astype(np.float32)


def draw(
    cell: NDArray[np.float64],
    sites: NDArray[np.float64],
    numbers: NDArray[np.int64],
    end: NDArray[np.float64],
    bounded: bool,
    probe: NDArray[np.float32],
    size: int,
    pixel_size: float,
    edge: float,
) -> NDArray[np.float32]:
    """Draw the atoms of a plane crystal, x along rows.

    Args:
        cell: Vectors a and b in rows, Å, [2, 2].
        sites: Positions about the image's centre of the atoms in one cell, Å, [N, 2].
        numbers: Atomic numbers, ascending, [N].
        end: Half the steps along a and b from a supercell's first cell to its last one, [2]; cells
            are whole steps from there.
        bounded: Whether the crystal ends with that supercell.
        probe: As `padded` returns it.
        size: Pixels along each edge of the image.
        pixel_size: Å.
        edge: How far outside the view atoms are drawn, Å.

    Returns:
        float32[size, size]. Of the atoms of one element that fall in one pixel the last one counts,
        in the order of the sites, then of the steps along a, then along b.
    """
    return _kernels.draw(
        np.ascontiguousarray(cell, np.float64),
        np.ascontiguousarray(sites, np.float64),
        np.ascontiguousarray(numbers, np.int64),
        np.ascontiguousarray(end, np.float64),
        bounded,
        probe,
        size,
        pixel_size,
        edge,
    )
