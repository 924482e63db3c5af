"""Measure the time from raw structures to the published accuracy; prints JSON.

python perf/stage_accuracy.py --data ../shared/jarvis_data

The cheapest contribution, lattice_model, is trained as its run.sh does, into a temporary folder.
Its stopping rule sees the validation part of train alone; the test split is predicted once, at the
end.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import measuring

from jarvis_stem import cli

MODEL = "lattice_model"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement and print its figures."""
    options = measuring.options(__doc__, arguments)
    folder = measuring.ROOT / "contributions" / MODEL
    measured = None
    if (folder / "model.py").is_file():
        limits = ["--epochs", "1"] if options.quick else []
        data = ["--data", options.data] if options.data else []
        with tempfile.TemporaryDirectory(prefix="perf-accuracy-") as work:
            run, record = measuring.train(folder, Path(work), options.benchmark, *data, *limits)
        measured = {
            "command_s": run.seconds,
            "megabytes": run.megabytes,
            "cpu_s": record["costs"]["cpu_seconds"],
            "seed": record["seed"],
            "epochs": len(record["history"]),
            "accuracy": record["result"]["accuracy"],
            "n": record["result"]["n"],
        }
    measuring.publish({"model": MODEL, "run": measured})
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
