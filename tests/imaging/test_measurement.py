from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import REAL
from hypothesis import assume, given
from hypothesis import strategies as st
from jarvis.core.atoms import Atoms
from numpy.typing import NDArray
from scipy import fft

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.imaging import image_set, prototypes, stem, structures
from jarvis_stem.imaging.conditions import Conditions
from jarvis_stem.imaging.harmonics import harmonic_orders, harmonics
from jarvis_stem.imaging.lattice_errors import standard_errors
from jarvis_stem.imaging.measurement import Lattices, measure, reduce
from jarvis_stem.imaging.projection import projected_lattice

NUMBER = st.floats(-10, 10, allow_nan=False)
EQUAL = 5e-8  # lengths that differ by less of themselves count as equal


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
    a_length, b_length = np.linalg.norm(reduced, axis=1)
    assert a_length <= b_length * (1 + EQUAL)
    assert -EQUAL * b_length <= a @ b / a_length <= (1 / 2 + 3 * EQUAL) * b_length
    assert a[0] >= -EQUAL * a_length


@given(
    st.floats(1, 10), st.floats(0, 180), st.sampled_from([60, 71.3, 90]), st.integers(0, 2**32 - 1)
)
def test_rounding_does_not_choose_between_equal_vectors(
    length: float, turn: float, gamma: float, seed: int
) -> None:
    """Processors and compilers differ in the last bits, and so would what a network reads."""
    directions = np.radians([turn, turn + gamma])
    a, b = basis = length * np.stack((np.cos(directions), np.sin(directions)), axis=1)
    x = [each[0] / length for each in (a, b, b - a)]
    compared = np.abs([*x, *(one - sign * other for one in x for other in x for sign in (-1, 1))])
    assume((np.abs(compared - EQUAL) > EQUAL / 10).all())  # somewhere "equal" has to end
    rng = np.random.default_rng(seed)
    changes = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[-1, 0], [0, -1]], [[1, 1], [1, 2]]])
    one, *others = reduce(changes @ basis + rng.normal(scale=1e-9, size=(4, 2, 2)))
    assert np.allclose(others, one, atol=1e-7)


def test_a_fourier_transform_that_rounds_otherwise_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Processors have their own; many of these lattices have equal vectors."""
    images = stem.to_uint8(stem.simulate(list(prototypes.structures().values())[::10]))
    found = measure(images).vectors

    def rounded(transform: Callable[..., Any]) -> Callable[..., Any]:
        exact = {np.dtype(np.float32): np.float64, np.dtype(np.complex64): np.complex128}
        return lambda x, *a, **k: transform(x.astype(exact[x.dtype]), *a, **k).astype(np.complex64)

    for name in ("rfft", "fft"):
        monkeypatch.setattr(fft, name, rounded(getattr(fft, name)))
    assert np.allclose(measure(images).vectors, found, atol=1e-6, rtol=0)


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


def smooth_noise(power: float) -> np.ndarray:
    """What photographs' spectra look like: amplitudes that fall with the frequency."""
    rng = np.random.default_rng(3)
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256))
    frequency[0, 0] = 1
    image = np.fft.ifft2(np.fft.fft2(rng.normal(size=(256, 256))) / frequency**power).real
    return stem.to_uint8(image[None])[0]


ROW, COLUMN = np.mgrid[:256, :256]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((256, 256), np.uint8),
        np.full((256, 256), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (256, 256), np.uint8),
        np.random.default_rng(0).poisson(5, (256, 256)).astype(np.uint8),
        ROW.astype(np.uint8),
        (255 * (np.hypot(ROW - 100, COLUMN - 130) < 30)).astype(np.uint8),
        (255 * ((ROW == 100) & (COLUMN == 90))).astype(np.uint8),
        (127 + 127 * np.cos(ROW / 3)).astype(np.uint8),
        smooth_noise(0.5),
        smooth_noise(1),
        smooth_noise(2),
        np.random.default_rng(1).integers(0, 256, (20, 33), np.uint8),
        np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8),
        np.random.default_rng(1).integers(0, 256, (16, 300), np.uint8),
        np.random.default_rng(1).integers(0, 256, (3, 256), np.uint8),
        np.ones((1, 1), np.uint8),
    ],
    ids=[
        *("black", "white", "noise", "counts", "ramp", "disc", "dot", "stripes"),
        *("rough", "photograph", "clouds", "small", "64 pixels", "strip", "3 rows", "one pixel"),
    ],
)
def test_an_image_without_a_lattice_has_no_quality(image: np.ndarray) -> None:
    found = measure(image[None])
    assert found.vectors.shape == (1, 2, 2)
    assert 0 <= found.quality[0] < 0.3
    assert np.isnan(found.vectors).all() == np.isnan(found.vectors).any()
    assert found.quality[0] == 0 or not np.isnan(found.vectors).any()
    amplitudes = harmonics(image[None], found.vectors)
    assert np.isfinite(amplitudes).all()
    assert amplitudes.any() != np.isnan(found.vectors).any()


@pytest.mark.parametrize("counts", [5, 50])
def test_noise_hardly_moves_a_lattice(counts: float) -> None:
    atoms = crystal(3.31, 4.43, 90, [(0, 0), (0.31, 0.42)], ["Mo", "S"])
    clean = stem.simulate([turned(atoms, 17)]).clip(0)
    rng = np.random.default_rng(0)
    noisy = stem.to_uint8(rng.poisson(clean / clean.mean() * counts).astype(np.float64))
    found = measure(noisy)
    assert found.lengths[0] == pytest.approx([3.31, 4.43], abs=5e-3)
    assert found.quality[0] > 0.9


def test_a_small_image_will_do() -> None:
    atoms = crystal(3.31, 4.43, 90, [(0, 0), (0.31, 0.42)], ["Mo", "S"])
    cut = stem.to_uint8(stem.simulate([turned(atoms, 17)]))[:, :64, :64]
    assert measure(cut).lengths[0] == pytest.approx([3.31, 4.43], abs=0.03)


def test_folded_harmonics_are_not_taken_for_a_superlattice() -> None:
    atoms = crystal(3.8, 3.8, 60, [(0, 0), (1 / 3, 1 / 3)], ["Mo", "S"])  # 19 pixels
    found = lattice_of(atoms)
    assert found.lengths[0] == pytest.approx([3.8, 3.8], abs=2e-3)
    assert found.quality[0] > 0.95


def test_a_weak_superlattice_is_seen() -> None:
    atoms = crystal(3.31, 8.86, 90, [(0, 0), (0, 0.5)], ["Mo", "Tc"])
    assert lattice_of(atoms).lengths[0] == pytest.approx([3.31, 8.86], abs=2e-3)


def some_images() -> np.ndarray:
    cells = [(3.0 + 0.07 * n, 3.2 + 0.11 * n, 90 - n % 30) for n in range(37)]
    atoms = [crystal(*cell, [(0, 0), (0.31, 0.42)], ["Mo", "S"]) for cell in cells]
    return stem.to_uint8(stem.simulate([turned(one, 5 * n) for n, one in enumerate(atoms)]))


def test_neither_other_images_nor_threads_change_a_lattice(monkeypatch: pytest.MonkeyPatch) -> None:
    images = some_images()
    images[5] = 0
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    together = measure(images)
    amplitudes = harmonics(images, together.vectors)
    assert np.isnan(together.vectors[5]).all()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    alone = [measure(images[n : n + 1]) for n in range(len(images))]
    backwards = measure(images[::-1])
    alone_amplitudes = harmonics(images[5:7], together.vectors[5:7])
    assert np.array_equal(backwards.vectors[::-1], together.vectors, equal_nan=True)
    assert np.array_equal(backwards.quality[::-1], together.quality)
    vectors = np.concatenate([one.vectors for one in alone])
    assert np.array_equal(vectors, together.vectors, equal_nan=True)
    assert np.array_equal(np.concatenate([one.quality for one in alone]), together.quality)
    assert np.array_equal(alone_amplitudes, amplitudes[5:7])


def test_a_mirror_image_has_the_mirrored_lattice() -> None:
    images = some_images()
    found = measure(images)
    mirrored = measure(images[:, :, ::-1])
    expected = reduce(found.vectors * [1, -1])
    assert np.allclose(mirrored.lengths, found.lengths, atol=1e-5)
    assert np.allclose(mirrored.gamma, found.gamma, atol=1e-3)
    change = mirrored.vectors @ np.linalg.inv(expected)
    assert np.allclose(change, np.round(change), atol=1e-3)
    assert np.allclose(mirrored.quality, found.quality, atol=0.02)


def test_harmonics_of_a_known_wave() -> None:
    vectors = np.array([[[4.0, 1.0], [-0.6, 5.2]]])
    reciprocal = np.linalg.inv(vectors[0]).T * stem.PIXEL_SIZE  # cycles a pixel, rows
    pixels = np.stack([ROW, COLUMN], -1) - 127.5
    wave = np.cos(2 * np.pi * pixels @ reciprocal.T @ [2, -1] + 0.7)
    image = np.round(120 + 80 * wave).astype(np.uint8)
    amplitudes = harmonics(image[None], vectors)[0]
    orders = harmonic_orders()
    assert len(orders) == len(amplitudes) == 24
    assert amplitudes.dtype == np.complex64
    is_wave = (orders == [2, -1]).all(axis=1)
    assert amplitudes[is_wave][0] == pytest.approx(40 / 120 * np.exp(0.7j), abs=1e-3)
    assert np.abs(amplitudes[~is_wave]).max() < 1e-3


def test_harmonics_beyond_half_a_cycle_a_pixel_are_zero() -> None:
    vectors = np.array([[[1.0, 0.0], [0.0, 4.0]]])  # 0.2 cycles a pixel along rows
    image = np.random.default_rng(0).integers(0, 256, (256, 256), np.uint8)
    amplitudes = harmonics(image[None], vectors)[0]
    assert np.array_equal(amplitudes == 0, np.abs(harmonic_orders()[:, 0]) == 3)


def test_orders_of_harmonics_are_one_half_plane() -> None:
    orders = harmonic_orders(2).tolist()
    opposite = [[-h, -k] for h, k in orders]
    every = [[h, k] for h in range(-2, 3) for k in range(-2, 3) if h or k]
    assert sorted(orders + opposite) == every


def test_images_need_not_be_square() -> None:
    atoms = crystal(3.31, 4.43, 90, [(0, 0), (0.31, 0.42)], ["Mo", "S"])
    cut = stem.to_uint8(stem.simulate([atoms]))[:, :200, 30:]
    assert measure(cut).lengths[0] == pytest.approx([3.31, 4.43], abs=5e-3)


def test_no_images() -> None:
    none = np.empty((0, 256, 256), np.uint8)
    found = measure(none)
    assert found.lengths.shape == (0, 2)
    assert harmonics(none, found.vectors).shape == (0, 24)


def test_a_projection_can_be_finer_than_the_cell() -> None:
    atoms = crystal(3.0, 8.0, 90, [(0, 0), (0, 0.5)], ["Mo", "Mo"])
    assert np.linalg.norm(projected_lattice(atoms), axis=1) == pytest.approx([3.0, 4.0])
    atoms = crystal(3.0, 8.0, 90, [(0, 0), (0, 0.51)], ["Mo", "Mo"])
    assert np.linalg.norm(projected_lattice(atoms), axis=1) == pytest.approx([3.0, 8.0])
    atoms = crystal(4.0, 4.0, 90, [(0, 0), (0.5, 0.5)], ["Mo", "Mo"])
    assert np.linalg.norm(projected_lattice(atoms), axis=1) == pytest.approx([8**0.5] * 2)


def test_real_lattices_are_measured(repository: Path, shared: Path) -> None:
    ids = list(Benchmark.read(repository / "benchmarks", REAL).split("train"))[::130]
    found = structures.for_dataset(REAL.dataset, ids, data=str(shared / "jarvis_data"))
    rendered = image_set.render(found, ids)
    true = np.array([reduce(projected_lattice(found[id])) for id in rendered.ids])
    measured = measure(rendered.images)
    ratio = np.abs(np.linalg.det(measured.vectors) / np.linalg.det(true))
    hits = np.abs(ratio - 1) < 0.02
    sure = measured.quality >= 0.9
    errors = np.abs(measured.lengths - np.linalg.norm(true, axis=2))[hits]
    assert hits.mean() > 0.9
    assert sure.mean() > 0.9
    assert hits[sure].mean() > 0.95
    assert np.median(errors) < 1e-4


def lengths_and_angle(found: Lattices) -> NDArray[np.float64]:
    return np.column_stack([found.lengths, found.gamma])


@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(dose=3e3, rotation=17),
        Conditions(dose=1e5),
        Conditions(dose=1e5, rotation=-31, jitter=0.1),
    ],
    ids=["few electrons", "many", "jitter"],
)
def test_standard_errors_are_the_scatter_of_repeated_images(conditions: Conditions) -> None:
    atoms = crystal(3.31, 4.43, 78, [(0, 0), (0.31, 0.42)], ["Mo", "S"])
    noisy = stem.to_uint8(stem.simulate([atoms] * 60, conditions, seed=5))
    found = measure(noisy)
    measured, errors = lengths_and_angle(found), standard_errors(noisy, found.vectors)
    assert errors.shape == (60, 3)
    ratio = np.median(errors, axis=0) / measured.std(axis=0)
    assert np.all((ratio > 0.75) & (ratio < 1.5))
    assert np.all(errors.std(axis=0) < 0.4 * errors.mean(axis=0))


def test_real_errors_are_as_large_as_estimated(repository: Path, shared: Path) -> None:
    """Where the cell is what repeats: of others the lattice is known to a tolerance only."""
    ids = list(Benchmark.read(repository / "benchmarks", REAL).split("train"))[::15]
    found = structures.for_dataset(REAL.dataset, ids, data=str(shared / "jarvis_data"))
    cells = {i: reduce(np.asarray(a.lattice_mat)[:2, :2]) for i, a in found.items()}
    angles = np.random.default_rng(0).uniform(-45, 45, len(found))
    drawn = [Conditions(dose=1e5, rotation=angle) for angle in angles.tolist()]
    rendered = image_set.render(found, list(found), drawn)
    measured = measure(rendered.images)
    errors = standard_errors(rendered.images, measured.vectors)
    true = np.array([cells[i] for i in rendered.ids])
    same = np.abs(np.abs(np.linalg.det(measured.vectors) / np.linalg.det(true)) - 1) < 0.02
    off = lengths_and_angle(measured) - lengths_and_angle(Lattices(true, np.ones(len(true))))
    within = np.abs(off / errors)[same]
    assert len(within) > 300
    assert np.all(np.abs((within < 1).mean(axis=0) - 0.72) < 0.12)  # 0.68 of a normal distribution
    assert np.all((within < 2).mean(axis=0) > 0.92)


def test_standard_errors_of_an_image_depend_on_no_other() -> None:
    every = some_images()
    vectors = measure(every).vectors
    errors = standard_errors(every, vectors)
    alone = standard_errors(every[7:8], vectors[7:8])
    assert np.isfinite(errors).all()
    assert np.allclose(alone, errors[7:8], rtol=1e-3)


def test_without_a_lattice_there_is_no_standard_error() -> None:
    flat = np.zeros((2, 256, 256), np.uint8)
    assert np.isnan(standard_errors(flat, measure(flat).vectors)).all()
    assert standard_errors(flat[:0], np.empty((0, 2, 2))).shape == (0, 3)


def test_a_lattice_that_is_not_there_has_no_standard_error() -> None:
    atoms = crystal(3.31, 4.43, 90, [(0, 0)], ["Mo"])
    image = stem.to_uint8(stem.simulate([atoms]))
    vectors = measure(image).vectors
    assert np.isfinite(standard_errors(image, vectors)).all()
    assert np.isnan(standard_errors(image, vectors * 1.07)).all()


def test_standard_errors_of_an_image_that_is_not_square() -> None:
    atoms = crystal(3.31, 4.43, 90, [(0, 0), (0.31, 0.42)], ["Mo", "S"])
    noisy = stem.to_uint8(stem.simulate([atoms], Conditions(dose=1e4, rotation=17)))
    wide, high = noisy[:, 64:192], noisy[:, :, 64:193]
    for cut in (wide, high):
        (error,) = standard_errors(cut, measure(cut).vectors)
        (whole,) = standard_errors(noisy, measure(noisy).vectors)
        assert np.all((error[:2] > whole[:2]) & (error[:2] < 8 * whole[:2]))


def test_lattices_of_other_cells_count_as_none() -> None:
    (image,) = stem.to_uint8(stem.simulate([crystal(3, 3, 90, [(0, 0)], ["Mo"])]))
    assert measure(image[None], (8, 10)).vectors.tolist() == measure(image[None]).vectors.tolist()
    for cells in ((1, 8.9), (9.1, 20)):
        other = measure(image[None], cells)
        assert other.quality.tolist() == [0]
        assert np.isnan(other.vectors).all()
