from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jarvis.core.atoms import Atoms

from jarvis_stem import images, stem, structures
from jarvis_stem.benchmark import Benchmark, ResultName
from jarvis_stem.geometry import Lattices, measure, reduce
from jarvis_stem.lattice import projected_lattice

NUMBER = st.floats(-10, 10, allow_nan=False)


def crystal(
    a: float, b: float, gamma: float, places: list[tuple[float, float]], elements: list[str]
) -> Atoms:
    angle = np.radians(gamma)
    cell = [[a, 0, 0], [b * np.cos(angle), b * np.sin(angle), 0], [0, 0, 20]]
    return Atoms(
        lattice_mat=cell,
        coords=[[x, y, 0.5] for x, y in places],
        elements=elements,
        cartesian=False,
    )


def turned(atoms: Atoms, degrees: float) -> Atoms:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    return Atoms(
        lattice_mat=np.array(atoms.lattice_mat) @ turn,
        coords=atoms.frac_coords,
        elements=atoms.elements,
        cartesian=False,
    )


def lattice_of(atoms: Atoms) -> Lattices:
    return measure(stem.to_uint8(stem.simulate([atoms])))


@given(NUMBER, NUMBER, NUMBER, NUMBER)
def test_reducing_keeps_the_lattice(ax: float, ay: float, bx: float, by: float) -> None:
    basis = np.array([[ax, ay], [bx, by]])
    lengths = np.linalg.norm(basis, axis=1)
    assume(lengths.min() > 0.5 and abs(np.linalg.det(basis)) > 1e-2 * lengths.prod())
    a, b = reduced = reduce(basis)
    change = reduced @ np.linalg.inv(basis)
    assert np.allclose(change, np.round(change), atol=1e-6)
    assert abs(np.linalg.det(change)) == pytest.approx(1)
    assert a @ a <= b @ b
    assert 0 <= a @ b <= (a @ a) / 2 + 1e-6
    assert a[0] >= 0


@pytest.mark.parametrize(
    ("a", "b", "gamma"),
    [(3.19, 3.19, 60), (3.57, 3.57, 90), (3.31, 4.43, 90), (4.07, 4.07, 71.3), (3.86, 5.21, 78.4)],
)
@pytest.mark.parametrize("angle", [0, 23])
def test_a_lattice_is_measured_to_a_fraction_of_a_pixel(
    a: float, b: float, gamma: float, angle: float
) -> None:
    atoms = crystal(a, b, gamma, [(0, 0), (0.31, 0.42)], ["Mo", "S"])
    found = lattice_of(turned(atoms, angle))
    assert found.lengths[0] == pytest.approx([a, b], abs=2e-3)
    assert found.gamma[0] == pytest.approx(gamma, abs=0.03)
    assert found.quality[0] > 0.9


def test_a_supercell_is_measured_as_what_repeats() -> None:
    atoms = crystal(3.31, 8.86, 90, [(0, 0), (0, 0.5)], ["Mo", "Mo"])
    assert lattice_of(atoms).lengths[0] == pytest.approx([3.31, 4.43], abs=2e-3)


def test_a_superlattice_is_measured_as_such() -> None:
    atoms = crystal(3.31, 8.86, 90, [(0, 0), (0, 0.5)], ["Mo", "S"])
    assert lattice_of(atoms).lengths[0] == pytest.approx([3.31, 8.86], abs=2e-3)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((256, 256), np.uint8),
        np.full((256, 256), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (256, 256), np.uint8),
        np.arange(256, dtype=np.uint8)[:, None].repeat(256, axis=1),
        np.random.default_rng(1).integers(0, 256, (20, 33), np.uint8),
    ],
    ids=["black", "white", "noise", "ramp", "small"],
)
def test_an_image_without_a_lattice_has_no_quality(image: np.ndarray) -> None:
    found = measure(image[None])
    assert found.vectors.shape == (1, 2, 2)
    assert 0 <= found.quality[0] < 0.7
    assert np.isnan(found.vectors).all() == np.isnan(found.vectors).any()


def test_images_need_not_be_square() -> None:
    atoms = crystal(3.31, 4.43, 90, [(0, 0), (0.31, 0.42)], ["Mo", "S"])
    cut = stem.to_uint8(stem.simulate([atoms]))[:, :200, 30:]
    assert measure(cut).lengths[0] == pytest.approx([3.31, 4.43], abs=5e-3)


def test_no_images() -> None:
    assert measure(np.empty((0, 256, 256), np.uint8)).lengths.shape == (0, 2)


def test_a_projection_can_be_finer_than_the_cell() -> None:
    atoms = crystal(3.0, 8.0, 90, [(0, 0), (0, 0.5)], ["Mo", "Mo"])
    assert np.linalg.norm(projected_lattice(atoms), axis=1) == pytest.approx([3.0, 4.0])
    atoms = crystal(3.0, 8.0, 90, [(0, 0), (0, 0.51)], ["Mo", "Mo"])
    assert np.linalg.norm(projected_lattice(atoms), axis=1) == pytest.approx([3.0, 8.0])
    atoms = crystal(4.0, 4.0, 90, [(0, 0), (0.5, 0.5)], ["Mo", "Mo"])
    assert np.linalg.norm(projected_lattice(atoms), axis=1) == pytest.approx([8**0.5] * 2)


def test_real_lattices_are_measured(repository: Path, shared: Path) -> None:
    name = ResultName("AI", "ImageClass", "bravais_class", "stem_2d_image", "test", "acc")
    ids = list(Benchmark.read(repository / "benchmarks", name).split("train"))[::130]
    found = structures.for_dataset(name.dataset, ids, data=str(shared / "jarvis_data"))
    rendered = images.render(found, ids)
    true = np.array([reduce(projected_lattice(found[id])) for id in rendered.ids])
    measured = measure(rendered.images)
    ratio = np.abs(np.linalg.det(measured.vectors) / np.linalg.det(true))
    hits = np.abs(ratio - 1) < 0.02
    errors = np.abs(measured.lengths - np.linalg.norm(true, axis=2))[hits]
    assert hits.mean() > 0.85
    assert np.median(errors) < 1e-4
