"""The first page: what this is, the benchmarks, the best of each and how it came about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from jarvis_stem.formats.names import ResultName
from jarvis_stem.scoring.board import Board
from jarvis_stem.web.board import iso_date
from jarvis_stem.web.content import Content, example_image
from jarvis_stem.web.templates import render


def pages(content: Content) -> Iterator[tuple[PurePosixPath, str]]:
    """Make the first page.

    Args:
        content: What the site shows.

    Yields:
        Path below the site's root, and HTML.
    """
    page = PurePosixPath("index.html")
    boards = [
        {"board": board, "about": content.about(board), "history": _history(board)}
        for board in content.leaderboard.benchmarks
    ]
    yield (
        page,
        render(
            "home.html.j2",
            page,
            content,
            boards=boards,
            samples=_samples(content),
            real=_real_beside_simulated(content),
        ),
    )


def _real_beside_simulated(content: Content) -> dict[str, Any]:
    """The models that were scored on simulated images and on real pictures.

    Returns:
        Both boards, and of each such model, best on real pictures first, both results; empty where
        there is none.
    """
    real = next((b for b in content.leaderboard.benchmarks if b.pictures), None)
    simulated = content.counterpart(real) if real else None
    if not (real and simulated):
        return {}
    drawn = {result.contribution: result for result in simulated.results}
    pairs = [(drawn[r.contribution], r) for r in real.results if r.contribution in drawn]
    return {"simulated": simulated, "real": real, "pairs": pairs} if pairs else {}


def _history(board: Board) -> dict[str, Any]:
    """How the best accuracy rose.

    Returns:
        Results in the order of their dates, each with whether it was the best until then; and the
        published scores. Results without a date are left out.
    """
    dated = [(iso_date(result.date_submitted), result) for result in board.results]
    dated = sorted(((d, r) for d, r in dated if d), key=lambda pair: (pair[0], -pair[1].score))
    results, best = [], -1.0
    for date, result in dated:
        record = result.score > best
        best = max(best, result.score)
        results.append(
            {
                "date": date,
                "contribution": result.contribution,
                "accuracy": result.score,
                "record": record,
            }
        )
    published = [{"name": one.name, "accuracy": one.score} for one in board.references]
    return {"results": results, "published": published}


def _samples(content: Content) -> list[tuple[str, PurePosixPath]]:
    """A test image of each class of the first benchmark that shows its images."""
    for board in content.leaderboard.benchmarks:
        benchmark = ResultName.parse(board.name).benchmark_name
        samples = [
            (content.class_name(board, c), example_image(benchmark, n))
            for n, c in enumerate(board.classes)
        ]
        if samples := [(name, path) for name, path in samples if path in content.pages]:
            return samples
    return []
