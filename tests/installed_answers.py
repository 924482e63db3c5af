"""Ask the installed package for the class of drawings, one of each: installed_answers.py.

Cibuildwheel runs it with every wheel, beside nothing but what the wheel requires.
"""

from __future__ import annotations

import math
import sys
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jarvis_stem import predict
from jarvis_stem.imaging import stem

# Cells of two atoms in the classes' order: a, b in Å, gamma in degrees.
CELLS = ((3.16, 3.16, 120), (3.9, 3.9, 90), (3.4, 4.6, 90), (3.8, 3.8, 75), (3.5, 4.9, 73))


class Layer(NamedTuple):
    """What is drawn, as structures have it that other packages read."""

    lattice_mat: NDArray[np.float64]
    cart_coords: NDArray[np.float64]
    atomic_numbers: tuple[int, ...]


def layer(a: float, b: float, gamma: float) -> Layer:
    """Molybdenum and sulphur in one plane."""
    angle = math.radians(gamma)
    cell = np.array([[a, 0, 0], [b * math.cos(angle), b * math.sin(angle), 0], [0, 0, 20]])
    return Layer(cell, np.array([[0, 0, 0.5], [0.5, 0.5, 0.5]]) @ cell, (42, 16))


def main() -> int:
    """Print each cell and what its drawing is answered; 0 if all answers are right."""
    drawn = stem.simulate([layer(*cell) for cell in CELLS])
    answers = predict(drawn, pixel_size=stem.PIXEL_SIZE)
    for cell, answer in zip(CELLS, answers, strict=True):
        print(*cell, "is answered", answer.bravais_class, answer.class_name)
    return [answer.bravais_class for answer in answers] != [*range(len(CELLS))]


if __name__ == "__main__":
    sys.exit(main())
