"""Compiled parts of the renderer and of the measurement; kernels/kernels.h says what each does."""

import numpy as np
from numpy.typing import NDArray

_Grey = NDArray[np.uint8]
_Single = NDArray[np.float32]
_Double = NDArray[np.float64]
_Whole = NDArray[np.int64]
_Mask = NDArray[np.bool_]

BLOCK: int
MOST_PEAKS: int
PASSES: int
PEAK_REACH: int

def draw(
    cell: _Double,
    sites: _Double,
    numbers: _Whole,
    end: _Double,
    bounded: bool,
    probe: _Single,
    size: int,
    pixel_size: float,
    edge: float,
) -> _Single: ...
def evened(values: _Single, near: int, wide: int) -> _Single: ...
def stretched(values: _Single, left_out: float) -> _Grey: ...
def evened_and_stretched(parts: _Single, near: int, wide: int, left_out: float) -> _Grey: ...
def apply_window(images: _Single, window: _Single) -> _Double: ...
def fold(windowed: _Single) -> tuple[_Single, _Single]: ...
def amplitudes(
    bases: _Double, orders: _Whole, used: _Mask, sums: _Single, differences: _Single, height: int
) -> NDArray[np.complex64]: ...
def harmonic_powers(
    bases: _Double,
    which: _Whole,
    orders: _Whole,
    used: _Mask,
    sums: _Single,
    differences: _Single,
    height: int,
) -> tuple[_Double, _Double, _Double]: ...
def moments(
    basis: _Double, orders: _Whole, sums: _Single, differences: _Single, height: int, count: int
) -> NDArray[np.complex128]: ...
def sums_over_rows(
    steps: _Double, orders: _Whole, sums: _Single, differences: _Single, height: int, count: int
) -> tuple[_Single, _Single]: ...
def waves(steps: _Double, orders: _Whole, size: int) -> tuple[_Single, _Single]: ...
def strongest(
    spectra: NDArray[np.complex64], reach: int, usable: _Mask, rounding: float
) -> tuple[_Double, _Double, _Double, _Whole]: ...
def explaining(
    places: _Double,
    heights: _Double,
    weights: _Double,
    counts: _Whole,
    size: _Double,
    closest: float,
) -> _Double: ...
def lattices(
    bases: _Double,
    places: _Double,
    heights: _Double,
    weights: _Double,
    counts: _Whole,
    size: _Double,
    pixel_size: float,
) -> tuple[_Double, _Double]: ...
def reduced(bases: _Double) -> _Double: ...
def nearest_harmonics(basis: _Double, places: _Double) -> tuple[_Double, _Double]: ...
