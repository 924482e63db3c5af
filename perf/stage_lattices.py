"""Measure how fast lattices and harmonics are read off train images; prints JSON.

python perf/stage_lattices.py --data ../shared/jarvis_data
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import measuring
import torch

from jarvis_stem import cli
from jarvis_stem.imaging import image_set, measurement, structures
from jarvis_stem.imaging.harmonics import harmonics
from jarvis_stem.utils.progress import track


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement and print its figures."""
    options = measuring.options(__doc__, arguments)
    count, rounds = (64, 2) if options.quick else (512, 3)
    ids = list(measuring.spread(measuring.read_benchmark(options.benchmark).split("train"), count))
    found = structures.for_dataset(options.benchmark, ids, data=options.data)
    pixels = image_set.render(found, ids).images
    vectors = measurement.measure(pixels).vectors
    cores = torch.get_num_threads()
    rows = []
    for threads in track([1, cores] * rounds, "lattices, one thread and all cores"):
        os.environ["OMP_NUM_THREADS"] = str(threads)
        rows.append(
            {
                "threads": threads,
                "measure": measuring.milliseconds(lambda: measurement.measure(pixels))
                / len(pixels),
                "harmonics": measuring.milliseconds(lambda: harmonics(pixels, vectors))
                / len(pixels),
                "alone": measuring.milliseconds(lambda: measurement.measure(pixels[:1])),
            }
        )
    measuring.publish({"images": len(pixels), "rounds": rows})
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
