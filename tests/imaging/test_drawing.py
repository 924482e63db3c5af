"""Compiled drawing does what a plain NumPy version of it does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from jarvis_stem.imaging import drawing

Floats = NDArray[np.float64]
SIZE = 24  # pixels
EDGE = 3  # pixels
HEAVIEST = 8  # few elements, so that atoms of one share pixels


@st.composite
def crystals(draw: st.DrawFn) -> tuple[Floats, Floats, list[int]]:
    """A turned cell, acute or obtuse, and its sites, some of them at one place."""
    turn, gamma = draw(st.floats(-math.pi, math.pi)), draw(st.floats(0.5, 2.6))
    a, b = draw(st.floats(1, 4)), draw(st.floats(1, 4))
    directions = [[math.cos(angle), math.sin(angle)] for angle in (turn, turn + gamma)]
    cell = np.array([[a], [b]]) * directions
    places = draw(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=3))
    numbers = sorted(draw(st.lists(st.integers(1, HEAVIEST), min_size=1, max_size=6)))
    moves = draw(st.lists(st.floats(0, 0.02), min_size=len(numbers), max_size=len(numbers)))
    sites = [places[n % len(places)] for n in range(len(numbers))] @ cell
    return cell, sites + np.array(moves)[:, None], numbers


def reference(
    cell: Floats, sites: Floats, numbers: list[int], repeats: Floats, shape: Floats, scale: float
) -> Floats:
    """Whole supercell, of one element's atoms in a pixel the last one, a probe for each pixel."""
    i, j = (np.arange(n) - (n - 1) / 2 for n in repeats)
    cells = (i[:, None, None] * cell[0] + j[:, None] * cell[1]).reshape(-1, 2)
    kept: dict[tuple[int, int, int], tuple[float, float]] = {}
    for site, number in zip(sites, numbers, strict=True):
        positions = (site + cells + scale * (SIZE - 1) / 2) / scale
        visible = ((positions > -EDGE) & (positions < SIZE - 1 + EDGE)).all(axis=1)
        for x, y in positions[visible]:
            kept[number, math.floor(x), math.floor(y)] = (x % 1, y % 1)
    border = EDGE + len(shape)
    image = np.zeros((SIZE + 2 * border, SIZE + 2 * border))
    for (number, row, column), (down, right) in kept.items():
        top, left = (n + border - len(shape) // 2 for n in (row, column))
        for below, share in enumerate((1 - down, down)):
            for beside, part in enumerate((1 - right, right)):
                rows = slice(top + below, top + below + len(shape))
                columns = slice(left + beside, left + beside + len(shape))
                image[rows, columns] += number**1.7 * share * part * shape
    return image[border:-border, border:-border]


@given(
    crystals(),
    st.sampled_from([(4, 3), (40, 41)]),
    st.integers(0, 30),
    st.sampled_from([0.13, 0.2, 0.31]),
    st.integers(0, 99),
)
def test_drawing_equals_plain_numpy(
    crystal: tuple[Floats, Floats, list[int]],
    repeats: tuple[int, int],
    radius: int,
    scale: float,
    seed: int,
) -> None:
    cell, sites, numbers = crystal
    # No symmetry, so that a mirrored or exchanged axis shows.
    probe = np.random.default_rng(seed).random((2 * radius + 1, 2 * radius + 1))
    drawn = drawing.draw(
        cell,
        sites,
        np.array(numbers),
        (np.array(repeats) - 1) / 2,
        repeats[0] < 10,  # otherwise the whole view is filled
        drawing.padded(probe),
        SIZE,
        scale,
        EDGE * scale,
    )
    expected = reference(cell, sites, numbers, np.array(repeats), probe, scale)
    assert np.abs(drawn - expected).max() <= 1e-5 * expected.max()


SQUARE = np.eye(2) * 3.0


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"edge": math.inf}, "an edge of up to 30000 pixels"),
        ({"size": 10**9}, "an edge of up to 30000 pixels"),
        ({"pixel_size": 1e-300}, "an edge of up to 30000 pixels"),
        ({"cell": SQUARE * math.nan}, "cell: expected finite numbers"),
        ({"cell": np.ones((2, 2))}, "cell: expected two directions"),
        ({"cell": np.eye(3)}, r"cell: expected shape \[2, 2\], got \[3, 3\]"),
        ({"sites": np.full((1, 2), math.nan)}, "sites: expected finite numbers"),
        ({"numbers": np.array([-6])}, "numbers: expected atomic numbers"),
        ({"numbers": np.array([6, 7])}, r"numbers: expected shape \[1\], got \[2\]"),
        ({"probe": np.ones((9, 9), np.float32)}, r"probe: expected what padded\(\) returns"),
    ],
)
def test_what_cannot_be_drawn_is_refused(changed: dict[str, Any], expected: str) -> None:
    given: dict[str, Any] = {
        **{"cell": SQUARE, "sites": np.zeros((1, 2)), "numbers": np.array([6]), "size": SIZE},
        **{"end": np.zeros(2), "bounded": False, "probe": drawing.padded(np.ones((9, 9)))},
        **{"pixel_size": 0.2, "edge": 1.0},
    }
    assert drawing.draw(**given).any()
    with pytest.raises(ValueError, match=expected):
        drawing.draw(**{**given, **changed})
