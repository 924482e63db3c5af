"""Benchmarks and contributions in, leaderboard out: plain data that pages and programs read."""

from __future__ import annotations

import datetime
import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.formats.benchmark import Benchmarks
from jarvis_stem.formats.folder import alike, contribution_folders, folded
from jarvis_stem.formats.metadata import METADATA
from jarvis_stem.formats.names import PREDICTIONS_SUFFIX, SCORED_SPLIT, ResultName
from jarvis_stem.formats.published import Published, fingerprint
from jarvis_stem.formats.run_record import RunRecord
from jarvis_stem.scoring import doubts, metrics, significance
from jarvis_stem.scoring.board import (
    BASELINE,
    Board,
    ClassScore,
    Comparison,
    Cost,
    Leaderboard,
    PublishedResult,
    Rejection,
    Result,
    Share,
)
from jarvis_stem.scoring.commit_dates import committed_on, newest_commit
from jarvis_stem.scoring.contribution import Contribution, Submission, read_contribution
from jarvis_stem.utils.messages import printable

_DIGITS = 4  # of scores, as JARVIS-Leaderboard rounds them


def build(contributions: Path, benchmarks: Path, listed: Iterable[ResultName] = ()) -> Leaderboard:
    """Score every contribution.

    Args:
        contributions: Folder of contribution folders.
        benchmarks: Folder of benchmarks.
        listed: Results that have a board even if there are none; those whose benchmark is not
            in `benchmarks` are left out.

    Returns:
        The leaderboard; a contribution with a fault is in it as a rejection.

    Raises:
        StemError: A folder is missing, or a benchmark itself is broken.
    """
    listed = list(listed)
    known = Benchmarks(benchmarks, listed)
    newest = newest_commit(contributions)
    tallies = {
        name: _Tally(name, known, newest)
        for name in listed
        if name in known and not known.problems(name)
    }
    rejected: list[Rejection] = []
    left_out: Counter[str] = Counter()
    before: dict[str, str] = {}  # names by what other file systems take them for
    for folder in contribution_folders(contributions):
        contribution = read_contribution(folder, known)
        first = before.setdefault(folded(folder.name), folder.name)
        faults = [*contribution.name_problems, *alike(folder.name, [first])]
        if contribution.metadata is None:  # nobody knows whose it is
            faults += contribution.metadata_problems
        if contribution.missing_predictions:
            path = folder / f"*{PREDICTIONS_SUFFIX}"
            rejected.append(_rejection(path, [*contribution.missing_predictions, *faults]))
        for submission in contribution.submissions:
            problems = [*submission.problems, *faults, *submission.run_problems]
            name = submission.name
            if name and not name.is_scored:
                left_out[f"{name.split}-{name.metric}"] += 1
                continue
            if name is None or known.problems(name):
                rejected.append(_rejection(submission.path, problems))
                continue
            if name not in tallies:
                tallies[name] = _Tally(name, known, newest)
            tally = tallies[name]
            if problems:
                tally.board.rejected.append(_rejection(submission.path, problems))
            else:
                tally.add(contribution, submission)
    boards = [tally.finish() for tally in tallies.values()]
    return Leaderboard(boards, rejected, known.faults, dict(left_out.most_common()))


@dataclass(frozen=True)
class _Entry:
    """One result before it is compared with the others."""

    label: str
    file: str
    predicted: NDArray[np.integer[Any]]
    correct: NDArray[np.bool_]
    confusion: NDArray[np.int64]
    fingerprint: str
    about: dict[str, Any]


class _Tally:
    """One board as it fills; of each result only what the comparisons need is kept."""

    def __init__(
        self, name: ResultName, benchmarks: Benchmarks, newest: datetime.date | None
    ) -> None:
        self._newest = newest  # day of the newest commit
        self._benchmark = benchmark = benchmarks.open(name)
        split = benchmark.split(name.split)
        self._targets = benchmark.targets(name.split)
        self._reference = benchmark.reference
        absent = set(self._reference.without_structure)
        self._structured = np.array([id not in absent for id in split])
        self._published_correct = [
            published.correct(len(split)) for published in self._reference.published.values()
        ]
        self._entries: list[_Entry] = []
        self._baseline = self._majority()
        self.board = Board(
            name=str(name),
            dataset=name.dataset,
            property=name.property,
            split=name.split,
            metric=name.metric,
            classes=benchmark.classes,
            n_test=len(split),
            dataset_size=benchmark.size,
            pictures=benchmark.sources is not None,
            notices=benchmark.in_two_splits(),
        )

    def add(self, contribution: Contribution, submission: Submission) -> None:
        """Count a submission without problems."""
        file, metadata = submission.path.name, contribution.metadata
        assert metadata  # noqa: S101  a contribution without metadata is not added
        about = {
            "n_missing_structures": metadata.missing_structures.get(file, 0),
            "model_name": metadata.model_name,
            "team_name": metadata.team_name,
            "date_submitted": metadata.date_submitted,
            "time_taken_seconds": metadata.seconds.get(file),
            "cost": _cost(submission.run),
            "project_url": metadata.project_url,
            "notices": [
                *submission.notices,
                *contribution.metadata_problems,
                *contribution.file_notices,
                *self._doubts_of_date(contribution.folder, metadata.date_submitted),
                *(doubts.of_times(file, metadata, submission.run) if submission.run else []),
            ],
        }
        label = contribution.folder.name
        self._entries.append(self._entry(label, file, submission.predictions, about))

    def _doubts_of_date(self, folder: Path, date: str) -> list[str]:
        day = doubts.of_text(date)
        # git is asked about a few alone: each answer takes as long as reading a contribution.
        suspicious = day and self._newest and day > self._newest
        return doubts.of_date(date, committed_on(folder / METADATA) if suspicious else None)

    def finish(self) -> Board:
        """Compare the results and put them in order."""
        entries = sorted(self._entries, key=lambda e: (-np.count_nonzero(e.correct), e.label))
        correct = np.array([entry.correct for entry in entries], np.bool_)
        correct = correct.reshape(-1, len(self._targets))  # where there are none, too
        ranks = significance.rank_groups(correct)
        comparisons = self._comparisons([entry.label for entry in entries], correct)
        copies = self._copies(entries)
        rows = [*entries, self._baseline] if self._baseline else entries
        results = [
            Result(
                contribution=entry.label,
                file=entry.file,
                rank=rank,
                comparisons=comparisons[entry.label],
                same_predictions_as=[x for x in copies[entry.fingerprint] if x != entry.label],
                **scores,
                **entry.about,
            )
            for entry, rank, scores in zip(rows, [*ranks, None], self._scores(rows), strict=False)
        ]
        self._doubt(entries)
        here = {(entry.label, entry.fingerprint) for entry in entries}
        self.board.results = results[: len(entries)]
        self.board.baseline = results[-1] if self._baseline else None
        self.board.references = [
            self._published_result(name, published)
            for name, published in self._reference.published.items()
            if (name, published.predictions_sha256) not in here
        ]
        return self.board

    def _doubt(self, entries: list[_Entry]) -> None:
        """Add to the entries' notices what looks too good to be true."""
        ids = list(self._benchmark.split(SCORED_SPLIT))
        for pair in doubts.near_copies([entry.predicted for entry in entries], self._targets):
            *numbers, differ = pair
            for one, other in (numbers, numbers[::-1]):
                notice = doubts.near_copy(entries[other].label, differ, ids)
                entries[one].about["notices"].append(notice)
        too_good = doubts.TooGood(self._benchmark)
        for entry in entries:
            entry.about["notices"] += too_good.notices(entry.predicted)

    def _published_result(self, name: str, published: Published) -> PublishedResult:
        n = len(self._targets)
        right = int(np.count_nonzero(published.correct(n)))
        interval = _rounded(np.stack(significance.wilson_interval(right, n)))
        return PublishedResult(name, published.score, interval, right, published.source)

    def _entry(
        self, label: str, file: str, predicted: NDArray[np.intp], about: dict[str, Any]
    ) -> _Entry:
        correct = predicted == self._targets
        n_classes = len(self._benchmark.classes)
        return _Entry(
            label=label,
            file=file,
            predicted=predicted.astype(np.min_scalar_type(n_classes)),  # thousands are kept
            correct=correct,
            confusion=metrics.confusion_matrix(self._targets, predicted, n_classes),
            fingerprint=self._fingerprint(predicted, correct),
            about=about,
        )

    def _fingerprint(self, predicted: NDArray[np.intp], correct: NDArray[np.bool_]) -> str:
        """The published ones' where the predictions may be theirs, else one that is made faster."""
        if any(np.array_equal(correct, theirs) for theirs in self._published_correct):
            return fingerprint(self._benchmark.named(predicted))
        return hashlib.sha256(predicted.tobytes()).hexdigest()

    def _majority(self) -> _Entry | None:
        if not self._benchmark.splits.get("train"):
            return None
        commonest = self._benchmark.majority_class
        about = {
            "n_missing_structures": 0,
            "model_name": f"always {commonest!r}, the most frequent class of the training split",
            "team_name": "",
            "date_submitted": "",
            "time_taken_seconds": None,
            "cost": None,
            "project_url": "",
            "notices": [],
        }
        predicted = np.full_like(self._targets, self._benchmark.classes.index(commonest))
        return self._entry(BASELINE, "", predicted, about)

    def _scores(self, entries: list[_Entry]) -> list[dict[str, Any]]:
        """What a confusion matrix and the right ids say of each entry by itself."""
        if not entries:
            return []
        confusion = np.stack([entry.confusion for entry in entries])
        n_correct = np.trace(confusion, axis1=1, axis2=2)
        n = len(self._targets)
        of_all = {
            "score": n_correct / n,
            "interval": np.stack(significance.wilson_interval(n_correct, n), axis=-1),
            "balanced_accuracy": metrics.balanced_accuracy(confusion),
            "macro_f1": metrics.macro_f1(confusion),
            "matthews": metrics.matthews(confusion),
        }
        of_each = (confusion.sum(axis=2), metrics.recall(confusion), metrics.precision(confusion))
        return [
            {
                **{key: _rounded(values[row]) for key, values in of_all.items()},
                "n_correct": int(n_correct[row]),
                "classes": [
                    ClassScore(name, int(ids), _rounded(recall), _rounded(precision))
                    for name, ids, recall, precision in zip(
                        self._benchmark.classes, *(values[row] for values in of_each), strict=True
                    )
                ],
                "confusion": entry.confusion.tolist(),
                "with_structure": self._share(entry.correct, self._structured),
                "without_structure": self._share(entry.correct, ~self._structured),
            }
            for row, entry in enumerate(entries)
        ]

    def _share(self, correct: NDArray[np.bool_], part: NDArray[np.bool_]) -> Share | None:
        n, right = int(np.count_nonzero(part)), int(np.count_nonzero(correct & part))
        return Share(n, right, round(right / n, _DIGITS)) if 0 < n < len(part) else None

    def _comparisons(
        self, labels: list[str], correct: NDArray[np.bool_]
    ) -> defaultdict[str, list[Comparison]]:
        """Every result against the best, the best published one and the baseline."""
        found: defaultdict[str, list[Comparison]] = defaultdict(list)
        for against, theirs in self._opponents(labels, correct):
            others = [row for row, label in enumerate(labels) if label != against]
            only_this, only_other = significance.discordant(correct[others], theirs)
            p = significance.mcnemar_exact(only_this, only_other)
            for row, *numbers in zip(
                others, only_this, only_other, p, significance.holm(p), strict=True
            ):
                ours, other, p_one, p_holm = (number.item() for number in numbers)
                found[labels[row]].append(
                    Comparison(against, ours, other, _rounded_p(p_one), _rounded_p(p_holm))
                )
        return found

    def _opponents(
        self, labels: list[str], correct: NDArray[np.bool_]
    ) -> list[tuple[str, NDArray[np.bool_]]]:
        opponents = [(labels[0], correct[0])] if labels else []
        if self._reference.published:
            published = self._reference.published
            name = max(published, key=lambda name: published[name].score)
            opponents.append((_published(name), published[name].correct(len(self._targets))))
        if self._baseline:
            opponents.append((BASELINE, self._baseline.correct))
        return opponents

    def _copies(self, entries: list[_Entry]) -> defaultdict[str, list[str]]:
        """Labels by fingerprint: those that share one have the same predictions."""
        copies: defaultdict[str, list[str]] = defaultdict(list)
        for entry in [*entries, *([self._baseline] if self._baseline else [])]:
            copies[entry.fingerprint].append(entry.label)
        for name, published in self._reference.published.items():
            copies[published.predictions_sha256].append(_published(name))
        return copies


def _published(name: str) -> str:
    return f"published {name}"


def _rounded(values: NDArray[np.float64]) -> Any:
    """A rounded float, None where it is not defined, or a list of them."""
    if values.ndim:
        return [_rounded(value) for value in values]
    return None if np.isnan(values) else round(float(values), _DIGITS)


def _rounded_p(p: float) -> float:
    """Three digits; 0 where a float has no more three of them left."""
    return float(f"{p:.3g}") if p > sys.float_info.min else 0.0


def _cost(run: RunRecord | None) -> Cost | None:
    if run is None:
        return None
    return Cost(
        hardware=run.hardware,
        wall_seconds=run.costs.wall_seconds,
        cpu_seconds=run.costs.cpu_seconds,
        peak_memory_mb=run.costs.peak_memory_mb,
        parameters=run.costs.parameters,
        epochs=run.recipe.epochs,
        seed=run.seed,
    )


def _rejection(path: Path, problems: list[str]) -> Rejection:
    return Rejection(printable(path.parent.name), printable(path.name), problems)
