"""Measure rendering, describing and training with more and more images; prints JSON.

python perf/stage_growth.py --data ../shared/jarvis_data

The benchmark's train structures are repeated, each scaled at random by up to 1%. Each step runs in
a process of its own: rendering, describing (lattice and harmonics of every image), and one epoch of
a small model by ``python -m jarvis_stem.train``, structures to contribution. A step that two
smaller counts say would take more than five minutes is extrapolated from them, in a line.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import measuring

from jarvis_stem import cli
from jarvis_stem.utils.files import write_text
from jarvis_stem.utils.progress import track

DATASET = "growth"
_LIMIT = 300  # s
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
    source = ["--benchmark", options.benchmark]
    source += ["--data", options.data] if options.data else []
    rows: list[dict[str, Any]] = []
    for count in track((128, 256) if options.quick else (1000, 10_000, 50_000), "growth"):
        rows.append(_row(count, rows, source))
    measuring.publish({"limit_s": _LIMIT, "rows": rows})
    return 0


def _row(count: int, smaller: Sequence[dict[str, Any]], source: Sequence[str]) -> dict[str, Any]:
    """Measure one count; rendering whatever it takes, the rest as far as it seems worth it."""
    with tempfile.TemporaryDirectory(prefix="perf-growth-") as temporary:
        folder = Path(temporary)
        _step("strain", folder, count, *source)
        return {
            "count": count,
            "render": _step("render", folder, count),
            "describe": _expected(smaller, "describe", count) or _step("describe", folder, count),
            "train": _expected(smaller, "train", count) or _train(folder),
        }


def _expected(
    smaller: Sequence[dict[str, Any]], step: str, count: int
) -> dict[str, float | bool] | None:
    """What two smaller counts say that a step takes, if that is too much to measure it."""
    if len(smaller) < 2:
        return None
    less, more = smaller[-2:]
    slope = (more[step]["seconds"] - less[step]["seconds"]) / (more["count"] - less["count"])
    seconds = more[step]["seconds"] + slope * (count - more["count"])
    return {"seconds": seconds, "extrapolated": True} if seconds > _LIMIT else None


def _step(step: str, folder: Path, count: int, *arguments: str) -> dict[str, float]:
    script = measuring.ROOT / "perf" / "growth_step.py"
    run = measuring.process([sys.executable, script, step, folder, str(count), *arguments])
    return json.loads(run.output)


def _train(folder: Path) -> dict[str, float]:
    """The whole command, from structures to contribution, and its epoch."""
    model = folder / "model" / "small"
    write_text(model / "model.py", _MODEL)
    where: list[str | Path] = ["--benchmarks", folder / "benchmarks"]
    where += ["--structures", folder / "structures.json"]
    run, record = measuring.train(model, folder, DATASET, *where)
    epoch = record["history"][-1]["seconds"]
    return {"seconds": run.seconds, "megabytes": run.megabytes, "epoch_s": epoch}


if __name__ == "__main__":
    sys.exit(cli.run(main))
