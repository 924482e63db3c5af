"""The result that a run replaces: what it scored, and a copy of its files."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.metadata import METADATA
from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.predictions import read_predictions
from jarvis_stem.scoring.metrics import accuracy

_FOLDER = "replaced"  # and a number, below the run's folder


@dataclass(frozen=True)
class Replaced:
    """A contribution's result on one benchmark, before a run writes another.

    Attributes:
        folder: The contribution's.
        files: Those of the result, and the metadata.json, as far as they are there.
        truth: Classes of the test ids.
        predicted: What was predicted for them.
    """

    folder: Path
    files: list[Path]
    truth: list[int | str]
    predicted: list[int | str]

    @classmethod
    def find(cls, folder: Path, name: ResultName, benchmark: Benchmark) -> Replaced | None:
        """Read the result that is there; None where there is none that can be scored.

        Args:
            folder: The contribution's.
            name: Of the result.
            benchmark: What it is about.
        """
        if not (folder / name.predictions_name).is_file():
            return None
        found, problems = read_predictions(folder / name.predictions_name, name, benchmark)
        if problems:
            return None
        stored = (name.model_name, name.weights_name)
        names = (name.predictions_name, name.run_record_name, *stored, METADATA)
        files = [folder / file for file in names if (folder / file).is_file()]
        truth = list(benchmark.split(name.split).values())
        return cls(folder, files, truth, benchmark.named(found))

    @property
    def score(self) -> float:
        """Its accuracy."""
        return accuracy(self.truth, self.predicted)

    def warning(self, runs: Path) -> str:
        """Say before the training what it will replace, and that nothing is lost."""
        return (
            f"replaces the result in {self.folder}, accuracy {self.score:.4f}, when the training "
            f"is done; its files are then kept in {runs}"
        )

    def keep(self, runs: Path) -> Path:
        """Copy its files to a new folder below the run's, and return that."""
        kept = next(path for n in count(1) if not (path := runs / f"{_FOLDER}-{n}").exists())
        kept.mkdir(parents=True)
        for file in self.files:
            shutil.copy2(file, kept)
        return kept

    def told(self, predicted: Sequence[int | str], kept: Path) -> str:
        """Say after the training what became of it.

        Args:
            predicted: Of the new result.
            kept: What `keep` returned.
        """
        differing = sum(new != old for new, old in zip(predicted, self.predicted, strict=True))
        new = accuracy(self.truth, list(predicted))
        return (
            f"replaced the result in {self.folder}: accuracy {self.score:.4f} before, {new:.4f} "
            f"now; {differing} of {len(predicted)} ids differ\n"
            f"to put it back: cp {shlex.quote(str(kept))}/* {shlex.quote(str(self.folder))}/"
        )
