"""How messages show what strangers wrote: short, on one line, control characters escaped."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence

_REPR = reprlib.Repr()
_REPR.maxstring = 60
_LONGEST = 90


def quote(value: object) -> str:
    """Show a stranger's value on one short line."""
    shown = _REPR.repr(value)  # bounds each level of nested data, not their product
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 3]}..."


def count(found: Sequence[object], noun: str) -> str:
    """Say how many there are: ``1 id``, ``3 ids``."""
    return f"{len(found)} {noun}{'s' if len(found) > 1 else ''}"


def some(found: Sequence[object], limit: int = 3) -> str:
    """List the first few of many."""
    return ", ".join(map(str, found[:limit])) + (", …" if len(found) > limit else "")


def printable(name: str) -> str:
    """A name as it is, or escaped where it holds what a terminal would obey."""
    return name if name.isprintable() else ascii(name)
