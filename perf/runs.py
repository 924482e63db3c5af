"""Print the committed runs' accuracy and costs as a Markdown table: python perf/runs.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jarvis_stem.lattice import CLASS_NAMES

_HEADER = (
    "model",
    "dataset",
    "accuracy",
    "on ids with a structure",
    *CLASS_NAMES,
    "calibration error",
    "wall",
    "CPU",
    "memory",
    "parameters",
)


def main() -> None:
    """Print the table."""
    records = {path: json.loads(path.read_text()) for path in _paths()}
    best_first = sorted(records, key=lambda p: (p.name, -records[p]["result"]["accuracy"]))
    rows = [_row(path, records[path]) for path in best_first]
    for row in (_HEADER, tuple("---" for _ in _HEADER), *rows):
        print("| " + " | ".join(row) + " |")
    print(f"\nHardware: {'; '.join(sorted({r['hardware'] for r in records.values()}))}.")


def _paths() -> list[Path]:
    return sorted(Path("contributions").glob("*/*.run.json"))


def _row(path: Path, record: dict[str, Any]) -> tuple[str, ...]:
    result, costs = record["result"], record["costs"]
    return (
        path.parent.name,
        path.name.split("-")[3],
        f"{result['accuracy']:.4f} of {result['n']}",
        f"{result['accuracy_with_image']:.4f} of {result['n_with_image']}",
        *(f"{recall:.3f}" for recall in result["recall"].values()),
        f"{record['calibration']['error']:.3f}" if "calibration" in record else "-",
        f"{costs['wall_seconds'] / 60:.1f} min",
        f"{costs['cpu_seconds'] / 60:.1f} min",
        f"{costs['peak_memory_mb'] / 1024:.1f} GB",
        f"{costs['parameters'] / 1e6:.2f} M",
    )


if __name__ == "__main__":
    main()
