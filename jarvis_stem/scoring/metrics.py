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

    Examples:
        >>> count_correct([0, 1, 2], [0, 1, 1])
        2
    """
    if len(targets) != len(predictions):
        raise ValueError(f"{len(targets)=} != {len(predictions)=}")
    return sum(map(operator.eq, targets, predictions))


def accuracy(targets: Sequence[int | str], predictions: Sequence[int | str]) -> float:
    """Share of correct predictions, rounded as JARVIS-Leaderboard rounds it.

    Args:
        targets: Classes as the benchmark has them, at least one.
        predictions: Predicted classes in the same order.

    Returns:
        ``round(accuracy_score(targets, predictions), 4)``.

    Raises:
        ValueError: The lengths differ or there is nothing to score.

    Source: JARVIS-Leaderboard, ``jarvis_leaderboard/rebuild.py``, ``get_metric_value``.

    Examples:
        >>> accuracy([0, 1, 2], [0, 1, 1])
        0.6667
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

    Examples:
        >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), n_classes=2)
        array([[1, 1],
               [0, 1]])
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
    """Expected calibration error: how far confidence is from the share correct, over equal bins.

    Args:
        confidences: Probability of each prediction, [n], 0 to 1.
        correct: Whether each is correct, [n].
        n_bins: Bins of equal width.

    Returns:
        The mean over bins of |mean confidence - share correct|, weighted by their counts.

    Raises:
        ValueError: The shapes differ, or there is nothing to score.

    Source: Naeini et al., AAAI 2015; Guo et al., ICML 2017.

    Examples:
        >>> round(calibration_error([0.9, 0.6], [True, False]), 3)
        0.35
    """
    confidence, hits = np.asarray(confidences, np.float64), np.asarray(correct, np.float64)
    if confidence.shape != hits.shape or confidence.ndim != 1 or not confidence.size:
        raise ValueError(f"expected two vectors, got {confidence.shape=} and {hits.shape=}")
    bins = np.minimum((confidence * n_bins).astype(np.intp), n_bins - 1)
    gaps = np.bincount(bins, weights=confidence - hits, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(confidence))


def recall(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each class's ids that are predicted correctly.

    Args:
        confusion: Confusion matrices, int64[..., K, K].

    Returns:
        float64[..., K]; NaN for a class without ids.

    Raises:
        ValueError: The matrices are not square.

    Examples:
        >>> recall(np.array([[1, 1], [0, 2]]))
        array([0.5, 1. ])
    """
    n_correct, n_target, _ = _class_counts(confusion)
    return _ratio(n_correct, n_target)


def precision(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each class's predictions that are correct.

    Args:
        confusion: Confusion matrices, int64[..., K, K].

    Returns:
        float64[..., K]; NaN for a class that is never predicted.

    Raises:
        ValueError: The matrices are not square.

    Examples:
        >>> precision(np.array([[1, 1], [0, 2]])).round(3)
        array([1.   , 0.667])
    """
    n_correct, _, n_predicted = _class_counts(confusion)
    return _ratio(n_correct, n_predicted)


def balanced_accuracy(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean recall of the classes that have ids.

    Args:
        confusion: Confusion matrices, int64[..., K, K].

    Returns:
        float64[...], as scikit-learn's ``balanced_accuracy_score``; NaN without ids.

    Raises:
        ValueError: The matrices are not square.

    Examples:
        >>> float(balanced_accuracy(np.array([[1, 1], [0, 2]])))
        0.75
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

    Examples:
        >>> round(float(macro_f1(np.array([[1, 1], [0, 2]]))), 3)
        0.733
    """
    n_correct, n_target, n_predicted = _class_counts(confusion)
    return _mean_of_defined(_ratio(2 * n_correct, n_target + n_predicted))


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

    Examples:
        >>> round(float(matthews(np.array([[1, 1], [0, 2]]))), 3)
        0.577
    """
    n_correct, n_target, n_predicted = _class_counts(confusion)
    n = n_target.sum(axis=-1)
    covariance = n_correct.sum(axis=-1) * n - (n_target * n_predicted).sum(axis=-1)
    variance_target = n**2 - (n_target**2).sum(axis=-1)
    variance_predicted = n**2 - (n_predicted**2).sum(axis=-1)
    # In floats, because the product grows as n**4 and would leave int64 at n = 55,000.
    scale = np.sqrt(variance_target.astype(np.float64) * variance_predicted)
    return np.nan_to_num(_ratio(covariance, scale), nan=0.0)


def _class_counts(
    confusion: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Correct predictions, ids and predictions of each class, [..., K] each."""
    if confusion.ndim < 2 or confusion.shape[-1] != confusion.shape[-2]:
        raise ValueError(f"expected confusion matrices [..., K, K], got {confusion.shape=}")
    n_correct = np.diagonal(confusion, axis1=-2, axis2=-1)
    return n_correct, confusion.sum(axis=-1), confusion.sum(axis=-2)


def _ratio(
    part: NDArray[np.int64 | np.float64], whole: NDArray[np.int64 | np.float64]
) -> NDArray[np.float64]:
    """Part over whole, NaN for 0 over 0."""
    with np.errstate(invalid="ignore"):
        return np.divide(part, whole)


def _mean_of_defined(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean along the last axis of what is not NaN."""
    return _ratio(np.nansum(values, axis=-1), np.isfinite(values).sum(axis=-1))
