"""Measure the time from raw structures to the published accuracy; prints JSON.

python perf/stage_accuracy.py --data ../shared/jarvis_data

The cheapest contribution, lattice_model, is trained into temporary folders: until the validation
part of train has an accuracy from which the published one follows, and to its end as its run.sh
does. Each run predicts the test split once, when it has ended.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import measuring

from jarvis_stem import cli

MODEL = "lattice_model"
# As many of the test ids are then right, to a standard error of 0.011 from 686 of validation: more
# than the published 0.8304.
UNTIL = "0.9"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement and print its figures."""
    options = measuring.options(__doc__, arguments)
    folder = measuring.ROOT / "contributions" / MODEL
    runs = {}
    if (folder / "model.py").is_file():
        limits = ["--epochs", "1"] if options.quick else []
        data = ["--data", options.data] if options.data else []
        for ending in (["--until", UNTIL], []):
            runs[" ".join([MODEL, *ending])] = _measured(
                folder, options.benchmark, *data, *limits, *ending
            )
    measuring.publish({"model": MODEL, "runs": runs})
    return 0


def _measured(folder: Path, dataset: str, *arguments: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="perf-accuracy-") as work:
        run, record = measuring.train(folder, Path(work), dataset, *arguments)
    return {
        "command_s": run.seconds,
        "megabytes": run.megabytes,
        "cpu_s": record["costs"]["cpu_seconds"],
        "seed": record["seed"],
        "epochs": len(record["history"]),
        "validation": max(epoch["validation_accuracy"] for epoch in record["history"]),
        "accuracy": record["result"]["accuracy"],
        "n": record["result"]["n"],
    }


if __name__ == "__main__":
    sys.exit(cli.run(main))
