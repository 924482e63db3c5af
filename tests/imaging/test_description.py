"""What is computed of images for networks to read, by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jarvis.core.atoms import Atoms
from layers import crystal
from numpy.typing import NDArray

from jarvis_stem.formats.description import SHAPES
from jarvis_stem.imaging import lattice_errors, lattice_numbers, measurement, stem
from jarvis_stem.imaging.bravais import bravais_class
from jarvis_stem.imaging.description import describe, described, measure, unit_cell
from jarvis_stem.imaging.harmonics import harmonics
from jarvis_stem.imaging.spectrum import log_power

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
MEASURED = tuple(part for part in SHAPES if part != "image")


def drawn(*structures: Atoms) -> Pixels:
    return stem.to_uint8(stem.simulate(structures))


PICTURES = drawn(crystal(3.31, 4.43), crystal(3.6, 3.6), crystal(4.07, 5.2, 71.0))


def test_a_description_has_what_the_geometry_measures() -> None:
    measured = measure(PICTURES, MEASURED)
    lattices = measurement.measure(PICTURES)
    amplitudes = harmonics(PICTURES, lattices.vectors, 6)
    grey = PICTURES.reshape(3, -1) / 255
    assert np.allclose(measured.vectors, lattices.vectors, atol=1e-6)
    assert np.allclose(measured.scalars[:, 0], lattices.quality)
    assert np.allclose(measured.scalars[:, 1], grey.mean(axis=1))
    assert np.allclose(measured.scalars[:, 2], grey.std(axis=1, ddof=1))
    assert np.array_equal(measured.harmonics, amplitudes)
    errors = lattice_errors.standard_errors(PICTURES, lattices.vectors)
    assert np.allclose(measured.errors, errors, rtol=1e-5)
    assert np.array_equal(measured.spectrum, log_power(PICTURES))


@pytest.mark.parametrize("parts", [*((part,) for part in SHAPES), ("cell", "image", "lattice")])
def test_parts_are_those_that_are_asked_for(parts: tuple[str, ...]) -> None:
    everything = dict(zip(SHAPES, describe(PICTURES, tuple(SHAPES))[0], strict=True))
    for part, got in zip(parts, describe(PICTURES, parts)[0], strict=True):
        assert got.dtype == np.float32
        assert got.shape == (3, *SHAPES[part])
        assert np.array_equal(got, everything[part])


def test_a_mirror_image_is_described_without_looking_at_it() -> None:
    known = measure(PICTURES, MEASURED).mirrored()
    vectors = known.vectors.astype(np.float64)
    reflections = PICTURES[:, ::-1]
    looked_at = measure(reflections, MEASURED)
    assert np.allclose(measurement.reduce(vectors), looked_at.vectors, atol=1e-4)
    assert np.allclose(known.scalars, looked_at.scalars, atol=1e-5)
    amplitudes = harmonics(reflections, vectors, 6)
    assert np.allclose(known.harmonics, amplitudes, atol=1e-4)
    assert np.allclose(known.errors, looked_at.errors, rtol=0.05)
    assert np.allclose(known.spectrum, looked_at.spectrum, atol=1e-3)
    (image,), (reflected,) = describe(PICTURES, ("image",))
    assert np.array_equal(reflected, image[:, :, ::-1])


def test_an_image_without_lattice_is_described_in_finite_numbers() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    for parts in describe(np.stack((np.zeros_like(noise), noise)), tuple(SHAPES)):
        assert all(np.isfinite(part).all() for part in parts)


def test_no_images_are_described_as_none() -> None:
    empty = np.empty((0, 256, 256), np.uint8)
    shapes = [part.shape for part in describe(empty, tuple(SHAPES))[0]]
    assert shapes == [(0, *shape) for shape in SHAPES.values()]


def test_the_unit_cell_is_the_average_over_the_image() -> None:
    measured = measure(PICTURES[:1], ("cell",))
    cell = unit_cell(measured.harmonics)[0]
    places = np.moveaxis(np.indices((256, 256)), 0, -1).reshape(-1, 2) - 127.5
    fractions = (places * stem.PIXEL_SIZE) @ np.linalg.inv(measured.vectors[0])
    row, column = (np.round(fractions * 16).astype(int) % 16).T
    sums = np.zeros((16, 16))
    counts = np.zeros((16, 16))
    np.add.at(sums, (row, column), PICTURES[0].ravel().astype(float))
    np.add.at(counts, (row, column), 1)
    average = sums / counts
    assert np.corrcoef(cell.ravel(), average.ravel())[0, 1] > 0.99


@given(st.floats(2.5, 9), st.floats(0.004, 1))
def test_nearly_equal_lengths_are_told_from_equal_ones(a: float, more: float) -> None:
    square = np.array([[[a, 0], [0, a]], [[a, 0], [0, a + more]]], np.float32)
    one, other = lattice_numbers.lattice_numbers(square)
    assert np.abs(one - other).max() > 0.5


@given(st.floats(2.5, 9), st.floats(1e-4, 3e-2))
def test_a_difference_is_told_from_one_that_noise_explains(a: float, more: float) -> None:
    lattice = np.array([[[a, 0], [0, a + more]]] * 2, np.float32)
    errors = np.array([[more / 30] * 3, [more * 3] * 3], np.float32)
    certain, noisy = lattice_numbers.error_numbers(lattice, errors)
    assert np.abs(certain - noisy).max() > 0.5


def cell_of(a: float, b: float, gamma: float) -> Floats:
    angle = np.radians(gamma)
    return np.array([[a, 0.0], [b * np.cos(angle), b * np.sin(angle)]], np.float32)


@given(
    st.floats(2.5, 9.0),
    st.floats(1.0, 1.9),
    st.floats(62.0, 118.0),
    st.integers(-3, 3),
    st.booleans(),
)
def test_of_any_basis_the_cell_along_x_is_the_one_that_was_drawn(
    a: float, ratio: float, gamma: float, moved: int, swapped: bool
) -> None:
    cell = cell_of(a, a * ratio, gamma)
    share = cell[1, 0] / a
    assume(abs(abs(share) - 0.5) > 1e-3)  # a tie is not the cell's choice
    cell[1] -= np.round(share) * cell[0]
    other = cell.copy()
    other[1] += moved * other[0]
    if swapped:
        other = -other[::-1]
    first, second, step = lattice_numbers._along_x(other[None])
    assert np.allclose(np.stack((first[0], second[0])), cell, atol=1e-4)
    assert step.item() == 0


@pytest.mark.parametrize("gamma", [60.0, 120.0])
def test_of_two_shortest_vectors_it_is_always_the_same_whatever_the_error(gamma: float) -> None:
    cells = [cell_of(3, 3 + error, gamma)[None] for error in (-1e-6, 0.0, 1e-6)]
    chosen = [lattice_numbers._along_x(cell)[1] for cell in cells]
    assert all(np.allclose(b, cell_of(3, 3, 60)[1:], atol=1e-5) for b in chosen)


def test_a_sheared_cell_is_found_a_little_off_x() -> None:
    strained = cell_of(3.2, 5.1, 90) @ np.array([[1.0, 0.02], [0.02, 1.0]], np.float32)
    a, b, step = lattice_numbers._along_x(strained[None])
    assert np.allclose(np.stack((a[0], b[0])), strained)
    assert step.item() == 3  # 1.1 degrees


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ((3.0, 3.0, 120.0), 0),
        ((3.0, 3.004, 90.0), 1),
        ((3.0, 3.006, 90.0), 2),
        ((3.0, 3.0, 90.1), 3),
        ((3.0, 3.5, 100.0), 4),
    ],
)
def test_the_label_rule_is_applied(cell: tuple[float, float, float], rule: int) -> None:
    angle = np.radians(cell[2])
    row = [cell[1] * np.cos(angle), cell[1] * np.sin(angle), 0]
    lattice = [[cell[0], 0, 0], row, [0, 0, 20]]
    assert bravais_class(Atoms(lattice_mat=lattice, coords=[[0, 0, 0]], elements=["C"])) == rule
    encoded = lattice_numbers._Cell(*cell_of(*cell)[:, None]).numbers()[0, -5:]
    assert encoded.tolist() == [float(i == rule) for i in range(5)]


def test_of_measured_parts_none_is_measured_again() -> None:
    measured = measure(PICTURES, ("lattice", "cell"))
    together = described(measured, ("lattice", "cell"))
    assert all(map(np.array_equal, together, describe(PICTURES, ("lattice", "cell"))[0]))
