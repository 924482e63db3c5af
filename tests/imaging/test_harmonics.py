"""Amplitudes are the sums that they stand for; images are measured a batch at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis_stem.imaging.harmonics import (
    BATCH,
    apply_window,
    fold,
    for_each,
    hann_window,
    harmonic_orders,
    harmonic_power,
    harmonics,
)


def test_every_image_has_its_turn() -> None:
    images: list[int] = []
    for_each(lambda part: images.extend(range(part.start, part.stop)), 2 * BATCH + 1, "")
    assert sorted(images) == list(range(2 * BATCH + 1))


@pytest.mark.parametrize("size", [(64, 64), (33, 70), (31, 17)])
def test_amplitudes_are_the_sums_that_they_stand_for(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, *size), np.uint8)
    vectors = rng.normal(0, 1, (3, 2, 2)) + 2 * np.eye(2)
    vectors[1] = np.nan
    found = harmonics(images, vectors)
    window = hann_window(size).astype(float)
    x, y = np.ogrid[: size[0], : size[1]]
    for n in (0, 2):
        mean = (images[n] * window).sum() / window.sum()
        left = (images[n] - mean) * window / (images[n] * window).sum()
        waves = np.linalg.inv(vectors[n]).T * 0.2  # cycles a pixel
        for m, order in enumerate(harmonic_orders()):
            a, b = order @ waves
            phase = a * (x - (size[0] - 1) / 2) + b * (y - (size[1] - 1) / 2)
            expected = (
                (left * np.exp(-2j * np.pi * phase)).sum() if max(abs(a), abs(b)) < 0.5 else 0
            )
            assert found[n, m] == pytest.approx(expected, abs=2e-6)
    assert not found[1].any()


@given(st.integers(0, 2**32 - 1), st.sampled_from([(64, 64), (33, 70)]))
def test_derivatives_of_the_power_are_of_small_steps(seed: int, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (1, *size), np.uint8)
    halves, orders = fold(apply_window(images)[0]), harmonic_orders(2)
    basis = np.diag([7.0, 9.0]) + rng.normal(0, 1, (2, 2))
    power, gradient, curvature = harmonic_power(basis, orders, halves)
    for i in range(4):
        step = np.zeros(4)
        step[i] = 1e-2
        ahead, behind = (
            harmonic_power(basis + sign * step.reshape(2, 2), orders, halves) for sign in (1, -1)
        )
        scale = np.abs(curvature).max()
        assert (ahead[0] - behind[0]) / 2e-2 == pytest.approx(gradient[i], abs=1e-3 * scale)
        assert (ahead[1] - behind[1]) / 2e-2 == pytest.approx(curvature[i], abs=1e-2 * scale)
    assert power > 0


def test_vectors_of_any_layout_and_type_are_taken() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 40, 40), np.uint8)
    vectors = np.random.default_rng(1).normal(0, 1, (2, 2, 2)) + 2 * np.eye(2)
    expected = harmonics(images, vectors)
    for same in (np.asfortranarray(vectors), vectors.astype(">f8")):
        assert np.array_equal(harmonics(images, same), expected)
    assert np.allclose(harmonics(images, vectors.astype(np.float32)), expected, atol=1e-5)
    with pytest.raises(ValueError, match="expected vectors of 2 images, got 1"):
        harmonics(images, vectors[:1])
