"""Where a contribution stands on the boards, and what a change does to that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jarvis_stem.scoring.board import Board, Leaderboard, Result


@dataclass(frozen=True)
class Standing:
    """Where a contribution stands on one board.

    Attributes:
        board: The board's name.
        n_results: Contributions on the board.
        n_sharing: How many others have the same rank.
        interval: 95% interval of the accuracy, low and high.
        p_best: p of the exact McNemar test against the board's best, Holm-corrected as for the
            rank; None for the best itself.
        same_predictions_as: Other results with exactly these predictions.
        notices: What looks too good to be true, or is to be mended.
    """

    board: str
    rank: int | None
    n_results: int
    n_sharing: int
    accuracy: float
    n_correct: int
    n_test: int
    interval: list[float]
    balanced_accuracy: float
    p_best: float | None
    same_predictions_as: list[str]
    notices: list[str]


@dataclass(frozen=True)
class Shift:
    """A contribution on one board before and after a change; None where it is not scored."""

    board: str
    before: Standing | None
    after: Standing | None

    def text(self, show: Callable[[Standing], str]) -> str:
        """What is shown of a standing, before and after where the two differ."""
        before, after = (show(s) if s else "none" for s in (self.before, self.after))
        return after if before == after or not self.before else f"{before} → {after}"


def standings(leaderboard: Leaderboard, contribution: str) -> dict[str, Standing]:
    """Where a contribution stands, by board."""
    return {
        board.name: _standing(board, result)
        for board in leaderboard.benchmarks
        for result in board.results
        if result.contribution == contribution
    }


def shifts(before: Leaderboard, after: Leaderboard, contribution: str) -> list[Shift]:
    """What a change does to a contribution's standings, by the boards' names."""
    old, new = (standings(leaderboard, contribution) for leaderboard in (before, after))
    return [Shift(board, old.get(board), new.get(board)) for board in sorted({*old, *new})]


def _standing(board: Board, result: Result) -> Standing:
    against = {other.against: other.p_holm for other in result.comparisons}
    return Standing(
        board=board.name,
        rank=result.rank,
        n_results=len(board.results),
        n_sharing=sum(other.rank == result.rank for other in board.results) - 1,
        accuracy=result.score,
        n_correct=result.n_correct,
        n_test=board.n_test,
        interval=result.interval,
        balanced_accuracy=result.balanced_accuracy,
        p_best=against.get(board.results[0].contribution),
        same_predictions_as=list(result.same_predictions_as),
        notices=list(result.notices),
    )
