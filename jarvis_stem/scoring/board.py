"""The leaderboard as plain data that pages and programs read."""

from __future__ import annotations

from dataclasses import dataclass, field, is_dataclass
from typing import Any

from jarvis_stem.formats.names import SCORED_METRIC, SCORED_SPLIT

_SCORED = f"{SCORED_SPLIT}-{SCORED_METRIC}"
BASELINE = "majority class"  # has a space, as no contribution's name has


@dataclass(frozen=True)
class ClassScore:
    """How one class is recognised: recall over its n ids, precision (None if never predicted)."""

    name: int | str
    n: int
    recall: float | None
    precision: float | None


@dataclass(frozen=True)
class Share:
    """Right predictions of some of the test ids."""

    n: int
    n_correct: int
    accuracy: float


@dataclass(frozen=True)
class Comparison:
    """McNemar's exact test of a result against another one on the same ids.

    Attributes:
        against: The other result.
        only_this: Ids that only this result has right.
        only_other: Ids that only the other has right.
        p: Two-sided p-value.
        p_holm: The same after Holm's correction for all results compared with that one.
    """

    against: str
    only_this: int
    only_other: int
    p: float
    p_holm: float


@dataclass(frozen=True)
class Cost:
    """What the training behind a result took, from its record."""

    hardware: str
    wall_seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    parameters: int
    epochs: int
    seed: int


@dataclass(frozen=True)
class Result:
    """One contribution's score on one benchmark.

    Attributes:
        file: Name of its predictions' zip.
        rank: Results whose difference to the best of their rank is not significant share it;
            None for the baseline.
        score: Accuracy, rounded as JARVIS-Leaderboard rounds it.
        interval: Wilson's 95% interval of the accuracy.
        matthews: Matthews correlation.
        classes: A score for each class, in the board's order.
        confusion: Ids by class (rows) and predicted class (columns).
        with_structure: Test ids whose structure is known, None where the benchmark's reference
            names none without; `without_structure` is the rest.
        comparisons: With the best, the best published result and the baseline, as far as they
            are others.
        same_predictions_as: Other results with exactly these predictions.
        n_missing_structures: Test ids that got the most frequent class for want of a structure, or
            of an answer for their picture.
        time_taken_seconds: Training time, None where it was not recorded.
        cost: None where no run was recorded.
        notices: What is to be mended, or to be known, although it does not change the score.
    """

    contribution: str
    file: str
    rank: int | None
    score: float
    interval: list[float]
    n_correct: int
    balanced_accuracy: float
    macro_f1: float
    matthews: float
    classes: list[ClassScore]
    confusion: list[list[int]]
    with_structure: Share | None
    without_structure: Share | None
    comparisons: list[Comparison]
    same_predictions_as: list[str]
    n_missing_structures: int
    model_name: str
    team_name: str
    date_submitted: str
    time_taken_seconds: float | None
    cost: Cost | None
    project_url: str
    notices: list[str]


@dataclass(frozen=True)
class PublishedResult:
    """A score from elsewhere, to compare with: a reference, not a contribution."""

    name: str
    score: float
    interval: list[float]
    n_correct: int
    source: str


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
        pictures: Whether they are real pictures, of which none is for training.
        baseline: What always naming the training split's most frequent class scores; None
            without a training split.
        references: Published scores to compare with.
        rejected: Files that name this benchmark and were not scored.
        notices: What to know of the benchmark.
    """

    name: str
    dataset: str
    property: str
    split: str
    metric: str
    classes: list[int | str]
    n_test: int
    dataset_size: int
    pictures: bool
    results: list[Result] = field(default_factory=list)
    baseline: Result | None = None
    references: list[PublishedResult] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


@dataclass
class Leaderboard:
    """All that was scored, and what was not.

    Attributes:
        benchmarks: The boards.
        rejected: Rejections that belong to none of them.
        faults: What is wrong with benchmarks that nothing can be scored on, by path.
        left_out: Number of results of other splits or metrics than are scored, by both.
    """

    benchmarks: list[Board]
    rejected: list[Rejection]
    faults: dict[str, str]
    left_out: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """The same as dictionaries and lists."""
        return _plain(self)

    @property
    def incomplete(self) -> bool:
        """Whether something was not scored that was meant to be."""
        return bool(self.all_rejected or self.faults)

    @property
    def not_scored(self) -> list[str]:
        """What is on no board and why, a sentence each."""
        return [
            *(f"{benchmark}: {fault}" for benchmark, fault in self.faults.items()),
            *(
                f"{rejection.contribution}/{rejection.file}: {problem}"
                for rejection in self.rejected
                for problem in rejection.problems
            ),
            *([self.left_out_note] if self.left_out else []),
        ]

    @property
    def left_out_note(self) -> str:
        """Say how many results are of splits and metrics that are not scored here."""
        counts = ", ".join(f"{n} of {kind}" for kind, n in self.left_out.items())
        return f"left out, for only {_SCORED} is scored here: {counts}"

    @property
    def all_rejected(self) -> list[Rejection]:
        """Every rejection, those of the boards first."""
        return [r for board in self.benchmarks for r in board.rejected] + self.rejected


def _plain(value: Any) -> Any:
    """The same as dataclasses.asdict, which copies every number."""
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if is_dataclass(value):
        return {key: _plain(part) for key, part in vars(value).items()}
    return value
