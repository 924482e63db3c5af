"""What the stages of perf/performance.py share: options, turns, benchmarks, what is published."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import BENCHMARK_SUFFIX, bravais_result
from jarvis_stem.utils.files import json_text, write_bytes, zip_bytes
from jarvis_stem.utils.progress import track

# No torch here: Linux counts the memory of a parent to a child's peak.

ROOT = Path(__file__).resolve().parents[1]
DATASET = "stem_2d_image"


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
    add(
        "--data",
        type=_absolute,
        metavar="DIR",
        help="JARVIS databases; default: JARVIS_STEM_DATA or their cache",
    )
    add("--benchmark", default=DATASET, metavar="DATASET", help="default: %(default)s")
    add(
        "--before",
        type=_absolute,
        metavar="DIR",
        help="checkout of an earlier build to measure by turns, by its .venv if it has one",
    )
    add("--quick", action="store_true", help="few repetitions, to see that it works")


def _absolute(text: str) -> str:
    """A folder whose name holds in every checkout."""
    return str(Path(text).resolve())


def passed(options: argparse.Namespace) -> list[str]:
    """The options that a stage passes to its steps."""
    quick = ["--quick"] if options.quick else []
    return ["--benchmark", options.benchmark, *quick, *data(options)]


def data(options: argparse.Namespace) -> list[str]:
    """The option that says where structures are, if it was given."""
    return ["--data", options.data] if options.data else []


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


def turns(most: int, seconds: float, what: str) -> Iterator[int]:
    """Count turns with a bar, as long as another one is likely to stay within a time.

    Args:
        most: How many.
        seconds: The time that all of them may take; there is one in any case.
        what: What is measured, at the left of the bar.

    Yields:
        The turn's number, from 0.
    """
    start = time.perf_counter()
    for turn in track(range(most), what):
        taken = time.perf_counter() - start
        if turn and taken / turn * (turn + 1) > seconds:
            return
        yield turn
