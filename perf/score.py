"""Measure how scoring grows with the number of contributions, and against JARVIS-Leaderboard.

python perf/score.py --upstream PYTHON

Synthetic contributions of one benchmark are written to a temporary folder: every second one as
jarvis_stem writes it, the others deflated, rows shuffled, without targets. Each count is scored by
``python -m jarvis_stem.score``, pages and all, in a process of its own. PYTHON is the interpreter
of an environment with the PyPI package jarvis-leaderboard; in the same run its `get_metric_value`
scores some of the same contributions.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from jarvis_stem.formats.benchmark import Benchmark, Benchmarks
from jarvis_stem.formats.metadata import blank
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.scoring.contribution import read_contribution
from jarvis_stem.training import machine
from jarvis_stem.utils.files import json_text, zip_bytes
from jarvis_stem.utils.progress import track

_NAME = bravais_result("stem_2d_image")
_ROOT = Path(__file__).resolve().parents[1]
_RUN_SCRIPT = """\
#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec python -m jarvis_stem.train densenet_model "$@"
"""


class _Run(NamedTuple):
    """What one process took."""

    seconds: float
    megabytes: float


def main() -> None:
    """Run the measurement and print its figures."""
    options = _parser().parse_args()
    counts = sorted(options.counts)
    split = Benchmark.read(_ROOT / "benchmarks", _NAME).split(_NAME.split)
    with tempfile.TemporaryDirectory(prefix="perf-score-") as temporary:
        root = Path(temporary)
        runs: dict[int, list[_Run]] = {}
        written = 0
        for count in counts:
            for number in track(range(written, count), f"writing {count}"):
                _write(root / "contributions" / f"model_{number:05}", split, number)
            written = count
            runs[count] = [
                _score(root, count) for _ in track(range(options.repeat), f"scoring {count}")
            ]
        print(f"{machine.hardware(torch.device('cpu'))}, median of {options.repeat} runs\n")
        print(_table(runs))
        if options.upstream:
            print(_comparison(_slopes(runs), _reading(root, options), _upstream(root, options)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    counts = [10, 100, 1000, 10_000]
    add("--counts", type=int, nargs="+", default=counts, metavar="N", help="contributions to score")
    add("--repeat", type=int, default=3, metavar="N", help="runs of each (default: %(default)s)")
    add("--upstream", metavar="PYTHON", help="interpreter that has jarvis-leaderboard")
    add(
        "--upstream-count",
        type=int,
        default=100,
        metavar="N",
        help="contributions that it scores a run, at most (default: %(default)s)",
    )
    return parser


def _write(folder: Path, split: Mapping[str, int | str], number: int) -> None:
    """Write a contribution; its number decides its predictions."""
    rng = random.Random(number)  # noqa: S311  data, not a secret
    classes = sorted(set(split.values()), key=str)
    right = rng.uniform(0.3, 0.95)
    predicted = {id: c if rng.random() < right else rng.choice(classes) for id, c in split.items()}
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    if number % 2:
        writer.writerow(["id", "prediction"])
        writer.writerows(rng.sample(list(predicted.items()), len(predicted)))
    else:
        writer.writerow(["id", "target", "prediction"])
        writer.writerows((id, split[id], c) for id, c in predicted.items())
    content = text.getvalue().encode()
    folder.mkdir(parents=True)
    path = folder / _NAME.predictions_name
    if number % 2:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_NAME.csv_name, content)
    else:
        path.write_bytes(zip_bytes(_NAME.csv_name, content))
    metadata = {
        **blank(),
        "model_name": f"Model {number}",
        "project_url": "https://example.org",
        "date_submitted": "01-14-2023",
        "author_email": "someone@example.org",
        "team_name": "perf",
        "time_taken_seconds": {_NAME.predictions_name: 1000 + number},
        "git_url": ["https://example.org/code"],
    }
    (folder / "metadata.json").write_text(json_text(metadata), encoding="utf-8")
    (folder / "run.sh").write_text(_RUN_SCRIPT, encoding="utf-8")
    (folder / "run.sh").chmod(0o755)


def _score(root: Path, count: int) -> _Run:
    """Time the command, from start to exit, and see that it scored all contributions."""
    output = root / "docs"
    command = [sys.executable, "-m", "jarvis_stem.score", "--repository-url", "https://example.org"]
    command += ["--contributions", str(root / "contributions")]
    command += ["--output", str(output), "--site", str(root / "site")]
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)  # the usage of this child alone
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
    boards = json.loads((output / "leaderboard.json").read_bytes())["benchmarks"]
    scored = sum(len(board["results"]) for board in boards if board["name"] == str(_NAME))
    if scored != count:
        raise SystemExit(f"expected {count} results, got {scored}")
    return _Run(seconds, usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024))


def _table(runs: Mapping[int, Sequence[_Run]]) -> str:
    lines = ["| contributions | wall | ms a contribution | peak memory |", "| ---: " * 4 + "|"]
    for count, of_count in runs.items():
        seconds = statistics.median(run.seconds for run in of_count)
        megabytes = max(run.megabytes for run in of_count)
        lines.append(
            f"| {count:,} | {seconds:.2f} s | {seconds / count * 1000:.2f} | {megabytes:.0f} MB |"
        )
    return "\n".join(lines)


def _slopes(runs: Mapping[int, Sequence[_Run]]) -> list[float]:
    """What one more contribution takes, ms, between the least and the largest count of a run."""
    least, largest = min(runs), max(runs)
    if least == largest:
        raise SystemExit("comparing with --upstream needs two different --counts")
    return [
        (many.seconds - few.seconds) / (largest - least) * 1000
        for few, many in zip(runs[least], runs[largest], strict=True)
    ]


def _reading(root: Path, options: argparse.Namespace) -> list[float]:
    """What reading, checking and scoring a contribution takes without pages, ms, in each run."""
    benchmarks = Benchmarks(_ROOT / "benchmarks")
    benchmarks.open(_NAME)
    milliseconds = []
    for _ in range(options.repeat):
        seconds = []
        for folder in sorted((root / "contributions").iterdir())[: options.upstream_count]:
            start = time.perf_counter()
            read_contribution(folder, benchmarks)
            seconds.append(time.perf_counter() - start)
        milliseconds.append(statistics.median(seconds) * 1000)
    return milliseconds


def _upstream(root: Path, options: argparse.Namespace) -> list[float]:
    """What a contribution takes JARVIS-Leaderboard, ms, in each run; its scores must be ours."""
    some = root / "upstream"
    (some / "contributions").mkdir(parents=True)
    (some / "benchmarks").symlink_to(_ROOT / "benchmarks")
    for folder in sorted((root / "contributions").iterdir())[: options.upstream_count]:
        (some / "contributions" / folder.name).symlink_to(folder)
    boards = json.loads((root / "docs" / "leaderboard.json").read_bytes())["benchmarks"]
    ours = {f"{r['contribution']}/{r['file']}": r["score"] for b in boards for r in b["results"]}
    milliseconds = []
    for _ in track(range(options.repeat), "JARVIS-Leaderboard"):
        command = [options.upstream, _ROOT / "tests" / "upstream_score.py", some]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        results = json.loads(done.stdout)["results"]
        if different := [file for file, r in results.items() if r.get("score") != ours[file]]:
            raise SystemExit(f"scored otherwise by JARVIS-Leaderboard: {different[:3]}")
        milliseconds.append(statistics.median(r["seconds"] for r in results.values()) * 1000)
    return milliseconds


def _comparison(ours: Sequence[float], reading: Sequence[float], theirs: Sequence[float]) -> str:
    def times(mine: Sequence[float]) -> str:
        ratio = statistics.median(b / a for a, b in zip(mine, theirs, strict=True))
        return f"{statistics.median(mine):.2f} ms, {ratio:.1f} times as fast"

    return (
        f"\nA contribution takes get_metric_value {statistics.median(theirs):.2f} ms.\n"
        f"Read, checked and scored here: {times(reading)}.\n"
        f"With statistics, tests, pages and JSON: {times(ours)}."
    )


if __name__ == "__main__":
    main()
