"""Public pictures and what is nearly one: parts, coarser and noisier ones, stretched ones.

A few dozen pictures say little of how often an answer is right. Their parts are as hard as pictures
of other microscopes are, and their classes are known.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

_LEAST, _LEAST_HALVED = 100, 300  # pixels a side
_STRETCH = 0.03
_NOISES = (0.7, 1.5)  # of the picture's standard deviation
_STRETCHES = 3

Part = tuple[str, NDArray[np.float32], float | None]


def parts(values: NDArray[np.float32], pixel_size: float | None, name: str) -> Iterator[Part]:
    """What a picture is made to, by name, with the size of its pixels if that is to be known.

    Args:
        values: float32[H, W].
        pixel_size: Å, None if it is not known.
        name: Seeds what is random.
    """
    yield "whole", values, pixel_size
    yield "size unknown", values, None
    yield from _crops(values, pixel_size)
    height, width = values.shape
    if min(values.shape) >= _LEAST_HALVED:
        half = Image.fromarray(values).resize((width // 2, height // 2), Image.Resampling.BOX)
        yield "half as fine", np.asarray(half), pixel_size * 2 if pixel_size else None
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for n in range(_STRETCHES):
        yield "stretched", _stretched(values, rng), pixel_size if n % 2 else None
    for n, share in enumerate(_NOISES):
        noise = rng.normal(0, values.std() * share, values.shape).astype(np.float32)
        yield "noisy", values + noise, pixel_size if n % 2 else None


def _crops(values: NDArray[np.float32], pixel_size: float | None) -> Iterator[Part]:
    for share in (2, 3):
        height, width = (n // share for n in values.shape)
        bottom, right = values.shape[0] - height, values.shape[1] - width
        corners = [(0, 0), (0, right), (bottom, 0), (bottom, right)] if share == 2 else []
        if min(height, width) >= _LEAST:
            for n, (top, left) in enumerate([*corners, (bottom // 2, right // 2)]):
                crop = values[top : top + height, left : left + width]
                known = n % 2 or share > 2
                yield (
                    f"1 / {share} a side",
                    np.ascontiguousarray(crop),
                    pixel_size if known else None,
                )


def _stretched(values: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    stretch, shear = rng.normal(0, _STRETCH, 2)
    matrix = np.array([[1 + stretch, 0], [shear, 1 - stretch]])
    middle = np.array(values.shape) / 2
    offset = middle - matrix @ middle
    moved = ndimage.affine_transform(values, matrix, offset, order=1, mode="reflect")
    return np.asarray(moved, np.float32)
