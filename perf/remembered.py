"""Descriptions of images that are measured once for several models."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.formats.description import SHAPES
from jarvis_stem.imaging import description
from jarvis_stem.imaging.description import Measured, measure


def remember(*sets: NDArray[np.uint8]) -> None:
    """Have every model take its descriptions of these images from one measurement of them.

    Args:
        sets: Images uint8[N, 256, 256].
    """
    known: dict[bytes, list[Any]] = {}
    for images in sets:
        everything = measure(images, tuple(SHAPES))
        of_each = zip(*(getattr(everything, one.name) for one in fields(Measured)), strict=True)
        known |= {_digest(image): list(rest) for image, *rest in of_each}

    def recall(images: NDArray[np.uint8], parts: Sequence[str]) -> Measured:
        try:
            rows = [known[_digest(image)] for image in images]
        except KeyError:
            return measure(images, parts)
        return Measured(images, *(np.array(column) for column in zip(*rows, strict=True)))

    mock.patch.object(description, "measure", recall).start()


def _digest(image: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()
