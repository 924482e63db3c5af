"""Measure how well lattices are read off images, on train structures of the real benchmark.

python perf/geometry.py --data ../shared/jarvis_data

The truth is the primitive lattice of the projected structure. "The same lattice" has its area
within 2%; errors are over those images.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from jarvis_stem import geometry, images, record, structures
from jarvis_stem.benchmark import Benchmark, ResultName
from jarvis_stem.lattice import projected_lattice

_NAME = ResultName("AI", "ImageClass", "bravais_class", "stem_2d_image", "test", "acc")
_ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run the measurement and print its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="DIR", help="JARVIS databases")
    parser.add_argument("--count", type=int, default=500, metavar="N", help="images, at random")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    options = parser.parse_args()

    ids = Benchmark.read(_ROOT / "benchmarks", _NAME).split("train")
    found = structures.for_dataset(_NAME.dataset, ids, data=options.data)
    chosen = np.random.default_rng(options.seed).permutation(sorted(found))[: options.count]
    rendered = images.render(found, chosen.tolist())
    true = np.array([geometry.reduce(projected_lattice(found[id])) for id in rendered.ids])

    start = time.perf_counter()
    measured = geometry.measure(rendered.images)
    seconds = time.perf_counter() - start
    truth = geometry.Lattices(true, np.ones(len(true)))
    ratio = np.abs(np.linalg.det(measured.vectors) / np.linalg.det(true))
    same = np.abs(ratio - 1) < 0.02
    print(f"{record.hardware(torch.device('cpu'))}; {len(true)} images, seed {options.seed}\n")
    print(f"the same lattice     {same.mean():.3f}")
    print(f"a finer one          {(ratio < 0.98).mean():.3f}")
    print(f"a coarser one        {(ratio > 1.02).mean():.3f}")
    print(f"none                 {np.isnan(ratio).mean():.3f}")
    for low, high in ((0.0, 0.5), (0.5, 0.9), (0.9, 1.01)):
        of = (measured.quality >= low) & (measured.quality < high)
        share = f"{same[of].mean():.3f}" if of.any() else "-"
        print(
            f"quality {low:.1f} to {min(high, 1):.1f}   {of.sum()} images, the same lattice {share}"
        )
    for what, errors, unit in (
        ("|a|", np.abs(measured.lengths - truth.lengths)[:, 0], "Å"),
        ("|b|", np.abs(measured.lengths - truth.lengths)[:, 1], "Å"),
        ("gamma", np.abs(measured.gamma - truth.gamma), "degree"),
    ):
        median, most = np.percentile(errors[same], [50, 90])
        print(f"error of {what:6s}      median {median:.1e}, 90% {most:.1e} {unit}")
    print(f"time                 {seconds / len(true) * 1000:.0f} ms an image")


if __name__ == "__main__":
    main()
