"""A board as rows of text, which the terminal and the pages lay out alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jarvis_stem.scoring.board import BASELINE, Board, Cost, PublishedResult, Result, Share

RANK = (
    "rank: results whose difference to the best of their rank is not significant "
    "(exact McNemar, Holm-corrected, 5%) share it"
)
_TIME = ((3600, "h"), (60, "min"), (1, "s"))
_MEMORY = ((1024, "GB"), (1, "MB"))
_COUNT = ((10**9, "G"), (10**6, "M"), (10**3, "k"), (1, ""))


@dataclass(frozen=True)
class Row:
    """One row of a board.

    Attributes:
        kind: What it is; only contributions have a rank.
        score: Its accuracy, which rows are sorted by.
        file: Name of a contribution's predictions.
        cells: Text by column; what is not known is empty or left out.
    """

    kind: Literal["contribution", "published", "baseline"]
    score: float
    file: str
    cells: dict[str, str]


def rows(board: Board) -> list[Row]:
    """A board's contributions, published results and baseline, best first."""
    found = [Row("contribution", r.score, r.file, _cells(r)) for r in board.results]
    found += [
        Row("published", p.score, "", _published_cells(p, board.n_test)) for p in board.references
    ]
    if board.baseline:
        cells = _cells(board.baseline) | {"contribution": f"{BASELINE} (baseline)"}
        found.append(Row("baseline", board.baseline.score, "", cells))
    return sorted(found, key=lambda row: -row.score)


def same_predictions(board: Board) -> list[str]:
    """Say which results are the same, a sentence for each set of them; the baseline comes last."""
    results = [*board.results, *([board.baseline] if board.baseline else [])]
    same = {
        tuple(sorted([r.contribution, *r.same_predictions_as], key=lambda n: (n == BASELINE, n)))
        for r in results
        if r.same_predictions_as
    }
    return [
        f"{first} has the same predictions as {', '.join(rest)}" for first, *rest in sorted(same)
    ]


def notices(board: Board) -> list[str]:
    """What to know of a board beside its numbers, a sentence each."""
    return [
        *board.notices,
        *same_predictions(board),
        *(f"{r.contribution}: {notice}" for r in board.results for notice in r.notices),
    ]


def p_value(p: float) -> str:
    """A p-value in the digits that mean something."""
    return f"{p:g}" if p >= 1e-3 else "< 0.001"


def _cells(result: Result) -> dict[str, str]:
    seconds = result.time_taken_seconds
    cells = {
        "rank": str(result.rank or ""),
        "contribution": result.contribution,
        **_accuracy_cells(result, sum(one.n for one in result.classes)),
        "balanced accuracy": f"{result.balanced_accuracy:.4f}",
        "macro F1": f"{result.macro_f1:.4f}",
        "MCC": f"{result.matthews:.4f}",
        "with structure": _share(result.with_structure),
        "without structure": _share(result.without_structure),
        "time": "" if seconds is None else _scaled(seconds, _TIME),
        "team": result.team_name,
        "date": result.date_submitted,
    }
    return cells | (_cost_cells(result.cost) if result.cost else {})


def _cost_cells(cost: Cost) -> dict[str, str]:
    return {
        "time": _scaled(cost.wall_seconds, _TIME),
        "CPU time": _scaled(cost.cpu_seconds, _TIME),
        "memory": _scaled(cost.peak_memory_mb, _MEMORY),
        "parameters": _scaled(cost.parameters, _COUNT),
        "epochs": str(cost.epochs),
        "hardware": cost.hardware,
    }


def _published_cells(published: PublishedResult, n: int) -> dict[str, str]:
    return {"contribution": f"published {published.name}", **_accuracy_cells(published, n)}


def _accuracy_cells(result: Result | PublishedResult, n: int) -> dict[str, str]:
    low, high = result.interval
    return {
        "accuracy": f"{result.score:.4f}",
        "95% interval": f"{low:.4f} to {high:.4f}",
        "correct": f"{result.n_correct}/{n}",
    }


def _share(share: Share | None) -> str:
    return f"{share.accuracy:.4f} of {share.n}" if share else ""


def _scaled(value: float, units: tuple[tuple[int, str], ...]) -> str:
    """A value in the largest unit that it fills, else in the smallest, which has no decimals."""
    scale, unit = next((unit for unit in units if value >= unit[0]), units[-1])
    return f"{value / scale:.{int(scale > 1)}f} {unit}".strip()
