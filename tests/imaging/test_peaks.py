"""Compiled code finds the peaks that plain NumPy and SciPy find."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from jarvis_stem.imaging import _kernels
from jarvis_stem.imaging.harmonics import apply_window
from jarvis_stem.imaging.peaks import find_peaks

ROWS, COLUMNS, REACH = 64, 22, 19
EDGE = _kernels.PEAK_REACH


def reference(
    spectrum: NDArray[np.complex64], usable: NDArray[np.bool_], rounding: float
) -> tuple[NDArray[np.intp], NDArray[np.float32], float]:
    """Bins and power of the peaks, the highest first, and the floor that they are above."""
    noise = spectrum[int(0.42 * ROWS) : int(0.58 * ROWS) : 3, ::3]
    squares = np.sort((noise.real**2 + noise.imag**2).ravel())
    median = squares[(len(squares) - 1) // 2] / np.float32(math.log(2))
    floor = np.float32(4.5**2) * max(median, np.float32(rounding))
    whole = np.concatenate([spectrum[-REACH:], spectrum[: REACH + 1]])
    whole = np.concatenate([whole[::-1, EDGE:0:-1].conj(), whole], axis=1)
    power = whole.real**2 + whole.imag**2
    inner = (slice(EDGE, -EDGE), slice(EDGE, -EDGE))
    tops = (power == ndimage.maximum_filter(power, 2 * EDGE + 1))[inner] & usable
    tops &= power[inner] > floor
    places = np.argwhere(tops)
    heights = power[inner][tops]
    order = np.argsort(-heights, kind="stable")[: _kernels.MOST_PEAKS]
    places, heights = places[order] - (REACH - EDGE, 0), heights[order]
    floor = max(floor, np.float32(0.007**2 * np.float64(heights[0]))) if len(heights) else floor
    return places[heights > floor], heights[heights > floor], float(floor)


@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.floats(0, 3))
def test_the_strongest_peaks_are_those_that_numpy_finds(
    seed: int, n_peaks: int, rounding: float
) -> None:
    rng = np.random.default_rng(seed)
    spectrum = rng.normal(0, 0.1, (2, ROWS, COLUMNS)).astype(np.complex64)
    for one in spectrum:  # some of equal height
        one[rng.integers(0, ROWS, n_peaks), rng.integers(0, COLUMNS, n_peaks)] += rng.integers(
            1, 9, n_peaks
        )
    usable = rng.random((2 * (REACH - EDGE) + 1, COLUMNS - EDGE)) < 0.7
    places, heights, weights, counts = _kernels.strongest(spectrum, REACH, usable, rounding)
    for n in range(2):
        bins, power, floor = reference(spectrum[n], usable, rounding)
        assert counts[n] == len(bins)
        here = slice(0, len(bins))
        assert np.abs(places[n, here] - bins).max(initial=0) <= 1  # and a part of a bin
        assert np.allclose(heights[n, here] ** 2 * power[:1], power, rtol=1e-6)
        assert np.allclose(np.exp(2 * weights[n, here]) * floor, power, rtol=1e-5)
        assert not heights[n, len(bins) :].any()


def test_waves_have_their_peaks_between_the_bins() -> None:
    x, y = np.ogrid[:128, :96]
    image = 100 + 40 * np.cos(2 * np.pi * (9.3 * x / 128 + 5.4 * y / 96)) + 20 * np.cos(x + 0 * y)
    windowed, _ = apply_window(image[None].astype(np.uint8))
    found = find_peaks(windowed)
    expected = [(9.3, 5.4), (128 / (2 * np.pi), 0)]
    assert np.abs(found.places[0, :2] - expected).max() < 0.05
    assert found.heights[0, :2] == pytest.approx([1, 0.5], abs=0.02)


@pytest.mark.parametrize(
    ("spectra", "usable", "error", "expected"),
    [
        (np.zeros((1, 64, 22), np.complex128), None, TypeError, "incompatible function arguments"),
        (np.zeros((64, 22), np.complex64), None, ValueError, r"spectra: expected shape \[any, any"),
        (np.zeros((1, 38, 22), np.complex64), None, ValueError, "reach: expected less than there"),
        (None, np.ones((9, 9), bool), ValueError, r"usable: expected shape \[35, 20\], got \[9, 9"),
    ],
)
def test_compiled_code_refuses_what_does_not_fit(
    spectra: NDArray[np.complex64] | None,
    usable: NDArray[np.bool_] | None,
    error: type[Exception],
    expected: str,
) -> None:
    if spectra is None:
        spectra = np.zeros((1, ROWS, COLUMNS), np.complex64)
    if usable is None:
        usable = np.ones((35, 20), bool)
    with pytest.raises(error, match=expected):
        _kernels.strongest(spectra, REACH, usable, 0.0)
