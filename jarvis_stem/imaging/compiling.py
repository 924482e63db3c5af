"""What a person is told while kernels are compiled, which is once after an installation."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager

from numba.core import event

from jarvis_stem.utils import terminal


class _Once(event.Listener):
    """Says it of the first kernel, and then no more."""

    said = False

    def on_start(self, event: object) -> None:
        if not self.said and sys.stderr.isatty():  # a script does not wait
            terminal.note("compiling for this machine: half a minute, once after an installation")
        self.said = True

    def on_end(self, event: object) -> None:
        pass


def noted() -> AbstractContextManager[object]:
    """Say so on a terminal, meanwhile, when a kernel is compiled that is not in the cache."""
    return event.install_listener("numba:compile", _Once())
