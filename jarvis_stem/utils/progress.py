"""Progress bars on standard error, silent where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TypeVar

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

from jarvis_stem.utils.terminal import is_quiet

T = TypeVar("T")


class _Rate(ProgressColumn):
    """How many a second are done."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.3g}/s" if speed else "", style="progress.data.speed")


def bar(*, rate: bool = False) -> Progress:
    """Make a bar of what is done and the time left, on a terminal only; it goes when all is done.

    With --quiet nothing is shown, nor what is printed to the bar's console.

    Args:
        rate: Whether it says how many a second are done.
    """
    console = Console(stderr=True, quiet=is_quiet())
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *([_Rate()] if rate else []),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # what is piped on stays on standard output
    )


def track(items: Sequence[T], description: str) -> Iterator[T]:
    """Yield the items while a bar shows how many are done and the time left, and then goes away.

    Args:
        items: What to go through.
        description: What is being done, at the left of the bar.
    """
    with bar() as progress:
        yield from progress.track(items, description=description)
