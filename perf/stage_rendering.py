"""Measure rendering against JARVIS-Tools' STEMConv, and the whole benchmark; prints JSON.

python perf/stage_rendering.py --data ../shared/jarvis_data
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import measuring
import numpy as np
import render
from jarvis.analysis.stem.convolution_apprx import STEMConv
from jarvis.core.atoms import Atoms

from jarvis_stem import cli
from jarvis_stem.imaging import image_set, stem, structures


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement and print its figures."""
    options = measuring.options(__doc__, arguments)
    n_sample, rounds = (8, 3) if options.quick else (64, 7)
    splits = measuring.read_benchmark(options.benchmark).splits.values()
    ids = [i for split in splits for i in split]
    ids = ids[:40] if options.quick else ids
    start = time.perf_counter()
    atoms = structures.for_dataset(options.benchmark, ids, data=options.data)
    read, cpu = time.perf_counter(), time.process_time()
    found = image_set.render(atoms, ids)
    rendered, cpu = time.perf_counter(), time.process_time() - cpu

    sample = list(atoms.values())[:: len(atoms) // n_sample][:n_sample]
    columns = ("stemconv", "simulate", "to_uint8")
    paired = render.paired(sample, rounds)
    measuring.publish(
        {
            "sample": n_sample,
            "rounds": [dict(zip(columns, row, strict=True)) for row in paired],
            "largest_difference": max(map(_difference, sample)),
            "images": len(found.ids),
            "ids": len(ids),
            "reading_s": read - start,
            "rendering_s": rendered - read,
            "rendering_cpu_s": cpu,
        }
    )
    return 0


def _difference(atoms: Atoms) -> float:
    """Largest difference from STEMConv's image, by its maximum."""
    theirs = STEMConv(output_size=[256, 256]).simulate_surface(atoms)[0]
    return float(np.abs(stem.simulate([atoms])[0] - theirs).max() / theirs.max())


if __name__ == "__main__":
    sys.exit(cli.run(main))
