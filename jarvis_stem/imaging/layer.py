"""A layer as it lies in its cell, whatever axis the vacuum is along: its normal turned to z."""

from __future__ import annotations

from itertools import product
from math import gcd

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging.crystal import Crystal
from jarvis_stem.utils.errors import StemError

_VACUUM = 5.0  # Å without atoms; in bulk crystals, graphite for example, layers are 3 to 4 Å apart
_ALONE = 8.0  # Å without atoms across a second direction: nothing holds a layer together there
_INDICES = 2  # of lattice planes that are tried, in the reduced cell


def as_layer(read: Crystal, where: str) -> Crystal:
    """Turn a layer's normal to z, by the smallest rotation that does.

    The normal is that of the lattice planes between which there is the largest gap without atoms.
    A layer that has it along z already stays as it is, mirrored it is never.

    Args:
        read: The structure.
        where: File and name, for the message.

    Returns:
        The layer: a and b in the plane (those of the cell, where the layer is in a plane of two of
        its vectors), c along z, atoms on one side of the gap together.

    Raises:
        StemError: A bulk crystal, which has no gap, or a chain or molecule, which has several.
    """
    import moyopy

    basis, change = moyopy.minkowski_reduce(read.lattice_mat.tolist())
    reduced = np.array(basis)
    normals, gaps = _gaps(reduced, read.cart_coords)
    best = int(gaps.argmax())
    if gaps[best] < _VACUUM:
        raise StemError(
            f"{where}: a bulk crystal, its largest gap without atoms is {gaps[best]:.1f} Å; "
            f"expected a layer with at least {_VACUUM:.0f} Å of vacuum; cut a slab and add vacuum"
        )
    layer = _turned(read, reduced, normals[best], np.array(change))
    if _alone(layer):
        raise StemError(
            f"{where}: a chain or a molecule, with vacuum in several directions; expected a layer "
            "with vacuum in one"
        )
    return layer


def _gaps(
    cell: NDArray[np.float64], places: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Lattice planes by their indices, int[P, 3], and the gap without atoms between each, Å."""
    steps = range(-_INDICES, _INDICES + 1)
    planes = np.array([p for p in product(steps, repeat=3) if gcd(*p) == 1 and p > (0, 0, 0)])
    spacings = 1 / np.linalg.norm(planes @ np.linalg.inv(cell).T, axis=1)
    wide = spacings >= min(_VACUUM, spacings.max())
    planes, spacings = planes[wide], spacings[wide]
    fractions = places @ np.linalg.inv(cell)
    gaps = np.array([_largest_gap(fractions @ plane)[0] for plane in planes])
    return planes, gaps * spacings


def _largest_gap(phases: NDArray[np.float64]) -> tuple[float, float]:
    """The largest gap between numbers modulo 1, and where it ends."""
    ordered = np.sort(phases % 1)
    gaps = np.diff(ordered, append=ordered[0] + 1)
    widest = int(gaps.argmax())
    return float(gaps[widest]), float(ordered[(widest + 1) % len(ordered)])


def _in_plane(cell: NDArray[np.float64], plane: NDArray[np.intp]) -> NDArray[np.float64]:
    """The two shortest lattice vectors that span a lattice plane, [2, 3]."""
    reach = range(-_INDICES, _INDICES + 1)
    steps = np.array([s for s in product(reach, repeat=3) if s > (0, 0, 0)])
    vectors = steps[steps @ plane == 0] @ cell
    vectors = vectors[np.argsort(np.linalg.norm(vectors, axis=1), kind="stable")]
    first = vectors[0]
    areas = np.linalg.norm(np.cross(first, vectors), axis=1)
    second = vectors[np.flatnonzero(areas > 1e-6 * areas.max())[0]]
    return np.array([first, second])


def _alone(layer: Crystal) -> bool:
    """Whether there is vacuum across a layer, too, whose c is along z."""
    import moyopy

    upright = layer.lattice_mat.copy()
    upright[2, 2] = 2 * np.abs(upright).sum()  # longest, so that it stays the last
    basis, _ = moyopy.minkowski_reduce(upright.tolist())
    reciprocal = np.linalg.inv(np.array(basis)[:2, :2])
    lines = np.array([[1, 0], [0, 1], [1, 1], [1, -1]])
    spacings = 1 / np.linalg.norm(lines @ reciprocal.T, axis=1)
    fractions = layer.cart_coords[:, :2] @ reciprocal
    return any(
        spacing * _largest_gap(fractions @ line)[0] >= _ALONE
        for line, spacing in zip(lines, spacings, strict=True)
    )


def _turned(
    read: Crystal,
    reduced: NDArray[np.float64],
    plane: NDArray[np.intp],
    change: NDArray[np.intp],
) -> Crystal:
    """The layer with its normal along z and its atoms on one side of the gap."""
    reciprocal = np.linalg.inv(reduced) @ plane  # normal to the planes, 1/Å
    phases = read.cart_coords @ reciprocal
    _, start = _largest_gap(phases)
    steps = [s for s in product(range(-_INDICES, _INDICES + 1), repeat=3) if np.dot(s, plane) == 1]
    across = steps[0] @ reduced  # to the next plane; which vector that leads there does not matter
    beyond = np.floor(phases - start + 1e-9)
    places = read.cart_coords - (beyond - beyond[0])[:, None] * across
    a, b = _of_file(read.lattice_mat, plane, change, _in_plane(reduced, plane))
    spacing = 1 / float(np.linalg.norm(reciprocal))
    rotation = _to_z(reciprocal * spacing)
    cell = np.array([a, b, [0, 0, 0]]) @ rotation
    cell[:, 2] = 0
    cell[2, 2] = spacing
    return Crystal(cell, places @ rotation, read.elements, read)


def _of_file(
    cell: NDArray[np.float64],
    plane: NDArray[np.intp],
    change: NDArray[np.intp],
    in_plane: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The two vectors of the file's cell that span a plane, in cyclic order, or others that do."""
    indices = np.rint(np.linalg.solve(change.T, plane)).astype(int)
    (crossing,) = np.nonzero(indices)
    if len(crossing) > 1:
        return in_plane
    return np.roll(cell, -(crossing[0] + 1), axis=0)[:2]


def _to_z(normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """What rows are multiplied by to turn a unit vector, or its opposite if nearer, to z."""
    # Of a normal in the plane of x and y neither is nearer; then its first number decides.
    upwards = next((v for v in normal[::-1] if abs(v) > 1e-9), 1.0)
    x, y, z = normal * np.sign(upwards)
    cross = np.array([[0, 0, -x], [0, 0, -y], [x, y, 0]])
    rotation: NDArray[np.float64] = np.eye(3) + cross + cross @ cross / (1 + z)
    return rotation.T
