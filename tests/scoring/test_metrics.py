from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from math import comb
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import sklearn.metrics
from helpers import costly
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from jarvis_stem.scoring.metrics import (
    accuracy,
    balanced_accuracy,
    calibration_error,
    confusion_matrix,
    count_correct,
    macro_f1,
    matthews,
    precision,
    recall,
)
from jarvis_stem.scoring.significance import (
    discordant,
    holm,
    mcnemar_exact,
    rank_groups,
    wilson_interval,
)

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1)
K = 5
SUMMARIES = [balanced_accuracy, macro_f1, matthews]


@costly
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


# Confusion matrix and what follows from it


def reference(name: str, pairs: list[tuple[int, int]], **options: Any) -> Any:
    """What scikit-learn says, without its warnings on absent classes."""
    targets, predictions = zip(*pairs, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(sklearn.metrics, name)(targets, predictions, **options)


def confusion_of(pairs: list[tuple[int, int]], n_classes: int = K) -> np.ndarray:
    targets, predictions = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    return confusion_matrix(targets, predictions, n_classes)


@costly
@given(PAIRS)
def test_everything_per_class_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels = range(K)
    confusion = confusion_of(pairs)
    assert_array_equal(confusion, reference("confusion_matrix", pairs, labels=labels))
    options = {"labels": labels, "average": None, "zero_division": np.nan}
    assert_allclose(recall(confusion), reference("recall_score", pairs, **options), rtol=1e-14)
    assert_allclose(
        precision(confusion), reference("precision_score", pairs, **options), rtol=1e-14
    )


@costly
@given(PAIRS)
def test_summaries_are_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    confusion = confusion_of(pairs)
    f1 = reference("f1_score", pairs, average="macro", zero_division=0)
    assert_allclose(macro_f1(confusion), f1, rtol=1e-13)
    assert_allclose(
        balanced_accuracy(confusion), reference("balanced_accuracy_score", pairs), rtol=1e-13
    )
    assert_allclose(
        matthews(confusion), reference("matthews_corrcoef", pairs), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize(
    ("name", "score"),
    [("balanced_accuracy_score", balanced_accuracy), ("matthews_corrcoef", matthews)],
)
def test_a_benchmark_of_real_size(name: str, score: Callable[..., Any]) -> None:
    random = np.random.default_rng(0)
    targets = random.choice(K, size=100_000, p=[0.4, 0.3, 0.2, 0.09, 0.01])
    guesses = random.integers(0, K, size=targets.size)
    predictions = np.where(random.random(targets.size) < 0.6, targets, guesses)
    expected = getattr(sklearn.metrics, name)(targets, predictions)
    assert_allclose(score(confusion_matrix(targets, predictions, K)), expected, rtol=1e-12)


def test_confusion_example_of_scikit_learn() -> None:
    pairs = [(2, 0), (0, 0), (2, 2), (2, 2), (0, 0), (1, 2)]
    confusion = confusion_of(pairs, 3)
    assert confusion.tolist() == [[2, 0, 0], [0, 0, 1], [1, 0, 2]]
    assert confusion.dtype == np.int64
    assert_allclose(recall(confusion), [1, 0, 2 / 3])
    assert_array_equal(precision(confusion), [2 / 3, np.nan, 2 / 3])


def test_summaries_in_the_documentation_of_scikit_learn() -> None:
    balanced = confusion_of([(0, 0), (1, 1), (0, 0), (0, 0), (1, 0), (0, 1)], 2)
    assert balanced_accuracy(balanced) == 0.625
    f1 = confusion_of([(0, 0), (1, 2), (2, 1), (0, 0), (1, 0), (2, 1)], 3)
    assert_allclose(macro_f1(f1), 0.8 / 3)
    correlation = confusion_of([(1, 1), (1, 0), (1, 1), (0, 1)], 2)
    assert_allclose(matthews(correlation), -1 / 3)


def test_an_absent_class_has_no_recall_and_lowers_no_mean() -> None:
    confusion = confusion_of([(0, 0), (0, 0), (2, 0), (2, 2)], 4)
    assert_array_equal(recall(confusion), [1, np.nan, 0.5, np.nan])
    assert_array_equal(precision(confusion), [2 / 3, np.nan, 1, np.nan])
    assert balanced_accuracy(confusion) == 0.75
    assert_allclose(macro_f1(confusion), (0.8 + 2 / 3) / 2)


def test_a_class_only_predicted_counts_in_f1_and_not_in_balanced_accuracy() -> None:
    confusion = confusion_of([(0, 0), (0, 0), (0, 1)], 3)
    assert_allclose(balanced_accuracy(confusion), 2 / 3)
    assert_allclose(macro_f1(confusion), 0.4)


def test_the_majority_class_everywhere() -> None:
    confusion = confusion_of([(0, 1), (1, 1), (1, 1), (2, 1)], 3)
    assert_allclose(balanced_accuracy(confusion), 1 / 3)
    assert_allclose(macro_f1(confusion), 2 / 9)
    assert matthews(confusion) == 0


def test_only_one_class_has_no_correlation() -> None:
    confusion = confusion_of([(1, 1)], 3)
    assert [float(score(confusion)) for score in SUMMARIES] == [1, 1, 0]


def test_a_perfect_result_scores_exactly_one() -> None:
    confusion = np.diag([1003, 417, 333, 501, 34])
    assert [float(score(confusion)) for score in SUMMARIES] == [1, 1, 1]


def test_without_ids_only_the_correlation_has_a_value() -> None:
    confusion = confusion_of([], 3)
    assert confusion.tolist() == [[0] * 3] * 3
    assert np.isnan(recall(confusion)).all()
    assert np.isnan(precision(confusion)).all()
    assert_array_equal([score(confusion) for score in SUMMARIES], [np.nan, np.nan, 0])


def test_large_counts_do_not_overflow() -> None:
    confusion = np.array([[3, 1], [1, 3]]) * 10**8
    assert_allclose(matthews(confusion), 0.5)


@pytest.mark.parametrize("score", [recall, precision, *SUMMARIES])
def test_leading_axes_are_scored_one_by_one(score: Callable[..., Any]) -> None:
    confusions = np.random.default_rng(1).integers(0, 3, size=(2, 3, 4, 4))
    together = score(confusions)
    assert together.dtype == np.float64
    for index in np.ndindex(2, 3):
        assert_array_equal(together[index], score(confusions[index]))
    assert len(score(confusions[:0])) == 0


@pytest.mark.parametrize("score", [recall, precision, *SUMMARIES])
@pytest.mark.parametrize("shape", [(2, 3), (4,), (3, 2, 1)])
def test_matrices_that_are_not_square_are_refused(
    score: Callable[..., Any], shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"expected confusion matrices \[\.\.\., K, K\], got .*\("):
        score(np.ones(shape, dtype=np.int64))


@pytest.mark.parametrize(
    ("targets", "predictions", "message"),
    [
        ([0, 1], [0], r"got targets\.shape=\(2,\) and predictions\.shape=\(1,\)"),
        ([[0, 1]], [[0, 1]], r"got targets\.shape=\(1, 2\)"),
        ([0, 3], [0, 1], r"expected targets in 0\.\.2, got 0\.\.3"),
        ([0, 1], [0, 3], r"expected predictions in 0\.\.2, got 0\.\.3"),
        ([2, 1], [-1, 1], r"expected predictions in 0\.\.2, got -1\.\.1"),
    ],
)
def test_what_is_no_class_is_refused(targets: Any, predictions: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        confusion_matrix(np.array(targets), np.array(predictions), 3)


# Wilson interval


@pytest.mark.parametrize(
    ("n_correct", "n", "interval"),
    [
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0000, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_intervals_of_newcombe_1998_table_1(
    n_correct: int, n: int, interval: tuple[float, float]
) -> None:
    assert_allclose(wilson_interval(n_correct, n), interval, atol=5e-5)


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_is_that_of_scipy(counts: tuple[int, int]) -> None:
    expected = binomtest(*counts).proportion_ci(0.9, method="wilson")
    low, high = wilson_interval(*counts, confidence=0.9)
    assert_allclose((low, high), (expected.low, expected.high), rtol=1e-9, atol=1e-12)
    assert 0 <= low < high <= 1


def test_wilson_intervals_of_many_results() -> None:
    low, high = wilson_interval(np.array([[0], [81], [263]]), np.array([263, 300]))
    assert low.shape == high.shape == (3, 2)
    assert low.dtype == high.dtype == np.float64
    assert_allclose((low[1, 0], high[1, 0]), wilson_interval(81, 263))
    assert_allclose(low[0], 0, atol=1e-15)
    assert_allclose(high[2, 0], 1)


@pytest.mark.parametrize(("n_correct", "n"), [(0, 0), (-1, 3), (4, 3), ([1, 4], 3)])
def test_impossible_counts_have_no_interval(n_correct: Any, n: int) -> None:
    with pytest.raises(ValueError, match=r"expected 0 <= n_correct <= n .* got n_correct=.* n="):
        wilson_interval(n_correct, n)


@pytest.mark.parametrize("confidence", [0, 1, 95, float("nan")])
def test_a_confidence_is_between_0_and_1(confidence: float) -> None:
    with pytest.raises(ValueError, match=f"between 0 and 1, got {confidence}"):
        wilson_interval(1, 2, confidence)


# McNemar's test


def exact_p(first: int, second: int) -> float:
    """The definition, in whole numbers."""
    n = first + second
    tail = sum(comb(n, k) for k in range(min(first, second) + 1))
    return float(min(Fraction(1), Fraction(2 * tail, 2**n)))


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [
        (0, 0, 1.0),
        (0, 1, 1.0),  # 2 * 1/2
        (0, 5, 2 / 32),
        (0, 6, 2 / 64),  # the fewest ids that can be significant at 0.05
        (1, 5, 14 / 64),
        (7, 1, 18 / 256),  # Fagerland et al. 2013, airway hyper-responsiveness: 0.070
        (3, 3, 1.0),
    ],
)
def test_mcnemar_by_hand(only_first: int, only_second: int, p: float) -> None:
    assert_allclose(mcnemar_exact(only_first, only_second), p, rtol=1e-12)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [
        (121, 59, 0.000004),
        (70, 59, 0.378688),
        (80, 59, 0.089452),
        (30, 60, 0.00206),
        (10, 30, 0.002221),
        (10, 10, 1.0),
    ],
)
def test_mcnemar_examples_of_statsmodels(only_first: int, only_second: int, p: float) -> None:
    assert_allclose(mcnemar_exact(only_first, only_second), p, atol=6e-7)


def test_mcnemar_approval_ratings_of_agresti() -> None:
    p = mcnemar_exact(150, 86)
    assert_allclose(p, 3.716e-5, rtol=1e-4)
    assert_allclose(p, exact_p(150, 86), rtol=1e-10)
    assert_allclose(p, mcnemar([[794, 150], [86, 570]], exact=True).pvalue, rtol=1e-12)


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_definition_and_symmetric(first: int, second: int) -> None:
    p = mcnemar_exact(first, second)
    assert_allclose(p, exact_p(first, second), rtol=1e-9)
    assert p == mcnemar_exact(second, first)
    assert 0 <= p <= 1


def test_mcnemar_of_many_results() -> None:
    p = mcnemar_exact(np.array([[0], [7]]), np.array([0, 1, 2288]))
    assert p.shape == (2, 3)
    assert p.dtype == np.float64
    assert_allclose(p[:, :2], [[1.0, 1.0], [2 / 128, 18 / 256]])
    assert (p[:, 2] < 1e-300).all()
    assert mcnemar_exact([], []).shape == (0,)


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 0, got -2"):
        mcnemar_exact([3, 4], [1, -2])


def test_discordant_ids_by_hand() -> None:
    first = np.array([[1, 1, 0, 0, 1], [0, 0, 0, 0, 0], [1, 0, 1, 0, 1]], dtype=bool)
    second = np.array([1, 0, 1, 0, 1], dtype=bool)
    only_first, only_second = discordant(first, second)
    assert only_first.tolist() == [1, 0, 0]
    assert only_second.tolist() == [1, 3, 0]
    assert only_first.dtype == only_second.dtype == np.int64


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 255, 256, 2288])
def test_discordant_ids_are_counted_one_by_one(n: int) -> None:
    random = np.random.default_rng(n)
    first, second = random.random((2, 3, n)) < 0.7, random.random(n) < 0.5
    only_first, only_second = discordant(first, second)
    assert_array_equal(only_first, (first & ~second).sum(axis=-1))
    assert_array_equal(only_second, (second & ~first).sum(axis=-1))
    assert discordant(first[0, 0], second) == (only_first[0, 0], only_second[0, 0])


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (np.ones((2, 4), bool), np.ones(3, bool), r"got .*\(2, 4\) and .*\(3,\)"),
        (np.ones(3, bool), np.ones((2, 3), bool), r"got .*\(3,\) and .*\(2, 3\)"),
        (np.bool_(True), np.ones(1, bool), r"got .*\(\) and .*\(1,\)"),
        (np.ones(3, int), np.ones(3, bool), "correct_first of dtype bool, got int64"),
        (np.ones(3, bool), np.ones(3), "correct_second of dtype bool, got float64"),
    ],
)
def test_what_cannot_be_compared_is_refused(first: Any, second: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        discordant(first, second)


# Holm's correction


def test_holm_by_hand() -> None:
    # In order: 0.005 * 4, 0.01 * 3, 0.03 * 2, and 0.04 * 1, which may not fall below 0.06.
    assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert_allclose(holm([0.5, 0.4]), [0.8, 0.8])
    assert_allclose(holm([0.6, 0.7]), [1, 1])
    assert_allclose(holm([0.02, 0.02, 0.02]), [0.06, 0.06, 0.06])
    assert_allclose(holm([0.03]), [0.03])


@costly
@given(st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.01, 0.05, 1.0]), min_size=1))
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    with patch("gc.collect"):  # which statsmodels calls each time
        expected = multipletests(p_values, method="holm")[1]
    assert_allclose(holm(p_values), expected, rtol=1e-14)


def test_holm_takes_each_row_for_a_family() -> None:
    p_values = np.random.default_rng(2).random((2, 3, 4)) ** 3
    adjusted = holm(p_values)
    assert adjusted.dtype == np.float64
    for index in np.ndindex(2, 3):
        assert_array_equal(adjusted[index], holm(p_values[index]))


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3)])
def test_holm_of_nothing_is_nothing(shape: tuple[int, ...]) -> None:
    assert holm(np.empty(shape)).shape == shape


@pytest.mark.parametrize("wrong", [-0.1, 1.5, float("nan")])
def test_what_is_no_p_value_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match=f"p-values in 0..1, got {wrong}"):
        holm([0.2, wrong])


# Rank groups


def right(*spans: tuple[int, int], n: int = 200) -> np.ndarray:
    """A result that has the ids of some half-open spans right."""
    row = np.zeros(n, dtype=bool)
    for start, stop in spans:
        row[start:stop] = True
    return row


def test_significantly_different_results_rank_apart() -> None:
    results = np.stack([right((0, 180)), right((0, 178)), right((0, 100)), right((0, 99))])
    assert rank_groups(results) == [1, 1, 3, 3]


def test_ranks_are_corrected_for_the_number_of_comparisons() -> None:
    # Six ids that only the leader has right: p = 2 / 64, significant alone and not among two.
    results = np.stack([right((0, 106)), right((0, 100)), right((0, 100))])
    assert rank_groups(results[:2]) == [1, 2]
    assert rank_groups(results) == [1, 1, 1]


def test_alpha_decides() -> None:
    results = np.stack([right((0, 106)), right((0, 100))])  # p = 2 / 64
    assert rank_groups(results, alpha=0.01) == [1, 1]
    assert rank_groups(results, alpha=2 / 64) == [1, 1]
    assert rank_groups(results, alpha=0.04) == [1, 2]


def test_a_result_may_rank_above_a_better_one_that_differs() -> None:
    # The second lacks 18 of the leader's ids and has none of its own: p = 2 / 2**18. The third
    # lacks 60 and has 41 of its own: p = 0.073.
    leader, contained, other = right((0, 100)), right((0, 82)), right((0, 40), (100, 141))
    assert leader.sum() > contained.sum() > other.sum()
    assert rank_groups(np.stack([leader, contained, other])) == [1, 3, 1]


def test_a_group_is_led_by_its_best() -> None:
    # Each is as good as its neighbours, but the third differs from the first.
    results = np.stack([right((0, 110)), right((0, 105)), right((0, 100)), right((0, 95))])
    assert rank_groups(results) == [1, 1, 3, 3]


@pytest.mark.parametrize(
    ("results", "ranks"),
    [
        (np.empty((0, 5), dtype=bool), []),
        (np.zeros((1, 5), dtype=bool), [1]),
        (np.zeros((3, 0), dtype=bool), [1, 1, 1]),
        (np.stack([right((0, 50))] * 3), [1, 1, 1]),
        (np.stack([right((0, 100)), right((100, 200))]), [1, 1]),
    ],
)
def test_ranks_of_few_and_of_equal_results(results: np.ndarray, ranks: list[int]) -> None:
    assert rank_groups(results) == ranks


@costly
@given(
    st.lists(st.integers(0, 2**12 - 1), min_size=1, max_size=12),
    st.sampled_from([0.05, 0.5, 0.999]),
)
def test_ranks_follow_their_definition(codes: list[int], alpha: float) -> None:
    """Against a plain restatement with whole numbers for results and statsmodels' test."""
    codes.sort(key=int.bit_count, reverse=True)
    results = np.array([[code >> bit & 1 for bit in range(12)] for code in codes], dtype=bool)
    ranks = rank_groups(results, alpha)
    assert all(type(rank) is int for rank in ranks)
    assert [ranks[codes.index(code)] for code in codes] == ranks, "equal results share"

    expected: dict[int, int] = {}
    while left := [index for index in range(len(codes)) if index not in expected]:
        leader, *others = left
        tables = [
            [[0, (codes[leader] & ~codes[o]).bit_count()],
             [(codes[o] & ~codes[leader]).bit_count(), 0]]
            for o in others
        ]  # fmt: skip
        p_values = [mcnemar(table, exact=True).pvalue for table in tables]
        group = [leader] + [o for o, p in zip(others, holm(p_values), strict=True) if p >= alpha]
        expected.update(dict.fromkeys(group, len(expected) + 1))
    assert ranks == [expected[index] for index in range(len(codes))]


@pytest.mark.parametrize(
    ("results", "message"),
    [
        (
            np.stack([right((0, 2)), right((0, 1)), right((0, 3))]),
            "1 correct in row 1 and 3 in row 2",
        ),
        (np.ones(4, dtype=bool), r"expected bool\[N, n\], got correct.shape=\(4,\)"),
        (np.ones((2, 4), dtype=np.int8), "correct of dtype bool, got int8"),
    ],
)
def test_what_cannot_be_ranked_is_refused(results: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rank_groups(results)


def test_calibration_error_of_known_cases() -> None:
    assert calibration_error([0.8] * 10, [True] * 8 + [False] * 2) == pytest.approx(0)
    assert calibration_error([1.0] * 4, [True, True, True, False]) == pytest.approx(0.25)
    # 0.9 where all are right, 0.6 where none is, in bins of their own: (3 x 0.1 + 0.6) / 4.
    assert calibration_error([0.9] * 3 + [0.6], [True] * 3 + [False]) == pytest.approx(0.225)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1))
def test_calibration_error_is_a_share_and_no_less_than_the_overall_gap(
    pairs: list[tuple[float, bool]],
) -> None:
    confidences, correct = zip(*pairs, strict=True)
    error = calibration_error(confidences, correct)
    assert abs(np.mean(confidences) - np.mean(correct)) - 1e-9 <= error <= 1


@pytest.mark.parametrize(("confidences", "correct"), [([], []), ([0.5], [True, False])])
def test_calibration_error_refuses_what_it_cannot_score(
    confidences: list[float], correct: list[bool]
) -> None:
    with pytest.raises(ValueError, match="expected two vectors"):
        calibration_error(confidences, correct)
