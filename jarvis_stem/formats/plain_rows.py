"""Predictions in the plainest way to write them, read fast.

A program mostly writes rows without quotes or spaces below ``id,prediction`` or
``id,target,prediction``. That a file is nothing but the rows that it must have is shown by
comparing bytes. What does not compare is not thereby wrong: the caller reads it as CSV, and that
alone finds faults.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_PLAIN = re.compile(r"[!#-+\--~]{1,1000}")  # neither quotes, commas, spaces nor beyond ASCII
_FEED = ord("\n")


class PlainRows:
    r"""The plain rows of one split, whose classes are of one character each.

    Examples:
        >>> rows = PlainRows({"a.jpg": 0, "b.jpg": 2}, [0, 2])
        >>> rows.read(b"id,prediction\nb.jpg,0\na.jpg,2\n")
        array([1, 0])
        >>> rows.read(b"id,prediction\nb.jpg, 0\na.jpg,2\n") is None
        True
    """

    def __init__(self, split: Mapping[str, int | str], classes: Sequence[int | str]) -> None:
        """Keep what rows are made of.

        Args:
            split: Ids and classes, at least one.
            classes: All classes of the benchmark.
        """
        self._split = split
        self._classes = list(map(str, classes))

    def read(self, content: bytes) -> NDArray[np.intp] | None:
        """Read predictions, if they are written plainly and without a fault.

        Args:
            content: A CSV.

        Returns:
            The index of each id's predicted class, intp[n], in the split's order; or None, which
            says nothing.
        """
        lines = content.removeprefix(codecs.BOM_UTF8)
        if b"\r" in lines:
            lines = lines.replace(b"\r\n", b"\n")
        header, _, body = lines.partition(b"\n")
        if header not in self._stems:
            return None
        rows = np.frombuffer(body if body.endswith(b"\n") else body + b"\n", np.uint8)
        last = np.flatnonzero(rows == _FEED) - 1  # of each row: its class
        found = self._indices[rows[last]]
        if len(last) != len(self._split) or found.min() < 0:
            return None
        stems = rows.copy()
        stems[last] = _FEED
        order = self._stems[header].order(stems.tobytes())
        if order is None:
            return None
        predicted = np.empty_like(found)
        predicted[order] = found
        return predicted

    @cached_property
    def _indices(self) -> NDArray[np.intp]:
        """Class index by its one character, -1 for others."""
        indices = np.full(256, -1, np.intp)
        for index, name in enumerate(self._classes):
            if len(name) == 1:
                indices[ord(name)] = index
        return indices

    @cached_property
    def _stems(self) -> dict[bytes, _Stems]:
        """What the class is written behind, by header; none if some of it is not plain."""
        texts = [*self._split, *self._classes]
        if len({*self._classes}) < len(self._classes) or not all(map(_PLAIN.fullmatch, texts)):
            return {}
        targets = [f"{id},{target}," for id, target in self._split.items()]
        return {
            b"id,prediction": _Stems([f"{id}," for id in self._split]),
            b"id,target,prediction": _Stems(targets),
        }


class _Stems:
    """What the class is written behind in each row, in the split's order."""

    def __init__(self, stems: Sequence[str]) -> None:
        self._stems = [stem.encode() for stem in stems]
        self._in_order = b"".join(stem + b"\n\n" for stem in self._stems)

    def order(self, text: bytes) -> NDArray[np.intp] | slice | None:
        """Where in the split's order each stem belongs; None unless each is there once.

        Args:
            text: As many stems as there are, each ended by two line feeds.
        """
        if text == self._in_order:
            return slice(None)
        try:
            at = map(self._position.__getitem__, text.split(b"\n\n")[:-1])
            order = np.fromiter(at, np.intp, len(self._stems))
        except KeyError:
            return None
        return order if np.bincount(order).max() == 1 else None

    @cached_property
    def _position(self) -> dict[bytes, int]:
        return {stem: number for number, stem in enumerate(self._stems)}
