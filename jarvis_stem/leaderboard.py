"""Benchmarks and contributions in, leaderboard out: plain data that pages and programs read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jarvis_stem.benchmark import (
    BENCHMARK_SUFFIX,
    CONVENTION,
    PREDICTIONS_SUFFIX,
    Benchmark,
    ResultName,
    benchmark_files,
)
from jarvis_stem.contribution import (
    Metadata,
    check_folder_name,
    contribution_folders,
    prediction_files,
    read_metadata,
    read_predictions,
)
from jarvis_stem.errors import StemError
from jarvis_stem.metrics import accuracy, count_correct
from jarvis_stem.project import About, PublishedResult

SCORED_SPLIT = "test"
SCORED_METRIC = "acc"


@dataclass(frozen=True)
class Result:
    """One contribution's score on one benchmark.

    Attributes:
        file: Name of its predictions' zip.
        n_missing_structures: Test ids that got the most frequent class for want of a structure.
        time_taken_seconds: Training time, None where it was not recorded.
    """

    contribution: str
    file: str
    score: float
    n_correct: int
    n_missing_structures: int
    model_name: str
    team_name: str
    date_submitted: str
    time_taken_seconds: float | None
    project_url: str


@dataclass(frozen=True)
class Rejection:
    """A file that was not scored, and everything that is wrong with it."""

    contribution: str
    file: str
    problems: list[str]


@dataclass
class Board:
    """One benchmark's results, best first.

    Attributes:
        name: The six-part result name.
        n_test: Ids in its test split.
        dataset_size: Ids over all splits.
        references: Published scores to compare with.
        rejected: Files that name this benchmark and were not scored.
    """

    name: str
    dataset: str
    property: str
    split: str
    metric: str
    n_test: int
    dataset_size: int
    results: list[Result] = field(default_factory=list)
    references: list[PublishedResult] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)


@dataclass
class Leaderboard:
    """All boards, and the rejections that belong to none of them."""

    benchmarks: list[Board]
    rejected: list[Rejection]

    def as_json(self) -> dict[str, Any]:
        """The same as dictionaries and lists."""
        return asdict(self)

    @property
    def all_rejected(self) -> list[Rejection]:
        """Every rejection, those of the boards first."""
        return [r for board in self.benchmarks for r in board.rejected] + self.rejected


def build(
    contributions: Path, benchmarks: Path, listed: dict[ResultName, About] | None = None
) -> Leaderboard:
    """Score every contribution.

    Args:
        contributions: Folder of contribution folders.
        benchmarks: Folder of benchmarks.
        listed: Benchmarks that have a board even without results, with what is known about them;
            those that `benchmarks` does not hold are left out.

    Returns:
        The leaderboard; a contribution with a fault is in it as a rejection.

    Raises:
        StemError: A folder is missing, or a benchmark itself is broken.
    """
    boards = _Boards(benchmarks, listed or {})
    rejected: list[Rejection] = []
    for folder in contribution_folders(contributions):
        metadata, faults = read_metadata(folder)
        faults = check_folder_name(folder) + faults
        files = prediction_files(folder)
        if not files:
            problem = f"no predictions: expected a file named {CONVENTION}{PREDICTIONS_SUFFIX}"
            rejected.append(_rejection(folder / f"*{PREDICTIONS_SUFFIX}", [problem, *faults]))
        for path in files:
            try:
                name = ResultName.parse(path.name)
                board, benchmark = boards.open(name)
            except StemError as error:
                rejected.append(_rejection(path, [str(error), *faults]))
                continue
            predictions, problems = read_predictions(path, name, benchmark)
            if faults or problems:
                board.rejected.append(_rejection(path, faults + problems))
            else:
                targets = benchmark.split(name.split)
                board.results.append(_result(path, targets, predictions, metadata))
    for board in boards:
        board.results.sort(key=lambda result: (-result.n_correct, result.contribution))
        scored_here = {(result.contribution, result.score) for result in board.results}
        board.references = [r for r in board.references if (r.name, r.score) not in scored_here]
    return Leaderboard(list(boards), rejected)


class _Boards:
    """The boards so far; each benchmark is read once, when its board is opened."""

    def __init__(self, root: Path, listed: dict[ResultName, About]) -> None:
        self._root = root
        self._files = set(benchmark_files(root))
        self._opened: dict[Path, tuple[Board, Benchmark]] = {}
        for name, about in listed.items():
            if self._path(name) in self._files:
                board, _ = self.open(name)
                board.references = about.published

    def __iter__(self) -> Iterator[Board]:
        return (board for board, _ in self._opened.values())

    def open(self, name: ResultName) -> tuple[Board, Benchmark]:
        """The board of a result; a StemError says why there cannot be one."""
        if (name.split, name.metric) != (SCORED_SPLIT, SCORED_METRIC):
            raise StemError(
                f"split {name.split!r} and metric {name.metric!r}: only {SCORED_SPLIT!r} and "
                f"{SCORED_METRIC!r} are scored here"
            )
        path = self._path(name)
        if path not in self._files:
            known = ", ".join(sorted(p.name for p in self._files)) or "none"
            raise StemError(f"no benchmark {name.page_path(BENCHMARK_SUFFIX)}; known: {known}")
        if path not in self._opened:
            self._opened[path] = _empty_board(name, Benchmark.read(self._root, name))
        board, benchmark = self._opened[path]
        # stem_2d + image_bravais_class and stem_2d_image + bravais_class make the same file name.
        if board.name != str(name):
            raise StemError(f"{path.name} is scored as {board.name}; rename the file to that")
        return board, benchmark

    def _path(self, name: ResultName) -> Path:
        return self._root / name.page_path(BENCHMARK_SUFFIX)


def _empty_board(name: ResultName, benchmark: Benchmark) -> tuple[Board, Benchmark]:
    board = Board(
        name=str(name),
        dataset=name.dataset,
        property=name.property,
        split=name.split,
        metric=name.metric,
        n_test=len(benchmark.split(name.split)),
        dataset_size=benchmark.size,
    )
    return board, benchmark


def _result(
    path: Path,
    targets: dict[str, int | str],
    predictions: dict[str, int | str],
    metadata: Metadata,
) -> Result:
    truth, predicted = list(targets.values()), list(predictions.values())
    return Result(
        contribution=path.parent.name,
        file=path.name,
        score=accuracy(truth, predicted),
        n_correct=count_correct(truth, predicted),
        n_missing_structures=metadata.missing_structures.get(path.name, 0),
        model_name=metadata.model_name,
        team_name=metadata.team_name,
        date_submitted=metadata.date_submitted,
        time_taken_seconds=metadata.seconds.get(path.name),
        project_url=metadata.project_url,
    )


def _rejection(path: Path, problems: list[str]) -> Rejection:
    return Rejection(_printable(path.parent.name), _printable(path.name), problems)


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)
