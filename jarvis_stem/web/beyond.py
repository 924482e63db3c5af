"""What was measured of stored models beyond a benchmark's test split, as columns of its table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.run_record import RunRecord, read_run_record
from jarvis_stem.scoring.board import Board
from jarvis_stem.web.content import Content

MEASURED = ("unseen", "noise", "rotation")  # titles of the columns
_UNSEEN = ("c2db_hosts, new", "mc2d, new")  # other databases' structures without a look-alike
_DOSE, _ELECTRONS = "dose, e/Å²", 1e4
_ROTATION = "rotation, degrees"


@dataclass
class Measured:
    """Accuracies beyond the test split.

    Attributes:
        help: What each column means, by its title; only of those that have values.
        values: Accuracy by title, by contribution.
    """

    help: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, title: str, help: str, accuracies: dict[str, float]) -> None:
        """Take a column, unless nothing was measured for it."""
        if not accuracies:
            return
        self.help[title] = help
        for name, accuracy in accuracies.items():
            self.values.setdefault(name, {})[title] = round(accuracy, 4)


def measured_beyond(board: Board, content: Content) -> Measured:
    """Collect what docs/unseen.json and docs/robustness.json say of a board's contributions."""
    measured = Measured()
    pooled = {
        r.contribution: _pooled(unseen(content, board, r.contribution)) for r in board.results
    }
    measured.add(
        "unseen",
        "accuracy on structures of the databases C2DB and MC2D that have no look-alike in train",
        {name: accuracy for name, accuracy in pooled.items() if accuracy is not None},
    )
    robustness = content.robustness
    if robustness.get("benchmark") != board.dataset:
        return measured
    series = {one["what"]: one for one in robustness.get("series", [])}
    images = f"accuracy on {robustness['images']} of the images"
    if dose := series.get(_DOSE):
        found = _of(dose, lambda value: value == _ELECTRONS)
        measured.add("noise", f"{images} at a dose of 10,000 electrons per Å²", found)
    if rotation := series.get(_ROTATION):
        angles = [value for value in rotation["values"] if value]
        turned = ", ".join(f"{angle:g}" for angle in angles)
        found = _of(rotation, lambda value: value in angles)
        measured.add("rotation", f"{images} turned by {turned} degrees, the mean", found)
    return measured


def unseen(content: Content, board: Board, contribution: str) -> list[dict[str, Any]]:
    """What perf/unseen.py measured of each source with this model; empty if with no such."""
    measured = content.unseen
    model = measured.get("models", {}).get(contribution, {})
    if measured.get("benchmark") != board.dataset or not model:
        return []
    record = run_record(content, board, contribution)
    if not (record and record.stored and model.get("sha256") == record.stored.sha256):
        return []
    return [source | model["sources"][source["name"]] for source in measured["sources"]]


def run_record(content: Content, board: Board, contribution: str) -> RunRecord | None:
    """A contribution's record of its run on a board's benchmark; None where there is none."""
    name = ResultName.parse(board.name)
    return read_run_record(content.contributions / contribution / name.run_record_name)[0]


def _pooled(sources: list[dict[str, Any]]) -> float | None:
    """Accuracy on all unseen structures together."""
    found = [source for source in sources if source["name"] in _UNSEEN]
    n = sum(source["n"] for source in found)
    return sum(source["correct"] for source in found) / n if n else None


def _of(series: dict[str, Any], wanted: Callable[[float], bool]) -> dict[str, float]:
    """Mean accuracy of each model where the axis has a wanted value."""
    chosen = [n for n, value in enumerate(series["values"]) if wanted(value)]
    return {
        name: sum(accuracies[n] for n in chosen) / len(chosen)
        for name, accuracies in series["accuracy"].items()
        if chosen
    }
