"""Shares of correct predictions: of all, with their interval, and of each class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging.bravais import CLASS_NAMES
from jarvis_stem.scoring.significance import wilson_interval


def share(correct: NDArray[np.bool_]) -> dict[str, Any]:
    """Count correct predictions.

    Args:
        correct: Whether each is correct, bool[N].

    Returns:
        ``n`` and how many are ``correct``; for N above 0 also the ``accuracy`` and Wilson's 95%
        ``interval``, to four digits.

    Examples:
        >>> share(np.array([True, True, False, True]))
        {'n': 4, 'correct': 3, 'accuracy': 0.75, 'interval': [0.3006, 0.9544]}
    """
    n, n_correct = len(correct), int(np.count_nonzero(correct))
    counts: dict[str, Any] = {"n": n, "correct": n_correct}
    if n:
        bounds = [round(float(bound), 4) for bound in wilson_interval(n_correct, n)]
        counts |= {"accuracy": round(n_correct / n, 4), "interval": bounds}
    return counts


def by_class(classes: NDArray[np.intp], correct: NDArray[np.bool_]) -> dict[str, dict[str, Any]]:
    """Count the correct predictions of each class, by its name; see `share`.

    Args:
        classes: The benchmark's classes, 0 to 4, [N].
        correct: Whether each prediction is correct, bool[N].
    """
    return {name: share(correct[classes == c]) for c, name in enumerate(CLASS_NAMES)}


def interval_text(counts: dict[str, Any]) -> str:
    """An accuracy with its interval: ``0.950 (0.941 to 0.958)``; a dash for no predictions."""
    if not counts["n"]:
        return "-"
    low, high = counts["interval"]
    return f"{counts['accuracy']:.3f} ({low:.3f} to {high:.3f})"
