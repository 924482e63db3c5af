"""Measure rendering, describing and training with more and more images; prints JSON.

python perf/stage_growth.py --data ../shared/jarvis_data --before DIR

The benchmark's train structures are repeated, each scaled at random by up to 1%. Each step runs in
a process of its own, builds by turns: rendering, describing (lattice and harmonics of every image),
and one epoch of a small model by ``python -m jarvis_stem.train``, structures to contribution. A
step that two smaller counts say would take too long is extrapolated from them, in a line.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import builds
import measuring

from jarvis_stem import cli
from jarvis_stem.utils.files import write_text
from jarvis_stem.utils.progress import track

DATASET = "growth"
LIMITS = {builds.NOW: 300, builds.BEFORE: 30}  # s
_MODEL = '''\
"""A small network on the image in 16 x 16 blocks: what it costs is the way to it."""

from torch import nn

from jarvis_stem.training import Recipe

RECIPE = Recipe(epochs=1)


def build(classes: int) -> nn.Module:
    pooled = nn.Sequential(nn.AvgPool2d(16), nn.Flatten())
    return nn.Sequential(pooled, nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, classes))
'''


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement and print its figures."""
    options = measuring.options(__doc__, arguments)
    both = builds.builds(options.before)
    rows: list[dict[str, Any]] = []
    for count in track((128, 256) if options.quick else (1000, 10_000, 50_000), "growth"):
        with tempfile.TemporaryDirectory(prefix="perf-growth-") as temporary:
            folder = Path(temporary)
            where = ["--benchmark", options.benchmark, *measuring.data(options)]
            _step(both[builds.NOW], "strain", folder, count, *where)
            figures = {
                name: _figures(build, name, folder, count, rows) for name, build in both.items()
            }
        rows.append({"count": count, **figures})
    measuring.publish({"limits_s": {name: LIMITS[name] for name in both}, "rows": rows})
    return 0


def _figures(
    build: builds.Build, name: str, folder: Path, count: int, smaller: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Measure what seems worth it of a build's steps with one count."""
    work: dict[str, Callable[[], dict[str, float]]] = {
        "render": lambda: _step(build, "render", folder, count),
        "describe": lambda: _step(build, "describe", folder, count),
        "train": lambda: _train(build, folder, folder / name),
    }
    known = [{"count": row["count"], **row[name]} for row in smaller]
    return {step: expected(known, step, count, LIMITS[name]) or do() for step, do in work.items()}


def expected(
    smaller: Sequence[Mapping[str, Any]], step: str, count: int, limit: float
) -> dict[str, float | bool] | None:
    """What two smaller counts say that a step takes, if that is too much to measure it.

    Args:
        smaller: Rows with a count and steps, by rising count.
        step: The step.
        count: How many images.
        limit: What is too much, s.

    Returns:
        ``seconds`` on a line through the last two, marked as extrapolated; None if within the
        limit, or if there are no two.
    """
    if len(smaller) < 2:
        return None
    less, more = smaller[-2:]
    slope = (more[step]["seconds"] - less[step]["seconds"]) / (more["count"] - less["count"])
    seconds = more[step]["seconds"] + slope * (count - more["count"])
    return {"seconds": seconds, "extrapolated": True} if seconds > limit else None


def _step(
    build: builds.Build, step: str, folder: Path, count: int, *arguments: str
) -> dict[str, float]:
    script = measuring.ROOT / "perf" / "growth_step.py"
    run = build.run(script, step, folder, str(count), *arguments)
    return {**json.loads(run.output), "megabytes": run.megabytes}


def _train(build: builds.Build, inputs: Path, work: Path) -> dict[str, float]:
    """The whole command, from structures to contribution, and its epoch."""
    model = work / "model" / "small"
    write_text(model / "model.py", _MODEL)
    where: list[str | Path] = ["--benchmarks", inputs / "benchmarks"]
    where += ["--structures", inputs / "structures.json"]
    run, record = builds.train(model, work, DATASET, *where, build=build)
    epoch = record["history"][-1]["seconds"]
    return {"seconds": run.seconds, "megabytes": run.megabytes, "epoch_s": epoch}


if __name__ == "__main__":
    sys.exit(cli.run(main))
