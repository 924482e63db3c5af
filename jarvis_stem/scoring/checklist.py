"""Every check of a contribution, as a list of pass, fail and skip lines.

What bears on scores is found by `read_contribution`, which the leaderboard uses too; here its
findings become lines, and what only a pull request must have is added.
"""

from __future__ import annotations

import datetime
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jarvis_stem.formats import model_graph, weights_file
from jarvis_stem.formats.benchmark import Benchmark, Benchmarks
from jarvis_stem.formats.folder import README, TO_FILL_IN, alike, model_files
from jarvis_stem.formats.metadata import METADATA, REQUIRED_TEXT, Metadata
from jarvis_stem.formats.names import MODEL_SUFFIX, ResultName
from jarvis_stem.formats.predictions import read_predictions
from jarvis_stem.formats.published import fingerprint
from jarvis_stem.formats.run_record import RunRecord, Stored
from jarvis_stem.scoring.commit_dates import EASTMOST, committed_on
from jarvis_stem.scoring.contribution import Contribution, Submission, read_contribution
from jarvis_stem.scoring.doubts import TooGood, near_copies, near_copy, of_date, of_text, of_times
from jarvis_stem.scoring.run_script import (
    RUN_SCRIPT,
    executable_problems,
    path_problems,
    read_script,
    syntax_problems,
)
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.messages import count, printable, quote, some

_README_LIMIT = 2**20  # bytes that are looked at

Status = Literal["pass", "fail", "skip"]


@dataclass(frozen=True)
class CheckLine:
    """One check: what failed, why it was skipped, or what to know although it passed."""

    status: Status
    check: str
    details: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Checklist:
    """All checks of one contribution.

    Attributes:
        recorded: Results whose predictions are sound and whose run records a model.
    """

    contribution: str
    lines: list[CheckLine]
    recorded: list[ResultName] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    @property
    def failures(self) -> list[str]:
        """What failed, each with its check."""
        return [f"{x.check}: {why}" for x in self.lines if x.status == "fail" for why in x.details]

    @property
    def summary(self) -> str:
        """The count: ``7 passed, 1 failed, 2 skipped``."""
        counts = Counter(line.status for line in self.lines)
        return f"{counts['pass']} passed, {counts['fail']} failed, {counts['skip']} skipped"

    def as_json(self) -> dict[str, Any]:
        """The same as a dictionary."""
        lines = [asdict(line) for line in self.lines]
        return {"contribution": self.contribution, "lines": lines, "ok": self.ok}

    def text(self) -> str:
        """The same for a terminal: a line a check, details below it, the count at the end."""
        lines = [
            "\n      ".join([f"{line.status}  {line.check}", *line.details]) for line in self.lines
        ]
        return "\n".join([*lines, self.summary])


def check(
    folder: Path,
    benchmarks: Path,
    listed: Iterable[ResultName] = (),
    committed: datetime.date | None = None,
) -> Checklist:
    """Check all of a contribution.

    Args:
        folder: The contribution, among others or alone.
        benchmarks: Folder of all benchmarks.
        listed: Results that the project lists; see `Benchmarks`.
        committed: When its metadata was committed; git is asked if None.

    Returns:
        The checks, whatever the contribution holds.

    Raises:
        StemError: There is no such folder, or a benchmark itself is broken.
    """
    if not folder.is_dir():
        raise StemError(f"{folder}: no such contribution; expected a folder")
    if not folder.is_symlink():
        folder = folder.resolve()  # "." has no name
    known = Benchmarks(benchmarks, listed)
    contribution = read_contribution(folder, known)
    lines = [
        _line(
            "name", [*contribution.name_problems, *contribution.file_notices, *_namesakes(folder)]
        ),
        _line("predictions", contribution.missing_predictions),
    ]
    for submission in contribution.submissions:
        lines += _submission_lines(submission, known, contribution.metadata)
    committed = committed or committed_on(folder / METADATA)
    lines += [*_model_lines(contribution), *_metadata_lines(contribution, committed)]
    lines += [*_script_lines(folder), *_readme_lines(folder)]
    recorded = [
        s.name
        for s in contribution.submissions
        if s.name and not s.problems and s.run and s.run.model
    ]
    return Checklist(printable(folder.name), lines, recorded)


def _namesakes(folder: Path) -> list[str]:
    """Problems of a name beside those of the other contributions."""
    others = [path.name for path in folder.parent.iterdir() if path.is_dir()]
    return alike(folder.name, others)


def _line(check: str, problems: list[str], notes: list[str] | None = None) -> CheckLine:
    return CheckLine("fail", check, problems) if problems else CheckLine("pass", check, notes or [])


def _notes(submission: Submission, metadata: Metadata | None) -> list[str]:
    """What in a run's record contradicts the weights beside it, or the metadata."""
    run = submission.run
    if run is None:
        return []
    found = of_times(submission.path.name, metadata, run) if metadata else []
    if run.weights and submission.name:
        numbers = weights_file.count_numbers(submission.path.parent / submission.name.weights_name)
        if numbers is not None and numbers < run.costs.parameters:
            found.append(
                f"{run.costs.parameters} parameters by the record of the run, {numbers} numbers "
                "in the weights"
            )
    return [f"notice: {sentence}" for sentence in found]


def _submission_lines(
    submission: Submission, benchmarks: Benchmarks, metadata: Metadata | None
) -> list[CheckLine]:
    name, file = submission.name, printable(submission.path.name)
    scores, beside, record = file, f"{file} beside the others", f"record of {file}"
    if name is None or submission.problems:
        why = ["the predictions have problems"]
        failed = CheckLine("fail", scores, submission.problems)
        return [failed, CheckLine("skip", beside, why), CheckLine("skip", record, why)]
    right, n = submission.n_correct, len(submission.predictions)
    too_good = TooGood(benchmarks.open(name)).notices(submission.predictions)
    notes = [f"{right} of {n} right: {right / n:.4f}", *(f"notice: {one}" for one in too_good)]
    lines = [
        _line(scores, submission.notices, notes),
        CheckLine("pass", beside, _copies(submission, benchmarks)),
    ]
    if submission.run or submission.run_problems:
        return [*lines, _line(record, submission.run_problems, _notes(submission, metadata))]
    return [*lines, CheckLine("skip", record, [f"no {name.run_record_name}"])]


def _copies(submission: Submission, benchmarks: Benchmarks) -> list[str]:
    """Published results and other contributions with the same predictions, or almost."""
    name, mine = submission.name, submission.path.parent
    assert name  # noqa: S101  a submission without a name has problems, and none is compared
    benchmark: Benchmark = benchmarks.open(name)
    digest = fingerprint(benchmark.named(submission.predictions))
    published = benchmark.reference.published
    found = [
        f"identical to published {x}"
        for x, it in published.items()
        if it.predictions_sha256 == digest
    ]
    targets = benchmark.targets(name.split)
    for path in sorted(mine.parent.glob(f"*/{name.predictions_name}")):
        theirs, problems = read_predictions(path, name, benchmark)
        if path.parent == mine or problems:
            continue
        pair = sorted(
            (theirs, submission.predictions), key=lambda one: np.count_nonzero(one != targets)
        )
        found += [f"identical to {path.parent.name}"] * bool(np.array_equal(pair[0], pair[1]))
        found += [
            near_copy(path.parent.name, differ, list(benchmark.split(name.split)))
            for *_, differ in near_copies(pair, targets)
        ]
    return found


def _model_lines(contribution: Contribution) -> list[CheckLine]:
    """A line for each stored model, a graph or weights, that is there or recorded."""
    recorded: dict[str, Stored] = {}
    for submission in contribution.submissions:
        if submission.name and submission.run:
            recorded |= _recorded(submission.name, submission.run)
    there = {path.name for path in model_files(contribution.folder)}
    return [
        _line(printable(file), _model_problems(contribution.folder / file, recorded.get(file)))
        for file in sorted(there | recorded.keys())
    ]


def _recorded(name: ResultName, run: RunRecord) -> dict[str, Stored]:
    both = {name.model_name: run.model, name.weights_name: run.weights}
    return {file: stored for file, stored in both.items() if stored}


def _model_problems(path: Path, recorded: Stored | None) -> list[str]:
    """What is wrong with a graph, or with weights, of which none but the checksum is looked at."""
    if recorded is None:
        return [
            "expected a model that the record of a run beside it has under 'model', or weights "
            "under 'weights', got a file that none has; train anew, or remove it"
        ]
    try:
        content = weights_file.read(path, sha256=recorded.sha256)
        if path.suffix == MODEL_SUFFIX:
            model_graph.parse(content)
    except StemError as error:
        return [str(error).removeprefix(f"{path}: ")]
    if len(content) != recorded.bytes:
        expected, got = recorded.bytes, len(content)
        return [f"expected the {expected} bytes that were recorded, got {got}; train anew"]
    return []


def _metadata_lines(contribution: Contribution, committed: datetime.date | None) -> list[CheckLine]:
    metadata = contribution.metadata
    if metadata is None or contribution.metadata_problems:
        return [
            CheckLine("fail", METADATA, contribution.metadata_problems),
            CheckLine("skip", f"{METADATA} is complete", [f"{METADATA} has problems"]),
        ]
    unknown = [quote(key) for key in metadata.model_extra or {}]
    notes = [f"{count(unknown, 'key')} unknown and kept: {some(unknown, 10)}"] if unknown else []
    notes += [f"notice: {sentence}" for sentence in of_date(metadata.date_submitted)]
    files = [submission.path.name for submission in contribution.submissions]
    times = metadata.time_taken_seconds
    incomplete = [
        *_future(metadata.date_submitted, committed),
        *(
            f"{METADATA}: {key!r}: expected some text, got ''; fill it in"
            for key in REQUIRED_TEXT
            if not getattr(metadata, key)
        ),
        *(
            f"{METADATA}: 'time_taken_seconds': expected a key {file!r}, got none; add it with the "
            'seconds that training took, or ""'
            for file in files
            if file not in times
        ),
        *(
            f"{METADATA}: {key!r}: {quote(file)} is no predictions file in this folder; remove it"
            for key in ("time_taken_seconds", "missing_structures")
            for file in getattr(metadata, key)
            if file not in files
        ),
    ]
    return [CheckLine("pass", METADATA, notes), _line(f"{METADATA} is complete", incomplete)]


def _future(date: str, committed: datetime.date | None) -> list[str]:
    """A date after the commit's; of what is in none, after today's."""
    day = of_text(date)
    last = committed or datetime.datetime.now(EASTMOST).date()
    if day is None or day <= last:
        return []
    limit = f"after it was committed on {committed}" if committed else "in the future"
    return [f"{METADATA}: 'date_submitted': expected a date that is not {limit}, got {date!r}"]


def _readme_lines(folder: Path) -> list[CheckLine]:
    """What of the README is still as `jarvis-stem new` wrote it; nothing where there is none."""
    path = folder / README
    if path.is_symlink() or not path.is_file():
        return []
    with path.open("rb") as file:
        text = file.read(_README_LIMIT).decode("utf-8", "replace")
    left = [
        f"line {n} is still to be written: {quote(line)}"
        for n, line in enumerate(text.splitlines(), 1)
        if line.startswith(TO_FILL_IN)
    ]
    return [CheckLine("pass", README, left)]


def _script_lines(folder: Path) -> list[CheckLine]:
    path = folder / RUN_SCRIPT
    checks = ("is executable", "is bash", "names no path of one machine")
    try:
        content = read_script(path)
    except StemError as error:
        skipped = [
            CheckLine("skip", f"{RUN_SCRIPT} {what}", ["nothing to read"]) for what in checks
        ]
        return [CheckLine("fail", RUN_SCRIPT, [str(error)]), *skipped]
    problems = (executable_problems(path), syntax_problems(content), path_problems(content))
    lines = [
        _line(f"{RUN_SCRIPT} {what}", found) for what, found in zip(checks, problems, strict=True)
    ]
    if lines[1].status == "pass" and not shutil.which("bash"):
        lines[1] = CheckLine("skip", lines[1].check, ["bash is not on the PATH"])
    return [CheckLine("pass", RUN_SCRIPT), *lines]
