"""A contribution folder, read with suspicion.

A contribution is ``<contributions>/<model>/`` with one ``<result name>.csv.zip`` for each benchmark
it predicts, the ``<result name>.run.json`` of the training behind it, if it was recorded, the
``<result name>.onnx`` of the model that it trained, or the ``.safetensors`` of its weights, if one
was kept, and a metadata.json with JARVIS-Leaderboard's keys. Scoring reads no model. What is wrong
comes back as lists of problems, so that one check serves the leaderboard, a checklist and a pull
request alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.formats.benchmark import Benchmarks
from jarvis_stem.formats.folder import ATTRIBUTES_FAULT, check_folder_name, entries, file_faults
from jarvis_stem.formats.metadata import Metadata, read_metadata
from jarvis_stem.formats.names import CONVENTION, PREDICTIONS_SUFFIX, ResultName
from jarvis_stem.formats.predictions import member_problems, read_predictions
from jarvis_stem.formats.run_record import RunRecord, read_run_record
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.messages import quote


@dataclass(frozen=True)
class Submission:
    """One predictions file of a contribution.

    Attributes:
        path: The zip.
        name: What its name says, None where that is not a result's name.
        predictions: The index of each test id's class among the benchmark's, intp[n], in the
            benchmark's order; empty where there are problems.
        n_correct: How many of them are correct.
        run: The training behind it, where it was recorded.
        problems: Everything that is wrong with the file.
        notices: What is to be mended of it although it does not change the score.
        run_problems: Everything that is wrong with its record.
    """

    path: Path
    name: ResultName | None
    predictions: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))
    n_correct: int = 0
    run: RunRecord | None = None
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    run_problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Contribution:
    """A contribution as it was read.

    Attributes:
        folder: Where it is.
        metadata: Keys with problems are blank in it; None where it cannot be read.
        submissions: Its predictions files, sorted.
        name_problems: What is wrong with the folder's name or its files as files.
        file_notices: Names of its files that not every system can hold.
        metadata_problems: What is wrong with its metadata.json.
    """

    folder: Path
    metadata: Metadata | None
    submissions: list[Submission]
    name_problems: list[str]
    file_notices: list[str]
    metadata_problems: list[str]

    @property
    def missing_predictions(self) -> list[str]:
        """The problem of a contribution that has nothing to score."""
        expected = (
            f"no predictions: expected a file named {CONVENTION}{PREDICTIONS_SUFFIX}; a run.sh as "
            "jarvis-stem new writes it makes one"
        )
        return [] if self.submissions else [expected]


def read_contribution(folder: Path, benchmarks: Benchmarks) -> Contribution:
    """Read a contribution and check all of it that bears on its scores.

    Args:
        folder: The contribution.
        benchmarks: What its predictions are checked against.

    Returns:
        What was read, and every problem found on the way.

    Raises:
        StemError: A benchmark itself is broken.
    """
    metadata, metadata_problems = read_metadata(folder)
    files = entries(folder)
    paths = [folder / file.name for file in files if file.name.endswith(PREDICTIONS_SUFFIX)]
    # What a link points to is not what was sent.
    links = [folder.name] * folder.is_symlink() + [x.name for x in files if x.is_symlink()]
    faults = file_faults(files)
    attributes = [fault for fault in faults if ATTRIBUTES_FAULT in fault]
    return Contribution(
        folder=folder,
        metadata=metadata,
        submissions=[_read_submission(path, benchmarks) for path in paths],
        name_problems=[
            *check_folder_name(folder),
            *(f"{quote(name)}: a link; put what it points to there" for name in links),
            *attributes,
        ],
        file_notices=[fault for fault in faults if fault not in attributes],
        metadata_problems=metadata_problems,
    )


def _read_submission(path: Path, benchmarks: Benchmarks) -> Submission:
    try:
        name = ResultName.parse(path.name)
    except StemError as error:
        return Submission(path, None, problems=[str(error)])
    if problems := benchmarks.problems(name):
        return Submission(path, name, problems=problems)
    benchmark = benchmarks.open(name)
    predictions, problems = read_predictions(path, name, benchmark)
    notices = [] if problems else member_problems(path, name)
    run, run_problems = read_run_record(path.parent / name.run_record_name)
    if problems:
        return Submission(path, name, run=run, problems=problems, run_problems=run_problems)
    n_correct = int(np.count_nonzero(predictions == benchmark.targets(name.split)))
    if run:
        score = round(n_correct / len(predictions), 4)
        if round(run.result.accuracy, 4) != score:
            run_problems = [
                f"{name.run_record_name}: 'result'['accuracy']: expected {score}, which the "
                f"predictions beside it score, got {run.result.accuracy}; commit the files of one "
                "run together"
            ]
    return Submission(
        path, name, predictions, n_correct, run, notices=notices, run_problems=run_problems
    )
