"""Labels near the rounding: which structures change class when their cell moves a little."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from jarvis.core.atoms import Atoms
from jarvis.core.lattice import get_2d_lattice

from jarvis_stem.imaging.bravais import CLASS_NAMES

MOVES = (0.001, 0.01)  # Å of a, degrees of gamma; the rule rounds to the larger one
_POINT_GROUP_ORDER = (12, 8, 4, 4, 2)  # of the five lattices, in the order of the classes
# Steps of (a, gamma); "both" is either of them or the two together.
_STEPS = {
    "gamma": [(0, -1), (0, 1)],
    "a": [(-1, 0), (1, 0)],
    "both": [(a, gamma) for a in (-1, 0, 1) for gamma in (-1, 0, 1)],
}


def changes(structures: Sequence[Atoms], move: float) -> dict[str, Any]:
    """Count the structures that JARVIS' rule puts in another class when their cell moves a little.

    Args:
        structures: Structures.
        move: By how much a (in Å) and gamma (in degrees) move, up or down.

    Returns:
        For a move of ``gamma``, of ``a`` and of ``both`` (either, or the two together):
        ``ids``, how many change; ``more_symmetric``, how many of them can get a lattice of higher
        symmetry; ``of_class``, ids by their class; ``to``, ids by their class and a class they can
        get, where an id counts for each of these.
    """
    cells = [(*atoms.lattice.abc[:2], atoms.lattice.angles[2]) for atoms in structures]
    return {name: _changes(cells, move, steps) for name, steps in _STEPS.items()}


def _changes(
    cells: Sequence[tuple[float, float, float]], move: float, steps: Sequence[tuple[int, int]]
) -> dict[str, Any]:
    of_class: Counter[int] = Counter()
    to: Counter[tuple[int, int]] = Counter()
    more_symmetric = 0
    for a, b, gamma in cells:
        now = rule_class(a, b, gamma)
        others = {rule_class(a + i * move, b, gamma + j * move) for i, j in steps} - {now}
        of_class[now] += bool(others)
        to.update((now, other) for other in others)
        order = _POINT_GROUP_ORDER[now]
        more_symmetric += any(_POINT_GROUP_ORDER[other] > order for other in others)
    return {
        "ids": of_class.total(),
        "more_symmetric": more_symmetric,
        "of_class": {name: of_class[c] for c, name in enumerate(CLASS_NAMES)},
        "to": [
            {"from": CLASS_NAMES[now], "to": CLASS_NAMES[other], "ids": to[now, other]}
            for now, other in sorted(to)
        ],
    }


def rule_class(a: float, b: float, gamma: float) -> int:
    """Class of a cell by the label rule; lengths in Å, gamma in degrees."""
    return int(get_2d_lattice({"abc": (a, b), "angles": (90, 90, gamma)})[1])
