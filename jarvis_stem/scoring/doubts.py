"""What looks too good to be true: sentences with their numbers, for a maintainer to judge by."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.formats.metadata import DATE_FORMAT, Metadata
from jarvis_stem.formats.run_record import RunRecord
from jarvis_stem.utils.messages import quote, some

FIRST = datetime.date(2022, 1, 1)  # JARVIS-Leaderboard, whose benchmark this is, began later
NEAR = 0.02  # share of ids in which a copy with a few changes differs
OWN = 0.1  # share of those that either has wrong; the closest two of this project differ in 0.19
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


def without_structure(
    predicted: NDArray[np.integer[Any]],
    targets: NDArray[np.intp],
    absent: NDArray[np.bool_],
    common: int,
) -> list[str]:
    """Say that ids without an image are all right that no guess of the commonest class has right.

    Args:
        predicted: Class indices, int[n].
        targets: The classes, intp[n].
        absent: Ids without a structure, bool[n].
        common: The most frequent class of the training split.
    """
    n, unusual = np.count_nonzero(absent), np.count_nonzero(absent & (targets != common))
    if not unusual or np.any(absent & (predicted != targets)):
        return []
    return [
        f"right for all {n} test ids that have no structure, hence no image, though {unusual} of "
        "them are not of the most frequent class"
    ]


def of_statements(file: str, metadata: Metadata, run: RunRecord | None) -> list[str]:
    """Say where dates and times cannot be, or contradict each other."""
    found = []
    if metadata.date_submitted:
        day = datetime.datetime.strptime(metadata.date_submitted, DATE_FORMAT).date()
        if day < FIRST:
            found.append(f"submitted on {day}, before there was a leaderboard ({FIRST})")
    if run is None:
        return found
    stated, recorded = metadata.seconds.get(file), run.costs.wall_seconds
    if stated is not None and abs(stated - recorded) > max(_SECONDS * recorded, 1):
        found.append(
            f"training took {stated:g} s by its metadata, {recorded:g} s by the record of the run"
        )
    epochs = sum(epoch.get("seconds", 0) for epoch in run.history)
    if epochs > (1 + _SECONDS) * recorded + 1:
        found.append(f"its epochs took {epochs:g} s, the whole training {recorded:g} s")
    return found
