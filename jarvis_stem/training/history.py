"""What a training run leaves behind as it goes: its epochs, as numbers and as curves."""

from __future__ import annotations

import io
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np

from jarvis_stem.training.checkpoint import Epoch
from jarvis_stem.utils import terminal
from jarvis_stem.utils.files import write_text

_WRITTEN_EVERY, _DRAWN_EVERY = 1.0, 10.0  # seconds


class HistoryWriter:
    """Keeps a run's epochs in ``metrics.csv`` and ``learning_curve.png``.

    They are written every now and then, and at the end, however it ends. Another process draws.

    Attributes:
        n_written: How many epochs it was given.
    """

    def __init__(self, folder: Path) -> None:
        """Write to a run's folder."""
        self.n_written = 0
        self._table, self._picture = folder / "metrics.csv", folder / "learning_curve.png"
        self._unwritten: Sequence[Epoch] = ()
        self._written, self._drawn = -math.inf, time.monotonic()
        self._drawer: subprocess.Popen[str] | None = None

    def __enter__(self) -> HistoryWriter:
        return self

    def __exit__(self, *_error: object) -> None:
        self.finish()
        if self._drawer:
            _, said = self._drawer.communicate()
            if self._drawer.returncode:
                reason = said.strip().splitlines()[-1:]
                terminal.note(f"{self._picture}: not drawn: {''.join(reason)}")

    def write(self, history: Sequence[Epoch]) -> None:
        """Write the history after one more epoch, at once or later."""
        self.n_written += 1
        self._unwritten = history
        if time.monotonic() - self._written > _WRITTEN_EVERY:
            self._write()
        if time.monotonic() - self._drawn > _DRAWN_EVERY:
            self._draw()

    def finish(self) -> None:
        """Write what is not written yet, and have it drawn while other work goes on."""
        if self._unwritten:
            self._write()
        if self._drawn < self._written:
            self._draw()

    def _write(self) -> None:
        write_text(self._table, _as_csv(self._unwritten))
        self._unwritten, self._written = (), time.monotonic()
        self._drawer = self._drawer or _drawer(self._table, self._picture)

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        if self._drawer and self._drawer.stdin:
            with suppress(BrokenPipeError):  # it has failed: `__exit__` says why
                self._drawer.stdin.write("\n")
                self._drawer.stdin.flush()


def _drawer(table: Path, picture: Path) -> subprocess.Popen[str]:
    """Start what draws at each line that it gets. It ends with the lines, not by Ctrl-C."""
    program = Path(__file__).with_name("learning_curve.py")
    return subprocess.Popen(
        [sys.executable, "-P", program, table, picture],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _as_csv(history: Sequence[Epoch]) -> str:
    text = io.StringIO()
    names = ",".join(field.name for field in fields(Epoch))
    rows = [astuple(epoch) for epoch in history]
    np.savetxt(text, rows, fmt="%.6g", delimiter=",", header=names, comments="")
    return text.getvalue()
