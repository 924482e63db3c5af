"""Model cards: all that is known of a contribution on one page, drawn when the site is built.

A card has no script. Its charts are inline SVG, a few kilobytes each where Plotly's script has five
megabytes, and each has its numbers as a table beside it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.formats.metadata import METADATA, read_metadata
from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.run_record import RunRecord
from jarvis_stem.scoring.board import Board, Result
from jarvis_stem.scoring.table import RANK, p_value, rows
from jarvis_stem.web.content import Content, card_page, images_page
from jarvis_stem.web.gallery import THUMBNAIL_SIZE, Answers, Gallery
from jarvis_stem.web.readme import readme_html
from jarvis_stem.web.templates import render

_SHOWN = 12  # images of each kind
_BINS = 10  # of the reliability diagram
_MOST_EPOCHS = 1000  # drawn
_LIMIT = 1e6  # of epochs and losses that a chart has room for
_TEXT_LIMIT = 2**16  # bytes of a README or run.sh that are shown
_OTHER_FILES = ("README.md", "model.py", "run.sh", METADATA)
_COMMIT = re.compile("[0-9a-f]{40}")  # no other text is put behind "git checkout"


@dataclass(frozen=True)
class Tick:
    """A mark of an axis; `at` is its place, 0..1."""

    at: float
    label: str


@dataclass(frozen=True)
class Line:
    """A line of a chart: its points' places along both axes, 0..1."""

    label: str
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Curve:
    """A chart over epochs.

    Attributes:
        what: What its vertical axis is.
        chosen: Place of the chosen epoch, None where it is not recorded.
        columns: Heads of the table of its numbers.
        table: The numbers, a row for each epoch.
    """

    what: str
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    chosen: float | None
    columns: list[str]
    table: list[list[str]]


@dataclass(frozen=True)
class Bin:
    """Images of like confidence: how many, their mean confidence, the share that is right."""

    low: float
    high: float
    n: int
    confidence: float
    right: float


@dataclass(frozen=True)
class Shown:
    """An image with what the contribution says of it; `probability` is the predicted class's."""

    id: str
    thumbnail: PurePosixPath
    browse: str
    truth: str
    predicted: str
    probability: float | None
    others_right: int


@dataclass(frozen=True)
class Pictures:
    """What a gallery shows of a contribution.

    Attributes:
        n: Images in the gallery.
        n_wrong: Those that the contribution has wrong.
        n_others: Other contributions.
        n_differing: Images that the stored weights give another class than the predictions file.
        bins: For the reliability diagram, empty where probabilities are not known.
        size: Of a thumbnail, pixels a side.
    """

    n: int
    n_wrong: int
    n_others: int
    n_differing: int
    bins: list[Bin]
    why_not: str
    wrong: list[Shown]
    right: list[Shown]
    size: int = THUMBNAIL_SIZE


@dataclass(frozen=True)
class Section:
    """A contribution on one benchmark; `commit` is empty where none is recorded."""

    board: Board
    result: Result
    cells: dict[str, str]
    class_names: list[str]
    record: RunRecord | None
    commit: str
    curves: list[Curve]
    calibration_error: float | None
    pictures: Pictures | None
    files: list[str]


def pages(content: Content) -> Iterator[tuple[PurePosixPath, str]]:
    """Make a card of every contribution that was scored on any benchmark."""
    sections = defaultdict(list)
    for board in content.leaderboard.benchmarks:
        cells = {row.cells["contribution"]: row.cells for row in rows(board) if row.file}
        for result in board.results:
            section = _section(content, board, result, cells[result.contribution])
            sections[result.contribution].append(section)
    for contribution, own in sorted(sections.items()):
        yield card_page(contribution), _card(content, contribution, own)


def _card(content: Content, contribution: str, sections: list[Section]) -> str:
    folder = content.contributions / contribution
    repository = content.project.repository_url
    address = f"{repository}/contributions/{contribution}"
    metadata, _ = read_metadata(folder)
    addresses = [metadata.project_url, *metadata.git_url] if metadata else []
    return render(
        "card.html.j2",
        card_page(contribution),
        content,
        contribution=contribution,
        metadata=metadata,
        addresses=list(dict.fromkeys(filter(None, addresses))),
        sections=sections,
        address=address,
        clone_address=repository.partition("/tree/")[0],
        files=[name for name in _OTHER_FILES if (folder / name).is_file()],
        readme=readme_html(_text(folder / "README.md"), f"{address}/"),
        run_script=_text(folder / "run.sh"),
        rank_note=RANK,
        p_value=p_value,
    )


def _text(path: Path) -> str:
    """The beginning of a text file; nothing where there is none."""
    if path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(_TEXT_LIMIT).decode("utf-8", "replace")


def _section(content: Content, board: Board, result: Result, cells: dict[str, str]) -> Section:
    raw = content.records.get((result.contribution, result.file))
    record = RunRecord.model_validate(raw) if raw else None
    commit = (record and record.git_commit) or ""
    name = ResultName.parse(board.name)
    files = [result.file]
    if record:
        files += [name.run_record_name, *([name.weights_name] if record.weights else [])]
    class_names = [content.class_name(board, c) for c in board.classes]
    gallery = content.galleries.get(board.name)
    return Section(
        board=board,
        result=result,
        cells=cells,
        class_names=class_names,
        record=record,
        commit=commit if _COMMIT.fullmatch(commit) else "",
        curves=_curves(record) if record else [],
        calibration_error=_calibration_error(record) if record else None,
        pictures=_pictures(gallery, board, result, class_names) if gallery else None,
        files=files,
    )


def _calibration_error(record: RunRecord) -> float | None:
    """What the record says of it; nobody has checked its form."""
    calibration = (record.model_extra or {}).get("calibration")
    error = calibration.get("error") if isinstance(calibration, dict) else None
    return float(error) if isinstance(error, float | int) and 0 <= error <= 1 else None


def _curves(record: RunRecord) -> list[Curve]:
    """Accuracy and loss over the epochs, as far as they are recorded."""
    found = [_curve(record, what, limit) for what, limit in (("accuracy", 1), ("loss", _LIMIT))]
    return [curve for curve in found if curve]


def _curve(record: RunRecord, what: str, limit: float) -> Curve | None:
    from matplotlib.ticker import MaxNLocator

    keys = {"training": f"train_{what}", "validation": f"validation_{what}"}
    history = [e for e in record.history if 0 <= e.get("epoch", -1) < _LIMIT][:_MOST_EPOCHS]
    drawn = {
        name: [(own["epoch"], own[key]) for own in history if 0 <= own.get(key, -1) <= limit]
        for name, key in keys.items()
    }
    epochs = [epoch for points in drawn.values() for epoch, _ in points]
    values = [value for points in drawn.values() for _, value in points]
    if len(set(epochs)) < 2:
        return None
    ticks = MaxNLocator(4).tick_values(0 if what == "loss" else min(values), max(values))
    y_ticks = [float(tick) for tick in ticks if tick <= limit]
    x, y = _scale(epochs), _scale([*y_ticks, *values])
    chosen = (record.model_extra or {}).get("chosen_epoch")
    return Curve(
        what=what,
        lines=[
            Line(name, [(x(n), y(value)) for n, value in points]) for name, points in drawn.items()
        ],
        x_ticks=[
            Tick(x(tick), f"{tick:g}")
            for tick in MaxNLocator(8, integer=True).tick_values(min(epochs), max(epochs))
            if min(epochs) <= tick <= max(epochs)
        ],
        y_ticks=[Tick(y(tick), f"{tick:g}") for tick in y_ticks],
        chosen=x(chosen) if type(chosen) is int and chosen in epochs else None,
        columns=["epoch", *keys],
        table=[
            [f"{own['epoch']:g}", *(f"{own[k]:.4f}" if k in own else "-" for k in keys.values())]
            for own in history
        ],
    )


def _scale(values: Sequence[float]) -> Callable[[float], float]:
    """What takes the least of some values to 0 and the greatest to 1."""
    low, span = min(values), max(values) - min(values)
    return lambda value: float((value - low) / (span or 1))


def _pictures(
    gallery: Gallery, board: Board, result: Result, class_names: list[str]
) -> Pictures | None:
    answers = next((a for a in gallery.answers if a.contribution == result.contribution), None)
    if answers is None:
        return None
    right = answers.predicted == gallery.truth
    others = gallery.n_right - right
    of_predicted = _of_predicted(answers)
    certainty = np.zeros(len(right)) if of_predicted is None else of_predicted

    def shown(order: NDArray[np.intp]) -> list[Shown]:
        return [
            Shown(
                id=gallery.ids[n],
                thumbnail=gallery.thumbnail(n),
                browse=f"{images_page(board)}#{urlencode({'id': gallery.ids[n]})}",
                truth=class_names[gallery.truth[n]],
                predicted=class_names[answers.predicted[n]],
                probability=None if of_predicted is None else float(of_predicted[n]),
                others_right=int(others[n]),
            )
            for n in order[:_SHOWN].tolist()
        ]

    # The last key counts first; ties stay in the benchmark's order.
    worst = np.lexsort((-others, -certainty))
    hardest = np.lexsort((certainty, others))
    probabilities = answers.probabilities
    return Pictures(
        n=len(right),
        n_wrong=int(np.count_nonzero(~right)),
        n_others=len(gallery.answers) - 1,
        n_differing=(
            0
            if probabilities is None
            else int(np.count_nonzero(probabilities.argmax(axis=1) != answers.predicted))
        ),
        bins=[] if probabilities is None else _bins(probabilities, gallery.truth),
        why_not=answers.why_not,
        wrong=shown(worst[~right[worst]]),
        right=shown(hardest[right[hardest]]),
    )


def _of_predicted(answers: Answers) -> NDArray[Any] | None:
    """Probability of each predicted class, float[N]."""
    if answers.probabilities is None:
        return None
    return np.take_along_axis(answers.probabilities, answers.predicted[:, None], axis=1)[:, 0]


def _bins(probabilities: NDArray[np.float32], truth: NDArray[np.intp]) -> list[Bin]:
    """Images by the likeliest class's probability, in bins of equal width that have any."""
    confidence = probabilities.max(axis=1).astype(float)
    right = probabilities.argmax(axis=1) == truth
    number = np.minimum((confidence * _BINS).astype(np.intp), _BINS - 1)
    return [
        Bin(
            low=n / _BINS,
            high=(n + 1) / _BINS,
            n=int(np.count_nonzero(own)),
            confidence=float(confidence[own].mean()),
            right=float(right[own].mean()),
        )
        for n in range(_BINS)
        if (own := number == n).any()
    ]
