"""The error that carries a message for the person at the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

_Value = TypeVar("_Value")


class StemError(Exception):
    """Something the user can mend; the message names the place, the fault and the way out."""


def all_of(found: Mapping[str, _Value | StemError]) -> dict[str, _Value]:
    """What was found by name, if nothing of it is an error.

    Raises:
        StemError: The first one among them.
    """
    every: dict[str, _Value] = {}
    for name, one in found.items():
        if isinstance(one, StemError):
            raise one
        every[name] = one
    return every
