"""Builds of the package that a stage measures by turns: this checkout and maybe an earlier one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import measuring

from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import write_bytes

# No torch here: Linux counts the memory of a parent to a child's peak.

NOW, BEFORE = "now", "before"
_WORKER = measuring.ROOT / "perf" / "worker.py"

Ask = Callable[[str], Any]
"""Has a worker do a task of a name; returns what that returns."""


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


class Build(NamedTuple):
    """A checkout, and the Python that runs it.

    Attributes:
        root: The checkout, which processes run in and import jarvis_stem from.
        python: The interpreter; it has the packages that the build needs.
    """

    root: Path
    python: Path

    def run(self, *arguments: str | Path) -> Run:
        """Run its Python with these arguments and time it from start to exit.

        Raises:
            StemError: It failed; the message ends with what it wrote to stderr.
        """
        return process([self.python, *arguments], self.root, self.environment())

    def environment(self, threads: int | None = None) -> dict[str, str]:
        """Environment of its processes, with so many threads or as many as there are cores."""
        limit = {"OMP_NUM_THREADS": str(threads)} if threads else {}
        # Whatever is measured, a user's modules are compiled once.
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return {**inherited, "PYTHONPATH": str(self.root), **limit}


Builds = Mapping[str, Build]
"""Builds by what they are called: now, and maybe before."""


def builds(before: str | None) -> Builds:
    """The builds to measure: this one, and a checkout in a folder.

    Args:
        before: Folder of an earlier build's checkout; its ``.venv`` runs it, if it has one.

    Raises:
        StemError: There is no checkout.
    """
    now = {NOW: Build(measuring.ROOT, Path(sys.executable))}
    if before is None:
        return now
    root = Path(before).resolve()
    if not (root / "jarvis_stem" / "__init__.py").is_file():
        raise StemError(f"{root}: expected a checkout of an earlier build, got no jarvis_stem/")
    python = root / ".venv" / "bin" / "python"
    return now | {BEFORE: Build(root, python if python.exists() else Path(sys.executable))}


def process(
    command: Sequence[str | Path],
    cwd: Path = measuring.ROOT,
    environment: Mapping[str, str] | None = None,
) -> Run:
    """Run a command in a folder, the repository's root, and time it from start to exit.

    Raises:
        StemError: It failed; the message ends with what it wrote to stderr.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        child = subprocess.Popen(command, cwd=cwd, env=environment, stdout=output, stderr=errors)
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


@contextmanager
def workers(
    builds: Builds, stage: str, *arguments: str, threads: int | None = None
) -> Iterator[dict[str, Ask]]:
    """Start ``worker.py`` of a stage in each build, one after the other; they end with the context.

    Args:
        builds: What to measure.
        stage: What the workers are for.
        *arguments: Further ones of ``worker.py``.
        threads: Of each; all cores if None.

    Yields:
        What asks each build's worker.

    Raises:
        StemError: A worker ended; why is on stderr.
    """
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(_worker(build, stage, arguments, threads))
            for name, build in builds.items()
        }


@contextmanager
def _worker(
    build: Build, stage: str, arguments: Sequence[str], threads: int | None
) -> Iterator[Ask]:
    command: list[str | Path] = [build.python, _WORKER, stage, *arguments]
    with subprocess.Popen(
        command,
        cwd=build.root,
        env=build.environment(threads),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        questions, answers = cast("IO[str]", child.stdin), cast("IO[str]", child.stdout)

        def answer() -> Any:
            line = answers.readline()
            if not line:
                raise StemError(f"{build.root}: its worker of {stage} ended too early")
            return json.loads(line)

        def ask(task: str) -> Any:
            print(task, file=questions, flush=True)
            return answer()

        answer()  # ready: what it prepares is no part of another's time
        yield ask


def train(
    model: Path, work: Path, dataset: str, *arguments: str | Path, build: Build | None = None
) -> tuple[Run, Any]:
    """Train a contribution's model as a user does, into a folder of its own.

    Args:
        model: The contribution's folder; its ``*.py`` files are copied.
        work: Folder for contributions, runs and the cache.
        dataset: Of the benchmark.
        *arguments: Further ones of ``jarvis_stem.train``.
        build: What trains it, this checkout by default.

    Returns:
        What the process took, and its record.

    Raises:
        StemError: The training failed.
    """
    folder = work / "contributions" / model.name
    for source in model.glob("*.py"):
        write_bytes(folder / source.name, source.read_bytes())
    command: list[str | Path] = ["-m", "jarvis_stem.train", model.name, "--benchmark", dataset]
    command += ["--contributions", work / "contributions", "--runs", work / "runs", *arguments]
    build = build or builds(None)[NOW]
    # Else a training would find what others have drawn and measured.
    environment = build.environment() | {"JARVIS_STEM_CACHE": str(work / "cache")}
    run = process([build.python, *command], build.root, environment)
    return run, measuring.run_record(folder, dataset)
