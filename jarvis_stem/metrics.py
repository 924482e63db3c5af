"""Scores and their statistics as pure functions of sequences and arrays.

A class is here its index 0..K-1. Scores of a confusion matrix and the tests work on one matrix or
count as well as on any leading axes of them. NaN stands for a score that is not defined (recall of
a class without ids, precision of one never predicted); a mean over classes leaves those out.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def count_correct(targets: Sequence[int | str], predictions: Sequence[int | str]) -> int:
    """Count the predictions that equal their target.

    Args:
        targets: Classes as the benchmark has them.
        predictions: Predicted classes in the same order.

    Raises:
        ValueError: The lengths differ.
    """
    if len(targets) != len(predictions):
        raise ValueError(f"{len(targets)=} != {len(predictions)=}")
    return sum(map(operator.eq, targets, predictions))


def accuracy(targets: Sequence[int | str], predictions: Sequence[int | str]) -> float:
    """Share of right predictions, rounded as JARVIS-Leaderboard rounds it.

    Args:
        targets: Classes as the benchmark has them, at least one.
        predictions: Predicted classes in the same order.

    Returns:
        ``round(accuracy_score(targets, predictions), 4)``.

    Raises:
        ValueError: The lengths differ or there is nothing to score.

    Source: JARVIS-Leaderboard, ``jarvis_leaderboard/rebuild.py``, ``get_metric_value``.
    """
    if not targets:
        raise ValueError("no accuracy without targets")
    return round(count_correct(targets, predictions) / len(targets), 4)


def confusion_matrix(
    targets: NDArray[np.intp], predictions: NDArray[np.intp], n_classes: int
) -> NDArray[np.int64]:
    """Count the ids of each class by the class predicted for them.

    Args:
        targets: Class indices as the benchmark has them, [n].
        predictions: Predicted class indices in the same order, [n].
        n_classes: Number of classes, K.

    Returns:
        int64[K, K]; rows are the benchmark's classes, columns the predicted ones.

    Raises:
        ValueError: The shapes differ, or an index is no class.
    """
    if targets.ndim != 1 or targets.shape != predictions.shape:
        raise ValueError(
            f"expected two equally long vectors, got {targets.shape=} and {predictions.shape=}"
        )
    for name, classes in (("targets", targets), ("predictions", predictions)):
        if classes.size and not 0 <= classes.min() <= classes.max() < n_classes:
            raise ValueError(
                f"expected {name} in 0..{n_classes - 1}, got {classes.min()}..{classes.max()}"
            )
    counts = np.bincount(targets * n_classes + predictions, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes).astype(np.int64, copy=False)


def calibration_error(confidences: ArrayLike, correct: ArrayLike, *, n_bins: int = 15) -> float:
    """Expected calibration error: how far confidence is from the share right, over equal bins.

    Args:
        confidences: Probability of each prediction, [n], 0 to 1.
        correct: Whether each is right, [n].
        n_bins: Bins of equal width.

    Returns:
        The mean over bins of |mean confidence - share right|, weighted by their counts.

    Raises:
        ValueError: The shapes differ, or there is nothing to score.

    Source: Naeini et al., AAAI 2015; Guo et al., ICML 2017.
    """
    confidence, right = np.asarray(confidences, np.float64), np.asarray(correct, np.float64)
    if confidence.shape != right.shape or confidence.ndim != 1 or not confidence.size:
        raise ValueError(f"expected two vectors, got {confidence.shape=} and {right.shape=}")
    bins = np.minimum((confidence * n_bins).astype(np.intp), n_bins - 1)
    gaps = np.bincount(bins, weights=confidence - right, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(confidence))


def recall(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each class's ids that are predicted right.

    Args:
        confusion: Confusion matrices, int64[..., K, K].

    Returns:
        float64[..., K]; NaN for a class without ids.

    Raises:
        ValueError: The matrices are not square.
    """
    n_right, n_target, _ = _class_counts(confusion)
    return _ratio(n_right, n_target)


def precision(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each class's predictions that are right.

    Args:
        confusion: Confusion matrices, int64[..., K, K].

    Returns:
        float64[..., K]; NaN for a class that is never predicted.

    Raises:
        ValueError: The matrices are not square.
    """
    n_right, _, n_predicted = _class_counts(confusion)
    return _ratio(n_right, n_predicted)


def balanced_accuracy(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean recall of the classes that have ids.

    Args:
        confusion: Confusion matrices, int64[..., K, K].

    Returns:
        float64[...], as scikit-learn's ``balanced_accuracy_score``; NaN without ids.

    Raises:
        ValueError: The matrices are not square.
    """
    return _mean_of_defined(recall(confusion))


def macro_f1(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean F1 of the classes that have ids or predictions.

    Args:
        confusion: Confusion matrices, int64[..., K, K].

    Returns:
        float64[...], as scikit-learn's ``f1_score(average="macro", zero_division=0)``; NaN without
        ids.

    Raises:
        ValueError: The matrices are not square.
    """
    n_right, n_target, n_predicted = _class_counts(confusion)
    return _mean_of_defined(_ratio(2 * n_right, n_target + n_predicted))


def matthews(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Matthews correlation of classes and predictions, for any number of classes.

    Args:
        confusion: Confusion matrices, int64[..., K, K].

    Returns:
        float64[...] in -1..1; 0 where all ids or all predictions are of one class, as
        scikit-learn's ``matthews_corrcoef``.

    Raises:
        ValueError: The matrices are not square.

    Source: J. Gorodkin, Comput. Biol. Chem. 28 (2004) 367, the coefficient R_K.
    """
    n_right, n_target, n_predicted = _class_counts(confusion)
    n = n_target.sum(axis=-1)
    covariance = n_right.sum(axis=-1) * n - (n_target * n_predicted).sum(axis=-1)
    variance_target = n**2 - (n_target**2).sum(axis=-1)
    variance_predicted = n**2 - (n_predicted**2).sum(axis=-1)
    # In floats, because the product grows as n**4 and would leave int64 at n = 55,000.
    scale = np.sqrt(variance_target.astype(np.float64) * variance_predicted)
    return np.nan_to_num(_ratio(covariance, scale), nan=0.0)


def wilson_interval(
    n_correct: ArrayLike, n: ArrayLike, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson's score interval of an accuracy, without continuity correction.

    Args:
        n_correct: Right predictions, integers[...].
        n: Predictions, integers of a shape that broadcasts with it, at least 1.
        confidence: Nominal coverage, between 0 and 1.

    Returns:
        Lower and upper bound, float64[...] in 0..1.

    Raises:
        ValueError: There is nothing to score, there are more right predictions than predictions,
            or the confidence is not between 0 and 1.

    Source: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209; the same as statsmodels'
    ``proportion_confint(method="wilson")``, which takes a second to import.
    """
    from scipy.special import ndtri

    n_correct, n = np.asarray(n_correct), np.asarray(n)
    if np.any((n < 1) | (n_correct < 0) | (n_correct > n)):
        raise ValueError(f"expected 0 <= n_correct <= n and n >= 1, got {n_correct=} and {n=}")
    if not 0 < confidence < 1:
        raise ValueError(f"expected a confidence between 0 and 1, got {confidence}")
    z = ndtri((1 + confidence) / 2)
    scale = 1 + z**2 / n
    middle = (n_correct + z**2 / 2) / n / scale
    half = z / scale * np.sqrt(n_correct * (n - n_correct) / n + z**2 / 4) / n
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def discordant(
    correct_first: NDArray[np.bool_], correct_second: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the ids that only one of two results has right.

    Args:
        correct_first: Whether each prediction is right, bool[..., n].
        correct_second: The same of the result to compare with, bool[n].

    Returns:
        Ids that only the first has right and ids that only the second has right, int64[...] each.

    Raises:
        ValueError: An array is not boolean, or the numbers of ids differ.
    """
    for name, correct in (("correct_first", correct_first), ("correct_second", correct_second)):
        _check_boolean(name, correct)
    if correct_second.ndim != 1 or correct_first.shape[-1:] != correct_second.shape:
        raise ValueError(
            "expected bool[..., n] and bool[n], "
            f"got {correct_first.shape=} and {correct_second.shape=}"
        )
    return _discordant_bits(np.packbits(correct_first, axis=-1), np.packbits(correct_second))


def mcnemar_exact(only_first: ArrayLike, only_second: ArrayLike) -> NDArray[np.float64]:
    """McNemar's exact test of whether two results have the same accuracy.

    Of the ids that only one result has right, each is as likely to be the first's as the second's
    if the accuracies are equal; p is twice the smaller binomial tail, at most 1. Ids that both
    have right or wrong do not count.

    Args:
        only_first: Ids that only the first result has right, integers[...].
        only_second: Ids that only the second has right, integers of a shape that broadcasts.

    Returns:
        Two-sided p-values, float64[...]; 1 where no id tells the results apart.

    Raises:
        ValueError: A count is negative.

    Source: Q. McNemar, Psychometrika 12 (1947) 153; the exact conditional test of M. W. Fagerland,
    S. Lydersen and P. Laake, BMC Med. Res. Methodol. 13 (2013) 91; the same as statsmodels'
    ``mcnemar(exact=True)``, without the second that importing it takes.
    """
    from scipy.special import bdtr

    only_first, only_second = np.asarray(only_first), np.asarray(only_second)
    smaller = np.minimum(only_first, only_second)
    if np.any(smaller < 0):
        raise ValueError(f"expected counts of ids, at least 0, got {smaller.min()}")
    return np.minimum(1.0, 2 * bdtr(smaller, only_first + only_second, 0.5))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down correction of p-values for the number of tests made together.

    Args:
        p_values: One family of tests along the last axis, float[..., m]; m may be 0.

    Returns:
        Adjusted p-values in the same order, float64[..., m], at most 1.

    Raises:
        ValueError: A p-value is not in 0..1.

    Source: S. Holm, Scand. J. Stat. 6 (1979) 65. statsmodels' ``multipletests(method="holm")``
    gives the same for one family, but runs the garbage collector in every call: tens of ms each.
    """
    p = np.atleast_1d(np.asarray(p_values, dtype=np.float64))
    outside = p[~((p >= 0) & (p <= 1))]
    if outside.size:
        raise ValueError(f"expected p-values in 0..1, got {outside[0]}")
    order = np.argsort(p, axis=-1)
    stepped = np.take_along_axis(p, order, axis=-1) * np.arange(p.shape[-1], 0, -1)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.maximum.accumulate(stepped, axis=-1), axis=-1)
    return np.minimum(1.0, adjusted)


def rank_groups(correct: NDArray[np.bool_], alpha: float = 0.05) -> list[int]:
    """Rank results so that those not significantly worse than a group's best share its rank.

    The best result not yet in a group leads the next one. All other results without a group are
    compared with it (exact McNemar test, Holm-corrected over these comparisons); those whose
    difference is not significant join it. A rank is 1 plus the number of results in the groups
    before, as in 1, 1, 3.

    Results of one group need not be alike: each is only compared with the leader. Nor do ranks
    always rise along the results: the paired test looks at which ids are right, so a result may
    differ significantly from the leader while a lower one, right on other ids, does not and ranks
    above it.

    Args:
        correct: Whether each prediction is right, bool[N, n], results sorted best first.
        alpha: Adjusted p-values below it are significant.

    Returns:
        Ranks of the N results in their order.

    Raises:
        ValueError: The array is not boolean, not of two axes or not sorted.
    """
    _check_boolean("correct", correct)
    if correct.ndim != 2:
        raise ValueError(f"expected bool[N, n], got {correct.shape=}")
    bits = np.packbits(correct, axis=-1)
    n_correct = _count_bits(bits)
    rising = np.flatnonzero(np.diff(n_correct) > 0)
    if rising.size:
        row = rising[0]
        raise ValueError(
            f"expected results sorted best first, got {n_correct[row]} right in row {row} "
            f"and {n_correct[row + 1]} in row {row + 1}"
        )
    ranks = np.zeros(len(correct), dtype=np.int64)
    left = np.arange(len(correct))
    while left.size:
        leader, others = left[0], left[1:]
        p_holm = holm(mcnemar_exact(*_discordant_bits(bits[others], bits[leader])))
        tied = p_holm >= alpha
        ranks[leader] = ranks[others[tied]] = 1 + len(correct) - left.size
        left = others[~tied]
    return ranks.tolist()


def _class_counts(
    confusion: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Right predictions, ids and predictions of each class, [..., K] each."""
    if confusion.ndim < 2 or confusion.shape[-1] != confusion.shape[-2]:
        raise ValueError(f"expected confusion matrices [..., K, K], got {confusion.shape=}")
    n_right = np.diagonal(confusion, axis1=-2, axis2=-1)
    return n_right, confusion.sum(axis=-1), confusion.sum(axis=-2)


def _ratio(
    part: NDArray[np.int64 | np.float64], whole: NDArray[np.int64 | np.float64]
) -> NDArray[np.float64]:
    """Part over whole, NaN for 0 over 0."""
    with np.errstate(invalid="ignore"):
        return np.divide(part, whole)


def _mean_of_defined(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean along the last axis of what is not NaN."""
    return _ratio(np.nansum(values, axis=-1), np.isfinite(values).sum(axis=-1))


def _check_boolean(name: str, correct: NDArray[np.bool_]) -> None:
    """Refuse numbers, whose bits would be counted for predictions."""
    if correct.dtype != np.bool_:
        raise ValueError(f"expected {name} of dtype bool, got {correct.dtype}")


def _discordant_bits(
    first: NDArray[np.uint8], second: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`discordant` of ``np.packbits``, whose padding is 0 and so never counted."""
    return _count_bits(first & ~second), _count_bits(second & ~first)


def _count_bits(bits: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Ones along the last axis."""
    return np.bitwise_count(bits).sum(axis=-1, dtype=np.int64)
