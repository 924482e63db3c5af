"""Scores as pure functions of two equally long sequences."""

from __future__ import annotations

import operator
from collections.abc import Sequence


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
