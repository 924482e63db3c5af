"""Measure answers for many pictures: rates, what Dask costs, memory, and a million empty files.

python perf/scale.py

Each figure is of the command ``jarvis-stem predict --output`` in a process of its own. Rates are of
noisy pictures of 256 x 256 pixels, and differences between two numbers of them, so that what it
takes to start is left out: processor time of all processes, and wall time. All ways are measured by
turns; what one takes more than another is a ratio of the same round, and shown is the median of all
rounds. Memory is the largest that a process has had, of clean frames of a stack that the network
alone answers. Then a million empty files are answered, each by a row with its error. Writes the
tables of docs/scale.md and docs/scale.json.

What was measured before is kept where --only leaves it out.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
from tabulate import tabulate

from jarvis_stem import cli
from jarvis_stem.prediction.archive import Archive
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, write_text

_ROOT = Path(__file__).resolve().parents[1]
_BEGIN, _END = "<!-- perf/scale.py writes from here -->", "<!-- to here -->"
_STAGES = ("rates", "memory", "empty")
_MODES: dict[str, tuple[int, Sequence[str]]] = {  # so many commands at once, each for all pictures
    "in one process": (1, ()),
    "1 worker": (1, ("--workers", "1")),
    "2 workers": (1, ("--workers", "2")),
    "in two processes that share nothing": (2, ()),
}
_SECONDS = ("wall_s", "cpu_s", "answering_s", "start_cpu_s")
_WHOLE = 10**6  # pictures whose cost is computed
_OURS = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", default=",".join(_STAGES), metavar="STAGE,…", help=f"of {', '.join(_STAGES)}")
    add("--pictures", type=int, default=1024, metavar="N", help="for rates; default: %(default)s")
    add("--rounds", type=int, default=5, metavar="N", help="of rates; default: %(default)s")
    add("--frames", default="1000,10000", metavar="N,…", help="for memory; default: %(default)s")
    add("--files", type=int, default=10**6, metavar="N", help="empty ones; default: %(default)s")
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
            begun = _times()
            measured = _measure(stage, folder, options)
            others = _others(begun)
            measured = [{"others": others, **row} for row in measured]
            if stage == "memory":  # each of its rows takes long, and stays
                had = {row["frames"]: row for row in result.get(stage, {}).get("rows", ())}
                had |= {row["frames"]: row for row in measured}
                measured = [had[frames] for frames in sorted(had)]
            result[stage] = {"machine": cpu_name(), "rows": measured}
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


def _times() -> tuple[float, float, float]:
    """Seconds: on a clock, of processors for this process and what it ran, and for all there is."""
    ours = sum(sum(resource.getrusage(who)[:2]) for who in _OURS)
    spent = psutil.cpu_times()
    all_work = sum(spent) - spent.idle - spent.iowait - spent.guest - spent.guest_nice
    return time.perf_counter(), ours, all_work


def _others(begun: tuple[float, float, float]) -> float:
    """How many cores something else has kept busy since `_times` were these."""
    passed, ours, all_work = (now - then for then, now in zip(begun, _times(), strict=True))
    return max(all_work - ours, 0) / passed


def _measure(stage: str, folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    if stage == "rates":
        return _rates(folder, options.pictures, options.rounds)
    if stage == "memory":
        return _memory(folder, list(map(int, options.frames.split(","))))
    return [_empty(folder, options.files)]


def _rates(folder: Path, count: int, rounds: int) -> list[dict[str, Any]]:
    """Seconds a picture of each mode in each round, wall and processor."""
    few = 32
    paths = {n: _drawn(folder / f"{n}.npy", n, "noisy") for n in (few, count)}
    _run(_movie(paths[few]), folder / "first", [])  # Python compiles modules once
    rows: dict[str, dict[str, Any]] = {
        mode: {"mode": mode, "pictures": count - few, **{key: [] for key in _SECONDS}}
        for mode in _MODES
    }
    for _ in range(rounds):
        for mode, (commands, arguments) in _MODES.items():
            runs = []
            for path in paths.values():
                with tempfile.TemporaryDirectory(dir=folder) as answers:
                    runs.append(_run(_movie(path), Path(answers) / "of", arguments, commands))
            start, whole = runs
            row = rows[mode]
            for key in _SECONDS[:-1]:
                row[key].append((whole[key] - start[key]) / (count - few) / commands)
            row["start_cpu_s"].append(start["cpu_s"] / commands)

            latest = {key: row[key][-1] for key in _SECONDS}
            print(json.dumps({"mode": mode, **latest}), file=sys.stderr)
    return list(rows.values())


def _memory(folder: Path, counts: Sequence[int]) -> list[dict[str, Any]]:
    """Largest memory of the client and of a worker, with two workers."""
    rows = []
    for count in counts:
        path = _drawn(folder / f"{count}.npy", count, "clean")
        begun = _times()
        answers = folder / f"memory-{count}"
        run = _run(_movie(path), answers, ["--workers", "2", "--distortion", "0"])
        size = sum(one.stat().st_size for one in answers.iterdir())
        sizes = {"frames": count, "stack_mb": count / 16, "answers_mb": size / 1e6}
        rows.append({"others": _others(begun), **sizes, **run})
        path.unlink()
    return rows


def _empty(folder: Path, count: int) -> dict[str, Any]:
    """Answer empty files: there is a row for each."""
    many, answers = folder / "many", folder / "errors"
    many.mkdir()
    for n in range(count):
        (many / f"{n:07d}.png").touch()
    run = _run([str(many)], answers, [], status=1)
    n_parts = len(list(answers.glob("*.parquet")))
    n_errors = sum(table["error"].drop_null().length() for table in Archive.read(answers).tables())
    return {"files": count, "errors": n_errors, "parts": n_parts, **run}


def _drawn(path: Path, count: int, how: str) -> Path:
    subprocess.run([sys.executable, "-c", _DRAW, path, str(count), how], check=True, cwd=_ROOT)
    return path


def _movie(path: Path) -> list[str]:
    return [str(path), "--frame", "all", "--pixel-size", "0.2"]


def _run(
    inputs: Sequence[str],
    output: Path,
    arguments: Sequence[str],
    commands: int = 1,
    status: int = 0,
) -> dict[str, float]:
    """Answer inputs by so many commands: seconds, and largest memories in MB.

    Seconds are wall time, processor time, and that of threads that answer: all but the first one
    of each worker, or of the command where there is none.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    peaks: dict[int, float] = {}
    threads: dict[tuple[int, int], float] = {}
    with ExitStack() as stack:
        running = [
            stack.enter_context(_started([*inputs, *arguments, "--output", f"{output}{n or ''}"]))
            for n in range(commands)
        ]
        while any(one.poll() is None for one in running):
            for one in running:
                _look(one.pid, peaks, threads)
            time.sleep(0.2)
        wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if any(one.returncode != status for one in running):
        raise StemError(f"{' '.join(inputs)}: not answered")
    clients = {one.pid for one in running}
    workers = set(peaks) - clients if "--workers" in arguments else set()
    return {
        "wall_s": wall,
        "cpu_s": sum(after[:2]) - sum(before[:2]),
        "answering_s": sum(
            seconds
            for (process, thread), seconds in threads.items()
            if process in (workers or clients) and thread != process
        ),
        "client_mb": max(peaks.get(pid, 0.0) for pid in clients),
        "worker_mb": max((peaks[pid] for pid in workers), default=0.0),
    }


def _started(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "jarvis_stem", "predict", *arguments],
        cwd=_ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )


def _look(command: int, peaks: dict[int, float], threads: dict[tuple[int, int], float]) -> None:
    """Note of a process and of those that it has started the largest memory so far, MB.

    And of each of their threads the processor time, s.
    """
    try:
        process = psutil.Process(command)
        for one in (process, *process.children(recursive=True)):
            status = Path(f"/proc/{one.pid}/status").read_text(encoding="utf-8")
            if peak := re.search(r"VmHWM:\s*(\d+)", status):
                peaks[one.pid] = int(peak[1]) / 1024
            for thread in one.threads():
                threads[one.pid, thread.id] = thread.user_time + thread.system_time
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        pass


def tables(result: Mapping[str, Any]) -> str:
    """What was measured, in Markdown.

    Args:
        result: Of each stage, on what machine, and its rows.
    """
    sections = {"rates": _rates_table, "memory": _memory_table, "empty": _empty_table}
    parts = [
        f"{section(result[stage]['rows'])}\n\nMeasured on {result[stage]['machine']}, "
        f"{os.cpu_count()} cores{_busy(result[stage]['rows'])}."
        for stage, section in sections.items()
        if stage in result
    ]
    return "\n\n".join(parts)


def _busy(rows: Sequence[Mapping[str, Any]]) -> str:
    if len({row["others"] for row in rows}) > 1:  # each row says it
        return ""
    return f", of which other work kept {rows[0]['others']:.1f} busy"


def _rates_table(rows: Sequence[Mapping[str, Any]]) -> str:
    alone = {row["mode"]: row for row in rows}
    here, one, two, plain = (alone[mode] for mode in _MODES)
    table = []
    for row in rows:
        wall, cpu, start = (
            statistics.median(row[key]) for key in ("wall_s", "cpu_s", "start_cpu_s")
        )
        table.append(
            {
                "answered": row["mode"],
                "pictures a second": f"{1 / wall:.1f}",
                "processor time a picture": f"{1000 * cpu:.1f} ms",
                f"of {_WHOLE:,} pictures": f"{_WHOLE * cpu / 3600:.1f} core hours",
                "processor time to start": f"{start:.1f} s",
            }
        )
    beside = [
        statistics.median(_ratios(row["cpu_s"], row["answering_s"])) for row in (here, one, two)
    ]
    return (
        f"{_markdown(table)}\n\nBeside the threads that answer, the command takes "
        f"{beside[0] - 1:.1%} of their processor time in one process, {beside[1] - 1:.1%} with one "
        f"worker and {beside[2] - 1:.1%} with two, so that Dask takes "
        f"{max(beside[1:]) - beside[0]:.1%}. All in all a picture takes "
        f"{_spread(_ratios(two['cpu_s'], plain['cpu_s']))} times the processor time with two "
        f"workers that it takes in two processes, and "
        f"{_spread(_ratios(one['cpu_s'], here['cpu_s']))} times with one worker, whose command "
        f"works beside it, that it takes in one. Two workers are "
        f"{_spread(_ratios(one['wall_s'], two['wall_s']), 2)} of twice as fast as one, and two "
        f"processes {_spread(_ratios(here['wall_s'], plain['wall_s']), 2)} of twice as fast as "
        f"one. Medians of {len(here['wall_s'])} rounds, in brackets the least and the most. Noisy "
        "pictures of 256 x 256 pixels; 32 of them are in the time to start. Core hours are "
        "computed from the processor time of a picture."
    )


def _ratios(these: Sequence[float], those: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(these, those, strict=True)]


def _spread(ratios: Sequence[float], of: float = 1) -> str:
    """The median of all rounds, the least and the most, as shares of a number."""
    least, median, most = (
        one / of for one in (min(ratios), statistics.median(ratios), max(ratios))
    )
    return f"{median:.2f} ({least:.2f} to {most:.2f})"


def _memory_table(rows: Sequence[Mapping[str, Any]]) -> str:
    table = [
        {
            "frames": f"{row['frames']:,}",
            "the stack": f"{row['stack_mb']:,.0f} MB",
            "its answers": f"{row['answers_mb']:.1f} MB",
            "memory of the command": f"{row['client_mb']:.0f} MB",
            "of a worker": f"{row['worker_mb']:.0f} MB",
            "processor time": f"{row['cpu_s']:.0f} s",
            "wall time": f"{row['wall_s']:.0f} s",
            "cores busy with other work": f"{row['others']:.1f}",
        }
        for row in rows
    ]
    return f"{_markdown(table)}\n\nTwo workers; clean frames, answered with `--distortion 0`."


def _empty_table(rows: Sequence[Mapping[str, Any]]) -> str:
    (row,) = rows
    return (
        f"{row['files']:,} empty files are answered, by {row['errors']:,} rows with their errors "
        f"in {row['parts']:,} parts, in {row['wall_s']:.0f} s, {row['cpu_s']:.0f} s of processor "
        f"time and {row['client_mb']:.0f} MB, in one process."
    )


def _markdown(rows: Sequence[Mapping[str, str]]) -> str:
    align = ["left", *["right"] * (len(rows[0]) - 1)]
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True, colalign=align)


if __name__ == "__main__":
    sys.exit(cli.run(main))
