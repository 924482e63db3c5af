"""What the site shows: everything that its pages are made from, read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.project_metadata import About, Project
from jarvis_stem.scoring import leaderboard
from jarvis_stem.scoring.board import Board, Leaderboard
from jarvis_stem.utils.files import read_json_object

if TYPE_CHECKING:
    from jarvis_stem.web.gallery import Gallery


@dataclass(frozen=True)
class Content:
    """What the site shows.

    Attributes:
        project: The repository's address and what it says of its benchmarks.
        contributions: Folder of contribution folders.
        benchmarks: Folder of benchmarks.
        robustness: docs/robustness.json, empty where there is none.
        records: Run records by contribution and name of the predictions' file, where there are any.
        galleries: Test images and what each model says of them, by board.
    """

    leaderboard: Leaderboard
    project: Project
    contributions: Path
    benchmarks: Path
    robustness: dict[str, Any] = field(default_factory=dict)
    records: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    galleries: dict[str, Gallery] = field(default_factory=dict)

    def about(self, board: Board) -> About:
        """What is known of a board's benchmark; its name where nothing is."""
        return self.project.benchmarks.get(ResultName.parse(board.name), About(board.name))

    def class_name(self, board: Board, bravais_class: int | str) -> str:
        """A class as people call it: ``hexagonal`` for 0."""
        return str(self.about(board).classes.get(str(bravais_class), bravais_class))


def read(
    contributions: Path,
    benchmarks: Path,
    project: Project,
    *,
    robustness: Path = Path("docs/robustness.json"),
) -> Content:
    """Score every contribution and gather what the pages show beside the scores, but the images.

    Args:
        contributions: Folder of contribution folders.
        benchmarks: Folder of benchmarks.
        project: The repository's metadata.json.
        robustness: What perf/robustness.py wrote; it need not be there.

    Raises:
        StemError: A folder is missing, a benchmark is broken, or a file is not JSON.
    """
    scored = leaderboard.build(contributions, benchmarks, project.benchmarks)
    return Content(
        leaderboard=scored,
        project=project,
        contributions=contributions,
        benchmarks=benchmarks,
        robustness=read_json_object(robustness) if robustness.is_file() else {},
        records=_records(scored, contributions),
    )


def board_page(board: Board) -> PurePosixPath:
    """Path of a benchmark's page below the site's root."""
    return PurePosixPath("benchmarks", f"{ResultName.parse(board.name).benchmark_name}.html")


def images_page(board: Board) -> PurePosixPath:
    """Path of the page that browses a benchmark's test images."""
    return PurePosixPath("images", f"{ResultName.parse(board.name).benchmark_name}.html")


def card_page(contribution: str) -> PurePosixPath:
    """Path of a contribution's model card."""
    return PurePosixPath("contributions", f"{contribution}.html")


def _records(scored: Leaderboard, contributions: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The run records of what was scored, all of their keys; scoring has checked them."""
    found = {}
    for board in scored.benchmarks:
        record = ResultName.parse(board.name).run_record_name
        for result in board.results:
            path = contributions / result.contribution / record
            if path.is_file():
                found[result.contribution, result.file] = read_json_object(path)
    return found
