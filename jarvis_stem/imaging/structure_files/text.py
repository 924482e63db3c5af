"""What files of structures have as text, and how much of it is read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from jarvis_stem.utils.errors import StemError

_MOST_LINES = 1_000_000
_MOST_STEPS = 1_000


def text_of(path: Path) -> str:
    """A file's text without a byte order mark; what is no UTF-8 is taken for Latin 1."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def lines_of(path: Path) -> Iterator[str]:
    """Lines of a file, without their ends.

    Raises:
        StemError: More of them than are read.
    """
    text = text_of(path)
    count = max(text.count("\n"), text.count("\r"))
    if count > _MOST_LINES:
        raise StemError(
            f"{path}: {count:,} lines; expected at most {_MOST_LINES:,}; take a smaller file"
        )
    return (line.rstrip("\n") for line in io.StringIO(text, newline=None))


def check_steps(steps: int, path: Path) -> None:
    """Refuse more structures than are answered at once.

    Raises:
        StemError: So many.
    """
    if steps > _MOST_STEPS:
        raise StemError(
            f"{path}: {steps:,} structures; expected at most {_MOST_STEPS:,}; take fewer of them"
        )
