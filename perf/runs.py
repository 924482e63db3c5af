"""Write the committed runs' accuracy and costs as tables: into README.md, and docs/results.md.

python perf/runs.py
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from jarvis_stem import cli
from jarvis_stem.imaging.bravais import CLASS_NAMES
from jarvis_stem.utils.files import write_text

_ROOT = Path(__file__).resolve().parents[1]
_BEGIN, _END = "<!-- perf/runs.py writes from here -->", "<!-- to here -->"
_DATASET = "stem_2d_image"
_SHORT = ("model", "accuracy", "on ids with a structure", "training", "parameters")
_HEAD = """\
# Results of the committed runs

`python perf/runs.py` writes this table from each contribution's run.json. The class columns are
recalls over all test ids; the calibration error is the expected one, on the test split.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--contributions", type=Path, default=_ROOT / "contributions")
    parser.add_argument("--readme", type=Path, default=_ROOT / "README.md", metavar="FILE")
    parser.add_argument("--results", type=Path, default=_ROOT / "docs/results.md", metavar="FILE")
    options = parser.parse_args(arguments)
    records = {path: json.loads(path.read_text()) for path in _paths(options.contributions)}
    best_first = sorted(records, key=lambda p: (p.name, -records[p]["result"]["accuracy"]))
    rows = [_row(path, records[path]) for path in best_first]
    hardware = f"Hardware: {'; '.join(sorted({r['hardware'] for r in records.values()}))}."
    short = [{key: row[key] for key in _SHORT} for row in rows if row["dataset"] == _DATASET]
    before, _, rest = options.readme.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    table = f"{_table(short)}\n\n{hardware}"
    write_text(options.readme, f"{before}{_BEGIN}\n\n{table}\n\n{_END}{after}")
    write_text(options.results, f"{_HEAD}\n{_table(rows)}\n\n{hardware}\n")
    return 0


def _paths(contributions: Path) -> list[Path]:
    return sorted(contributions.glob("*/*.run.json"))


def _table(rows: Iterable[dict[str, str]]) -> str:
    return tabulate(list(rows), headers="keys", tablefmt="github", disable_numparse=True)


def _share(accuracy: float, n: int) -> str:
    """An accuracy with its counts, which four digits give exactly below 10,000 ids."""
    return f"{accuracy:.4f} ({round(accuracy * n):,} of {n:,})"


def _row(path: Path, record: dict[str, Any]) -> dict[str, str]:
    result, costs = record["result"], record["costs"]
    recalls = zip(CLASS_NAMES, result["recall"].values(), strict=True)
    return {
        "model": path.parent.name,
        "dataset": path.name.split("-")[3],
        "accuracy": _share(result["accuracy"], result["n"]),
        "on ids with a structure": _share(result["accuracy_with_image"], result["n_with_image"]),
        **{name: f"{recall:.3f}" for name, recall in recalls},
        "calibration error": f"{record['calibration']['error']:.3f}",
        "training": f"{costs['wall_seconds'] / 60:.1f} min",
        "CPU": f"{costs['cpu_seconds'] / 60:.1f} min",
        "memory": f"{costs['peak_memory_mb'] / 1024:.1f} GB",
        "parameters": f"{costs['parameters'] / 1e6:.2f} M",
    }


if __name__ == "__main__":
    sys.exit(cli.run(main))
