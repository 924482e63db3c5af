"""A build's part in a stage measured by turns: reads names of tasks, writes what each gives.

python perf/worker.py lattices --data ../shared/jarvis_data

Names are lines on stdin; answers are lines of JSON on stdout, the first of which says that it is
ready. The package is the one that PYTHONPATH names, so that only what both builds have is used.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import geometry
import measuring
import numpy as np
from jarvis.analysis.stem.convolution_apprx import STEMConv
from jarvis.core.atoms import Atoms
from measuring import milliseconds
from numpy.typing import NDArray

from jarvis_stem import cli
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import image_set, measurement, stem, structures
from jarvis_stem.imaging.harmonics import harmonics

Tasks = dict[str, Callable[[], Any]]

_REPEAT = 5  # passes over a sample that a compiled renderer draws in milliseconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare, then do each task that is asked for, until nothing more is."""
    stages = {"rendering": _rendering, "lattices": _lattices, "prediction": _prediction}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=stages)
    parser.add_argument("--count", type=int, default=8, metavar="N", help="structures to take")
    measuring.add_options(parser)
    options = parser.parse_args(arguments)
    answers = sys.stdout
    with redirect_stdout(sys.stderr):  # where all else goes
        tasks = stages[options.stage](options)
        print(json.dumps(sorted(tasks)), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(tasks[line.rstrip("\n")]()), file=answers, flush=True)
    return 0


def _rendering(options: argparse.Namespace) -> Tasks:
    """Milliseconds an image of a sample, and the whole benchmark."""
    splits = measuring.read_benchmark(options.benchmark).splits.values()
    ids = [i for split in splits for i in split]
    ids = ids[:40] if options.quick else ids
    found = structures.for_dataset(options.benchmark, ids, data=options.data)
    sample = list(found.values())[:: max(len(found) // options.count, 1)][: options.count]
    drawn = stem.simulate(sample)

    def whole() -> dict[str, float]:
        start = time.perf_counter()
        atoms = structures.for_dataset(options.benchmark, ids, data=options.data)
        read, cpu = time.perf_counter(), time.process_time()
        rendered = image_set.render(atoms, ids)
        return {
            "images": len(rendered.ids),
            "ids": len(ids),
            "reading_s": read - start,
            "rendering_s": time.perf_counter() - read,
            "rendering_cpu_s": time.process_time() - cpu,
        }

    return {
        "stemconv": lambda: milliseconds(lambda: [_stemconv(one) for one in sample]) / len(sample),
        "simulate": lambda: _repeated(lambda: stem.simulate(sample), len(sample)),
        "to_uint8": lambda: _repeated(lambda: stem.to_uint8(drawn), len(sample)),
        "difference": lambda: max(
            _difference(ours, _stemconv(one)) for ours, one in zip(drawn, sample, strict=True)
        ),
        "whole": whole,
    }


def _stemconv(atoms: Atoms) -> NDArray[np.float64]:
    image: NDArray[np.float64] = STEMConv(output_size=[256, 256]).simulate_surface(atoms)[0]
    return image


def _difference(ours: NDArray[np.float32], theirs: NDArray[np.float64]) -> float:
    """Largest difference from STEMConv's image, by its maximum."""
    return float(np.abs(ours - theirs).max() / theirs.max())


def _repeated(work: Callable[[], object], images: int) -> float:
    return milliseconds(lambda: [work() for _ in range(_REPEAT)]) / images / _REPEAT


def _lattices(options: argparse.Namespace) -> Tasks:
    """Milliseconds an image, and how many of the lattices are the true ones."""
    found, pixels = _train_images(options)
    vectors = measurement.measure(pixels).vectors
    harmonics(pixels[:1], vectors[:1])

    def accuracy() -> dict[str, float]:
        return geometry.accuracy(measurement.measure(pixels), geometry.truth(found))

    return {
        "images": lambda: len(pixels),
        "measure": lambda: milliseconds(lambda: measurement.measure(pixels)) / len(pixels),
        "harmonics": lambda: milliseconds(lambda: harmonics(pixels, vectors)) / len(pixels),
        "alone": lambda: milliseconds(lambda: measurement.measure(pixels[:1])),
        "accuracy": accuracy,
    }


def _prediction(options: argparse.Namespace) -> Tasks:
    """Milliseconds of one image, and images a second, by contribution with a stored model."""
    from jarvis_stem import load_model  # here, for the other stages need no models

    _, pixels = _train_images(options)
    name = bravais_result(options.benchmark)

    def tasks(folder: Path) -> Tasks:
        predictor = load_model(folder.name, options.benchmark, Path("contributions"))
        predictor.predict_proba(pixels[:1])

        def warm() -> float:
            return milliseconds(lambda: predictor.predict_proba(pixels[:1]))

        def rate() -> float:
            return len(pixels) / milliseconds(lambda: predictor.predict_proba(pixels)) * 1000

        return {f"warm {folder.name}": warm, f"rate {folder.name}": rate}

    stored = Path("contributions").glob(f"*/{name}.[os]*")  # .onnx, or .safetensors of old
    folders = sorted(path.parent for path in stored)
    return {"images": lambda: len(pixels)} | {
        name: task for folder in folders for name, task in tasks(folder).items()
    }


def _train_images(options: argparse.Namespace) -> tuple[list[Atoms], NDArray[np.uint8]]:
    """Structures from all over train, and their images."""
    train = measuring.read_benchmark(options.benchmark).split("train")
    ids = list(measuring.spread(train, options.count))
    found = structures.for_dataset(options.benchmark, ids, data=options.data)
    rendered = image_set.render(found, ids)
    return [found[i] for i in rendered.ids], rendered.images


if __name__ == "__main__":
    sys.exit(cli.run(main))
