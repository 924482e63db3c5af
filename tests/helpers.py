"""What several tests build or start: small benchmarks, contributions, and the real commands."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from jarvis_stem import cli
from jarvis_stem.formats.names import BENCHMARK_SUFFIX, ResultName, bravais_result
from jarvis_stem.utils.files import write_bytes, zip_bytes

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"
GOLDEN = SHARED / "jarvis_leaderboard"
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no published files in {GOLDEN}")

# Seconds that a child process may take: many more than it needs, as the machine may be busy.
PATIENCE = 900

# A change is judged by the same examples each time, on however slow a machine; new ones are
# looked for at night.
_PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", _UNTIMED, max_examples=150, derandomize=True, database=None)
settings.register_profile("nightly", _UNTIMED, max_examples=5000)
settings.load_profile(_PROFILE)

# For examples that take other packages milliseconds.
costly = settings(max_examples=50 if _PROFILE == "ci" else 5000)
# For tests whose examples write into tmp_path, one over the other.
on_disk = settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

REAL, PROTO, SMALL, OTHER = map(
    bravais_result, ("stem_2d_image", "stem_2d_proto", "small", "other")
)
SMALL_SPLITS: dict[str, dict[str, int | str]] = {
    "train": {"a.jpg": 0, "b.jpg": 1, "c.jpg": 2},
    "test": {"d.jpg": 0, "e.jpg": 1, "f.jpg": 2, "g.jpg": 2},
}
# Predictions of that test split: all correct, half of them, and one id four times.
HEADER = "id,prediction\n"
ALL_RIGHT = f"{HEADER}d.jpg,0\ne.jpg,1\nf.jpg,2\ng.jpg,2\n"
THREE_RIGHT = ALL_RIGHT.replace("g.jpg,2", "g.jpg,1")
HALF_RIGHT = f"{HEADER}d.jpg,2\ne.jpg,2\nf.jpg,2\ng.jpg,2\n"
METADATA: dict[str, Any] = {
    "model_name": "CNN",
    "project_url": "https://example.org",
    "date_submitted": "01-31-2024",
    "author_email": "someone@example.org",
    "database_version": "12-12-2022",
    "team_name": "team",
    "time_taken_seconds": {SMALL.predictions_name: 12},
    "language": "python",
    "os": "linux",
    "software_used": "numpy",
    "hardware_used": "CPU",
    "git_url": ["https://example.org/code"],
}

# A model.py that trains in a moment.
TINY_MODEL = """\
from torch import nn

from jarvis_stem.training import Recipe

RECIPE = Recipe(epochs=2, batch_size=16, learning_rate=1e-2)


def build(classes):
    pooled = nn.Sequential(nn.AvgPool2d(16), nn.Flatten(), nn.Dropout(0.2))
    return nn.Sequential(pooled, nn.Linear(256, classes))
"""


def add_benchmark(
    root: Path, name: ResultName = SMALL, splits: Mapping[str, Any] = SMALL_SPLITS
) -> Path:
    """Write a benchmark below a root and return its zip."""
    path = root / name.page_path(BENCHMARK_SUFFIX)
    write_bytes(path, zip_bytes(f"{name.benchmark_name}.json", json.dumps(splits).encode()))
    return path


def add_contribution(
    root: Path,
    model: str,
    csv: str | bytes,
    name: ResultName = SMALL,
    metadata: object = METADATA,
) -> Path:
    """Write a contribution folder with one predictions file and return that file."""
    path = root / model / name.predictions_name
    content = csv if isinstance(csv, bytes) else csv.encode()
    write_bytes(path, zip_bytes(name.csv_name, content))
    (path.parent / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    return path


def write_zip(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write a zip of any members."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def start(
    command: Sequence[str | Path], cwd: Path = REPOSITORY, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program with the package in reach, and return how it ended and what it printed."""
    # The app sets it for its processes, and tests of the app do so in this one.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**inherited, "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def python(*arguments: str | Path, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own; see `start`."""
    return start([sys.executable, *arguments], cwd)


def command(
    name: str, *arguments: str | Path, cwd: Path = REPOSITORY
) -> subprocess.CompletedProcess[str]:
    """Run a command as its process would, but in this one, which has imported everything."""
    main = import_module(f"jarvis_stem.{name}").main
    typed = list(map(str, arguments))
    out, err = io.StringIO(), io.StringIO()
    with chdir(cwd), redirect_stdout(out), redirect_stderr(err):
        status = cli.run(lambda: main(typed))
    return subprocess.CompletedProcess([name, *typed], status, out.getvalue(), err.getvalue())


def complete_metadata(name: ResultName = SMALL) -> dict[str, Any]:
    """Metadata that every check passes."""
    return {**METADATA, "time_taken_seconds": {name.predictions_name: 12}}


def run_record(accuracy: float) -> dict[str, Any]:
    """The record of a run that scored so much."""
    return {
        "command": "python -m jarvis_stem.train",
        "seed": 0,
        "packages": {"torch": "2.13.0"},
        "git_commit": None,
        "hardware": "CPU",
        "recipe": {"epochs": 1},
        "costs": {"wall_seconds": 12, "cpu_seconds": 3.5, "peak_memory_mb": 9, "parameters": 7},
        "result": {"accuracy": accuracy, "n": 4},
        "history": [{"epoch": 1, "train_loss": 0.5}],
    }


def add_complete(root: Path, model: str, csv: str | bytes) -> Path:
    """Write a contribution that every check passes, but for its run's record; return its folder."""
    folder = add_contribution(root, model, csv, metadata=complete_metadata()).parent
    (folder / "run.sh").write_text("#!/usr/bin/env bash\necho trains\n", encoding="utf-8")
    (folder / "run.sh").chmod(0o755)
    return folder


class Figshare(ThreadingHTTPServer):
    """A server on loopback, in the place of the one that has JARVIS' databases.

    Attributes:
        files: Content by path.
        status: Of its answers.
        stops_after: Bytes of a file after which it breaks off.
        asked: Paths that it was asked for.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files: dict[str, bytes] = {}
        self.status = 200
        self.stops_after: int | None = None
        self.asked: list[str] = []


class _Answer(BaseHTTPRequestHandler):
    server: Figshare

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        content = self.server.files[self.path]
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: self.server.stops_after])

    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def figshare_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Figshare]:
    """Serve on loopback what this process would download from figshare."""
    from jarvis.db import figshare

    known = figshare.get_db_info()
    with Figshare() as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        moved = {name: (f"{address}/{info[1]}.zip", *info[1:]) for name, info in known.items()}
        monkeypatch.setattr(figshare, "get_db_info", lambda: moved)
        monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)  # before it tries again
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server
        server.shutdown()
