"""Measure how training grows: memory by the number of images, a second training, an epoch.

python perf/training_scale.py --data ../shared/jarvis_data --before ../earlier
python perf/training_scale.py --only memory --reads image --data ../shared/jarvis_data

memory   ``train --epochs 1`` of a network that costs next to nothing, on the benchmark's training
         structures repeated, each scaled at random by up to 1% (``growth_step.py strain``)
again    ``train lattice_model`` from raw structures to predictions, twice with one cache
epoch    an epoch of contributions at the benchmark's size, by turns with an earlier build

Each is a process of its own, of which wall time, processor time and largest resident size are
those from start to exit. It writes docs/training_scale.json; what is not measured is kept there.
"""

from __future__ import annotations

import argparse
import json
import resource
import shlex
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import builds
import measuring
from stage_growth import DATASET

from jarvis_stem import cli
from jarvis_stem.utils.files import json_text, read_json_object, write_text

_OUTPUT = measuring.ROOT / "docs" / "training_scale.json"
_A_FILE = 10_000  # structures
_MODEL = """\
from torch import nn

from jarvis_stem.training import Recipe

RECIPE = Recipe(epochs=1)


class Cheap(nn.Module):
    reads = {reads!r}

    def __init__(self, classes):
        super().__init__()
        self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Flatten())
        self.last = nn.LazyLinear(classes)

    def forward(self, *parts):
        import torch
        planes = [p.reshape(len(p), 1, *p.shape[-2:]) if p.ndim > 2 else p for p in parts]
        flat = [self.pooled(p) if p.ndim > 2 else p for p in planes]
        return self.last(torch.cat(flat, dim=1))


def build(classes):
    import torch
    from jarvis_stem.formats.description import SHAPES
    model = Cheap(classes)
    model(*(torch.zeros(2, *SHAPES[part]) for part in Cheap.reads))
    return model
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    stages: dict[str, Callable[[argparse.Namespace], Any]] = {
        "memory": _memory,
        "again": _again,
        "epoch": _epoch,
    }
    parser.add_argument("--only", action="append", choices=stages, help="only this one")
    parser.add_argument(
        "--counts", type=int, nargs="+", default=[10_000, 30_000, 100_000], metavar="N"
    )
    parser.add_argument("--reads", nargs="+", default=["image"], metavar="PART")
    parser.add_argument("--model", action="append", metavar="NAME", help="of the epochs")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--output", type=Path, default=_OUTPUT, metavar="FILE")
    measuring.add_options(parser)
    options = parser.parse_args(arguments)
    known = read_json_object(options.output) if options.output.exists() else {}
    for name in options.only or stages:
        measured = {
            "command": shlex.join(["python", "perf/training_scale.py", *sys.argv[1:]]),
            "measured": stages[name](options),
        }
        key = f"{name}, {' and '.join(options.reads)}" if name == "memory" else name
        known[key] = measured
        write_text(options.output, json_text(known))
        print(json.dumps({key: measured}, indent=2))
    return 0


def _memory(options: argparse.Namespace) -> list[dict[str, float]]:
    """Peak memory by the number of images, all of different structures."""
    rows = []
    step = measuring.ROOT / "perf" / "growth_step.py"
    for count in options.counts:
        with tempfile.TemporaryDirectory(prefix="perf-training-scale-") as temporary:
            work = Path(temporary)
            builds.process(
                [sys.executable, step, "strain", work, str(count), *measuring.passed(options)]
            )
            structures = _in_files(work / "structures.json")
            model = work / "models" / "cheap"
            write_text(model / "model.py", _MODEL.format(reads=tuple(options.reads)))
            where: list[str | Path] = ["--structures", structures]
            where += ["--cache", work / "cache"]
            took, _ = _train(model, work, DATASET, "--benchmarks", work / "benchmarks", *where)
            size = sum(path.stat().st_size for path in (work / "cache").iterdir())
        rows.append({"images": count, **took, "cache_gb": round(size / 1e9, 2)})
        print(json.dumps(rows[-1]), file=sys.stderr)
    return rows


def _in_files(path: Path) -> Path:
    """Part a file of many structures, for one file of them has a limit; the folder."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    folder = path.with_suffix("")
    for first in range(0, len(rows), _A_FILE):
        write_text(folder / f"{first:06}.json", json.dumps(rows[first : first + _A_FILE]))
    return folder


def _again(options: argparse.Namespace) -> list[dict[str, Any]]:
    """A first and a second training with one cache, which begins empty each round."""
    model = measuring.ROOT / "contributions" / "lattice_model"
    rounds = []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="perf-training-scale-") as temporary:
            work = Path(temporary)
            where = [*measuring.data(options), "--cache", str(work / "cache")]
            both = [
                _train(model, work / name, options.benchmark, *where)
                for name in ("first", "second")
            ]
            results = [record["result"] for _, record in both]
            if results[0] != results[1]:
                raise SystemExit(f"other results with the cache: {results}")
            first, second = (took for took, _ in both)
            ratios = {f"{key}_ratio": round(second[key] / first[key], 3) for key in ("wall", "cpu")}
            rounds.append({"first": first, "second": second, **ratios})
            print(json.dumps(rounds[-1]), file=sys.stderr)
    return rounds


def _epoch(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of an epoch of each build, by turns: the median of the later epochs of three."""
    names = options.model or ["lattice_model", "densenet_model"]
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="perf-training-scale-") as temporary:
        for model in names:
            taken: dict[str, list[float]] = {}
            for turn in range(options.rounds):
                for name, build in builds.builds(options.before).items():
                    work = Path(temporary) / model / f"{name}{turn}"
                    cache = ["--cache", f"{temporary}/cache"] if name == builds.NOW else []
                    where = ["--epochs", "3", *measuring.data(options), *cache]
                    folder = measuring.ROOT / "contributions" / model
                    _, record = builds.train(folder, work, options.benchmark, *where, build=build)
                    later = [epoch["cpu_seconds"] for epoch in record["history"][1:]]
                    taken.setdefault(name, []).append(statistics.median(later))
            found[model] = {name: statistics.median(seconds) for name, seconds in taken.items()}
            print(json.dumps({model: found[model]}), file=sys.stderr)
    return found


def _train(
    model: Path, work: Path, dataset: str, *arguments: str | Path
) -> tuple[dict[str, float], Any]:
    """Train and say what the process took: wall and processor time, s; peak memory, GB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run, record = builds.train(model, work, dataset, *arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    took = {"wall": run.seconds, "cpu": cpu, "peak_gb": run.megabytes * 2**20 / 1e9}
    return {key: round(value, 3) for key, value in took.items()}, record


if __name__ == "__main__":
    sys.exit(cli.run(main))
