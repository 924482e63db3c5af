"""The plane lattice that a structure's projection along z has, and its motif."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms

    from jarvis_stem.imaging.crystal import Crystal

# Indices h and k: one of each pair that is the same but for its phase.
_HARMONICS = np.array([(h, k) for h in range(-3, 4) for k in range(4) if (k, h) > (0, 0)])
_TOLERANCE = 0.02  # Å
_MOST = 200  # atoms, of which all pairs are looked at in a moment
_FINER = 0.99  # of the area
_DARK_FIELD = 1.7  # power of the atomic number that an annular dark-field detector sees


def projected_lattice(
    atoms: Atoms | Crystal, tolerance: float = _TOLERANCE, *, once: bool = True
) -> NDArray[np.float64]:
    """Find the primitive lattice of a structure seen along its third lattice vector.

    A translation of it maps every atom's place in the plane onto one of the same element's; heights
    do not matter, so it can be finer than the structure's primitive lattice.

    Args:
        atoms: A 2D structure with the layer in the plane of the first two lattice vectors.
        tolerance: How far apart two places may be to count as one, Å.
        once: Whether atoms of an element above each other are like one alone, as they are drawn in
            the benchmark's images.

    Returns:
        Two shortest vectors of the lattice as rows, float64[2, 2], Å; not reduced in sign.

    Examples:
        >>> from jarvis.core.atoms import Atoms
        >>> cell = [[6, 0, 0], [0, 4, 0], [0, 0, 25]]
        >>> two = Atoms(lattice_mat=cell, coords=[[0, 0, 0], [0.5, 0, 0.1]], elements=["C", "C"])
        >>> np.linalg.norm(projected_lattice(two), axis=1)
        array([3., 4.])
    """
    cell = np.asarray(atoms.lattice_mat)[:2, :2]
    places = np.asarray(atoms.frac_coords)[:, :2]
    elements = np.asarray(atoms.elements)
    if not once:
        above = _distances(places, places, cell) <= tolerance
        counts = (above & (elements[:, None] == elements)).sum(axis=1)
        elements = np.char.add(elements, counts.astype(str))
    groups = [places[elements == element] for element in sorted(set(elements.tolist()))]
    rarest = min(groups, key=len)
    translations = [
        step - np.round(step)
        for step in rarest - rarest[0]
        if all(_maps_onto_itself(group, step, cell, tolerance) for group in groups)
    ]
    whole = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    vectors = (np.array(translations)[:, None] + whole).reshape(-1, 2) @ cell
    lengths = np.linalg.norm(vectors, axis=1)
    vectors = vectors[np.argsort(lengths, kind="stable")]
    vectors = vectors[np.linalg.norm(vectors, axis=1) > 10 * tolerance]
    first = vectors[0]
    areas = np.abs(first[0] * vectors[:, 1] - first[1] * vectors[:, 0])
    independent = areas > 0.05 * np.linalg.norm(first) * np.linalg.norm(vectors, axis=1)
    return np.array([first, vectors[independent][0]])


def eclipsed(atoms: Crystal) -> tuple[str, ...]:
    """Say where a layer's picture has a finer lattice because atoms above each other count once.

    Args:
        atoms: A layer in the plane of x and y; of more than 200 atoms nothing is said.

    Examples:
        >>> from jarvis_stem.imaging.crystal import Crystal
        >>> cell = np.diag([4.0, 3.0, 25.0])
        >>> three = np.array([[0, 0, 10], [2, 0, 10], [2, 0, 13]])
        >>> eclipsed(Crystal(cell, three, ("C", "C", "C")))[0].partition(":")[0]
        'atoms of one element above each other are drawn as one, as in the benchmark'
        >>> eclipsed(Crystal(cell, three[1:], ("C", "C")))
        ()
    """
    if len(atoms.elements) > _MOST:
        return ()
    drawn, own = (projected_lattice(atoms, once=once) for once in (True, False))
    if abs(np.linalg.det(drawn)) > _FINER * abs(np.linalg.det(own)):
        return ()
    a, b = np.linalg.norm(own, axis=1)
    return (
        "atoms of one element above each other are drawn as one, as in the benchmark: the layer's "
        f"own lattice, {a:.3f} x {b:.3f} Å, is coarser than its picture's",
    )


def motif_numbers(atoms: Atoms, lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """Say what a projection has on its lattice, whatever the origin.

    Args:
        atoms: A 2D structure with the layer in the plane of the first two lattice vectors.
        lattice: What `projected_lattice` finds, or another basis of the same lattice.

    Returns:
        Amplitudes of the harmonics that `_HARMONICS` names, of atoms as strong as they scatter
        into a dark-field detector, as shares of the largest possible one; atoms in the primitive
        cell; the largest and the mean strength. float64[27].

    Examples:
        >>> from jarvis.core.atoms import Atoms
        >>> cell = np.diag([4.0, 4.0, 25.0])
        >>> two = Atoms(lattice_mat=cell, coords=[[0, 0, 0], [0.5, 0.5, 0]], elements=["C", "B"])
        >>> float(motif_numbers(two, cell[:2, :2])[-3])
        2.0
    """
    strengths = np.asarray(atoms.atomic_numbers, float) ** _DARK_FIELD
    places = np.asarray(atoms.cart_coords)[:, :2] @ np.linalg.inv(lattice)
    amplitudes = np.abs(np.exp(2j * np.pi * _HARMONICS @ places.T) @ strengths)
    finer = np.linalg.det(np.asarray(atoms.lattice_mat)[:2, :2]) / np.linalg.det(lattice)
    count = len(strengths) / round(abs(finer))
    numbers = (count, strengths.max(), strengths.mean())
    return np.append(amplitudes / strengths.sum(), numbers)


def _maps_onto_itself(
    places: NDArray[np.float64],
    step: NDArray[np.float64],
    cell: NDArray[np.float64],
    tolerance: float,
) -> bool:
    return bool(_distances(places + step, places, cell).min(axis=1).max() <= tolerance)


def _distances(
    places: NDArray[np.float64], others: NDArray[np.float64], cell: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Å between places, by the nearest of their images."""
    apart = places[:, None] - others
    found: NDArray[np.float64] = np.linalg.norm((apart - np.round(apart)) @ cell, axis=2)
    return found
