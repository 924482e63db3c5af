"""What of NumPy's sorting is done by hand, for it compiles in a moment, sorts as NumPy does."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jarvis_stem.imaging.peaks import _highest, _smallest

NUMBERS = st.lists(st.integers(-9, 9), min_size=1, max_size=200)


@given(NUMBERS, st.integers(0, 199))
def test_a_place_in_the_order_has_the_number_that_sorting_puts_there(
    numbers: list[int], place: int
) -> None:
    place %= len(numbers)
    values = np.array(numbers, np.float32)
    assert _smallest(values.copy(), place) == np.sort(values)[place]


@given(NUMBERS)
def test_the_highest_come_first_and_of_equals_the_first(numbers: list[int]) -> None:
    power = np.array(numbers, np.float32)
    tops = np.flatnonzero(power > -5)
    expected = tops[np.argsort(-power[tops], kind="stable")][:64]
    places, heights = _highest(power, tops)
    assert places.tolist() == expected.tolist()
    assert heights.tolist() == power[expected].tolist()
