"""Symmetry through distortion: what is invariant, and that the nearest lattice is one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from jarvis_stem.imaging import symmetry

Vectors = NDArray[np.float64]
BASES = [np.array(one) for one in ([[1, 1], [0, 1]], [[2, 1], [1, 1]], [[0, -1], [1, 3]])]


def lattice(b: float, gamma: float, a: float = 3.0) -> Vectors:
    angle = math.radians(gamma)
    return np.array([[a, 0.0], [b * math.cos(angle), b * math.sin(angle)]])


def turn(angle: float) -> Vectors:
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine, sine], [-sine, cosine]])


lattices = st.builds(lattice, st.floats(3.0, 9.0), st.floats(60.0, 90.0))
distortions = st.floats(0.003, 0.2)


@given(lattices, distortions)
def test_probabilities_are_of_five_classes(vectors: Vectors, distortion: float) -> None:
    likely = symmetry.probabilities(vectors, distortion)
    assert likely.shape == (5,)
    assert (likely >= 0).all()
    assert likely.sum() == pytest.approx(1)


@given(lattices, distortions, st.floats(-4, 4), st.floats(0.1, 50), st.sampled_from(BASES))
def test_only_the_shape_counts(
    vectors: Vectors, distortion: float, angle: float, scale: float, basis: Vectors
) -> None:
    expected = symmetry.probabilities(vectors, distortion)
    mirror = np.array([[1.0, 0.0], [0.0, -1.0]])
    for other in (vectors @ turn(angle), vectors * scale, vectors @ mirror, basis @ vectors):
        assert symmetry.probabilities(other, distortion) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("vectors", "expected"),
    [
        (lattice(3.0, 60), 0),
        (lattice(3.0, 90), 1),
        (lattice(4.0, 90), 2),
        (lattice(3.0, 73), 3),
        (lattice(4.0, math.degrees(math.acos(1.5 / 4))), 3),  # |b| = |b - a|
        (lattice(4.5, 78), 4),
    ],
)
def test_exact_lattices_have_their_class(vectors: Vectors, expected: int) -> None:
    assert symmetry.probabilities(vectors, 0.005).argmax() == expected
    assert symmetry.nearest(vectors, expected).strain < 1e-6


@pytest.mark.parametrize("strain", [0.01, 0.03, 0.05])
@pytest.mark.parametrize("angle", [0.0, 0.4, 1.1])
@pytest.mark.parametrize(("gamma", "expected"), [(60, 0), (90, 1)])
def test_a_stretch_is_seen_through_and_measured(
    strain: float, angle: float, gamma: float, expected: int
) -> None:
    stretch = turn(angle) @ np.diag([1 + strain, 1.0]) @ turn(-angle)
    measured = lattice(3.0, gamma) @ stretch
    assert symmetry.probabilities(measured, 0.03).argmax() == expected
    ideal = symmetry.nearest(measured, expected)
    assert ideal.strain == pytest.approx(strain, rel=1e-6)
    assert ideal.a == pytest.approx(3.0 * math.sqrt(1 + strain))
    assert ideal.b == pytest.approx(ideal.a)
    assert ideal.gamma == pytest.approx(gamma)
    assert symmetry.probabilities(measured, 2e-4).argmax() > 1


@given(lattices, st.integers(0, 4))
def test_the_nearest_lattice_has_the_symmetry_and_the_area(vectors: Vectors, kind: int) -> None:
    ideal = symmetry.nearest(vectors, kind)
    found = lattice(ideal.b, ideal.gamma, ideal.a)
    assert abs(np.linalg.det(found)) == pytest.approx(abs(np.linalg.det(vectors)))
    assert symmetry.nearest(found, kind).strain < 1e-5
    assert ideal.a <= ideal.b * (1 + 1e-9) and 60 - 1e-6 <= ideal.gamma <= 90 + 1e-6


@given(lattices)
def test_more_symmetry_takes_more_strain(vectors: Vectors) -> None:
    hexagonal, square, rectangle, rhombus, oblique = (
        symmetry.nearest(vectors, kind).strain for kind in range(5)
    )
    assert oblique < 1e-6
    assert rhombus <= min(hexagonal, square) + 1e-9
    assert rectangle <= square + 1e-9


def test_what_distortion_can_explain_is_the_simplest() -> None:
    measured = lattice(3.1, 61.5)
    few, many = (symmetry.probabilities(measured, one)[0] for one in (0.005, 0.03))
    assert few < 0.5 < many
