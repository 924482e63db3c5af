from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from jarvis_stem.metrics import accuracy, count_correct

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1)


@given(PAIRS)
def test_accuracy_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    targets, predictions = zip(*pairs, strict=True)
    assert accuracy(targets, predictions) == round(accuracy_score(targets, predictions), 4)


def test_known_values() -> None:
    assert accuracy([0, 1, 2], [0, 1, 1]) == 0.6667
    assert accuracy(["a", "b"], ["a", "a"]) == 0.5
    assert count_correct([0, 1, 2], [0, 1, 1]) == 2


def test_an_integer_is_not_its_text() -> None:
    assert accuracy([1], ["1"]) == 0.0


@pytest.mark.parametrize(("targets", "predictions"), [([], []), ([1], [1, 1])])
def test_what_cannot_be_scored_is_refused(targets: list[int], predictions: list[int]) -> None:
    with pytest.raises(ValueError, match=r"without targets|!="):
        accuracy(targets, predictions)
