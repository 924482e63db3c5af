"""What was read of a structure's file, in words, so that a misreading shows."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import moyopy
import numpy as np

from jarvis_stem.imaging.crystal import Crystal, formula
from jarvis_stem.imaging.layer import as_layer
from jarvis_stem.utils.errors import StemError

logging.getLogger("moyo").setLevel(logging.ERROR)  # it remarks on every supercell
_MOST = 4_000  # atoms; moyopy's time goes by their square, of 20,000 it is half a minute
_TOLERANCE = 0.01  # Å; files have positions to 3 to 6 digits


@dataclass(frozen=True)
class Identity:
    """What was read.

    Attributes:
        formula: Of all atoms in the cell.
        n_atoms: In the cell.
        cell: As in the file: lengths a, b, c in Å and angles alpha, beta, gamma in degrees.
        symmetry: Its layer group or, where it is no layer, space group; of a few thousand atoms at
            most.
    """

    formula: str
    n_atoms: int
    cell: tuple[float, ...]
    symmetry: str

    def __str__(self) -> str:
        """All of it in a line."""
        lengths = " x ".join(f"{one:.3f}" for one in self.cell[:3])
        angles = " ".join(f"{one:.2f}" for one in self.cell[3:])
        atoms = f"{self.n_atoms} atom{'s' if self.n_atoms > 1 else ''}"
        return f"{self.formula}, {atoms}, {lengths} Å, {angles}°, {self.symmetry}"


def identity(structure: Any) -> Identity:
    """Formula, cell and symmetry of a structure.

    Args:
        structure: A `Crystal`, or JARVIS' ``Atoms``.
    """
    elements = [str(one) for one in structure.elements]
    cell = np.asarray(structure.lattice_mat, float)
    read = Crystal(cell, np.asarray(structure.cart_coords, float), tuple(elements))
    layer = structure if isinstance(structure, Crystal) and structure.source else _layer(read)
    source = layer.source if layer and layer.source else read
    return Identity(
        formula(elements), len(elements), _parameters(source.lattice_mat), _symmetry(read, layer)
    )


def _layer(read: Crystal) -> Crystal | None:
    try:
        return as_layer(read, "")
    except StemError:
        return None


def _parameters(cell: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, ...]:
    lengths = np.linalg.norm(cell, axis=1)
    second, third = np.roll(cell, -1, axis=0), np.roll(cell, -2, axis=0)
    cosines = (second * third).sum(axis=1) / np.roll(lengths, -1) / np.roll(lengths, -2)
    angles = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    return tuple(float(round(one, 5)) for one in (*lengths, *angles))


def _symmetry(read: Crystal, layer: Crystal | None) -> str:
    if len(read.elements) > _MOST:
        return "symmetry not looked for"
    shown = layer or read
    cell = moyopy.Cell(shown.lattice_mat.tolist(), shown.frac_coords.tolist(), shown.atomic_numbers)
    try:
        if layer:
            number = moyopy.MoyoLayerDataset(cell, symprec=_TOLERANCE).number
            return f"layer group {moyopy.LayerGroupType(number).hm_short} ({number})"
        number = moyopy.MoyoDataset(cell, symprec=_TOLERANCE).number
        return f"space group {moyopy.SpaceGroupType(number).hm_short} ({number})"
    except ValueError:  # within the tolerance operations can fail to make a group
        return "symmetry not certain"
