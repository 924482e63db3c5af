"""Measure scoring more and more contributions; prints JSON.

python perf/stage_scoring.py --before DIR

`perf/score.py` as a stage: synthetic contributions, by turns with an earlier build in DIR, if any.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import builds
import measuring
import score

from jarvis_stem import cli

_SECONDS = 60  # for the runs of a count, as far as one of each build takes no more


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement and print its figures."""
    options = measuring.options(__doc__, arguments)
    counts, repeat = ((2, 4), 1) if options.quick else (score.COUNTS, 3)
    with tempfile.TemporaryDirectory(prefix="perf-score-") as temporary:
        both = builds.builds(options.before)
        result = score.measure(Path(temporary), both, counts, repeat, _SECONDS)
    measuring.publish(result)
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
