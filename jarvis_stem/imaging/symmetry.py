"""Which symmetry a measured lattice has, seen through the distortions of a microscope.

Scanning stretches and shears a picture by a few percent, so that no measured lattice is exactly
hexagonal. Lattices up to their size and direction are the points of a hyperbolic plane, in which a
stretch by e moves any of them by the same distance e; those of higher symmetry are its special
points and lines. A class' probability density there is that of its lattices, spread by the
distortion: general ones are everywhere, symmetric ones are dense near their lines and points. So
the simplest class that the distortion can explain is the most probable one, and by how much
follows.

Source of the plane: Conti and Zanzotto, Arch. Rational Mech. Anal. 173, 69 (2004).
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging.measurement import reduce

# Of the plane lattices that the benchmark's train images show (perf/lattice_shares.py): shares of
# the five classes, means of log(b / a) of rectangular ones and of the rhombic ones beyond hexagonal
# (by a hexagon's), and the share of those between square and hexagonal among rhombic ones.
_SHARES = (0.33, 0.18, 0.22, 0.17, 0.09)
_ASPECT, _BEYOND, _BETWEEN = 0.48, 0.43, 0.56
_TAIL, _WIDER = 0.15, 3.0  # share of pictures that are distorted so many times more
_HEXAGON = cmath.exp(1j * math.pi / 3)
_ARC = math.log(3) / 2  # length of the rhombic lattices from square to hexagonal
_AREA = math.pi / 6  # of the plane, mirror images counted once
_FOLDS_HEXAGONAL, _FOLDS_SQUARE, _FOLDS_LINE = 12, 4, 2  # directions that look alike


@dataclass(frozen=True)
class Ideal:
    """The lattice of a class that is nearest to a measured one, of the same area.

    Attributes:
        a: Length of the shortest vector, in the unit of the measured one.
        b: Length of the next.
        gamma: Angle between them, 60 to 90 degrees.
        strain: By how much one direction must be stretched more than another to get there.
    """

    a: float
    b: float
    gamma: float
    strain: float


def shape(vectors: NDArray[np.float64]) -> complex:
    """A lattice's point in the plane of shapes.

    Args:
        vectors: Basis vectors as rows, float64[2, 2].

    Returns:
        b / a as complex numbers, with real part 0 to 1/2 and absolute value at least 1.

    Examples:
        >>> shape(np.array([[3.0, 0.0], [0.0, 6.0]]))
        2j
    """
    a, b = reduce(vectors)
    ratio = complex(*b) / complex(*a)
    return complex(abs(ratio.real), abs(ratio.imag))


def probabilities(vectors: NDArray[np.float64], distortion: float) -> NDArray[np.float64]:
    """Probabilities of the five classes, given the measured lattice.

    Args:
        vectors: Basis vectors as rows, float64[2, 2].
        distortion: Standard deviation of the stretch that the picture may have, above 0.

    Returns:
        float64[5] in the order of `bravais.CLASS_NAMES`, with 1 as sum.

    Examples:
        >>> measured = np.array([[3.19, 0.0], [1.63, 2.70]])
        >>> probabilities(measured, 0.03).round(2)
        array([0.99, 0.  , 0.  , 0.01, 0.  ])
    """
    point = shape(vectors)
    usual, more = (_densities(point, distortion * k) for k in (1.0, _WIDER))
    weights = np.array(_SHARES) * ((1 - _TAIL) * usual + _TAIL * more)
    return np.asarray(weights / weights.sum())


def _densities(point: complex, distortion: float) -> NDArray[np.float64]:
    """Density of each class' pictures at a point of the plane."""

    def spread(distance: float, dimensions: int) -> float:
        height = (math.sqrt(2 * math.pi) * distortion) ** dimensions
        return math.exp(-((distance / distortion) ** 2) / 2) / height

    aspect = math.exp(-math.log(abs(point)) / _ASPECT) / _ASPECT
    beyond = math.exp(-max(0.0, math.log(point.imag / _HEXAGON.imag)) / _BEYOND) / _BEYOND
    rhombic = max(
        _BETWEEN / _ARC * spread(_to_arc(point), 1),
        (1 - _BETWEEN) * beyond * spread(_to_side(point), 1),
    )
    return np.array(
        [
            _FOLDS_HEXAGONAL * spread(_distance(point, _HEXAGON), 2),
            _FOLDS_SQUARE * spread(_distance(point, 1j), 2),
            _FOLDS_LINE * spread(_to_axis(point), 1) * aspect,
            _FOLDS_LINE * rhombic,
            1 / _AREA,
        ]
    )


def _distance(one: complex, other: complex) -> float:
    return math.acosh(1 + abs(one - other) ** 2 / (2 * one.imag * other.imag))


def _to_axis(point: complex) -> float:
    """From the rectangular lattices."""
    return math.asinh(point.real / point.imag)


def _to_arc(point: complex) -> float:
    """From the rhombic lattices between square and hexagonal ones, |a| = |b|."""
    return math.asinh((abs(point) ** 2 - 1) / (2 * point.imag))


def _to_side(point: complex) -> float:
    """From the rhombic lattices beyond hexagonal ones, |b| = |b - a|."""
    return math.asinh((0.5 - point.real) / point.imag)


def nearest(vectors: NDArray[np.float64], bravais_class: int) -> Ideal:
    """The lattice of a class that is nearest to a measured one.

    Args:
        vectors: Basis vectors as rows, float64[2, 2].
        bravais_class: Of `bravais.CLASS_NAMES`.

    Examples:
        >>> ideal = nearest(np.array([[3.0, 0.0], [0.03, 3.06]]), 1)
        >>> round(ideal.a, 2), round(ideal.b, 2), ideal.gamma, round(ideal.strain, 3)
        (3.03, 3.03, 90.0, 0.022)
    """
    point = shape(vectors)
    target = _targets(point)[bravais_class]
    area = abs(float(np.linalg.det(vectors)))
    a = math.sqrt(area / target.imag)
    gamma = math.degrees(cmath.phase(target))
    return Ideal(a, a * abs(target), gamma, math.expm1(_distance(point, target)))


def _targets(point: complex) -> tuple[complex, complex, complex, complex, complex]:
    """The nearest points of the five classes."""
    # Perpendiculars to a line of the half plane are circles around its ends.
    on_side = 0.5 + 1j * abs(point - 0.5)
    if on_side.imag < _HEXAGON.imag:
        on_side = _HEXAGON
    rhombic = min((_on_arc(point), on_side), key=lambda other: _distance(point, other))
    return _HEXAGON, 1j, 1j * abs(point), rhombic, point


def _on_arc(point: complex) -> complex:
    # Cayley's transform takes |z| = 1 to the axis and back.
    turned = (point - 1) / (point + 1)
    on_axis = 1j * abs(turned)
    found = (1 + on_axis) / (1 - on_axis)
    return found if found.real <= 0.5 else _HEXAGON
