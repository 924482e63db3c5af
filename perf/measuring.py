"""What the stages of perf/performance.py share: options, child processes, small benchmarks."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import BENCHMARK_SUFFIX, bravais_result
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, write_bytes, zip_bytes

# No torch or numpy here: Linux counts the memory of a parent to a child's peak.

ROOT = Path(__file__).resolve().parents[1]
DATASET = "stem_2d_image"


class Run(NamedTuple):
    """What one process took.

    Attributes:
        seconds: Wall time from start to exit.
        megabytes: Largest resident size.
        output: What it wrote to stdout.
    """

    seconds: float
    megabytes: float
    output: str


def options(doc: str | None, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse what every stage takes.

    Args:
        doc: The script's docstring, its help.
        arguments: Those of the command line if None.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser)
    return parser.parse_args(arguments)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every stage to a parser."""
    add = parser.add_argument
    add("--data", metavar="DIR", help="JARVIS databases; default: JARVIS_STEM_DATA or their cache")
    add("--benchmark", default=DATASET, metavar="DATASET", help="default: %(default)s")
    add("--before", metavar="DIR", help="checkout of an earlier build, to measure by turns with")
    add("--quick", action="store_true", help="few repetitions, to see that it works")


def publish(result: Mapping[str, Any]) -> None:
    """Print a stage's result and what it was measured with as JSON."""
    import torch

    from jarvis_stem.training import machine

    environment = machine.environment(torch.device("cpu"))
    with_what = {key: environment[key] for key in ("python", "packages", "hardware")}
    print(json_text({**with_what, "result": result}), end="")


def read_benchmark(dataset: str) -> Benchmark:
    """Read one of the repository's benchmarks."""
    return Benchmark.read(ROOT / "benchmarks", bravais_result(dataset))


def write_benchmark(root: Path, dataset: str, splits: Mapping[str, Mapping[str, Any]]) -> None:
    """Write a benchmark below a folder."""
    name = bravais_result(dataset)
    content = zip_bytes(f"{name.benchmark_name}.json", json.dumps(splits).encode())
    write_bytes(root / name.page_path(BENCHMARK_SUFFIX), content)


def spread(classes: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Take so many ids from all over a split."""
    ids = list(classes)
    step = max(len(ids) / count, 1)
    return {i: classes[i] for i in (ids[int(n * step)] for n in range(min(count, len(ids))))}


def contributions() -> list[Path]:
    """Folders of the contributions that have a model, by name."""
    return sorted(path.parent for path in (ROOT / "contributions").glob("*/model.py"))


def run_record(folder: Path, dataset: str) -> dict[str, Any] | None:
    """Record of a contribution's training on a dataset, None where there is none."""
    path = folder / bravais_result(dataset).run_record_name
    return json.loads(path.read_bytes()) if path.exists() else None


def milliseconds(work: Callable[[], object]) -> float:
    """Time a call, ms."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def process(command: Sequence[str | Path], cwd: Path = ROOT) -> Run:
    """Run a command in a folder, the repository's root, and time it from start to exit.

    Raises:
        StemError: It failed; the message ends with what it said.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        child = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)  # the usage of this child alone
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if child.returncode:
            shown = " ".join(map(str, command))[:200]
            raise StemError(f"{shown}: exit status {child.returncode}\n{errors.read()[-2000:]}")
        scale = 1024**2 if sys.platform == "darwin" else 1024
        return Run(seconds, usage.ru_maxrss / scale, output.read())


def train(model: Path, work: Path, dataset: str, *arguments: str | Path) -> tuple[Run, Any]:
    """Train a contribution's model as a user does, into a folder of its own.

    Args:
        model: The contribution's folder; its ``*.py`` files are copied.
        work: Folder for contributions and runs.
        dataset: Of the benchmark.
        *arguments: Further ones of ``jarvis_stem.train``.

    Returns:
        What the process took, and its record.

    Raises:
        StemError: The training failed.
    """
    folder = work / "contributions" / model.name
    for source in model.glob("*.py"):
        write_bytes(folder / source.name, source.read_bytes())
    command: list[str | Path] = [sys.executable, "-m", "jarvis_stem.train", model.name]
    command += ["--benchmark", dataset, "--contributions", work / "contributions"]
    run = process([*command, "--runs", work / "runs", *arguments])
    return run, run_record(folder, dataset)
