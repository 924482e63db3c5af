"""Which plane lattices the benchmark's train images show: what `imaging.symmetry` expects.

python perf/lattice_shares.py --data ../shared/jarvis_data

Prints the shares of the five classes, the means of log(b / a) of rectangular lattices and of the
rhombic ones beyond hexagonal, and of the rhombic ones the share between square and hexagonal.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from microscope_like import plane_class

from jarvis_stem import cli
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import image_set, measurement, structures, symmetry

_ROOT = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="DIR", help="JARVIS databases")
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="of so many one structure"
    )
    options = parser.parse_args(arguments)
    benchmark = Benchmark.read(_ROOT / "benchmarks", bravais_result("stem_2d_image"))
    ids = sorted(benchmark.splits["train"])[:: options.every]
    rendered = image_set.render(
        structures.for_dataset("stem_2d_image", ids, data=options.data), ids
    )
    lattices = measurement.measure(rendered.images)
    vectors = lattices.vectors[lattices.quality > 0]
    classes = np.array([plane_class(one) for one in vectors])
    points = np.array([symmetry.shape(one) for one in vectors])
    print("shares", np.bincount(classes, minlength=5) / len(classes))
    print("log(b / a) of rectangular ones", np.log(np.abs(points[classes == 2])).mean())
    rhombic = points[classes == 3]
    between = np.abs(np.abs(rhombic) - 1) < np.abs(rhombic.real - 0.5)
    beyond = rhombic[~between].imag / math.sin(math.pi / 3)
    print("of rhombic ones between square and hexagonal", between.mean())
    print("the others' log of the height by a hexagon's", np.log(beyond).mean())
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
