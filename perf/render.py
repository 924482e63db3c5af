"""Measure the renderer against JARVIS-Tools' STEMConv in one run, and the whole benchmark's time.

python perf/render.py --data ../shared/jarvis_data
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from jarvis.analysis.stem.convolution_apprx import STEMConv
from jarvis.core.atoms import Atoms

from jarvis_stem import images, record, stem, structures
from jarvis_stem.benchmark import Benchmark, ResultName

_NAME = ResultName("AI", "ImageClass", "bravais_class", "stem_2d_image", "test", "acc")


def main() -> None:
    """Run the measurement and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", metavar="DIR", help="JARVIS databases")
    parser.add_argument("--sample", type=int, default=64, metavar="N", help="structures a round")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    options = parser.parse_args()

    benchmark = Benchmark.read(Path("benchmarks"), _NAME)
    ids = [i for split in benchmark.splits.values() for i in split]
    start = time.perf_counter()
    atoms = structures.for_dataset("stem_2d_image", ids, data=options.data)
    read = time.perf_counter()
    found = images.render(atoms, ids)
    rendered = time.perf_counter()

    sample = list(atoms.values())[:: len(atoms) // options.sample][: options.sample]
    rounds = [(_ms(_ours, sample), _ms(_theirs, sample)) for _ in range(options.rounds)]
    ours, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(b / a for a, b in rounds)
    print(f"machine            {record.hardware(torch.device('cpu'))}")
    print(f"STEMConv           {theirs:.2f} ms an image (median of {options.rounds} rounds)")
    print(f"jarvis_stem        {ours:.2f} ms an image; {ratio:.1f} times as fast")
    print(f"whole benchmark    {len(found.ids)} images of {len(ids)} ids")
    print(f"  reading          {read - start:.1f} s")
    print(f"  rendering        {rendered - read:.1f} s")


def _ours(sample: list[Atoms]) -> None:
    stem.to_uint8(stem.simulate(sample))


def _theirs(sample: list[Atoms]) -> None:
    for atoms in sample:
        STEMConv(output_size=[256, 256]).simulate_surface(atoms)


def _ms(render: Callable[[list[Atoms]], None], sample: list[Atoms]) -> float:
    start = time.perf_counter()
    render(sample)
    return (time.perf_counter() - start) / len(sample) * 1000


if __name__ == "__main__":
    main()
