"""Progress bars on standard error, silent where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from jarvis_stem.utils.terminal import is_quiet

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")
_WITHIN: ContextVar[bool] = ContextVar("within", default=False)


def bar(*, rate: bool = False) -> Progress:
    """Make a bar of what is done and the time left, on a terminal only; it goes when all is done.

    With --quiet nothing is shown, nor what is printed to the bar's console; nor is a bar of a part
    of what `overall` shows.

    Args:
        rate: Whether it says how many a second are done.
    """
    # Here, for most of what runs in scripts shows no bar.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """How many a second are done."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:.3g}/s" if speed else "", style="progress.data.speed")

    console = Console(stderr=True, quiet=is_quiet())
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *([Rate()] if rate else []),
        TimeRemainingColumn(),
        console=console,
        # FORCE_COLOR, which notebooks set, makes no terminal.
        disable=not _is_shown(),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # what is piped on stays on standard output
    )


def is_watched() -> bool:
    """Whether a bar is shown, or else a notebook shows what is printed to its console."""
    return _is_shown() or "ipykernel" in sys.modules


def _is_shown() -> bool:
    return sys.stderr.isatty() and not _WITHIN.get()


def track(items: Sequence[T], description: str) -> Iterator[T]:
    """Yield the items while a bar shows how many are done and the time left, and then goes away.

    Args:
        items: What to go through.
        description: What is being done, at the left of the bar.
    """
    if not _is_shown():
        yield from items
        return
    with bar() as progress:
        yield from progress.track(items, description=description)


@contextmanager
def overall(total: int, description: str) -> Iterator[Callable[[int], None]]:
    """Show one bar over work of several parts, of which none shows its own.

    Args:
        total: How much there is to do.
        description: What is being done, at the left of the bar.

    Yields:
        What is told how much has been done more.
    """
    if not _is_shown():
        yield lambda _done: None
        return
    with bar() as progress:
        task = progress.add_task(description, total=total)
        token = _WITHIN.set(True)
        try:
            yield lambda done: progress.advance(task, done)
        finally:
            _WITHIN.reset(token)
