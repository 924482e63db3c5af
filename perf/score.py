"""Measure how scoring grows with the number of contributions, and against other scorers.

python perf/score.py --before DIR --upstream PYTHON

Synthetic contributions of one benchmark are written to a temporary folder: every second one as
jarvis_stem writes it, the others deflated, rows shuffled, without targets. Each count is scored by
``python -m jarvis_stem.score``, pages and all, in a process of its own, by turns with the checkout
of an earlier build in DIR. PYTHON is the interpreter of an environment with the PyPI package
jarvis-leaderboard; in the same run its `get_metric_value` scores some of the same contributions.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import random
import statistics
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import measuring
from builds import BEFORE, NOW, Build, Builds, Run, builds
from measuring import ROOT

from jarvis_stem.formats.metadata import blank
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, zip_bytes
from jarvis_stem.utils.progress import track

COUNTS = (10, 100, 1000, 10_000)
_NAME = bravais_result(measuring.DATASET)
_RUN_SCRIPT = """\
#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec python -m jarvis_stem.train densenet_model "$@"
"""
# Run in a build's checkout, which is where Python then imports jarvis_stem from.
_READING = """\
import pathlib, statistics, sys, time
from jarvis_stem.formats.benchmark import Benchmarks
from jarvis_stem.scoring.contribution import read_contribution
benchmarks = Benchmarks(pathlib.Path("benchmarks"))
seconds = []
for folder in sorted(pathlib.Path(sys.argv[1]).iterdir())[: int(sys.argv[2])]:
    start = time.perf_counter()
    contribution = read_contribution(folder, benchmarks)
    seconds.append(time.perf_counter() - start)
    assert not contribution.submissions[0].problems
print(statistics.median(seconds) * 1000)
"""


def main() -> None:
    """Run the measurement and print its figures."""
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="perf-score-") as temporary:
        root = Path(temporary)
        result = measure(root, builds(options.before), sorted(options.counts), options.repeat)
        print(f"Median of {options.repeat} runs\n\n{table(result)}")
        if options.upstream:
            print(_comparison(_slope(result), result["reading"][NOW], _upstream(root, options)))


def measure(
    root: Path, both: Builds, counts: Sequence[int], repeat: int, seconds: float = math.inf
) -> dict[str, Any]:
    """Score more and more contributions, each count by all builds in turn.

    Args:
        root: An empty folder to work in.
        both: What to measure.
        counts: Numbers of contributions, rising.
        repeat: Runs of each.
        seconds: What the runs of a count may take; one of each build is made in any case.

    Returns:
        ``rows``, for each count the seconds and megabytes of each build, medians; ``reading``, what
        each build takes to read, check and score one of the first 1,000 contributions, ms.

    Raises:
        StemError: A build failed or did not score them all.
    """
    split = measuring.read_benchmark(measuring.DATASET).split(_NAME.split)
    rows: list[dict[str, Any]] = []
    written = 0
    for count in counts:
        for number in track(range(written, count), f"writing {count}"):
            _write(root / "contributions" / f"model_{number:05}", split, number)
        written = count
        runs: dict[str, list[Run]] = {name: [] for name in both}
        for _ in measuring.turns(repeat, seconds, f"scoring {count}"):
            for name, build in both.items():
                runs[name].append(_score(root, build, count))
        rows.append({"count": count} | {name: _medians(of) for name, of in runs.items()})
    read: dict[str, list[float]] = {name: [] for name in both}
    for _ in measuring.turns(repeat, seconds, "reading"):
        for name, build in both.items():
            run = build.run("-c", _READING, root / "contributions", "1000")
            read[name].append(float(run.output))
    return {"rows": rows, "reading": {name: statistics.median(of) for name, of in read.items()}}


def table(result: Mapping[str, Any]) -> str:
    """The result as Markdown."""
    names = [name for name in (BEFORE, NOW) if name in result["reading"]]
    ratio = ["now / before"] * (len(names) - 1)
    heads = [f"{what}, {name}" for what in ("wall", "peak memory") for name in [*names, *ratio]]
    lines = ["| " + " | ".join(["contributions", *heads]) + " |"]
    lines.append("| ---: " * (1 + len(heads)) + "|")
    for row in result["rows"]:
        cells = [f"{row['count']:,}"]
        for figure, form in (("seconds", "{:.2f} s"), ("megabytes", "{:.0f} MB")):
            values = [row[name][figure] for name in names]
            cells += [*map(form.format, values), *_ratio(values)]
        lines.append(f"| {' | '.join(cells)} |")
    values = [result["reading"][name] for name in names]
    reading = ", ".join(f"{ms:.2f} ms {name}" for ms, name in zip(values, names, strict=True))
    times = "".join(f", {text} times" for text in _ratio(values))
    lines += ["", f"Reading, checking and scoring one contribution: {reading}{times}."]
    return "\n".join(lines)


def _ratio(values: Sequence[float]) -> list[str]:
    """The last of two values by the first; nothing of one alone."""
    return [f"{values[1] / values[0]:.2f}"] if len(values) == 2 else []


def _medians(runs: Sequence[Run]) -> dict[str, float]:
    return {
        "seconds": statistics.median(run.seconds for run in runs),
        "megabytes": statistics.median(run.megabytes for run in runs),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--counts", type=int, nargs="+", default=COUNTS, metavar="N", help="how many to score")
    add("--repeat", type=int, default=3, metavar="N", help="runs of each (default: %(default)s)")
    add("--before", metavar="DIR", help="checkout of an earlier build, measured by turns")
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


def _score(root: Path, build: Build, count: int) -> Run:
    """Time the command, from start to exit, and see that it scored all contributions."""
    output = root / "docs"
    command = ["-m", "jarvis_stem.score", "--repository-url", "https://example.org"]
    command += ["--contributions", str(root / "contributions"), "--quiet"]
    run = build.run(*command, "--output", output, "--site", root / "site")
    boards = json.loads((output / "leaderboard.json").read_bytes())["benchmarks"]
    scored = sum(len(board["results"]) for board in boards if board["name"] == str(_NAME))
    if scored != count:
        raise StemError(f"{build.root}: expected {count} results, got {scored}")
    return run


def _slope(result: Mapping[str, Any]) -> float:
    """What one more contribution takes, ms, between the least and the largest count."""
    least, largest = result["rows"][0], result["rows"][-1]
    if least is largest:
        raise SystemExit("comparing with --upstream needs two different --counts")
    seconds = largest[NOW]["seconds"] - least[NOW]["seconds"]
    return seconds / (largest["count"] - least["count"]) * 1000


def _upstream(root: Path, options: argparse.Namespace) -> float:
    """What a contribution takes JARVIS-Leaderboard, ms; its scores must be ours."""
    some = root / "upstream"
    (some / "contributions").mkdir(parents=True)
    (some / "benchmarks").symlink_to(ROOT / "benchmarks")
    for folder in sorted((root / "contributions").iterdir())[: options.upstream_count]:
        (some / "contributions" / folder.name).symlink_to(folder)
    boards = json.loads((root / "docs" / "leaderboard.json").read_bytes())["benchmarks"]
    ours = {f"{r['contribution']}/{r['file']}": r["score"] for b in boards for r in b["results"]}
    milliseconds = []
    for _ in track(range(options.repeat), "JARVIS-Leaderboard"):
        command = [options.upstream, ROOT / "tests" / "upstream_score.py", some]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        results = json.loads(done.stdout)["results"]
        if different := [file for file, r in results.items() if r.get("score") != ours[file]]:
            raise SystemExit(f"scored otherwise by JARVIS-Leaderboard: {different[:3]}")
        milliseconds.append(statistics.median(r["seconds"] for r in results.values()) * 1000)
    return statistics.median(milliseconds)


def _comparison(ours: float, reading: float, theirs: float) -> str:
    return (
        f"\nA contribution takes get_metric_value {theirs:.2f} ms.\n"
        f"Read, checked and scored here: {reading:.2f} ms, {theirs / reading:.1f} times as fast.\n"
        f"With statistics, tests, pages and JSON: {ours:.2f} ms, {theirs / ours:.1f} times as fast."
    )


if __name__ == "__main__":
    main()
