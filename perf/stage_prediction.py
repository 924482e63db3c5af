"""Measure prediction with each contribution's stored weights, on the CPU; prints JSON.

python perf/stage_prediction.py --data ../shared/jarvis_data

Cold is a new process, from its start to its exit with the answer for one image; warm is the same
image again, in a process that has answered before.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import measuring
import numpy as np
from numpy.typing import NDArray

from jarvis_stem import cli
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import image_set, structures
from jarvis_stem.prediction.predictor import Predictor
from jarvis_stem.training.stored_model import StoredModel
from jarvis_stem.utils.progress import track

_COLD = """\
import sys
from pathlib import Path
import numpy as np
from jarvis_stem.prediction.predictor import Predictor
from jarvis_stem.training.stored_model import StoredModel
folder, benchmark, image = sys.argv[1:]
print(Predictor(StoredModel.load(Path(folder), benchmark)).predict_proba(np.load(image)).argmax())
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement and print its figures."""
    options = measuring.options(__doc__, arguments)
    count = 16 if options.quick else 256
    ids = list(measuring.spread(measuring.read_benchmark(options.benchmark).split("train"), count))
    found = structures.for_dataset(options.benchmark, ids, data=options.data)
    pixels = image_set.render(found, ids).images
    weights = bravais_result(options.benchmark).weights_name
    measured = {
        folder.name: _speed(folder, pixels, options) if (folder / weights).is_file() else None
        for folder in track(measuring.contributions(), "prediction")
    }
    measuring.publish({"images": len(pixels), "contributions": measured})
    return 0


def _speed(
    folder: Path, pixels: NDArray[np.uint8], options: argparse.Namespace
) -> dict[str, float]:
    quick = options.quick
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file, pixels[:1])
        file.flush()
        command = [sys.executable, "-c", _COLD, folder, options.benchmark, file.name]
        cold = [measuring.process(command) for _ in range(2 if quick else 3)]
    predictor = Predictor(StoredModel.load(folder, options.benchmark))
    predictor.predict_proba(pixels[:1])
    warm = [
        measuring.milliseconds(lambda: predictor.predict_proba(pixels[:1]))
        for _ in range(3 if quick else 20)
    ]
    batch = [
        measuring.milliseconds(lambda: predictor.predict_proba(pixels))
        for _ in range(1 if quick else 3)
    ]
    return {
        "cold_ms": statistics.median(run.seconds for run in cold) * 1000,
        "warm_ms": statistics.median(warm),
        "images_per_s": len(pixels) / statistics.median(batch) * 1000,
    }


if __name__ == "__main__":
    sys.exit(cli.run(main))
