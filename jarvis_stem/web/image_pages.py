"""The image browser: a benchmark's test images by class and by what the models predict.

The page carries what assets/images.js filters, sorts and pages by; what an image's dialog shows
beside lies in a file that is loaded with the first dialog.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.scoring.board import Board
from jarvis_stem.web.content import Content, images_page
from jarvis_stem.web.gallery import THUMBNAIL_SIZE, Answers, Gallery
from jarvis_stem.web.templates import render

_BAR = 10  # Å, of the scale bar
_LENGTH, _ANGLE = 1e4, 1e3  # units of lattices in an Å and a degree
_FIRST = ord("0")  # a model's classes are one string, a character for each image


def pages(content: Content) -> Iterator[tuple[PurePosixPath, str | bytes]]:
    """Make the browser of every board that has a gallery, and write the gallery's thumbnails."""
    from jarvis_stem.imaging.stem import IMAGE_SIZE, PIXEL_SIZE  # here: scoring does without

    for board in content.leaderboard.benchmarks:
        gallery = content.galleries.get(board.name)
        if gallery is None:
            continue
        page = images_page(board)
        data = _data(content, board, gallery)
        of_class = np.bincount(gallery.truth, minlength=len(board.classes)).tolist()
        of_correct = zip(*np.unique(gallery.n_correct, return_counts=True), strict=True)
        yield (
            page,
            render(
                "images.html.j2",
                page,
                content,
                board=board,
                about=content.about(board),
                n_images=len(gallery.ids),
                n_models=len(gallery.answers),
                by_class=list(zip(data["classes"], of_class, strict=True)),
                by_correct=list(of_correct),
                data=data,
                pixel_size=PIXEL_SIZE,
                bar=_BAR,
                side=IMAGE_SIZE * PIXEL_SIZE,
            ),
        )
        yield page.with_suffix(".js"), _details(gallery)
        yield from gallery.files()


def _data(content: Content, board: Board, gallery: Gallery) -> dict[str, Any]:
    """What assets/images.js reads."""
    return {
        "ids": gallery.ids,
        "classes": [content.class_name(board, c) for c in board.classes],
        "truth": _characters(gallery.truth),
        "models": [_model(answers) for answers in gallery.answers],
        "thumbnails": str(gallery.thumbnail(0).parent),
        "size": THUMBNAIL_SIZE,
    }


def _model(answers: Answers) -> dict[str, Any]:
    """A contribution's classes and the per mille of each."""
    known = answers.certainty
    return {
        "name": answers.contribution,
        "predicted": _characters(answers.predicted),
        "certain": None if known is None else _rounded(known * 1000),
    }


def _details(gallery: Gallery) -> str:
    """What dialogs show, as a script: from disk, a browser loads nothing else."""
    crystals = gallery.crystals
    units = np.array([_LENGTH, _LENGTH, _ANGLE])
    lattices = [crystals.cells, crystals.projected, crystals.measured]
    known = [one.probabilities for one in gallery.answers]
    details = {
        "formulas": crystals.formulas,
        "lattices": _rounded(np.stack(lattices, axis=1) * units),  # image by image
        "per_mille": [None if one is None else _rounded(one * 1000) for one in known],
    }
    text = json.dumps(details, allow_nan=False, separators=(",", ":"))
    return f"window.stem_details = {text};\n"


def _rounded(values: NDArray[Any]) -> list[int | None]:
    """Whole numbers, flat; none for NaN."""
    return [None if np.isnan(v) else round(v) for v in values.ravel().tolist()]


def _characters(positions: NDArray[np.intp]) -> str:
    return "".join(map(chr, (positions + _FIRST).tolist()))
