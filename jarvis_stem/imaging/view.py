"""What the models see of a picture: the middle 51.2 Å, as the benchmark's images are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jarvis_stem.imaging import continuation, stem
from jarvis_stem.imaging.stem import IMAGE_SIZE, PIXEL_SIZE
from jarvis_stem.utils.errors import StemError

SMALLEST = 64  # pixels a side
WIDTH = IMAGE_SIZE * PIXEL_SIZE
"""Å a side."""
FEW = 16.0
"""Å: pictures of less are magnified."""
_GAUSSIAN = 2.0  # matplotlib's interpolation is exp(-2 d^2) of the distance in pixels, up to 2
_NOISE = 0.2  # of JPEG against signal; 0.1 to 0.3 restore the published pictures' harmonics alike
_ROUNDING = 1e-6  # of pixel sizes, which files have in single precision
_LEAST = 6.4  # Å
_RANGE = 255.0
_COARSEST = 1.6  # Å a pixel; hardly any lattice shows in larger ones


@dataclass(frozen=True)
class View:
    """A picture as the models take it.

    Attributes:
        pixels: uint8[256, 256], x along rows, stretched to 0..255.
        inside: Pixels a side in the middle that are of the picture; those around them continue it.
        doubts: Why it may not show what the models were trained on.
    """

    pixels: NDArray[np.uint8]
    inside: int = IMAGE_SIZE
    doubts: tuple[str, ...] = ()


def check(shape: tuple[int, ...], pixel_size: float | None, name: str) -> None:
    """Check that models can see a picture.

    Args:
        shape: Its height and width, pixels.
        pixel_size: Å, None if it is not known.
        name: For the errors.

    Raises:
        StemError: Less than 64 pixels or 6.4 Å a side, or more than 1.6 Å a pixel.
    """
    height, width = shape
    if min(height, width) < SMALLEST:
        raise StemError(
            f"{name}: {width}x{height} px; expected at least {SMALLEST}x{SMALLEST}; take a larger "
            "picture"
        )
    if pixel_size is None:
        return
    if pixel_size > _COARSEST:
        raise StemError(
            f"{name}: {pixel_size:.4g} Å a pixel; expected at most {_COARSEST}; magnify more, or "
            "correct the pixel size"
        )
    shown = min(height, width) * pixel_size
    if shown < _LEAST * (1 - _ROUNDING):
        raise StemError(
            f"{name}: shows {shown:.1f} Å; expected at least {_LEAST:.1f}; take a picture of more, "
            "or correct the pixel size"
        )


def of_figure(values: NDArray[np.float32]) -> View:
    """See a figure that matplotlib drew without axes; see `_undrawn`.

    Args:
        values: float32[H, W], as high as wide or a pixel less or more.
    """
    return View(_undrawn(values))


def of_values(values: NDArray[np.float32], pixel_size: float | None) -> View:
    """See the middle 51.2 Å, or all of a picture whose scale is not known.

    Args:
        values: float32[H, W].
        pixel_size: Å, None if it is not known.
    """
    square = _stretched(_middle(values))
    if pixel_size is None:
        doubts = _cut_off(values.shape)
    else:
        doubts = ()
        if len(square) * pixel_size >= FEW:
            return _of_scale(square, pixel_size)
    # Of few cells, too, their shape tells more than their size.
    whole = _resized(square, IMAGE_SIZE, len(square))
    return View(stem.to_uint8(whole[None])[0], doubts=doubts)


def _cut_off(shape: tuple[int, ...]) -> tuple[str, ...]:
    height, width = shape
    if abs(height - width) <= 1:
        return ()
    side = min(shape)
    return (
        f"not square: the middle {side}x{side} of {width}x{height} px are taken to show "
        f"{WIDTH:.1f} Å; name the size of a pixel",
    )


def _stretched(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Numbers of a range that interpolation does well in single precision."""
    low, high = float(values.min()), float(values.max())
    if low >= 0 and 1 <= high <= _RANGE:
        return values
    scale = _RANGE / (high - low) if high > low else 0
    return ((values.astype(np.float64) - low) * scale).astype(np.float32)


def _of_scale(square: NDArray[np.float32], pixel_size: float) -> View:
    """The middle 51.2 Å at 0.2 Å a pixel."""
    shown = len(square) * pixel_size
    size = min(IMAGE_SIZE, int(shown / PIXEL_SIZE * (1 + _ROUNDING)))
    resized = _resized(square, size, size * PIXEL_SIZE / pixel_size)
    if size == IMAGE_SIZE:
        return View(stem.to_uint8(resized[None])[0])
    continued = continuation.continued(resized, IMAGE_SIZE)
    if continued is not None:
        return View(stem.to_uint8(continued[None])[0], size)
    before = (IMAGE_SIZE - size) // 2
    filled = np.pad(
        resized, (before, IMAGE_SIZE - size - before), constant_values=float(resized.mean())
    )
    doubt = f"shows {shown:.1f} Å of the {WIDTH:.1f} that the models were trained on"
    return View(stem.to_uint8(filled[None])[0], size, (doubt,))


def _undrawn(content: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The pixels that matplotlib's ``imshow(interpolation="gaussian")`` drew a picture from.

    Each pixel is a Gaussian mean of the drawn ones; least squares, damped against JPEG's noise,
    find those. The topmost row or the rightmost column can be cut off: of the published JPEGs' 422
    rows 421 are there. Where matplotlib had a fraction of a pixel more to fill, lengths come out
    wrong by as much, up to 0.2%, angles and ratios do not.

    Args:
        content: The picture without margin, as high as wide or a pixel less.

    Returns:
        uint8[256, 256]; matplotlib has stretched it already.
    """
    height, width = content.shape
    side = max(height, width)
    rows = _inverse(side, side - height)
    columns = _inverse(side, side - width)[::-1, ::-1]  # cut off at the other end
    return np.rint(np.clip(rows @ content @ columns.T, 0, 255)).astype(np.uint8)


@lru_cache(maxsize=8)
def _inverse(side: int, lost: int = 0) -> NDArray[np.float64]:
    """What takes `side` pixels, less so many lost first ones, back to the 256 drawn, [256, M]."""
    at = (np.arange(lost, side) + 0.5) * (IMAGE_SIZE / side) - 0.5
    distance = at[:, None] - np.arange(IMAGE_SIZE)
    drawing = np.where(np.abs(distance) <= 2, np.exp(-_GAUSSIAN * distance**2), 0)
    drawing /= drawing.sum(axis=1, keepdims=True)
    inverse = np.linalg.solve(drawing.T @ drawing + _NOISE * np.eye(IMAGE_SIZE), drawing.T)
    return inverse / (inverse @ drawing).sum(axis=1, keepdims=True)  # of a flat picture itself


def _middle(content: NDArray[np.float32]) -> NDArray[np.float32]:
    """The central square."""
    side = min(content.shape)
    top, left = ((n - side) // 2 for n in content.shape)
    return content[top : top + side, left : left + side]


def _resized(square: NDArray[np.float32], size: int, across: float) -> NDArray[np.float32]:
    """The middle of a square, so many of its pixels across, as size x size pixels."""
    n = len(square)
    across = min(across, n)
    box = ((n - across) / 2, (n - across) / 2, (n + across) / 2, (n + across) / 2)
    resized = Image.fromarray(square).resize((size, size), Image.Resampling.BICUBIC, box)
    return np.asarray(resized, dtype=np.float32)
