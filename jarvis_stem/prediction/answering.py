"""A batch's answers as a table, in whatever process and thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from jarvis_stem.prediction.answer import class_name
from jarvis_stem.prediction.batches import Batch
from jarvis_stem.prediction.inputs import Reading, read_input
from jarvis_stem.prediction.outcome import Outcome, answered
from jarvis_stem.prediction.table import table_row

if TYPE_CHECKING:
    from jarvis_stem.prediction.predictor import Predictor

_TEXT = (
    *("input", "class_name", "lattice_name", "pixel_size_from", "frame"),
    *("formula", "cell", "symmetry", "reasons", "error"),
)
_COUNTS = ("further", "n_atoms")


@dataclass(frozen=True)
class Answering:
    """What answers batches; it is sent to other processes once.

    Attributes:
        predictor: The model.
        reading: How inputs are read.
        distortion: See `Predictor.answer`.
    """

    predictor: Predictor
    reading: Reading
    distortion: float

    def table(self, batch: Batch, is_stopped: Callable[[], bool] = lambda: False) -> pa.Table:
        """Answer a batch, one picture in memory at a time.

        Args:
            batch: What is read.
            is_stopped: Asked before each picture.

        Returns:
            A row for each picture, or for why there is none, in their order, of `schema`.

        Raises:
            KeyboardInterrupt: It was stopped.
        """
        rows = []
        for outcome in self._outcomes(batch):
            if is_stopped():
                raise KeyboardInterrupt
            rows.append(table_row(outcome, self._classes()))
        return pa.Table.from_pylist(rows, self.schema())

    def errors(self, batch: Batch, why: str) -> pa.Table:
        """Rows for inputs that have no answer.

        Args:
            batch: The inputs.
            why: There is none.
        """
        names = [
            f"{one.name}: frame {one.of.start + 1}" if isinstance(one.of, range) else one.name
            for one in batch
        ]
        outcomes = [Outcome(name, error=f"{name}: {why}") for name in names]
        rows = [table_row(outcome, self._classes()) for outcome in outcomes]
        return pa.Table.from_pylist(rows, self.schema())

    def schema(self) -> pa.Schema:
        """Columns of the answers, with their types: those of `table.table_rows`."""
        classes = self.predictor.classes_.tolist()
        is_number = all(isinstance(one, int) for one in classes)
        kinds = {
            **dict.fromkeys(_TEXT, pa.string()),
            **dict.fromkeys(_COUNTS, pa.int32()),
            "class": pa.int64() if is_number else pa.string(),
        }
        row = table_row(Outcome(""), self._classes())
        return pa.schema([(name, kinds.get(name, pa.float64())) for name in row])

    def _classes(self) -> list[str]:
        return list(map(class_name, self.predictor.classes_.tolist()))

    def _outcomes(self, batch: Batch) -> Iterator[Outcome]:
        for one in batch:
            for outcome in read_input(one, self.reading):
                yield answered(outcome, self.predictor, self.distortion)
