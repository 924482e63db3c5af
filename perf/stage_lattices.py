"""Measure how fast and how well lattices and harmonics are read off train images; prints JSON.

python perf/stage_lattices.py --data ../shared/jarvis_data --before DIR
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack

import builds
import measuring

from jarvis_stem import cli

FIGURES = ("measure", "harmonics", "alone")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement and print its figures."""
    options = measuring.options(__doc__, arguments)
    count, rounds = (64, 2) if options.quick else (512, 5)
    passed = [*measuring.passed(options), "--count", str(count)]
    measured = builds.builds(options.before)
    rows = []
    with ExitStack() as stack:
        by_threads = {
            threads: stack.enter_context(
                builds.workers(measured, "lattices", *passed, threads=threads)
            )
            for threads in sorted({1, os.cpu_count() or 1})
        }
        for _ in measuring.turns(rounds, 45, "lattices, one thread and all cores"):
            for threads, ask in by_threads.items():
                figures = {name: {f: of(f) for f in FIGURES} for name, of in ask.items()}
                rows.append({"threads": threads, **figures})
        images = by_threads[1][builds.NOW]("images")
        accuracy = {name: of("accuracy") for name, of in by_threads[1].items()}
    measuring.publish({"images": images, "rounds": rows, "accuracy": accuracy})
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
