"""A structure's cell and atoms, checked, whoever read it: ASE, gemmi, pymatgen or JARVIS-Tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jarvis_stem.utils.errors import StemError

MOST_ATOMS = 20_000  # twisted bilayer graphene at the magic angle has 11,164
CLOSEST = 0.5  # Å; hydrogen's bond has 0.74, and no pair of atoms is closer
_THINNEST = 1.0  # Å between opposite faces of a reduced cell; graphene's has 2.1
_DENSEST = 0.5  # atoms per Å3; diamond has 0.18
_VACUUM = 20.0  # Å beside a layer whose file has none, as it is not periodic there


@dataclass(frozen=True)
class Crystal:
    """Cell and atoms, with the names that JARVIS' ``Atoms`` has for them.

    Attributes:
        lattice_mat: Lattice vectors as rows, Å, float64[3, 3].
        cart_coords: Positions, Å, float64[N, 3].
        elements: Symbols of the N atoms.
        source: What was read, where this is a layer that was turned; see `layer.as_layer`.
    """

    lattice_mat: NDArray[np.float64]
    cart_coords: NDArray[np.float64]
    elements: tuple[str, ...]
    source: Crystal | None = None

    @cached_property
    def atomic_numbers(self) -> list[int]:
        """Of the N atoms."""
        return [atomic_numbers()[symbol] for symbol in self.elements]

    @cached_property
    def frac_coords(self) -> NDArray[np.float64]:
        """Positions as multiples of the lattice vectors, float64[N, 3]."""
        return self.cart_coords @ np.linalg.inv(self.lattice_mat)


def crystal(cell: ArrayLike, positions: ArrayLike, elements: Sequence[str], where: str) -> Crystal:
    """Check a user's structure.

    Args:
        cell: Lattice vectors as rows, Å, [3, 3]. One may be zero where a layer is not periodic.
        positions: Cartesian, Å, [N, 3].
        elements: Symbols of the N atoms.
        where: File and name, for the message.

    Raises:
        StemError: No atoms or too many, unknown elements, numbers that are not finite, no cell or
            too small a one, or atoms that overlap.
    """
    lattice, places = np.asarray(cell, float).reshape(3, 3), np.asarray(positions, float)
    if len(elements) == 0:
        raise StemError(f"{where}: expected atoms, got none")
    if len(places) != len(elements):
        raise StemError(f"{where}: {len(places)} positions but {len(elements)} elements")
    check_count(len(elements), where)
    if unknown := sorted({str(one) for one in elements if one not in atomic_numbers()}):
        raise StemError(
            f"{where}: unknown element {', '.join(unknown)}; expected symbols of the elements"
        )
    if not np.isfinite(lattice).all() or not np.isfinite(places).all():
        raise StemError(f"{where}: numbers of the cell or of positions that are not finite")
    read = Crystal(_periodic(lattice, places, where), places, tuple(elements))
    _check_distances(read, where)
    return read


def check_count(atoms: int, where: str) -> None:
    """Refuse more atoms than are drawn, before they are read.

    Raises:
        StemError: So many.
    """
    if atoms > MOST_ATOMS:
        raise StemError(
            f"{where}: {atoms:,} atoms; expected at most {MOST_ATOMS:,}; take a smaller cell"
        )


def of_object(structure: Any) -> Crystal | None:
    """A structure of ASE, pymatgen or JARVIS-Tools as it stands; None if it is none of them.

    Args:
        structure: ``ase.Atoms``, pymatgen's ``Structure`` or JARVIS' ``Atoms``.

    Raises:
        StemError: Disordered sites, or see `crystal`.
    """
    kind = f"{type(structure).__module__}.{type(structure).__name__}"
    library = kind.split(".")[0]
    where = f"{library} {type(structure).__name__}"
    if library == "ase" and hasattr(structure, "get_chemical_symbols"):
        return of_ase(structure, where)
    if library == "pymatgen" and hasattr(structure, "lattice"):
        if not structure.is_ordered:
            raise StemError(f"{where}: disordered sites; expected one element on each site")
        symbols = [site.specie.symbol for site in structure]
        elements = ["H" if symbol in ("D", "T") else symbol for symbol in symbols]
        return crystal(structure.lattice.matrix, structure.cart_coords, elements, where)
    if library == "jarvis" and hasattr(structure, "lattice_mat"):
        return crystal(structure.lattice_mat, structure.cart_coords, structure.elements, where)
    return None


def of_ase(atoms: Any, where: str) -> Crystal:
    """ASE's ``Atoms``, checked; along one direction that is not periodic the cell gets vacuum.

    Raises:
        StemError: See `crystal`.
    """
    lattice = np.array(atoms.cell[:], float)
    aperiodic = np.flatnonzero(~np.asarray(atoms.pbc, bool))
    if len(aperiodic) == 1:
        lattice[aperiodic] = 0
    return crystal(lattice, atoms.positions, atoms.get_chemical_symbols(), where)


def element_of(name: str) -> str | None:
    """Symbol of an element in any case, hydrogen's isotopes as H; None if there is none.

    Examples:
        >>> element_of("MO"), element_of("D"), element_of("Xx")
        ('Mo', 'H', None)
    """
    symbol = name.capitalize()
    if symbol in ("D", "T"):
        return "H"
    return symbol if symbol in atomic_numbers() else None


def formula(elements: Sequence[str]) -> str:
    """All atoms by element, in the order in which elements come.

    Examples:
        >>> formula(["Mo", "S", "S"])
        'MoS2'
    """
    return "".join(f"{one}{n if n > 1 else ''}" for one, n in Counter(elements).items())


@cache
def atomic_numbers() -> dict[str, int]:
    """Atomic numbers of all elements by symbol."""
    import gemmi

    return {gemmi.Element(n).name: n for n in range(1, 119)}


def _periodic(
    lattice: NDArray[np.float64], places: NDArray[np.float64], where: str
) -> NDArray[np.float64]:
    """The cell, with vacuum along a direction that has no lattice vector."""
    absent = np.flatnonzero(~lattice.any(axis=1))
    if len(absent) > 1:
        raise StemError(
            f"{where}: {3 - len(absent)} of 3 lattice vectors; expected a cell, periodic in two "
            "directions at least"
        )
    if len(absent) == 0:
        return lattice
    (axis,) = absent
    normal = np.cross(lattice[axis - 2], lattice[axis - 1])
    area = float(np.linalg.norm(normal))
    if area == 0:
        raise StemError(f"{where}: degenerate cell, its lattice vectors are parallel")
    normal /= area
    filled = lattice.copy()
    filled[axis] = normal * (np.ptp(places @ normal) + _VACUUM)
    return filled


def _check_distances(read: Crystal, where: str) -> None:
    """Refuse cells that are no crystal's, and atoms in the same place."""
    volume = abs(float(np.linalg.det(read.lattice_mat)))
    if not 0 < volume < 1e12:
        raise StemError(f"{where}: degenerate cell, {volume:.3g} Å3")
    import moyopy

    reduced, _ = moyopy.minkowski_reduce(read.lattice_mat.tolist())
    cell = np.array(reduced)
    thinnest = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0).max()
    if thinnest < _THINNEST:
        raise StemError(f"{where}: degenerate cell, {thinnest:.3g} Å thin; expected lengths in Å")
    if len(read.elements) > _DENSEST * volume:
        raise StemError(
            f"{where}: overlapping atoms, {len(read.elements):,} in {volume:.3g} Å3; expected at "
            f"most {_DENSEST} an Å3; correct the cell or its scale"
        )
    if (pair := _overlapping(cell, read.cart_coords)) is not None:
        one, other, distance = pair
        raise StemError(
            f"{where}: overlapping atoms, {read.elements[one]} (atom {one + 1}) and "
            f"{read.elements[other]} (atom {other + 1}) are {distance:.2f} Å apart; expected at "
            f"least {CLOSEST}; remove one, or correct cell and scale"
        )


def _overlapping(
    cell: NDArray[np.float64], places: NDArray[np.float64]
) -> tuple[int, int, float] | None:
    """Two atoms that are closer than atoms can be.

    Atoms are sorted along the direction in which fewest are as close as that, and each is compared
    with the next ones.
    """
    fractions = places @ np.linalg.inv(cell) % 1
    reach = CLOSEST * np.linalg.norm(np.linalg.inv(cell), axis=0)
    count = len(fractions)
    best: tuple[int, NDArray[np.intp], NDArray[np.float64]] | None = None
    for axis in range(3):
        order = np.argsort(fractions[:, axis], kind="stable")
        along = fractions[order, axis]
        ends = np.searchsorted(np.concatenate([along, along + 1]), along + reach[axis], "right")
        most = int((ends - np.arange(count)).max()) - 1
        if best is None or most < best[0]:
            best = most, order, fractions[order]
    assert best is not None  # noqa: S101 - of three axes one is the best
    steps, order, placed = best
    for step in range(1, min(steps, count - 1) + 1):
        apart = placed - np.roll(placed, -step, axis=0)
        distances = np.linalg.norm((apart - np.rint(apart)) @ cell, axis=1)
        nearest = int(distances.argmin())
        if distances[nearest] < CLOSEST:
            one, other = sorted((int(order[nearest]), int(order[(nearest + step) % count])))
            return one, other, float(distances[nearest])
    return None
