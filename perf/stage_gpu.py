"""Measure training and prediction on a GPU, where there is one; prints JSON.

python perf/stage_gpu.py --data ../shared/jarvis_data

Contributions train for two epochs on the whole of train by ``python -m jarvis_stem.train``; other
images of it stand in for the test split. The second epoch counts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import atomvision
import builds
import measuring
import torch

from jarvis_stem import cli
from jarvis_stem.imaging import image_set, structures
from jarvis_stem.training import architecture, inference
from jarvis_stem.utils.progress import track

_STAND_IN = 512
_JPEGS = 512


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement and print its figures."""
    options = measuring.options(__doc__, arguments)
    measuring.publish(_measure(options) if torch.cuda.is_available() else {"gpu": None})
    return 0


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    device = torch.device("cuda")
    batches = 4 if options.quick else 40
    classes = measuring.read_benchmark(options.benchmark).split("train")
    found = structures.for_dataset(options.benchmark, classes, data=options.data)
    rows = [(i, c) for i, c in classes.items() if i in found]
    some = dict(rows[:_JPEGS])
    rendered = image_set.render(found, list(some))
    with tempfile.TemporaryDirectory(prefix="perf-gpu-") as temporary:
        work = Path(temporary)
        atomvision.write_images(work / "jpeg", rendered.images, list(some.values()))
        recipe = atomvision.AtomVision(work / "jpeg", device)
        recipe.train(2)
        theirs = {"train": recipe.train(batches), "evaluate": recipe.evaluate(batches)}
        splits = {"train": dict(rows[_STAND_IN:]), "test": dict(rows[:_STAND_IN])}
        measuring.write_benchmark(work / "benchmarks", options.benchmark, splits)
        arguments: list[str | Path] = ["--benchmarks", work / "benchmarks"]
        arguments += ["--epochs", "2", "--device", "cuda"]
        arguments += measuring.data(options)
        ours = {}
        for folder in track(measuring.contributions(), "training on the GPU"):
            _, record = builds.train(folder, work, options.benchmark, *arguments)
            learned = 0.9 * (len(rows) - _STAND_IN)
            ours[folder.name] = {
                "train": learned / record["history"][-1]["seconds"],
                "predict": _prediction(folder, rendered.images, device),
            }
    return {
        "gpu": torch.cuda.get_device_name(device),
        "atomvision": theirs,
        "contributions": ours,
    }


def _prediction(folder: Path, pixels: Any, device: torch.device) -> float:
    """Images a second, with weights as they are drawn: their values do not change the speed."""
    model = architecture.load(folder).build(5).to(device)
    tensor = torch.from_numpy(pixels)
    inference.predict(model, tensor)
    start = time.perf_counter()
    inference.predict(model, tensor)
    return len(tensor) / (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(cli.run(main))
