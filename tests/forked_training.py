"""Trainings that need not import torch first: a process that has done so forks them.

It is the server of multiprocessing's method forkserver, which imports `warm_training` once.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")


def prepare() -> None:
    """Start the server, and return once it can fork."""
    _CONTEXT.set_forkserver_preload(["warm_training"])
    nothing = _CONTEXT.Process()
    nothing.start()
    nothing.join()


class Training:
    """A training that was forked, as far as the tests need it."""

    def __init__(
        self, folder: Path, errors: Path, arguments: list[str], landed: int | None = None
    ) -> None:
        """Start it.

        Args:
            folder: Where it runs.
            errors: A file for its messages.
            arguments: Those of the command.
            landed: After how many of the contribution's files have taken their places it is killed.
        """
        self._process: ForkServerProcess = _CONTEXT.Process(
            target=_train, args=(folder, errors, arguments, landed)
        )
        self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float) -> int | None:
        self._process.join(timeout)
        return self._process.exitcode


def _train(folder: Path, errors: Path, arguments: list[str], landed: int | None) -> None:
    """Run `python -m jarvis_stem.train` in a folder."""
    os.chdir(folder)
    if landed is not None:
        _end_after(landed)
    with errors.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["train", *arguments]
    runpy.run_module("jarvis_stem.train", run_name="__main__", alter_sys=True)


def _end_after(landed: int) -> None:
    """Have this process killed in the place of one more renaming into a contribution."""
    rename, places = Path.replace, iter(range(landed))

    def replace(path: Path, target: Path) -> Path:
        if "contributions" in Path(target).parts and next(places, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(path, target)

    Path.replace = replace  # type: ignore[method-assign, assignment]
