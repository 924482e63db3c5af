"""One step of perf/stage_growth.py in a process of its own, of any build; prints JSON.

python perf/growth_step.py strain FOLDER COUNT --data ../shared/jarvis_data
python perf/growth_step.py render FOLDER COUNT
python perf/growth_step.py describe FOLDER COUNT
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import measuring
import numpy as np
from jarvis.core.atoms import Atoms
from stage_growth import DATASET

from jarvis_stem import cli
from jarvis_stem.imaging import image_set, measurement, structure_files, structures
from jarvis_stem.imaging.harmonics import harmonics
from jarvis_stem.utils.files import json_text, write_text

_STRAIN = 0.01  # the largest; it scales a and b alike, which keeps the class
_TEST = 32


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the step and print its seconds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = {"strain": _strain, "render": _render, "describe": _describe}
    parser.add_argument("step", choices=steps)
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int)
    measuring.add_options(parser)
    options = parser.parse_args(arguments)
    print(json_text({"seconds": steps[options.step](options)}), end="")
    return 0


def _strain(options: argparse.Namespace) -> float:
    """Write so many training structures and a few more, the benchmark's train ones repeated."""
    start = time.perf_counter()
    classes = measuring.read_benchmark(options.benchmark).split("train")
    found = structures.for_dataset(options.benchmark, classes, data=options.data)
    total = options.count + _TEST
    scales = 1 + _STRAIN * np.random.default_rng(0).uniform(-1, 1, total)
    sources = itertools.islice(itertools.cycle(found.items()), total)
    rows, ids = [], {}
    for number, ((source, atoms), scale) in enumerate(zip(sources, scales, strict=True)):
        rows.append({"name": f"{number:06}", "atoms": _scaled(atoms, scale)})
        ids[f"{number:06}.jpg"] = classes[source]
    split = list(ids.items())
    splits = {"train": dict(split[: options.count]), "test": dict(split[options.count :])}
    measuring.write_benchmark(options.folder / "benchmarks", DATASET, splits)
    write_text(_structures(options), json.dumps(rows))
    return time.perf_counter() - start


def _scaled(atoms: Atoms, scale: float) -> dict[str, Any]:
    cell = np.array(atoms.lattice_mat, float)
    cell[:2] *= scale
    coords = np.asarray(atoms.frac_coords).tolist()
    elements = list(atoms.elements)
    return {
        "lattice_mat": cell.tolist(),
        "coords": coords,
        "elements": elements,
        "cartesian": False,
    }


def _render(options: argparse.Namespace) -> float:
    found = structure_files.read_files(_structures(options))
    ids = sorted(found)[: options.count]
    image_set.render(found, ids[:1])  # loads what is compiled
    start = time.perf_counter()
    rendered = image_set.render(found, ids)
    seconds = time.perf_counter() - start
    np.save(options.folder / "images.npy", rendered.images)
    return seconds


def _describe(options: argparse.Namespace) -> float:
    pixels = np.load(options.folder / "images.npy", mmap_mode="r")[: options.count]
    harmonics(pixels[:1], measurement.measure(pixels[:1]).vectors)  # loads what is compiled
    start = time.perf_counter()
    harmonics(pixels, measurement.measure(pixels).vectors)
    return time.perf_counter() - start


def _structures(options: argparse.Namespace) -> Path:
    return Path(options.folder / "structures.json")


if __name__ == "__main__":
    sys.exit(cli.run(main))
