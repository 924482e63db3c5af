"""What looks too good to be true: sentences with their numbers, for a maintainer to judge by."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.metadata import DATE_FORMAT, Metadata
from jarvis_stem.formats.names import SCORED_SPLIT
from jarvis_stem.formats.run_record import RunRecord
from jarvis_stem.scoring import significance
from jarvis_stem.utils.messages import quote, some

FIRST = datetime.date(2022, 1, 1)  # JARVIS-Leaderboard, whose benchmark this is, began later
NEAR = 0.02  # share of ids in which a copy with a few changes differs
OWN = 0.1  # share of those that either has wrong; the closest two of this project differ in 0.19
_SIGNIFICANT = 0.05  # p below which a result is above the oracle's; as for ranks
_SECONDS = 0.05  # share by which two statements of one time may differ


def near_copies(
    predicted: Sequence[NDArray[np.integer[Any]]], targets: NDArray[np.intp]
) -> list[tuple[int, int, NDArray[np.intp]]]:
    """Pairs of results that differ in few ids, next to what either has wrong.

    Args:
        predicted: Class indices of each result, int[n], by falling accuracy.
        targets: The classes, intp[n].

    Returns:
        The numbers of the two results, the lower first, and the ids in which they differ; equal
        ones are left out.
    """
    if not predicted:
        return []
    limit = int(NEAR * len(targets))
    classes = np.array(predicted, np.min_scalar_type(max(map(np.max, predicted))))
    wrong = classes != targets
    n_wrong = np.count_nonzero(wrong, axis=1)
    found = []
    for first in range(len(classes)):
        # They are sorted: what comes behind these differs in more.
        last = int(np.searchsorted(n_wrong, n_wrong[first] + limit, side="right"))
        differ = classes[first + 1 : last] != classes[first]
        n_differ = np.count_nonzero(differ, axis=1)
        for row in np.flatnonzero((n_differ > 0) & (n_differ <= limit)):
            second = first + 1 + int(row)
            either = np.count_nonzero(wrong[first] | wrong[second])
            if n_differ[row] <= OWN * either:
                found.append((first, second, np.flatnonzero(differ[row])))
    return found


def near_copy(other: str, differ: NDArray[np.intp], ids: Sequence[str]) -> str:
    """Say of two results how little they differ in."""
    named = some([quote(ids[number]) for number in differ])
    return f"differs from {other} in {len(differ)} of {len(ids)} ids: {named}"


class TooGood:
    """What no model can have right but by knowing more than images show."""

    def __init__(self, benchmark: Benchmark) -> None:
        """Prepare for a benchmark's results.

        Args:
            benchmark: What is said of its results, if it has a reference file.
        """
        reference, ids = benchmark.reference, benchmark.split(SCORED_SPLIT)
        absent = set(reference.without_structure)
        self._targets = benchmark.targets(SCORED_SPLIT)
        self._absent = np.array([id in absent for id in ids], np.bool_)
        self._n_unusual = 0
        if absent and benchmark.splits.get("train"):
            common = benchmark.classes.index(benchmark.majority_class)
            self._n_unusual = int(np.count_nonzero(self._absent & (self._targets != common)))
        oracle = reference.oracle
        self._oracle = oracle.correct(len(ids)) if oracle else None

    def notices(self, predicted: NDArray[np.integer[Any]]) -> list[str]:
        """Say of a result, class indices int[n], what is too good of it."""
        correct = predicted == self._targets
        return [*self._without_structure(correct), *self._above_oracle(correct)]

    def _without_structure(self, correct: NDArray[np.bool_]) -> list[str]:
        """All right without an image, where guessing the commonest class has some wrong."""
        if not self._n_unusual or np.any(self._absent & ~correct):
            return []
        return [
            f"right for all {np.count_nonzero(self._absent)} test ids that have no structure, "
            f"hence no image, though {self._n_unusual} of them are not of the most frequent class"
        ]

    def _above_oracle(self, correct: NDArray[np.bool_]) -> list[str]:
        """Significantly more right than who is told the structures."""
        if self._oracle is None:
            return []
        n, right = len(correct), np.count_nonzero(correct)
        known = np.count_nonzero(self._oracle)
        if right <= known:
            return []
        ours, theirs = significance.discordant(correct, self._oracle)
        p = float(significance.mcnemar_exact(ours, theirs))
        if p >= _SIGNIFICANT:
            return []
        return [
            f"right for {right} of {n} ids ({right / n:.4f}), where an oracle that is told the "
            f"exact projected structures is for {known} ({known / n:.4f}): {ours} only this, "
            f"{theirs} only the oracle, p = {p:.1g}"
        ]


def of_text(date: str) -> datetime.date | None:
    """The day that a contribution's metadata names, None where it names none."""
    return datetime.datetime.strptime(date, DATE_FORMAT).date() if date else None


def of_date(date: str, committed: datetime.date | None = None) -> list[str]:
    """Say that a date of submission cannot be.

    Args:
        date: As the metadata has it.
        committed: When it was committed, where that is known.
    """
    day = of_text(date)
    if day and day < FIRST:
        return [f"submitted on {day}, before there was a leaderboard ({FIRST})"]
    if day and committed and day > committed:
        return [f"submitted on {day}, after it was committed ({committed})"]
    return []


def of_times(file: str, metadata: Metadata, run: RunRecord) -> list[str]:
    """Say where statements of the training's time contradict each other."""
    found = []
    stated, recorded = metadata.seconds.get(file), run.costs.wall_seconds
    if stated is not None and abs(stated - recorded) > max(_SECONDS * recorded, 1):
        found.append(
            f"training took {stated:g} s by its metadata, {recorded:g} s by the record of the run"
        )
    epochs = sum(epoch.get("seconds", 0) for epoch in run.history)
    if epochs > (1 + _SECONDS) * recorded + 1:
        found.append(f"its epochs took {epochs:g} s, the whole training {recorded:g} s")
    return found
