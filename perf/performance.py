"""Measure everything about speed and write the report: rendering to prediction, ours and others'.

Each stage is a script of its own, perf/stage_<name>.py, and runs in a process of its own. Results
are kept in a JSON file beside the report, so that one stage can be measured anew without the others
and the report be written anew without any.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import measuring
from rich.console import Console

from jarvis_stem import cli
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, read_json_object, write_text

STAGES = ("rendering", "lattices", "training", "accuracy", "prediction", "growth", "scoring", "gpu")
_BY_TURNS = {*STAGES} - {"training", "gpu"}  # with an earlier build
_OUTPUT = Path("docs/performance.md")
_QUICK_OUTPUT = Path("runs/performance/performance.md")
_EXAMPLES = f"""stages: {", ".join(STAGES)}

exit status: 0 measured and written, 1 a stage failed or a file cannot be used, 2 usage,
130 interrupted; stages that had ended are kept

examples:
  python perf/performance.py --data ../shared/jarvis_data
  python perf/performance.py --data ../shared/jarvis_data --before ../earlier
  python perf/performance.py --data ../shared/jarvis_data --only rendering,prediction
  python perf/performance.py --benchmark stem_2d_proto --quick
  python perf/performance.py --report"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stages, keep their results, write the report.

    Args:
        arguments: Those of the command line if None.
    """
    options = _parser().parse_args(arguments)
    output = options.output or (_QUICK_OUTPUT if options.quick else _OUTPUT)
    store = output.with_suffix(".json")
    stages: dict[str, Any] = {}
    if store.exists():
        stages = read_json_object(store)
        if unknown := sorted({*stages} - {*STAGES}):
            raise StemError(f"{store}: not results of this script ({unknown[0]!r}); remove it")
    if not options.report:
        console = Console(stderr=True)
        load = round(os.getloadavg()[0], 2)  # now: later it is the stages' own
        for number, stage in enumerate(options.only, start=1):
            console.print(f"{number}/{len(options.only)} {stage}", highlight=False)
            stages[stage] = _measured(stage, options, load)
            write_text(store, json_text(stages))
            console.print(f"    {stages[stage]['seconds']:.0f} s", highlight=False)
    if not stages:
        raise StemError(f"{store}: no results to report; run without --report first")
    # Imported here, for it takes memory, which Linux would count to the stages' processes.
    import report

    report.write(output, {stage: stages[stage] for stage in STAGES if stage in stages}, STAGES)
    print(f"wrote {output} and {store}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    measuring.add_options(parser)
    add = parser.add_argument
    add(
        "--output",
        type=_markdown,
        metavar="FILE",
        help=f"default: {_OUTPUT}, with --quick {_QUICK_OUTPUT}",
    )
    add("--only", type=_stages, default=STAGES, metavar="STAGES", help="these, with commas between")
    add("--report", action="store_true", help="measure nothing, write the report anew")
    return parser


def _markdown(text: str) -> Path:
    if not text.endswith(".md"):
        raise argparse.ArgumentTypeError(f"expected a file that ends in .md, got {text!r}")
    return Path(text)


def _stages(text: str) -> list[str]:
    asked = text.split(",")
    if unknown := [stage for stage in asked if stage not in STAGES]:
        known = ", ".join(STAGES)
        raise argparse.ArgumentTypeError(f"unknown stage {unknown[0]!r}; expected of {known}")
    return [stage for stage in STAGES if stage in asked]


def _measured(stage: str, options: argparse.Namespace, load: float) -> dict[str, Any]:
    """Run a stage and return its result with where, when and how it came about."""
    script = measuring.ROOT / "perf" / f"stage_{stage}.py"
    before = options.before if stage in _BY_TURNS else None
    command = [sys.executable, str(script), *measuring.passed(options)]
    command += ["--before", before] if before else []
    about = {
        "command": shlex.join(["python", "perf/performance.py", *sys.argv[1:]]),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
        "commit": _commit(measuring.ROOT),
        "before": _commit(Path(before)) if before else None,
        "benchmark": options.benchmark,
        "quick": options.quick,
        "cores": os.cpu_count(),
        "load": load,
    }
    start = time.perf_counter()
    done = subprocess.run(command, cwd=measuring.ROOT, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise StemError(f"the stage {stage} ended with exit status {done.returncode}")
    seconds = round(time.perf_counter() - start, 1)
    return {**about, "seconds": seconds, **json.loads(done.stdout)}


def _commit(root: Path) -> str:
    """A checkout's commit, and whether what is measured differs from it."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", "jarvis_stem", "perf", "contributions")
        return git("rev-parse", "--short=12", "HEAD") + (" and changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "none"  # no git, or no checkout


if __name__ == "__main__":
    sys.exit(cli.run(main))
