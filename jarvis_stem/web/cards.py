"""Model cards: all that is known of a contribution on one page.

assets/card.js draws the charts, each from the numbers of the table beside it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.formats.metadata import METADATA, read_metadata
from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.run_record import RunRecord
from jarvis_stem.scoring.board import Board, Result
from jarvis_stem.scoring.table import RANK, p_value, rows
from jarvis_stem.web.beyond import run_record, unseen
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
class Chart:
    """The numbers of a chart.

    Attributes:
        kind: How they are drawn.
        measure: Name of the vertical axis.
        columns: Names of the numbers.
        rows: A value of each column; None where it is not recorded.
        chosen_epoch: Whose weights are kept, None where it is not recorded.
    """

    kind: Literal["epochs", "reliability"]
    measure: str
    columns: tuple[str, ...]
    rows: list[tuple[float | None, ...]]
    chosen_epoch: int | None = None


@dataclass(frozen=True)
class Tile:
    """An image and its prediction; `probability` is the predicted class's."""

    id: str
    thumbnail: PurePosixPath
    browse: str
    truth: str
    predicted: str
    probability: float | None
    others_correct: int


@dataclass(frozen=True)
class Images:
    """A benchmark's images and what a contribution predicts for them.

    Attributes:
        n: Images in the gallery.
        n_wrong: Those that the contribution has wrong.
        n_others: Other contributions.
        n_differing: Images that the stored model gives another class than the predictions file.
        reliability: None where probabilities are not known.
        why_not: Why they are not known.
        size: Of a thumbnail, pixels a side.
    """

    n: int
    n_wrong: int
    n_others: int
    n_differing: int
    reliability: Chart | None
    why_not: str
    wrong: list[Tile]
    correct: list[Tile]
    size: int = THUMBNAIL_SIZE


@dataclass(frozen=True)
class Section:
    """A contribution on one benchmark.

    Attributes:
        commit: Empty where none is recorded.
        command: What makes its predictions anew.
    """

    board: Board
    result: Result
    cells: dict[str, str]
    class_names: list[str]
    record: RunRecord | None
    commit: str
    command: str
    curves: list[Chart]
    calibration_error: float | None
    images: Images | None
    unseen: list[dict[str, Any]]
    files: list[str]


def pages(content: Content) -> Iterator[tuple[PurePosixPath, str]]:
    """Make a card of every contribution that was scored on any benchmark."""
    sections = defaultdict(list)
    for board in content.leaderboard.benchmarks:
        cells = {row.cells["contribution"]: row.cells for row in rows(board) if row.file}
        for result in board.results:
            section = _section(content, board, result, cells[result.contribution])
            sections[result.contribution].append(section)
    for contribution, its_sections in sorted(sections.items()):
        yield card_page(contribution), _card(content, contribution, its_sections)


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


def _command(contribution: str, dataset: str, record: RunRecord | None) -> str:
    """The contribution's script as a reader may copy it: of what is recorded, only numbers."""
    script = f"bash contributions/{contribution}/run.sh"
    if record is None:
        return script
    return f"{script} --benchmark {dataset} --epochs {record.recipe.epochs} --seed {record.seed}"


def _text(path: Path) -> str:
    """The beginning of a text file; nothing where there is none."""
    if path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(_TEXT_LIMIT).decode("utf-8", "replace")


def _section(content: Content, board: Board, result: Result, cells: dict[str, str]) -> Section:
    name = ResultName.parse(board.name)
    record = run_record(content, board, result.contribution)
    commit = (record and record.git_commit) or ""
    files = [result.file]
    if record:
        files += [name.run_record_name]
        files += [name.model_name] if record.model else []
        files += [name.weights_name] if record.weights else []
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
        command=_command(result.contribution, name.dataset, record),
        calibration_error=_calibration_error(record) if record else None,
        images=_images(gallery, board, result, class_names) if gallery else None,
        unseen=unseen(content, board, result.contribution),
        files=files,
    )


def _calibration_error(record: RunRecord) -> float | None:
    """What the record says of it; nobody has checked its form."""
    calibration = (record.model_extra or {}).get("calibration")
    error = calibration.get("error") if isinstance(calibration, dict) else None
    return float(error) if isinstance(error, float | int) and 0 <= error <= 1 else None


def _curves(record: RunRecord) -> list[Chart]:
    """Accuracy and loss over the epochs, as far as they are recorded."""
    curves = [_curve(record, what, limit) for what, limit in (("accuracy", 1), ("loss", _LIMIT))]
    return [curve for curve in curves if curve]


def _curve(record: RunRecord, measure: str, limit: float) -> Chart | None:
    history = [e for e in record.history if 0 <= e.get("epoch", -1) < _LIMIT][:_MOST_EPOCHS]
    rows = [
        (
            epoch["epoch"],
            *(
                value if 0 <= (value := epoch.get(f"{split}_{measure}", -1)) <= limit else None
                for split in ("train", "validation")
            ),
        )
        for epoch in history
    ]
    drawn = [epoch for epoch, *values in rows if values != [None, None]]
    if len(set(drawn)) < 2:
        return None
    chosen = (record.model_extra or {}).get("chosen_epoch")
    return Chart(
        kind="epochs",
        measure=measure,
        columns=("epoch", "training", "validation"),
        rows=rows,
        chosen_epoch=chosen if type(chosen) is int and chosen in drawn else None,
    )


def _images(
    gallery: Gallery, board: Board, result: Result, class_names: list[str]
) -> Images | None:
    answers = next((a for a in gallery.answers if a.contribution == result.contribution), None)
    if answers is None:
        return None
    correct = answers.predicted == gallery.truth
    others = gallery.n_correct - correct
    of_predicted = answers.certainty
    certainty = np.zeros(len(correct)) if of_predicted is None else of_predicted
    # The last key counts first; ties stay in the benchmark's order.
    worst = np.lexsort((-others, -certainty))
    hardest = np.lexsort((certainty, others))

    def tiles(order: NDArray[np.intp]) -> list[Tile]:
        return [
            Tile(
                id=gallery.ids[n],
                thumbnail=gallery.thumbnail(n),
                browse=f"{images_page(board)}#{urlencode({'id': gallery.ids[n]})}",
                truth=class_names[gallery.truth[n]],
                predicted=class_names[answers.predicted[n]],
                probability=None if of_predicted is None else float(of_predicted[n]),
                others_correct=int(others[n]),
            )
            for n in order[:_SHOWN].tolist()
        ]

    return Images(
        n=len(correct),
        n_wrong=int(np.count_nonzero(~correct)),
        n_others=len(gallery.answers) - 1,
        n_differing=_n_differing(answers),
        reliability=_reliability(answers, gallery.truth),
        why_not=answers.why_not,
        wrong=tiles(worst[~correct[worst]]),
        correct=tiles(hardest[correct[hardest]]),
    )


def _n_differing(answers: Answers) -> int:
    if answers.probabilities is None:
        return 0
    return int(np.count_nonzero(answers.probabilities.argmax(axis=1) != answers.predicted))


def _reliability(answers: Answers, truth: NDArray[np.intp]) -> Chart | None:
    """Images by the likeliest class's probability, in bins of equal width that have any."""
    if answers.probabilities is None:
        return None
    confidence = answers.probabilities.max(axis=1).astype(float)
    correct = answers.probabilities.argmax(axis=1) == truth
    number = np.minimum((confidence * _BINS).astype(np.intp), _BINS - 1)
    rows: list[tuple[float | None, ...]] = [
        (
            n / _BINS,
            (n + 1) / _BINS,
            int(np.count_nonzero(in_bin)),
            float(confidence[in_bin].mean()),
            float(correct[in_bin].mean()),
        )
        for n in range(_BINS)
        if (in_bin := number == n).any()
    ]
    columns = ("from", "to", "images", "mean confidence", "share correct")
    return Chart("reliability", "share correct", columns, rows)
