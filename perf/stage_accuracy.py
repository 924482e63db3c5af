"""Measure the time from raw structures to the published accuracy; prints JSON.

python perf/stage_accuracy.py --data ../shared/jarvis_data --before DIR

The cheapest contribution, lattice_model, is trained into temporary folders: by turns by each build
until the validation part of train has an accuracy from which the published one follows, and once by
this build to its end as its run.sh does. Each run predicts the test split once, when it has ended.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import builds
import measuring

from jarvis_stem import cli
from jarvis_stem.utils.progress import track

MODEL = "lattice_model"
# As many of the test ids are then right, to a standard error of 0.011 from 686 of validation: more
# than the published 0.8304.
UNTIL = "0.9"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement and print its figures."""
    options = measuring.options(__doc__, arguments)
    limits = [*measuring.data(options), *(["--epochs", "1"] if options.quick else [])]
    both = builds.builds(options.before)
    runs: dict[str, list[dict[str, Any]]] = {}
    if (both[builds.NOW].root / "contributions" / MODEL / "model.py").is_file():
        until = [*limits, "--until", UNTIL]
        runs[f"{MODEL} --until {UNTIL}"] = [
            {name: _run(build, options.benchmark, *until) for name, build in both.items()}
            for _ in track(range(1 if options.quick else 3), "to an accuracy, by turns")
        ]
        now = _run(both[builds.NOW], options.benchmark, *limits)
        runs[MODEL] = [{builds.NOW: now}]
    measuring.publish({"model": MODEL, "runs": runs})
    return 0


def _run(build: builds.Build, dataset: str, *arguments: str) -> dict[str, Any]:
    model = build.root / "contributions" / MODEL
    with tempfile.TemporaryDirectory(prefix="perf-accuracy-") as work:
        run, record = builds.train(model, Path(work), dataset, *arguments, build=build)
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
