"""Measure the renderer against JARVIS-Tools' STEMConv on one core, and the whole benchmark on all.

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
from threadpoolctl import threadpool_limits

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import image_set, stem, structures
from jarvis_stem.training import machine
from jarvis_stem.utils.progress import track

_NAME = bravais_result("stem_2d_image")


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
    read, cpu = time.perf_counter(), time.process_time()
    found = image_set.render(atoms, ids)
    rendered, cpu = time.perf_counter(), time.process_time() - cpu

    sample = list(atoms.values())[:: len(atoms) // options.sample][: options.sample]
    rounds = paired(sample, options.rounds)
    theirs, ours, grey = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(a / b for a, b, _ in rounds)
    ratio_grey = statistics.median(a / (b + c) for a, b, c in rounds)
    print(f"machine            {machine.hardware(torch.device('cpu'))}")
    print(f"one thread, {len(sample)} images, median of {options.rounds} rounds")
    print(f"  STEMConv         {theirs:.2f} ms an image")
    print(f"  stem.simulate    {ours:.2f} ms an image; {ratio:.1f} times as fast")
    print(f"  and to_uint8     {ours + grey:.2f} ms an image; {ratio_grey:.1f} times as fast")
    print(f"whole benchmark    {len(found.ids)} images of {len(ids)} ids, all cores")
    print(f"  reading          {read - start:.1f} s")
    print(f"  rendering        {rendered - read:.1f} s ({cpu:.1f} s of CPU)")


def paired(sample: list[Atoms], rounds: int) -> list[tuple[float, float, float]]:
    """Time STEMConv, `stem.simulate` and `stem.to_uint8` by turns, one thread each.

    Args:
        sample: Structures.
        rounds: How often.

    Returns:
        What each took in each round, ms an image.
    """
    with threadpool_limits(1):
        rendered = stem.simulate(sample)
        return [
            (
                _ms(lambda: _stemconv(sample), len(sample)),
                _ms(lambda: stem.simulate(sample), len(sample)),
                _ms(lambda: stem.to_uint8(rendered), len(sample)),
            )
            for _ in track(range(rounds), "STEMConv and stem.simulate")
        ]


def _stemconv(sample: list[Atoms]) -> None:
    for atoms in sample:
        STEMConv(output_size=[256, 256]).simulate_surface(atoms)


def _ms(work: Callable[[], object], n_images: int) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / n_images * 1000


if __name__ == "__main__":
    main()
