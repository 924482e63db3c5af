"""Conditions bend and blur the picture as they say, and noise has the statistics they say."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jarvis.analysis.stem.convolution_apprx import STEMConv
from jarvis.core.atoms import Atoms
from numpy.typing import NDArray

from jarvis_stem.imaging import image_set, prototypes, stem
from jarvis_stem.imaging.conditions import _RANGES, CLEAN, SCATTERED, Conditions, degrade, draw
from jarvis_stem.imaging.measurement import measure
from jarvis_stem.utils.errors import StemError

NOISY = Conditions(dose=3e3, jitter=0.1, background=0.5)
ROTATED = Conditions(rotation=20, dose=1e4)


def crystal(a: float, b: float, gamma: float, element: str = "Mo") -> Atoms:
    """One atom in a cell with a along x."""
    angle = math.radians(gamma)
    cell = [[a, 0, 0], [b * math.cos(angle), b * math.sin(angle), 0], [0, 0, 20]]
    return Atoms(lattice_mat=cell, coords=[[0, 0, 0.5]], elements=[element])


def some(n: int) -> list[Atoms]:
    every = list(prototypes.structures().values())
    return every[:: len(every) // n][:n]


def flat(value: float, n: int = 1, size: int = 256) -> NDArray[np.float32]:
    return np.full((n, size, size), value, np.float32)


# Before drawing


def test_default_conditions_are_the_clean_benchmark() -> None:
    atoms = some(9)
    clean = stem.simulate(atoms)
    assert np.array_equal(clean, stem.simulate(atoms, Conditions(), seed=5))
    assert np.array_equal(clean, stem.simulate(atoms, [CLEAN] * 9))
    assert np.array_equal(clean, degrade(clean, CLEAN, seed=5))


@pytest.mark.parametrize(
    ("conditions", "stemconv", "simulate"),
    [
        (Conditions(rotation=20), {}, {"rot": 20}),
        (Conditions(rotation=-133.3), {}, {"rot": -133.3}),
        (Conditions(pixel_size=0.16), {}, {"px_scale": 0.16}),
        (Conditions(pixel_size=0.24, rotation=45), {}, {"px_scale": 0.24, "rot": 45}),
        (Conditions(probe_width=0.8), {"gaussian_width": 0.8, "lorentzian_width": 0.8}, {}),
        (Conditions(probe_width=0.3), {"gaussian_width": 0.3, "lorentzian_width": 0.3}, {}),
    ],
)
def test_geometry_and_probe_equal_stemconv_inside_the_border(
    conditions: Conditions, stemconv: dict[str, float], simulate: dict[str, float]
) -> None:
    # Rectangular cells: STEMConv's supercell covers the view at any angle.
    atoms = [crystal(3.1234, 3.1234, 90), crystal(2.7183, 6.2832, 90, "C"), off_square()]
    ours = stem.simulate(atoms, conditions)
    border = math.ceil(4 * conditions.probe_width / conditions.pixel_size) + 1
    inside = slice(border, -border)
    for image, structure in zip(ours, atoms, strict=True):
        conv = STEMConv(output_size=[256, 256], **stemconv)
        theirs = conv.simulate_surface(structure, **simulate)[0]
        difference = np.abs(image - theirs)[inside, inside]
        assert difference.max() < 1e-5 * theirs.max()


def off_square() -> Atoms:
    """Two elements and no symmetry, so that a mirrored or exchanged axis shows."""
    cell = [[4.0717, 0, 0], [0, 5.3333, 0], [0, 0, 20]]
    sites = [[0, 0, 0.5], [0.21, 0.37, 0.5]]
    return Atoms(lattice_mat=cell, coords=sites, elements=["W", "S"])


@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(rotation=-40),
        Conditions(pixel_size=0.24),
        Conditions(shear=0.02, stretch=-0.01),
        Conditions(rotation=30, pixel_size=0.18, shear=-0.015, dose=1e6),
    ],
)
def test_measured_lattice_is_the_true_one_times_the_matrix(conditions: Conditions) -> None:
    atoms = [crystal(3.19, 3.19, 120), crystal(3.31, 4.57, 81), crystal(2.87, 5.2, 90)]
    seen = measure(stem.to_uint8(stem.simulate(atoms, conditions)))
    for structure, vectors in zip(atoms, seen.vectors, strict=True):
        true = np.asarray(structure.lattice_mat)[:2, :2]
        # The lattice is compared and not its basis: a hexagonal one has three shortest bases.
        steps = vectors @ np.linalg.inv(true @ conditions.matrix)
        assert np.abs(steps - np.round(steps)).max() < 2e-3
        assert abs(abs(np.linalg.det(np.round(steps))) - 1) < 1e-9


@given(
    rotation=st.floats(-360, 360),
    shear=st.floats(-0.5, 0.5),
    stretch=st.floats(-0.5, 0.5),
    pixel_size=st.floats(0.02, 1),
)
def test_matrix_scales_areas_by_stretch_and_pixel_alone(
    rotation: float, shear: float, stretch: float, pixel_size: float
) -> None:
    conditions = Conditions(rotation=rotation, shear=shear, stretch=stretch, pixel_size=pixel_size)
    assert np.linalg.det(conditions.distortion) == pytest.approx(1 + stretch)
    area = np.linalg.det(conditions.matrix)
    assert area == pytest.approx((1 + stretch) * (0.2 / pixel_size) ** 2)
    turned = Conditions(rotation=rotation).matrix
    assert turned @ turned.T == pytest.approx(np.eye(2), abs=1e-12)


def test_shear_and_stretch_move_the_last_line_against_the_first() -> None:
    scan = Conditions(shear=0.02, stretch=0.01)
    frame = np.array([51.0, 0.0])  # from the first line to the last
    assert frame @ scan.distortion == pytest.approx([51 * 1.01, 51 * 0.02])


@given(shear=st.floats(-0.15, 0.15), stretch=st.floats(-0.15, 0.15))
@settings(max_examples=20)
def test_measured_square_is_sheared_by_what_the_conditions_say(
    shear: float, stretch: float
) -> None:
    conditions = Conditions(shear=shear, stretch=stretch)
    seen = measure(stem.to_uint8(stem.simulate([crystal(3.7, 3.7, 90)], conditions)))
    sheared = np.array([[3.7 * (1 + stretch), 3.7 * shear], [0, 3.7]])
    steps = seen.vectors[0] @ np.linalg.inv(sheared)
    assert np.abs(steps - np.round(steps)).max() < 2e-3


def test_only_the_clean_picture_of_an_acute_cell_has_empty_corners() -> None:
    acute = crystal(3.1, 9.0, 15)

    def emptiest_corner(conditions: Conditions) -> float:
        image = stem.simulate([acute], conditions)[0]
        corners = image.reshape(8, 32, 8, 32).mean(axis=(1, 3))[[0, 0, -1, -1], [0, -1, 0, -1]]
        return float(corners.min() / image.mean())

    assert emptiest_corner(CLEAN) < 0.01
    assert emptiest_corner(NOISY.optics) < 0.01
    for conditions in (
        Conditions(rotation=1),
        Conditions(pixel_size=0.25),
        Conditions(shear=0.01),
        Conditions(rotation=60, pixel_size=0.3, stretch=0.05),
    ):
        assert emptiest_corner(conditions) > 0.8


def test_each_image_has_its_own_conditions() -> None:
    atoms = some(6)
    own = [CLEAN, CLEAN, ROTATED, NOISY, Conditions(pixel_size=0.18), ROTATED]
    together = stem.simulate(atoms, own, seed=3)
    for n, image in enumerate(together):
        assert np.array_equal(image, stem.simulate([atoms[n]], own[n], seed=3, first=n)[0])


# Counting


@pytest.mark.parametrize("dose", [1e2, 1e4, 1e6])
def test_counts_are_poisson_distributed(dose: float) -> None:
    image = np.repeat(np.array([[[1.0, 3.0]]], np.float32), 128, axis=2).repeat(256, axis=1)
    counted = degrade(image, Conditions(dose=dose), seed=1)[0]
    electrons = dose * 0.2**2 * SCATTERED / 2  # by unit of intensity: the mean is 2
    counts = counted.astype(np.float64) * electrons
    assert np.allclose(counts, np.round(counts), atol=1e-3)
    for half, intensity in ((counts[:, :128], 1), (counts[:, 128:], 3)):
        expected = intensity * electrons
        n = half.size
        assert abs(half.mean() - expected) < 5 * math.sqrt(expected / n)
        # Variance of the sample variance from the fourth central moment, mean + 3 mean^2.
        deviation = math.sqrt((expected + 2 * expected**2) / n)
        assert abs(half.var() - expected) < 5 * deviation


def test_dose_counts_by_area() -> None:
    coarse = degrade(flat(1), Conditions(dose=1e3, pixel_size=0.4), seed=1)
    fine = degrade(flat(1), Conditions(dose=1e3, pixel_size=0.2), seed=1)
    assert fine.var() / coarse.var() == pytest.approx(4, rel=0.05)


def test_infinite_dose_is_the_limit() -> None:
    clean = stem.simulate(some(4))
    errors = [
        np.abs(degrade(clean, Conditions(dose=dose)) - clean).mean() for dose in (1e4, 1e6, 1e8)
    ]
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(10, rel=0.1)
    assert np.allclose(degrade(clean, Conditions(dose=1e12)), clean, atol=1e-3 * clean.max())


def test_black_image_stays_black() -> None:
    everything = Conditions(dose=1e3, jitter=0.2, background=1)
    assert np.array_equal(degrade(flat(0), everything), flat(0))


# Lines out of place, background, contamination


@given(
    size=st.floats(1, 100),
    pixel_size=st.floats(0.02, 1),
    seed=st.integers(0, 2**32 - 1),
    distortion=st.floats(-0.5, 0.5),
)
@settings(max_examples=20)
def test_noise_without_strength_changes_nothing(
    size: float, pixel_size: float, seed: int, distortion: float
) -> None:
    conditions = Conditions(
        contamination_size=size, pixel_size=pixel_size, shear=distortion, stretch=distortion
    )
    image = stem.simulate(some(1))
    assert np.array_equal(degrade(image, conditions, seed=seed), image)


def test_jitter_shifts_each_line_by_its_own_random_part() -> None:
    shifts = line_shifts(Conditions(jitter=0.15), 256)
    assert shifts.std() == pytest.approx(0.15, abs=5 * 0.15 / math.sqrt(2 * 256))
    assert abs(shifts.mean()) < 5 * 0.15 / 16
    assert abs(np.corrcoef(shifts[1:], shifts[:-1])[0, 1]) < 5 / 16


def line_shifts(conditions: Conditions, n_lines: int) -> NDArray[np.float64]:
    """How far a picture's lines are moved along y, Å; less than 1.28 Å, of pixels of 0.2 Å."""
    phase = math.pi * 40 / 256
    wave = 1 + np.cos(phase * (np.arange(256) + 0.5))
    image = np.tile(wave, (n_lines, 1)).astype(np.float32)[None]
    lines = degrade(image, conditions, seed=2)[0]
    inside = np.arange(32, 224)
    basis = [f(phase * (inside + 0.5)) for f in (np.ones_like, np.cos, np.sin)]
    fit = np.linalg.lstsq(np.stack(basis, axis=1), lines[:, inside].T, rcond=None)[0]
    assert fit[0] == pytest.approx(np.ones(n_lines), abs=1e-3)
    assert np.hypot(fit[1], fit[2]) == pytest.approx(np.ones(n_lines), abs=1e-3)
    return np.asarray(np.arctan2(fit[2], fit[1]) / phase * 0.2)


def test_jumps_move_all_lines_after_them() -> None:
    shifts = line_shifts(Conditions(jump=0.01), 4096)
    steps = np.diff(shifts)
    jumps = steps[np.abs(steps) > 1e-6]
    expected = 4096 / 32
    assert abs(len(jumps) - expected) < 5 * math.sqrt(expected)
    assert jumps.std() == pytest.approx(0.01, rel=5 / math.sqrt(2 * expected))
    assert abs(np.abs(steps).sum() - np.abs(jumps).sum()) < 1e-3  # lines between move together


def test_jitter_and_jumps_keep_what_does_not_change_along_lines() -> None:
    across = np.linspace(1, 2, 256, dtype=np.float32)[None, :, None].repeat(256, axis=2)
    assert degrade(across, Conditions(jitter=1, jump=1)) == pytest.approx(across, abs=1e-5)


@pytest.mark.parametrize("background", [0.2, 3.0])
def test_background_is_smooth_and_adds_its_share(background: float) -> None:
    image = stem.simulate(some(3))
    added = degrade(image, Conditions(background=background), seed=4).astype(np.float64) - image
    means = image.mean(axis=(1, 2))
    assert added.min() >= -1e-3 * means.max()
    assert added.mean(axis=(1, 2)) == pytest.approx(background * means, rel=1e-3)
    steps = np.abs(np.diff(added, axis=2)).max(axis=(1, 2))
    assert np.all(steps < 0.1 * background * means)
    assert not np.allclose(added[0] / means[0], added[1] / means[1], rtol=0.1)


@given(
    share=st.floats(0.01, 10),
    size=st.floats(1, 100),
    pixel_size=st.floats(0.02, 1),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=30)
def test_contamination_covers_a_part_and_adds_its_share(
    share: float, size: float, pixel_size: float, seed: int
) -> None:
    conditions = Conditions(contamination=share, contamination_size=size, pixel_size=pixel_size)
    added = degrade(flat(2), conditions, seed=seed)[0].astype(np.float64) - 2
    assert added.min() >= 0
    assert added.mean() == pytest.approx(2 * share, rel=1e-3)
    assert (added > 1e-6 * added.max()).mean() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("size", [4.0, 8.0])
@pytest.mark.parametrize("pixel_size", [0.1, 0.2])
def test_patches_of_contamination_are_as_wide_as_they_should(
    size: float, pixel_size: float
) -> None:
    conditions = Conditions(contamination=1, contamination_size=size, pixel_size=pixel_size)
    patches = degrade(flat(1, 8, 512), conditions, seed=3).astype(np.float64)
    patches -= patches.mean()
    # White noise smoothed by a Gaussian has a correlation that is sqrt(2) as wide as that; what is
    # above a threshold has a narrower one, by the same factor at any size.
    correlation = np.fft.ifft2(np.abs(np.fft.fft2(patches)) ** 2).real.mean(axis=0)[0]
    full_width = 2 * np.argmax(correlation < correlation[0] / 2) * pixel_size
    assert 0.7 * size < full_width / math.sqrt(2) < 0.85 * size


def test_noise_does_not_depend_on_the_dose() -> None:
    image = stem.simulate(some(2))
    uncounted = Conditions(jitter=0.1, jump=0.2, background=0.5, contamination=0.5)
    counted = dataclasses.replace(uncounted, dose=1e12)
    near = 1e-3 * image.max()
    assert np.allclose(degrade(image, counted), degrade(image, uncounted), atol=near)


def test_one_kind_of_noise_does_not_depend_on_the_others() -> None:
    shifts = [line_shifts(Conditions(**kind), 256) for kind in ({"jitter": 0.1}, {"jump": 0.05})]
    both = Conditions(jitter=0.1, jump=0.05)
    assert line_shifts(both, 256) == pytest.approx(sum(shifts), abs=1e-3)
    image = stem.simulate(some(1))
    added = [degrade(image, Conditions(**{name: 1})) - image for name in _ADDED]
    together = degrade(image, Conditions(**dict.fromkeys(_ADDED, 1))) - image
    assert np.allclose(together, sum(added), atol=1e-3 * float(image.max()))


_ADDED = ("background", "contamination")


# Seeds and parts


def test_noise_is_its_seed_and_the_image_number() -> None:
    image = stem.simulate(some(1)).repeat(3, axis=0)
    once = degrade(image, NOISY, seed=7)
    assert np.array_equal(once, degrade(image, NOISY, seed=7))
    assert np.array_equal(once[1:], degrade(image[1:], NOISY, seed=7, first=1))
    assert not np.array_equal(once[0], once[1])
    assert not np.array_equal(once, degrade(image, NOISY, seed=8))
    # Neighbouring seeds share no stream.
    assert not np.array_equal(once[1], degrade(image, NOISY, seed=8)[0])


@pytest.mark.parametrize("size", [1, 4, 32])
def test_noise_does_not_depend_on_the_part(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stem, "_PART", size)
    atoms = some(9)
    own = [Conditions(dose=10 ** (3 + n / 4), rotation=n % 3) for n in range(9)]
    expected = stem.to_uint8(stem.simulate(atoms, own, seed=2))
    images = np.zeros_like(expected)
    assert list(stem.render(atoms, images, own, seed=2))[-1] == 9
    assert np.array_equal(images, expected)


def test_a_rendered_benchmark_takes_conditions() -> None:
    atoms = dict(zip("abc", some(3), strict=True))
    rendered = image_set.render(atoms, ["a", "b", "none", "c"], NOISY, seed=6)
    assert rendered.missing == ("none",)
    expected = stem.to_uint8(stem.simulate(list(atoms.values()), NOISY, seed=6))
    assert np.array_equal(rendered.images, expected)


def test_drawn_images_degrade_as_simulated_ones_do() -> None:
    atoms = some(4)
    drawn = stem.simulate(atoms)
    before = drawn.copy()
    assert np.array_equal(degrade(drawn, NOISY, seed=1), stem.simulate(atoms, NOISY, seed=1))
    assert np.array_equal(drawn, before)


def test_grey_levels_are_intensities() -> None:
    grey = stem.to_uint8(stem.simulate(some(3)))
    assert np.array_equal(stem.to_uint8(degrade(grey, CLEAN)), grey)
    noisy = degrade(grey, NOISY, seed=1)
    assert noisy.dtype == np.float32
    assert np.array_equal(noisy, degrade(grey.astype(np.float64), NOISY, seed=1))
    assert np.array_equal(degrade(grey[:, :90, :70], NOISY).shape, (3, 90, 70))


# What is refused


@pytest.mark.parametrize("name", _RANGES)
def test_every_condition_has_a_range_and_names_it(name: str) -> None:
    low, high = _RANGES[name]
    fine: list[Any] = [low, high, getattr(CLEAN, name), np.float32(high)]
    for value in fine:
        Conditions(**{name: value})
    beyond: list[Any] = [math.nan, -math.inf, low - 1e-3, high * 1.01, "0.5", None, [0.5], 1j]
    for value in beyond + [math.inf] * (name != "dose"):
        with pytest.raises(StemError, match=f"^{name}: expected {low:g} to ") as error:
            Conditions(**{name: value})
        assert repr(value) in str(error.value)


def test_message_says_that_a_dose_may_be_infinite() -> None:
    with pytest.raises(StemError, match=r"^dose: expected 0\.001 to 1e\+12 or inf, got 0$"):
        Conditions(dose=0)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_conditions_is_refused(count: int) -> None:
    message = rf"got len\(every\)={count} n_images=2"
    with pytest.raises(StemError, match=message):
        stem.simulate(some(2), [NOISY] * count)
    with pytest.raises(StemError, match=message):
        list(stem.render(some(2), np.empty((2, 256, 256), np.uint8), [NOISY] * count))
    with pytest.raises(StemError, match=message):
        degrade(flat(1, 2), [NOISY] * count)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf, -math.inf])
def test_impossible_intensities_are_refused_by_number(bad: float) -> None:
    image = flat(1, 3, 64)
    image[1, 3, 4] = bad
    with pytest.raises(StemError, match=r"^image 11: expected intensities from 0, got "):
        degrade(image, NOISY, first=10)


@given(
    st.builds(
        Conditions,
        dose=st.just(math.inf) | st.floats(1e-3, 1e12),
        probe_width=st.floats(0.05, 2),
        pixel_size=st.floats(0.05, 0.5),
        rotation=st.floats(-360, 360),
        shear=st.floats(-0.5, 0.5),
        stretch=st.floats(-0.5, 0.5),
        jitter=st.floats(0, 5),
        jump=st.floats(0, 5),
        background=st.floats(0, 100),
        contamination=st.floats(0, 100),
        contamination_size=st.floats(1, 100),
    )
)
@settings(max_examples=40)
def test_any_conditions_give_an_image(conditions: Conditions) -> None:
    image = stem.simulate([off_square()], conditions)
    assert image.shape == (1, 256, 256)
    assert image.dtype == np.float32
    assert np.isfinite(image).all()
    assert stem.to_uint8(image).dtype == np.uint8


# Conditions drawn at random


def test_drawn_conditions_are_those_of_the_seed_and_within_their_bounds() -> None:
    drawn = draw(600, seed=5)
    assert drawn == draw(600, seed=5) != draw(600, seed=6)
    doses = np.log10([one.dose for one in drawn if one.dose != CLEAN.dose])
    assert 2 <= doses.min() < 2.1
    assert 5.9 < doses.max() <= 6
    assert all(0.16 <= one.pixel_size <= 0.24 for one in drawn)
    assert all(abs(one.rotation) <= 45 for one in drawn)
    assert all(5 <= one.contamination_size <= 20 for one in drawn)
    bent = np.abs([one.shear for one in drawn if one.shear] + [one.stretch for one in drawn])
    assert 0.005 < np.median(bent[bent > 0]) < 0.015
    assert 0.1 < bent.max() < 0.3  # one in four is normal with a standard deviation of 5%
    for field in dataclasses.fields(Conditions):
        values = [getattr(one, field.name) for one in drawn]
        n_changed = sum(value != getattr(CLEAN, field.name) for value in values)
        share = 0.25 if field.name in ("jump", "background", "contamination") else 0.5
        assert abs(n_changed / 600 - share) < 0.1  # 5 standard deviations
        assert len(set(values)) == n_changed + 1
