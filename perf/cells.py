"""How a structure's cell lies in its image: turned in the plane, tilted out of it, or neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms

_TURN = 0.1  # degrees
_LEAVES = 0.01  # Å
_OFF_NORMAL = 0.5  # degrees
_TURNED_DATABASE = "2dm-"  # how 2DMatPedia's ids begin
GROUPS = {
    "rotated": f"a cell of 2DMatPedia whose a is turned in the image's plane by more than {_TURN} "
    "degree against the image's x axis; the other databases have few such cells, most of them "
    "turned by 30, 60 or 90 degrees, which is another setting of the lattice",
    "tilted": f"a or b leaves the image's plane by more than {_LEAVES} Å, or c is more than "
    f"{_OFF_NORMAL} degree off the layer's normal",
    "other": "neither rotated nor tilted, where a cell can be both",
    "no structure": "in none of the databases at hand",
}


def groups(ids: Sequence[str], found: Mapping[str, Atoms]) -> dict[str, NDArray[np.bool_]]:
    """Tell rotated and tilted cells from others.

    Args:
        ids: N image ids.
        found: Structures by image id.

    Returns:
        For each of `GROUPS` whether each id is of it, bool[N].
    """
    known = np.array([i in found for i in ids])
    rotated = np.array([i in found and is_rotated(i, found[i]) for i in ids])
    tilted = np.array([i in found and is_tilted(found[i]) for i in ids])
    others = known & ~rotated & ~tilted
    return dict(zip(GROUPS, (rotated, tilted, others, ~known), strict=True))


def is_rotated(image_id: str, atoms: Atoms) -> bool:
    """Whether a structure's cell is rotated, as `GROUPS` has it."""
    x, y, _ = np.asarray(atoms.lattice_mat)[0]
    turn = np.degrees(np.arctan2(abs(y), abs(x)))
    return image_id.startswith(_TURNED_DATABASE) and bool(turn > _TURN)


def is_tilted(atoms: Atoms) -> bool:
    """Whether a structure's cell is tilted, as `GROUPS` has it."""
    a, b, c = np.asarray(atoms.lattice_mat)
    normal = np.cross(a, b)
    cosine = abs(normal @ c) / (np.linalg.norm(normal) * np.linalg.norm(c))
    off_normal = np.degrees(np.arccos(min(1, cosine)))
    return bool(max(abs(a[2]), abs(b[2])) > _LEAVES or off_normal > _OFF_NORMAL)
