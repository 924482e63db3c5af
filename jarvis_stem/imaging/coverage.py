"""Which of a benchmark's ids have a structure at hand, and whether it is the benchmark's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import prototypes, structures
from jarvis_stem.imaging.bravais import CLASS_NAMES, bravais_class
from jarvis_stem.utils.errors import StemError


def coverage(dataset: str, benchmarks: Path, records: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Compare the ids of a benchmark's splits and their classes with the structures at hand.

    Args:
        dataset: Its dataset; ``stem_2d_proto`` has its structures built in.
        benchmarks: Folder of all benchmarks.
        records: JARVIS atoms dictionaries of the databases by structure id.

    Returns:
        For each split its ``benchmark``, ``split``, ``ids``, how many of them ``with_structure``,
        the ids ``without_structure``, ``problems`` of structures that cannot be drawn, and the ids
        of ``other_class``: those for which JARVIS' rule does not give the benchmark's class.

    Raises:
        StemError: There is no such benchmark, or it cannot be read.
    """
    benchmark = Benchmark.read(benchmarks, bravais_result(dataset))
    if dataset == prototypes.RESULT_NAME.dataset:
        records = {
            structures.structure_id(i): atoms.to_dict()
            for i, atoms in prototypes.structures().items()
        }
    return [
        {"benchmark": dataset, "split": split, **_compared(classes, records)}
        for split, classes in benchmark.splits.items()
    ]


def _compared(classes: Mapping[str, int | str], records: Mapping[str, Any]) -> dict[str, Any]:
    without: list[str] = []
    problems: list[str] = []
    other: list[dict[str, Any]] = []
    for image_id, given in classes.items():
        structure = structures.structure_id(image_id)
        if structure not in records:
            without.append(image_id)
            continue
        try:
            rule = bravais_class(structures.parse_atoms(records[structure], structure))
        except StemError as error:
            without.append(image_id)
            problems.append(str(error))
            continue
        if given in range(len(CLASS_NAMES)) and rule != given:
            other.append({"id": image_id, "class": given, "rule": rule})
    return {
        "ids": len(classes),
        "with_structure": len(classes) - len(without),
        "without_structure": without,
        "problems": problems,
        "other_class": other,
    }
