"""What the site shows: everything that its pages are made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.project_metadata import About, Project
from jarvis_stem.scoring.board import Board, Leaderboard
from jarvis_stem.utils.files import read_json_object

if TYPE_CHECKING:
    from jarvis_stem.web.gallery import Gallery

# Measured with the stored model of every contribution: a figure that it states is its word alone.
ROBUSTNESS = Path("docs/robustness.json")
UNSEEN = Path("docs/unseen.json")
GUIDE = PurePosixPath("guide", "index.html")  # where mkdocs puts the documentation, if it does
FEED = PurePosixPath("feed.xml")
PREVIEW = PurePosixPath("assets", "preview.png")  # shown where a page is linked to


@dataclass(frozen=True)
class Content:
    """What the site shows.

    Attributes:
        project: The repository's address and what it says of its benchmarks.
        contributions: Folder of contribution folders.
        robustness: docs/robustness.json, empty where there is none.
        unseen: docs/unseen.json, empty where there is none.
        galleries: Test images and what each model predicts for them, by board.
        pages: Cards, image pages, thumbnails and the guide, as far as a page can link to them; the
            builder knows them.
    """

    leaderboard: Leaderboard
    project: Project
    contributions: Path
    robustness: dict[str, Any] = field(default_factory=dict)
    unseen: dict[str, Any] = field(default_factory=dict)
    galleries: dict[str, Gallery] = field(default_factory=dict)
    pages: frozenset[PurePosixPath] = frozenset()

    def about(self, board: Board) -> About:
        """What is known of a board's benchmark; its name where nothing is."""
        return self.project.benchmarks.get(ResultName.parse(board.name), About(board.name))

    def heading(self, board: Board) -> str:
        """A board's title in plain words; the published one where there is no other."""
        about = self.about(board)
        return about.heading or about.title

    def counterpart(self, board: Board) -> Board | None:
        """The board of real pictures for the first of simulated images, and the other way round."""
        boards = self.leaderboard.benchmarks
        pair = [next((b for b in boards if b.pictures == real), None) for real in (False, True)]
        return pair[not board.pictures] if board in pair else None

    def contribution_address(self, contribution: str, root: str) -> str:
        """Where a page links to for a contribution: its card, or its folder in the repository.

        Args:
            contribution: Its name.
            root: The way from the page to the site's root.
        """
        if (card := card_page(contribution)) in self.pages:
            return f"{root}/{card}"
        return f"{self.project.repository_url}/contributions/{contribution}"

    def class_name(self, board: Board, bravais_class: int | str) -> str:
        """A class as people call it: ``hexagonal`` for 0."""
        return str(self.about(board).classes.get(str(bravais_class), bravais_class))


def read_measured(path: Path) -> dict[str, Any]:
    """Read what a script of perf/ measured; empty where there is no such file.

    Args:
        path: `ROBUSTNESS` or `UNSEEN`.

    Raises:
        StemError: The file is not JSON.
    """
    return read_json_object(path) if path.is_file() else {}


def board_page(board: Board) -> PurePosixPath:
    """Path of a benchmark's page below the site's root."""
    return PurePosixPath("benchmarks", f"{ResultName.parse(board.name).benchmark_name}.html")


def images_page(board: Board) -> PurePosixPath:
    """Path of the page that browses a benchmark's test images."""
    return PurePosixPath("images", f"{ResultName.parse(board.name).benchmark_name}.html")


def card_page(contribution: str) -> PurePosixPath:
    """Path of a contribution's model card."""
    return PurePosixPath("contributions", f"{contribution}.html")


def example_image(benchmark_name: str, class_position: int) -> PurePosixPath:
    """Path of the thumbnail that stands for a class of a benchmark."""
    return PurePosixPath("thumbs", benchmark_name, f"class_{class_position}.webp")
