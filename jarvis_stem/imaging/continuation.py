"""A small picture of a crystal, continued by its lattice to a larger one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging import measurement, stem

_CERTAIN = 0.5  # quality of the lattice that continues a picture
_SPLINE = 5  # degree, of the interpolation


def continued(part: NDArray[np.float32], size: int) -> NDArray[np.float32] | None:
    """Continue a picture: each pixel around it takes the value that lattice vectors away is inside.

    A model that was trained on a field of one size then sees as much of a crystal as it knows,
    instead of an edge. Nothing is added to what the picture shows.

    Args:
        part: float32[n, n].
        size: Pixels a side of the result, more than n.

    Returns:
        float32[size, size] with the part in the middle; None where it shows no lattice.

    Examples:
        >>> rows, columns = np.indices((256, 256))
        >>> crystal = (np.cos(rows / 3) + np.cos(columns / 4)).astype(np.float32)
        >>> whole = continued(crystal[64:192, 64:192], 256)
        >>> bool(np.abs(whole - crystal).mean() < 0.05)
        True
    """
    from scipy import ndimage  # a fifth of a second, which trainings need not cost

    lattices = measurement.measure(stem.to_uint8(part[None]))
    if lattices.quality[0] < _CERTAIN:
        return None
    vectors = lattices.vectors[0] / stem.PIXEL_SIZE
    last = len(part) - 1
    # How far a place is from the nearest lattice point; measured cells are under half the part.
    margin = np.abs(vectors).sum(axis=0) / 2
    before = (size - len(part)) // 2
    places = np.moveaxis(np.indices((size, size)), 0, -1) - float(before)
    beyond = places - places.clip(margin, last - margin)
    moved = places - np.rint(beyond @ np.linalg.inv(vectors)) @ vectors
    whole = ndimage.map_coordinates(part, np.moveaxis(moved, -1, 0), order=_SPLINE, mode="nearest")
    middle = slice(before, before + len(part))
    whole[middle, middle] = part
    return np.asarray(whole, np.float32)
