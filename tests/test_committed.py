"""What the repository claims: its contributions' scores, their records, the pages made of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import REAL, python

from jarvis_stem import leaderboard

BARS = {"densenet_model": 0.8304, "resnet_model": 0.82}


@pytest.fixture(scope="module")
def boards(repository: Path) -> leaderboard.Leaderboard:
    return leaderboard.build(repository / "contributions", repository / "benchmarks")


def test_every_committed_contribution_is_scored(boards: leaderboard.Leaderboard) -> None:
    assert boards.all_rejected == []


@pytest.mark.parametrize("name", BARS)
def test_models_clear_the_published_bar(name: str, boards: leaderboard.Leaderboard) -> None:
    board = next(b for b in boards.benchmarks if b.name == str(REAL))
    result = next(r for r in board.results if r.contribution == name)
    assert result.score >= BARS[name]
    assert result.n_missing_structures == 128


def test_each_result_agrees_with_its_run_record(
    repository: Path, boards: leaderboard.Leaderboard
) -> None:
    for board in boards.benchmarks:
        for result in board.results:
            folder = repository / "contributions" / result.contribution
            record = json.loads((folder / f"{board.name}.run.json").read_text())
            assert record["result"]["accuracy"] == result.score
            assert record["result"]["n"] == board.n_test
            assert round(record["costs"]["wall_seconds"]) == result.time_taken_seconds
            chosen = record["history"][record["chosen_epoch"] - 1]
            assert chosen["validation_accuracy"] == max(
                epoch["validation_accuracy"] for epoch in record["history"]
            )


def test_committed_pages_are_what_scoring_writes(repository: Path, tmp_path: Path) -> None:
    done = python("-m", "jarvis_stem.score", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    committed = [repository / "docs" / "leaderboard.json"]
    committed += sorted((repository / "docs").glob("*/*/*.md"))
    assert len(committed) >= 3
    for path in committed:
        fresh = tmp_path / path.relative_to(repository / "docs")
        assert fresh.read_text() == path.read_text(), path
