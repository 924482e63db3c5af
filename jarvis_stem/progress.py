"""Progress bars on standard error, silent where nobody watches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")


def bar() -> Progress:
    """Make a bar of what is done and the time left, shown on a terminal only."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def track(items: Sequence[T], description: str) -> Iterator[T]:
    """Yield the items while a bar shows how many are done and the time left.

    Args:
        items: What to go through.
        description: What is being done, at the left of the bar.
    """
    with bar() as progress:
        yield from progress.track(items, description=description)
