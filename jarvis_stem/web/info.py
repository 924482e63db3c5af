"""What readers ask beside the results: how to submit, questions, about; and a feed of results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from jarvis_stem.web.board import iso_date
from jarvis_stem.web.content import FEED, Content
from jarvis_stem.web.templates import render

_PAGES = ("submit", "faq", "about")


def pages(content: Content) -> Iterator[tuple[PurePosixPath, str]]:
    """Make these pages, and the feed where the site's address is known.

    Args:
        content: What the site shows.

    Yields:
        Path below the site's root, and HTML or Atom.
    """
    repository = content.project.repository_url.partition("/tree/")[0]
    for name in _PAGES:
        page = PurePosixPath(f"{name}.html")
        yield (
            page,
            render(f"{name}.html.j2", page, content, repository=repository),
        )
    if content.project.site_url:
        yield FEED, render("feed.xml.j2", FEED, content, entries=_entries(content))


def _entries(content: Content) -> list[dict[str, str]]:
    """Every dated result, the newest first."""
    entries = [
        {
            "contribution": result.contribution,
            "dataset": board.dataset,
            "heading": content.heading(board),
            "score": f"{result.score:.4f}",
            "team": result.team_name,
            "date": iso_date(result.date_submitted),
            "address": content.contribution_address(result.contribution, content.project.site_url),
        }
        for board in content.leaderboard.benchmarks
        for result in board.results
        if result.date_submitted
    ]
    return sorted(entries, key=lambda one: one["date"], reverse=True)
