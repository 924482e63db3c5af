"""What a classifier reaches that is told the exact projected structures instead of seeing images.

An image shows the projection, of which it gives the lattice and the motif with some error; the
class is that of the cell which somebody chose. So who is told lattice, orientation and motif
without any error is an oracle to all who look at images: significantly more right answers than its
are too good to be true, unless somebody found what the cells were chosen by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging import measurement
from jarvis_stem.imaging.lattice_numbers import lattice_numbers
from jarvis_stem.imaging.projection import motif_numbers, projected_lattice

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms

_TREES = 300


def classes(
    train: Sequence[Atoms], targets: Sequence[int | str], test: Sequence[Atoms]
) -> list[int | str]:
    """Name the classes of structures after learning from others.

    Args:
        train: N structures.
        targets: Their classes.
        test: M structures.

    Returns:
        The classes of the M structures, by extremely randomised trees.

    Source: P. Geurts, D. Ernst, L. Wehenkel, Mach. Learn. 63 (2006) 3; scikit-learn's.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    trees = ExtraTreesClassifier(_TREES, random_state=0, n_jobs=-1)
    trees.fit(_numbers(train), targets)
    return trees.predict(_numbers(test)).tolist()


def _numbers(structures: Sequence[Atoms]) -> NDArray[np.float32]:
    """All that is told of projections, float32[N, F]."""
    lattices = measurement.reduce(np.array([projected_lattice(atoms) for atoms in structures]))
    motifs = [motif_numbers(*pair) for pair in zip(structures, lattices, strict=True)]
    return np.hstack([lattice_numbers(lattices.astype(np.float32)), np.array(motifs, np.float32)])
