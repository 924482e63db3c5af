"""The app as a process, for the tests of its server and of its page."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers import PATIENCE, REPOSITORY


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a process, in a folder, and its address; its files go below the folder."""
    command = [sys.executable, "-m", "jarvis_stem", "app", "--port", "0", "--no-browser"]
    (folder / "tmp").mkdir(exist_ok=True)
    process = subprocess.Popen(
        [*command, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TMPDIR": str(folder / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert line.endswith("/ (Ctrl-C ends)\n"), process.stderr and process.stderr.read()
        yield process, line.split()[0]
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)
