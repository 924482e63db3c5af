"""How much of a benchmark can be drawn from the structures at hand."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import prototypes, structures


def coverage(dataset: str, benchmarks: Path, known: Collection[str]) -> list[dict[str, Any]]:
    """Count the ids of a benchmark's splits that have a structure.

    Args:
        dataset: Its dataset; ``stem_2d_proto`` has its structures built in.
        benchmarks: Folder of all benchmarks.
        known: Ids of the structures in the JARVIS databases.

    Returns:
        For each split its ``benchmark``, ``split``, ``ids`` and how many of them
        ``with_structure``.

    Raises:
        StemError: There is no such benchmark, or it cannot be read.
    """
    if dataset == prototypes.RESULT_NAME.dataset:
        known = {structures.structure_id(i) for i in prototypes.structures()}
    return [
        {
            "benchmark": dataset,
            "split": split,
            "ids": len(classes),
            "with_structure": sum(structures.structure_id(i) in known for i in classes),
        }
        for split, classes in Benchmark.read(benchmarks, bravais_result(dataset)).splits.items()
    ]
