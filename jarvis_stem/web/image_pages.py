"""The image browser: a benchmark's test images by class and by what the models predict.

The page carries all of its data; assets/images.js filters, sorts and pages in the browser.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.scoring.board import Board
from jarvis_stem.web.content import Content, images_page
from jarvis_stem.web.gallery import THUMBNAIL_SIZE, Answers, Gallery
from jarvis_stem.web.templates import render

_FIRST = ord("0")  # a model's classes are one string, a character for each image


def pages(content: Content) -> Iterator[tuple[PurePosixPath, str | bytes]]:
    """Make the browser of every board that has a gallery, and write the gallery's thumbnails."""
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
            ),
        )
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
    """A contribution's classes and, flat, the per mille of each class for each image."""
    known = answers.probabilities
    return {
        "name": answers.contribution,
        "predicted": _characters(answers.predicted),
        "per_mille": None if known is None else np.rint(known * 1000).astype(int).ravel().tolist(),
    }


def _characters(positions: NDArray[np.intp]) -> str:
    return "".join(map(chr, (positions + _FIRST).tolist()))
