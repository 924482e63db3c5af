"""The five Bravais lattices of the plane, in the benchmark's order, and JARVIS' rule for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms

CLASS_NAMES = ("hexagonal", "square", "rectangle", "rhombus", "parallelogram")
LATTICE_NAMES = ("hexagonal", "square", "rectangular", "centred rectangular", "oblique")
"""The same in crystallographers' words."""


def bravais_class(atoms: Atoms) -> int:
    """Name the Bravais lattice of a structure's cell as the benchmark does.

    The rule looks at the cell as given, not at its primitive cell: a and b rounded to 0.01 Å, gamma
    to 0.01 degree; a supercell or another choice of cell can have another class.

    Args:
        atoms: A 2D structure with the layer in the plane of the first two lattice vectors.

    Returns:
        Index into `CLASS_NAMES`.

    Source: ``jarvis.core.lattice.get_2d_lattice``.

    Examples:
        >>> from jarvis.core.atoms import Atoms
        >>> cell = [[3.19, 0, 0], [-1.595, 2.7626, 0], [0, 0, 25]]
        >>> CLASS_NAMES[bravais_class(Atoms(lattice_mat=cell, coords=[[0, 0, 0]], elements=["C"]))]
        'hexagonal'
    """
    from jarvis.core.lattice import get_2d_lattice  # takes seconds, which names alone need not cost

    return int(get_2d_lattice({"abc": atoms.lattice.abc, "angles": atoms.lattice.angles})[1])
