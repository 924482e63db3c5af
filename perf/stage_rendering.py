"""Measure rendering against JARVIS-Tools' STEMConv, and the whole benchmark; prints JSON.

python perf/stage_rendering.py --data ../shared/jarvis_data --before DIR

STEMConv and the builds draw the same structures by turns, on one thread each; then each build
renders the whole benchmark on all cores.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import builds
import measuring

from jarvis_stem import cli


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement and print its figures."""
    options = measuring.options(__doc__, arguments)
    sample, rounds = (8, 2) if options.quick else (64, 7)
    passed = [*measuring.passed(options), "--count", str(sample)]
    with builds.workers(builds.builds(options.before), "rendering", *passed, threads=1) as ask:
        paired = []
        for _ in measuring.turns(rounds, 40, "rendering, by turns"):
            ours = {
                name: {task: of(task) for task in ("simulate", "to_uint8")}
                for name, of in ask.items()
            }
            paired.append({"stemconv": ask[builds.NOW]("stemconv"), **ours})
        whole = [
            {name: of("whole") for name, of in ask.items()}
            for _ in measuring.turns(3, 40, "the whole benchmark")
        ]
        differences = {name: of("difference") for name, of in ask.items()}
    measuring.publish(
        {"sample": sample, "rounds": paired, "differences": differences, "whole": whole}
    )
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
