"""Layers of two atoms, for images of any lattice."""

from __future__ import annotations

import numpy as np
from jarvis.core.atoms import Atoms


def crystal(a: float, b: float, gamma: float = 90.0) -> Atoms:
    """A layer with these vectors, Å and degrees, and nothing but their symmetry."""
    angle = np.radians(gamma)
    return Atoms(
        lattice_mat=[[a, 0, 0], [b * np.cos(angle), b * np.sin(angle), 0], [0, 0, 20]],
        coords=[[0, 0, 0.5], [0.31, 0.42, 0.5]],
        elements=["Mo", "S"],
        cartesian=False,
    )
