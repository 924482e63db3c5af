"""A contribution's predictions for a benchmark of real pictures, by its stored model's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.metadata import record_predictions
from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.predictions import write_predictions
from jarvis_stem.prediction.inputs import Input, Reading, read_pictures
from jarvis_stem.prediction.outcome import Outcome
from jarvis_stem.utils.messages import count


@dataclass(frozen=True)
class Contributed:
    """The predictions that were written for a contribution.

    Attributes:
        contribution: Its name.
        file: The predictions' zip.
        ids: Test ids.
        correct: How many of them are correct.
        unanswered: Why there is no answer, by id; these got `fallback`.
        fallback: The most frequent class in the training split that the model has learned from.
    """

    contribution: str
    file: Path
    ids: int
    correct: int
    unanswered: dict[str, str]
    fallback: int | str

    def as_json(self) -> dict[str, Any]:
        """The same as a dictionary."""
        return {**vars(self), "file": str(self.file)}

    def __str__(self) -> str:
        text = (
            f"{self.file}: {self.ids - len(self.unanswered)} of {self.ids} ids answered, "
            f"{self.correct} correct"
        )
        if not self.unanswered:
            return text
        ids = count(list(self.unanswered), "id")
        return f"{text}; {ids} without an answer got class {self.fallback!r}"


def read_benchmark(ids: Sequence[str], folder: Path) -> list[Outcome]:
    """Read a benchmark's pictures as `jarvis-stem predict` reads any, an outcome for each id.

    Args:
        ids: Paths of the pictures in the folder.
        folder: Of the pictures. What is not there, or cannot be read, is an outcome with an error.
    """
    return list(read_pictures([Input(str(folder / id)) for id in ids], Reading()))


def contribute(
    folder: Path,
    name: ResultName,
    benchmark: Benchmark,
    outcomes: Sequence[Outcome],
    fallback: int | str,
) -> Contributed:
    """Write a contribution's predictions and record them in its metadata.json.

    Args:
        folder: The contribution.
        name: The result.
        benchmark: Its benchmark.
        outcomes: Of each test id, in the benchmark's order.
        fallback: Class of what has no answer.

    Raises:
        StemError: There is no metadata.json, or it cannot be read.
        OSError: The folder cannot be written.
    """
    split = benchmark.split(name.split)
    unanswered = {
        id: outcome.error or "its answer is none of the benchmark's classes"
        for id, outcome in zip(split, outcomes, strict=True)
        if outcome.answer is None or outcome.answer.most_probable not in benchmark.classes
    }
    predicted = [
        fallback if id in unanswered or not outcome.answer else outcome.answer.most_probable
        for id, outcome in zip(split, outcomes, strict=True)
    ]
    record_predictions(folder, name, unanswered=len(unanswered))
    file = write_predictions(folder, name, list(split), list(split.values()), predicted)
    correct = sum(a == b for a, b in zip(split.values(), predicted, strict=True))
    return Contributed(folder.name, file, len(split), correct, unanswered, fallback)
