"""Intervals and tests: what of a difference is chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def wilson_interval(
    n_correct: ArrayLike, n: ArrayLike, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson's score interval of an accuracy, without continuity correction.

    Args:
        n_correct: Correct predictions, integers[...].
        n: Predictions, integers of a shape that broadcasts with it, at least 1.
        confidence: Nominal coverage, between 0 and 1.

    Returns:
        Lower and upper bound, float64[...] in 0..1.

    Raises:
        ValueError: There is nothing to score, there are more correct predictions than predictions,
            or the confidence is not between 0 and 1.

    Source: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209; the same as statsmodels'
    ``proportion_confint(method="wilson")``, which takes a second to import.

    Examples:
        >>> low, high = wilson_interval(2105, 2288)
        >>> round(float(low), 4), round(float(high), 4)
        (0.9082, 0.9304)
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
    """Count the ids that only one of two results predicts correctly.

    Args:
        correct_first: Whether each prediction is correct, bool[..., n].
        correct_second: The same of the result to compare with, bool[n].

    Returns:
        Ids that only the first and ids that only the second has correct, int64[...] each.

    Raises:
        ValueError: An array is not boolean, or the numbers of ids differ.

    Examples:
        >>> discordant(np.array([True, True, False]), np.array([True, False, False]))
        (np.int64(1), np.int64(0))
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

    Of the ids that only one result has correct, each is as likely to be the first's as the second's
    if the accuracies are equal; p is twice the smaller binomial tail, at most 1. Ids that both
    have correct or wrong do not count.

    Args:
        only_first: Ids that only the first result has correct, integers[...].
        only_second: Ids that only the second has correct, integers of a shape that broadcasts.

    Returns:
        Two-sided p-values, float64[...]; 1 where no id tells the results apart.

    Raises:
        ValueError: A count is negative.

    Source: Q. McNemar, Psychometrika 12 (1947) 153; the exact conditional test of M. W. Fagerland,
    S. Lydersen and P. Laake, BMC Med. Res. Methodol. 13 (2013) 91; the same as statsmodels'
    ``mcnemar(exact=True)``, without the second that importing it takes.

    Examples:
        >>> mcnemar_exact([10, 3], [2, 3]).round(4)
        array([0.0386, 1.    ])
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

    Examples:
        >>> holm([0.01, 0.04, 0.03])
        array([0.03, 0.06, 0.06])
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
    always rise along the results: the paired test looks at which ids are correct, so a result may
    differ significantly from the leader while a lower one, correct on other ids, does not and ranks
    above it.

    Args:
        correct: Whether each prediction is correct, bool[N, n], results sorted best first.
        alpha: Adjusted p-values below it are significant.

    Returns:
        Ranks of the N results in their order.

    Raises:
        ValueError: The array is not boolean, not of two axes or not sorted.

    Examples:
        >>> best = np.ones(100, bool)
        >>> near, far = best.copy(), best.copy()
        >>> near[:2], far[:50] = False, False
        >>> rank_groups(np.array([best, near, far]))
        [1, 1, 3]
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
            f"expected results sorted best first, got {n_correct[row]} correct in row {row} "
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
