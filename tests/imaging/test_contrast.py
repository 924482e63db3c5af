"""Compiled contrast does what SciPy's filters and NumPy's sorting do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from jarvis_stem.imaging import contrast

Picture = NDArray[np.float32]


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    """A slope, noise and outliers; some smaller than what is taken for their surroundings."""
    shape = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    picture = rng.normal(0, 1, shape) + rng.normal(0, 1) * np.arange(shape[1])
    picture[rng.random(shape) < 0.01] = 1e3
    return picture.astype(np.float32)


def limits(picture: Picture, left_out: float) -> tuple[np.float32, np.float32]:
    sample = np.sort(picture[::2, ::2].ravel())
    few = int(left_out * (len(sample) - 1))
    return sample[few], sample[-1 - few]


def surroundings(picture: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    for axis in (0, 1):
        for _ in range(3):
            picture = ndimage.uniform_filter1d(picture, 2 * radius + 1, axis)
    return picture


@given(pictures(), st.floats(1, 12))
def test_contrast_is_evened_as_by_filters(picture: Picture, width: float) -> None:
    near, wide = contrast._radius(width), contrast._radius(2 * width)
    low, high = limits(picture, 0.002)
    clipped = (np.clip(picture, low, high) - low).astype(np.float64)
    clipped /= float(high - low) or 1.0
    detail = clipped - surroundings(clipped, near)
    deviation = np.sqrt(surroundings(detail**2, wide))
    expected = detail / (deviation + 0.1 * deviation.mean() + 1e-37)
    # Sums are in single precision: what is small beside the slope is lost.
    noise = 1e-5 / (0.1 * deviation.mean() + 1e-30)
    assert np.abs(contrast.evened(picture, width) - expected).max() <= 1e-3 + noise


@given(pictures(), st.floats(0, 0.4))
def test_grey_values_span_what_is_no_outlier(picture: Picture, left_out: float) -> None:
    low, high = limits(picture, left_out)
    expected = np.clip((picture - low) * (255 / max(high - low, np.float32(1e-6))), 0, 255)
    grey = contrast.stretched(picture, left_out)
    assert np.abs(grey.astype(float) - np.floor(expected)).max() <= 1


def test_several_are_each_done_as_one() -> None:
    parts = np.random.default_rng(0).normal(size=(3, 40, 50)).cumsum(axis=2).astype(np.float32)
    each = [contrast.stretched(contrast.evened(part, 4), 0.01) for part in parts]
    assert np.array_equal(contrast.evened_and_stretched(parts, 4, 0.01), each)


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_the_unit_of_a_picture_does_not_matter(unit: float) -> None:
    picture = np.random.default_rng(0).normal(size=(40, 50)).cumsum(axis=1).astype(np.float32)
    scaled = contrast.evened(picture * np.float32(unit), 5)
    assert np.allclose(scaled, contrast.evened(picture, 5), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("value", [0.0, -7.0, 1e30])
def test_a_flat_picture_stays_flat(value: float) -> None:
    picture = np.full((20, 30), value, np.float32)
    assert not contrast.evened(picture, 5).any()
    assert not contrast.stretched(picture, 0.01).any()


def test_what_is_no_number_is_black_and_harms_nothing() -> None:
    picture = np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32)
    picture[::7, ::5] = np.nan
    grey = contrast.stretched(picture, 0.01)
    assert not grey[::7, ::5].any() and grey.max() == 255
    assert contrast.evened_and_stretched(picture[None], 5, 0.01).shape == (1, 40, 40)


def test_numbers_of_other_types_are_taken() -> None:
    picture = np.random.default_rng(0).normal(size=(30, 40))
    expected = contrast.evened(picture.astype(np.float32), 4)
    assert np.array_equal(contrast.evened(np.asfortranarray(picture), 4), expected)
