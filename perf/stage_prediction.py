"""Measure prediction with each contribution's stored model, on the CPU; prints JSON.

python perf/stage_prediction.py --data ../shared/jarvis_data --before DIR

Cold is a new process, from its start to its exit with the answer for one image; warm is one image
in a process that has answered before. Builds predict by turns, each with the model that it has.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import builds
import measuring
import numpy as np

from jarvis_stem import cli
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import image_set, structures

_WARM = 10  # images a round
_COLD = """\
import sys
from pathlib import Path
import numpy as np
from jarvis_stem import load_model
name, benchmark, image = sys.argv[1:]
model = load_model(name, benchmark, Path("contributions"))
print(model.predict_proba(np.load(image)).argmax())
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement and print its figures."""
    options = measuring.options(__doc__, arguments)
    count, rounds = (16, 1) if options.quick else (256, 3)
    passed = [*measuring.passed(options), "--count", str(count)]
    both = builds.builds(options.before)
    models = [folder.name for folder in measuring.contributions()]
    with tempfile.TemporaryDirectory(prefix="perf-prediction-") as folder:
        image = Path(folder) / "image.npy"
        _draw(image, options)
        with builds.workers(both, "prediction", *passed) as ask:

            def figures(name: str, model: str) -> dict[str, float] | None:
                if not _stored(both[name], model, options.benchmark):
                    return None
                return {
                    "cold_ms": _cold(both[name], model, options.benchmark, image),
                    "warm_ms": statistics.median(ask[name](f"warm {model}") for _ in range(_WARM)),
                    "images_per_s": ask[name](f"rate {model}"),
                }

            measured = [
                {model: {name: figures(name, model) for name in both} for model in models}
                for _ in measuring.turns(rounds, 120, "prediction, by turns")
            ]
            images = ask[builds.NOW]("images")
    measuring.publish({"images": images, "rounds": measured})
    return 0


def _draw(image: Path, options: argparse.Namespace) -> None:
    """Write the first train image that there is a structure for."""
    ids = list(measuring.read_benchmark(options.benchmark).split("train"))
    found = structures.for_dataset(options.benchmark, ids, data=options.data)
    np.save(image, image_set.render(found, list(found)[:1]).images)


def _stored(build: builds.Build, model: str, dataset: str) -> bool:
    """Whether a build has a stored model, or as earlier ones its weights."""
    name = bravais_result(dataset)
    return any((build.root / "contributions" / model).glob(f"{name}.[os]*"))


def _cold(build: builds.Build, model: str, dataset: str, image: Path) -> float:
    return build.run("-c", _COLD, model, dataset, image).seconds * 1000


if __name__ == "__main__":
    sys.exit(cli.run(main))
