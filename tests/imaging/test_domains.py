"""Lattices of what looks like a microscope's picture, and none where there is none."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from jarvis_stem.imaging import domains, measurement, prototypes, stem
from jarvis_stem.imaging.conditions import Conditions, degrade
from jarvis_stem.imaging.contrast import evened, evened_and_stretched, stretched

Values = NDArray[np.float32]
MOS2 = "proto-1H-MoS2.jpg"


def drawn(conditions: Conditions, name: str = MOS2) -> Values:
    (image,) = stem.simulate([prototypes.structures()[name]], conditions)
    return image


def true_vectors(conditions: Conditions, name: str = MOS2) -> NDArray[np.float64]:
    """Reduced vectors in pixels of the drawn picture."""
    cell = np.asarray(prototypes.structures()[name].lattice_mat)[:2, :2]
    return measurement.reduce(cell @ conditions.distortion) / conditions.pixel_size


def shape(vectors: NDArray[np.float64]) -> list[float]:
    a, b = np.linalg.norm(vectors, axis=1)
    return [a, b, float(np.degrees(np.arccos(vectors[0] @ vectors[1] / a / b)))]


@pytest.mark.parametrize("size", [0.1, 0.2, 0.3])
def test_a_distorted_lattice_is_measured_as_it_is(size: float) -> None:
    conditions = Conditions(dose=3e4, rotation=17, pixel_size=size, shear=0.03, stretch=-0.02)
    for known in (size, None):
        found, *others = domains.find_domains(drawn(conditions), known)
        assert others == []
        assert shape(found.vectors) == pytest.approx(shape(true_vectors(conditions)), rel=5e-3)
        assert found.share > 0.9


def test_contamination_and_bright_dirt_do_not_hide_it() -> None:
    conditions = Conditions(dose=1e5, background=3, rotation=5)
    image = drawn(conditions)
    image[40:70, 180:220] += 30 * image.max()
    found, *_ = domains.find_domains(image, 0.2)
    assert shape(found.vectors) == pytest.approx(shape(true_vectors(conditions)), rel=1e-2)


def test_what_no_tile_shows_alone_several_show_together() -> None:
    conditions = Conditions(rotation=11, pixel_size=0.3)
    clean = drawn(conditions)[None]
    largest = set()
    for seed in range(6):
        (noisy,) = degrade(clean, replace(conditions, dose=20), seed=seed)
        (found,) = domains.find_domains(noisy)
        assert shape(found.vectors) == pytest.approx(shape(true_vectors(conditions)), rel=0.02)
        largest.add(int(found.tiles[:, 2:].max()))
    assert 256 in largest  # whole rows and columns of tiles


def test_other_scales_confirm_a_lattice() -> None:
    clear, faint = (
        domains.find_domains(drawn(Conditions(dose=dose, pixel_size=0.3)))[0] for dose in (1e3, 40)
    )
    assert clear.scales > faint.scales


def test_two_grains_are_two_lattices() -> None:
    turned = [Conditions(dose=1e5, rotation=angle, pixel_size=0.3) for angle in (0, 19)]
    left, right = (drawn(one) for one in turned)
    both = np.hstack([left[:, :128], right[:, 128:]])
    first, second = domains.find_domains(both, 0.3)
    sides = sorted((found.tiles[:, 1].mean(), n) for n, found in enumerate((first, second)))
    for (_, n), conditions in zip(sides, turned, strict=True):
        found = (first, second)[n].vectors
        expected = true_vectors(conditions)
        steps = found @ np.linalg.inv(expected)
        assert np.abs(steps - np.rint(steps)).max() < 0.05  # the same lattice, direction included
        assert abs(np.linalg.det(np.rint(steps))) == pytest.approx(1)


def test_errors_are_the_spread_among_tiles() -> None:
    quiet, noisy = (
        domains.find_domains(drawn(Conditions(dose=dose)), 0.2)[0] for dose in (1e5, 3e3)
    )
    assert 0 < quiet.variation < noisy.variation < 0.05
    assert (quiet.errors < noisy.errors).all()
    true = shape(true_vectors(Conditions()))
    assert (np.abs(np.array(shape(noisy.vectors)) - true) < 5 * noisy.errors).all()


def test_a_drawing_varies_less_than_a_picture() -> None:
    (found,) = domains.find_domains(drawn(Conditions()), 0.2)
    assert found.variation < 5e-4
    assert shape(found.vectors) == pytest.approx(shape(true_vectors(Conditions())), rel=1e-3)


def filtered(seed: int, inner: float, outer: float | None = None, size: int = 256) -> Values:
    noise = np.random.default_rng(seed).normal(size=(size, size)).astype(np.float32)
    near = ndimage.gaussian_filter(noise, inner)
    return near if outer is None else near - ndimage.gaussian_filter(noise, outer)


EMPTY: dict[str, Callable[[], Values]] = {
    "flat": lambda: np.zeros((128, 128), np.float32),
    "noise": lambda: filtered(0, 0),
    "smooth": lambda: filtered(1, 2),
    "a ring in the spectrum": lambda: filtered(2, 5, 8),
    "stripes": lambda: np.sin(np.arange(256, dtype=np.float32) / 3)[:, None].repeat(256, axis=1),
    "noisy fringes": lambda: (
        np.sin(np.arange(400, dtype=np.float32) / 2.6)[:, None] + filtered(4, 0, size=400)
    ),
    "small": lambda: filtered(3, 1)[:64, :64],
    "atoms anywhere": lambda: np.random.default_rng(0).permuted(drawn(Conditions()), axis=None),
}


@pytest.mark.parametrize("kind", EMPTY)
def test_no_lattice_in_what_has_none(kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert domains.find_domains(EMPTY[kind]().astype(np.float32)) == []


def test_evening_leaves_the_lattice_where_it_is() -> None:
    image = drawn(Conditions())
    before, after = measurement.measure(stem.to_uint8(np.stack([image, evened(image, 10)]))).lengths
    assert after == pytest.approx(before, abs=1e-3)
    spoiled = degrade(image[None], Conditions(background=10), seed=3)[0]
    assert np.corrcoef(evened(spoiled, 10).ravel(), evened(image, 10).ravel())[0, 1] > 0.95
    assert not evened(np.full((64, 64), 7, np.float32), 5).any()


def test_several_parts_are_evened_as_each_alone() -> None:
    parts = drawn(Conditions(background=0.5, dose=50))[:192].reshape(-1, 64, 256)
    alone = [stretched(evened(part, 10), 1e-3) for part in parts]
    together = evened_and_stretched(parts, 10, 1e-3)
    assert np.abs(together.astype(int) - np.array(alone)).max() <= 1


@pytest.mark.parametrize("pixel_size", [0.2, None])
def test_a_drawing_is_seen_at_the_first_scale(
    monkeypatch: pytest.MonkeyPatch, pixel_size: float | None
) -> None:
    cut = Mock(wraps=domains._cut)
    monkeypatch.setattr(domains, "_cut", cut)
    (found,) = domains.find_domains(drawn(Conditions()), pixel_size)
    assert found.is_ideal
    assert cut.call_count == 1
    domains.find_domains(drawn(Conditions(jump=0.3)), pixel_size)
    assert cut.call_count > 3
