"""Measure answers for many pictures: rates, what Dask costs, memory, and how many are listed.

python perf/scale.py

Each figure is of the command ``jarvis-stem predict --output`` in a process of its own. Rates are of
noisy pictures of 256 x 256 pixels, and differences between two numbers of them, so that what it
takes to start is left out: processor time of all processes, and wall time. Memory is the largest
that a process has had, of clean frames of a stack that the network alone answers. Then a million
empty files are listed. Writes the tables of docs/scale.md and docs/scale.json.

What was measured before is kept where --only leaves it out.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from tabulate import tabulate

from jarvis_stem import cli
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, write_text

_ROOT = Path(__file__).resolve().parents[1]
_BEGIN, _END = "<!-- perf/scale.py writes from here -->", "<!-- to here -->"
_STAGES = ("rates", "memory", "listing")
_MODES = {"in one process": (), "1 worker": ("--workers", "1"), "2 workers": ("--workers", "2")}
_WHOLE = 10**6  # pictures whose cost is computed
# In processes of their own: Linux counts the memory of a parent to a child's peak.
_DRAW = """\
import sys
from pathlib import Path
import numpy as np
from jarvis_stem.imaging import prototypes, stem
from jarvis_stem.imaging.conditions import Conditions
path, count, noisy = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "noisy"
atoms = list(prototypes.structures().values())[:250]
images = stem.to_uint8(stem.simulate(atoms, *([Conditions(dose=3e3, shear=0.02)] * noisy)))
out = np.lib.format.open_memmap(path, "w+", np.uint8, (count, 256, 256))
for start in range(0, count, len(images)):
    out[start : start + len(images)] = images[: count - start]
"""
_LIST = """\
import json, resource, sys, time
start = time.perf_counter()
from jarvis_stem.prediction.batches import work_of
from jarvis_stem.prediction.inputs import Reading, Structures, find_inputs
work = work_of(find_inputs(sys.argv[1:], Structures()), Reading())
batches = sum(1 for batch in work.batches())
work.digest()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"files": work.pictures, "batches": batches, "megabytes": peak,
                  "seconds": time.perf_counter() - start}))
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", default=",".join(_STAGES), metavar="STAGE,…", help=f"of {', '.join(_STAGES)}")
    add("--pictures", type=int, default=512, metavar="N", help="for rates; default: %(default)s")
    add("--frames", default="1000,10000", metavar="N,…", help="for memory; default: %(default)s")
    add("--files", type=int, default=10**6, metavar="N", help="to list; default: %(default)s")
    add("--output", type=Path, default=_ROOT / "docs", metavar="DIR")
    options = parser.parse_args(arguments)
    chosen = options.only.split(",")
    if unknown := set(chosen) - set(_STAGES):
        raise StemError(f"--only {min(unknown)}: expected some of {', '.join(_STAGES)}")
    kept = options.output / "scale.json"
    result: dict[str, Any] = json.loads(kept.read_text()) if kept.is_file() else {}
    with tempfile.TemporaryDirectory(prefix="perf-scale-") as name:
        folder = Path(name)
        for stage in chosen:
            begun = f"{cpu_name()}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
            result[stage] = {"machine": begun, "rows": _measure(stage, folder, options)}
            write_text(kept, json_text(result))
            print(json_text({stage: result[stage]}), flush=True)
    page = options.output / "scale.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    write_text(page, f"{before}{_BEGIN}\n\n{tables(result)}\n\n{_END}{after}")
    return 0


def cpu_name() -> str:
    """The processor, as Linux calls it."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return found[1] if found else "unknown processor"


def _measure(stage: str, folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    if stage == "rates":
        return _rates(folder, options.pictures)
    if stage == "memory":
        return _memory(folder, list(map(int, options.frames.split(","))))
    return [_listing(folder, options.files)]


def _rates(folder: Path, count: int) -> list[dict[str, Any]]:
    """Seconds a picture of each mode, wall and processor."""
    few = 32
    paths = {n: _drawn(folder / f"{n}.npy", n, "noisy") for n in (few, count)}
    _run(paths[few], folder / "first", [])  # which may compile kernels
    rows = []
    for mode, arguments in _MODES.items():
        runs = {n: _run(path, folder / f"{mode}-{n}", arguments) for n, path in paths.items()}
        rows.append(
            {
                "mode": mode,
                "pictures": count - few,
                **{
                    key: (runs[count][key] - runs[few][key]) / (count - few)
                    for key in ("wall_s", "cpu_s")
                },
                "start_cpu_s": runs[few]["cpu_s"],
            }
        )
    return rows


def _memory(folder: Path, counts: Sequence[int]) -> list[dict[str, Any]]:
    """Largest memory of the client and of a worker, with two workers."""
    rows = []
    for count in counts:
        path = _drawn(folder / f"{count}.npy", count, "clean")
        run = _run(path, folder / f"memory-{count}", ["--workers", "2", "--distortion", "0"])
        size = sum(one.stat().st_size for one in (folder / f"memory-{count}").iterdir())
        rows.append({"frames": count, "stack_mb": count / 16, "answers_mb": size / 1e6, **run})
        path.unlink()
    return rows


def _listing(folder: Path, count: int) -> dict[str, Any]:
    """Time and memory that it takes to list empty files and to cut them into batches."""
    many = folder / "many"
    many.mkdir()
    for n in range(count):
        (many / f"{n:07d}.png").touch()
    done = subprocess.run(
        [sys.executable, "-c", _LIST, many], capture_output=True, check=True, text=True, cwd=_ROOT
    )
    return dict(json.loads(done.stdout))


def _drawn(path: Path, count: int, how: str) -> Path:
    subprocess.run([sys.executable, "-c", _DRAW, path, str(count), how], check=True, cwd=_ROOT)
    return path


def _run(path: Path, output: Path, arguments: Sequence[str]) -> dict[str, float]:
    """Answer all frames of a file; wall and processor seconds of it, and largest memories in MB."""
    command = [sys.executable, "-m", "jarvis_stem", "predict", str(path), "--frame", "all"]
    command += ["--pixel-size", "0.2", "--output", str(output), *arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    peaks: dict[int, float] = {}
    with subprocess.Popen(
        command,
        cwd=_ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None:
            peaks |= _peaks(process.pid)
            time.sleep(0.5)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise StemError(f"{path}: not answered")
    workers = [peak for pid, peak in peaks.items() if pid != process.pid]
    return {
        "wall_s": time.perf_counter() - start,
        "cpu_s": sum(after[:2]) - sum(before[:2]),
        "client_mb": peaks.get(process.pid, 0.0),
        "worker_mb": max(workers, default=0.0),
    }


def _peaks(command: int) -> dict[int, float]:
    """Largest memory so far of a process and of those it has started, MB by their numbers."""
    found = {}
    try:
        process = psutil.Process(command)
        for one in (process, *process.children(recursive=True)):
            status = Path(f"/proc/{one.pid}/status").read_text(encoding="utf-8")
            if peak := re.search(r"VmHWM:\s*(\d+)", status):
                found[one.pid] = int(peak[1]) / 1024
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        pass
    return found


def tables(result: Mapping[str, Any]) -> str:
    """What was measured, in Markdown.

    Args:
        result: Of each stage, on what machine, and its rows.
    """
    sections = {"rates": _rates_table, "memory": _memory_table, "listing": _listing_table}
    parts = [
        f"{section(result[stage]['rows'])}\n\nMeasured on {result[stage]['machine']}."
        for stage, section in sections.items()
        if stage in result
    ]
    return "\n\n".join(parts)


def _rates_table(rows: Sequence[Mapping[str, Any]]) -> str:
    alone = {row["mode"]: row for row in rows}
    here, one, two = (alone[mode] for mode in _MODES)
    table = [
        {
            "answered": row["mode"],
            "pictures a second": f"{1 / row['wall_s']:.1f}",
            "processor time a picture": f"{1000 * row['cpu_s']:.0f} ms",
            f"of {_WHOLE:,} pictures": f"{_WHOLE * row['cpu_s'] / 3600:.0f} core hours",
            "processor time to start": f"{row['start_cpu_s']:.0f} s",
        }
        for row in rows
    ]
    return (
        f"{_markdown(table)}\n\nDask takes {one['cpu_s'] / here['cpu_s'] - 1:+.1%} of processor "
        f"time a picture beside the work itself; two workers are "
        f"{one['wall_s'] / two['wall_s'] / 2:.2f} of twice as fast as one. Noisy pictures of 256 x "
        "256 pixels; 32 of them are in the time to start. Core hours are computed from the "
        "processor time of a picture."
    )


def _memory_table(rows: Sequence[Mapping[str, Any]]) -> str:
    table = [
        {
            "frames": f"{row['frames']:,}",
            "the stack": f"{row['stack_mb']:,.0f} MB",
            "its answers": f"{row['answers_mb']:.1f} MB",
            "memory of the command": f"{row['client_mb']:.0f} MB",
            "of a worker": f"{row['worker_mb']:.0f} MB",
            "wall time": f"{row['wall_s']:.0f} s",
        }
        for row in rows
    ]
    return f"{_markdown(table)}\n\nTwo workers; clean frames, answered with `--distortion 0`."


def _listing_table(rows: Sequence[Mapping[str, Any]]) -> str:
    (row,) = rows
    return (
        f"{row['files']:,} empty files are listed, cut into {row['batches']:,} batches and "
        f"identified in {row['seconds']:.0f} s with {row['megabytes']:.0f} MB."
    )


def _markdown(rows: Sequence[Mapping[str, str]]) -> str:
    align = ["left", *["right"] * (len(rows[0]) - 1)]
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True, colalign=align)


if __name__ == "__main__":
    sys.exit(cli.run(main))
