"""Measure training against AtomVision's recipe, by turns; prints JSON.

python perf/stage_training.py --data ../shared/jarvis_data

AtomVision's recipe takes a few batches a round. Each contribution is trained for one epoch on 640
train ids, a tenth of which choose the epoch, by ``python -m jarvis_stem.train``; other train ids
stand in for the test split.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import atomvision
import builds
import measuring
import torch

from jarvis_stem import cli
from jarvis_stem.imaging import image_set, structures

_CUT = 640  # train ids
_LEARN = 576  # of them without the validation part
_STAND_IN = 64  # train ids in place of test ids


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement and print its figures."""
    options = measuring.options(__doc__, arguments)
    rounds, batches, evaluations = (1, 1, 1) if options.quick else (3, 6, 2)
    benchmark = measuring.read_benchmark(options.benchmark)
    found = structures.for_dataset(options.benchmark, benchmark.split("train"), data=options.data)
    have = {i: c for i, c in benchmark.split("train").items() if i in found}
    cut = measuring.spread(have, _CUT + _STAND_IN)
    with tempfile.TemporaryDirectory(prefix="perf-training-") as temporary:
        work = Path(temporary)
        folder = _write_images(work, found, dict(list(cut.items())[:: 2 if options.quick else 1]))
        rows = list(cut.items())
        splits = {"train": dict(rows[:_CUT]), "test": dict(rows[_CUT:])}
        measuring.write_benchmark(work / "benchmarks", options.benchmark, splits)
        recipe = atomvision.AtomVision(folder, torch.device("cpu"))
        recipe.train(1)  # the first step allocates
        counts = [len(benchmark.split(split)) for split in ("train", "test")]
        measured = []
        for _ in measuring.turns(rounds, 240, "training, by turns"):
            theirs = {"train": recipe.train(batches), "evaluate": recipe.evaluate(evaluations)}
            theirs["hours"] = atomvision.hours(theirs["train"], theirs["evaluate"], *counts)
            ours = {m.name: epoch(m, work, options) for m in measuring.contributions()}
            measured.append({"atomvision": theirs, "contributions": ours})
    measuring.publish(
        {
            "rounds": measured,
            "batches": batches,
            "batch": atomvision.BATCH,
            "epochs": atomvision.EPOCHS,
            "n_train": counts[0],
            "n_test": counts[1],
            "committed": _committed(options.benchmark),
        }
    )
    return 0


def epoch(model: Path, work: Path, options: argparse.Namespace) -> dict[str, float]:
    """Train a contribution for one epoch on the benchmark in a folder.

    Args:
        model: The contribution's folder.
        work: Folder with the benchmark.
        options: Of the stage.

    Returns:
        Images a second of the epoch with its validation, and the command's seconds.
    """
    where: list[str | Path] = [
        "--benchmarks",
        work / "benchmarks",
        "--epochs",
        "1",
        *measuring.data(options),
    ]
    run, record = builds.train(model, work, options.benchmark, *where)
    recipe = record["recipe"]
    seen = _LEARN - _LEARN % recipe["batch_size"]  # an incomplete batch is left out
    return {"train": seen / record["history"][-1]["seconds"], "command_s": run.seconds}


def _write_images(work: Path, found: Any, classes: dict[str, Any]) -> Path:
    rendered = image_set.render(found, list(classes))
    atomvision.write_images(work / "jpeg", rendered.images, [classes[i] for i in rendered.ids])
    return work / "jpeg"


def _committed(dataset: str) -> dict[str, Any]:
    """What the committed runs took and came to."""
    records = {m.name: measuring.run_record(m, dataset) for m in measuring.contributions()}
    return {
        name: {
            "seconds": record["costs"]["wall_seconds"],
            "accuracy": record["result"]["accuracy"],
            "hardware": record["hardware"],
        }
        for name, record in records.items()
        if record
    }


if __name__ == "__main__":
    sys.exit(cli.run(main))
