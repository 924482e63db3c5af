"""The aims of the measurements in perf/performance.py, and how far they were reached."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from builds import BEFORE, NOW

Results = Mapping[str, Any]
"""What the stages measured, by stage."""


class _Aim(NamedTuple):
    """A figure that is aimed at.

    Attributes:
        what: What it is of, with a place for the figure.
        figure: Takes it from the results; LookupError where it was not measured.
        limit: What it should be.
        least: Whether that is the least; the most otherwise.
    """

    what: str
    figure: Callable[[Results], float]
    limit: float
    least: bool = False


def line(stages: Mapping[str, Mapping[str, Any]]) -> str:
    """Say of each aim what was measured, as one line of Markdown.

    Args:
        stages: Results by stage, each with where, when and how it was measured.
    """
    results = {name: stage["result"] for name, stage in stages.items()}
    reached, parts = 0, []
    for aim in _AIMS:
        limit = f"aim: at {'least' if aim.least else 'most'} {aim.limit:g}"
        try:
            figure = aim.figure(results)
        except LookupError:
            parts.append(f"{aim.what.format('-')} ({limit}, not measured)")
            continue
        good = figure >= aim.limit if aim.least else figure <= aim.limit
        reached += good
        verdict = "" if good else ", **not reached**"
        parts.append(f"{aim.what.format(f'{figure:.3g}')} ({limit}{verdict})")
    return f"**{reached} of {len(_AIMS)} aims reached**: {'; '.join(parts)}."


def ratio(rounds: Sequence[Any], figure: str) -> float:
    """Median over rounds of a figure now by the same before.

    Args:
        rounds: For each round the figures of each build, by build.
        figure: Its name.

    Raises:
        KeyError: There is no earlier build.
    """
    return statistics.median(row[NOW][figure] / row[BEFORE][figure] for row in rounds)


def _one_thread(results: Results) -> list[Any]:
    return [row for row in results["lattices"]["rounds"] if row["threads"] == 1]


def _until(results: Results) -> Any:
    """Rounds of the training that ends at an accuracy."""
    runs = results["accuracy"]["runs"]
    return runs[next((name for name in runs if "--until" in name), "of none")]


def _rendering(results: Results) -> float:
    rounds = results["rendering"]["rounds"]
    return statistics.median(row["stemconv"] / row[NOW]["simulate"] for row in rounds)


def _seconds_of_10_000(results: Results) -> float:
    by_count = {row["count"]: row for row in results["scoring"]["rows"]}
    return float(by_count[10_000][NOW]["seconds"])


_AIMS = (
    _Aim(
        "training to 0.9 of validation in {} times the time before",
        lambda results: ratio(_until(results), "command_s"),
        0.5,
    ),
    _Aim("with {} times the memory", lambda results: ratio(_until(results), "megabytes"), 1),
    _Aim(
        "`measure` {} times as fast as before",
        lambda results: 1 / ratio(_one_thread(results), "measure"),
        2,
        least=True,
    ),
    _Aim(
        "`harmonics` {} times",
        lambda results: 1 / ratio(_one_thread(results), "harmonics"),
        2,
        least=True,
    ),
    _Aim(
        "one image alone in {} ms",
        lambda results: statistics.median(row[NOW]["alone"] for row in _one_thread(results)),
        12,
    ),
    _Aim("rendering {} times as fast as STEMConv", _rendering, 50, least=True),
    _Aim(
        "reading and scoring a contribution in {} times the time before",
        lambda results: ratio(
            [{b: {"ms": ms} for b, ms in results["scoring"]["reading"].items()}], "ms"
        ),
        0.4,
    ),
    _Aim("scoring 10,000 in {} s", _seconds_of_10_000, 30),
)
