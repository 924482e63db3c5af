"""A picture from anywhere, read as the benchmark's images are."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jarvis_stem import stem
from jarvis_stem.errors import StemError
from jarvis_stem.stem import IMAGE_SIZE, PIXEL_SIZE

SMALLEST = 64  # pixels a side
_VIEW = IMAGE_SIZE * PIXEL_SIZE  # Å
_WHITE = 200  # of 255; JPEG noise in the margin stays above, the image's dark border stays below
_MARGIN_SHARE = 0.98  # of a row or column that must be white for it to be margin
_GAUSSIAN = 2.0  # matplotlib's interpolation is exp(-2 d^2) of the distance in pixels, up to 2
_NOISE = 0.2  # of JPEG against signal; 0.1 to 0.3 restore the published pictures' harmonics alike


@dataclass(frozen=True)
class Picture:
    """A picture as the models take it.

    Attributes:
        pixels: uint8[256, 256], x along rows, stretched to 0..255.
        doubts: Why it may not show what the models were trained on.
    """

    pixels: NDArray[np.uint8]
    doubts: tuple[str, ...] = ()


def read(path: Path, pixel_size: float | None = None) -> Picture:
    """Read a picture: grey, square, of the benchmark's field of view.

    Colours become grey, transparency white, and more than 8 bits are stretched to 8, not cut off. A
    white margin is taken off; what matplotlib drew in it is brought back to its own pixels, as
    `_undrawn` says. Of a picture that is not square the middle is taken, for a squeeze would change
    the lattice.

    Args:
        path: For example a PNG, JPEG or TIFF.
        pixel_size: Å per pixel of the file; the middle 51.2 Å are then taken. Without it the whole
            picture is taken to show 51.2 Å: a wrong scale leaves a lattice's Bravais class as it
            is, but not what the models know of lengths.

    Returns:
        The picture. One that shows less than 51.2 Å is filled up with its mean.

    Raises:
        StemError: Not a readable picture, nothing but margin, less than 64 pixels a side in the
            file or at 0.2 Å a pixel, or a pixel size that is none.
    """
    if pixel_size is not None and not 0 < pixel_size < math.inf:
        raise StemError(f"pixel size {pixel_size}: expected a positive number of Å")
    whole = _grey(path)
    content, framed = _without_margin(whole, path)
    height, width = content.shape
    if min(height, width) < SMALLEST:
        raise StemError(
            f"{path}: {width}x{height} px; expected at least {SMALLEST}x{SMALLEST}; take a larger "
            "picture"
        )
    drawn = framed and abs(height - width) <= 1 and max(height, width) > IMAGE_SIZE
    if drawn and pixel_size is None:
        return Picture(_undrawn(content))
    square = _middle(content)
    if pixel_size is not None:
        return _of_scale(square, pixel_size, path)
    doubts: tuple[str, ...] = ()
    if abs(height - width) > 1:
        side = len(square)
        doubts = (
            f"not square: the middle {side}x{side} of {width}x{height} px are taken to show "
            f"{_VIEW:.1f} Å; name the size of a pixel",
        )
    return Picture(stem.to_uint8(_resized(square, IMAGE_SIZE, len(square))[None])[0], doubts)


def _grey(path: Path) -> NDArray[np.float32]:
    """All of a picture's pixels, 0..255."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd tags of a file say nothing of its pixels
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                pixels = _pixels(image)
    except Exception as error:  # Pillow raises whatever damaged bytes lead it to
        reason = str(error) or type(error).__name__
        raise StemError(f"{path}: not a readable image ({reason})") from None
    if not np.isfinite(pixels).all():
        raise StemError(f"{path}: has pixels that are not finite numbers; mask or replace them")
    return pixels


def _pixels(image: Image.Image) -> NDArray[np.float32]:
    if image.mode[0] in "IF":  # 16 or 32 bits, of which any part may be used
        deep = np.asarray(image).astype(np.float64)
        span = np.ptp(deep)
        return ((deep - deep.min()) * (255 / span if span > 0 else 0)).astype(np.float32)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.asarray(image.convert("L"), dtype=np.float32)


def _without_margin(pixels: NDArray[np.float32], path: Path) -> tuple[NDArray[np.float32], bool]:
    """What is inside a white margin, and whether there is a margin on all sides."""
    white = pixels > _WHITE
    rows = np.flatnonzero(white.mean(axis=1) < _MARGIN_SHARE)
    if rows.size == 0:
        raise StemError(f"{path}: nothing but white margin")
    inside = slice(rows[0], rows[-1] + 1)
    # Columns are judged within the found rows: above and below them every column is white.
    columns = np.flatnonzero(white[inside].mean(axis=0) < _MARGIN_SHARE)
    content = pixels[inside, columns[0] : columns[-1] + 1]
    if np.median(content) > _WHITE:  # dark atoms on a white ground, of which no row is margin
        return pixels, False
    edges = [
        (found[0] > 0, found[-1] < n - 1)
        for found, n in zip((rows, columns), pixels.shape, strict=True)
    ]
    return content, bool(np.all(edges))


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


def _of_scale(square: NDArray[np.float32], pixel_size: float, path: Path) -> Picture:
    """The middle 51.2 Å at 0.2 Å a pixel."""
    shown = len(square) * pixel_size
    size = min(IMAGE_SIZE, int(shown / PIXEL_SIZE * (1 + 1e-9)))
    if size < SMALLEST:
        raise StemError(
            f"{path}: shows {shown:.1f} Å; expected at least {SMALLEST * PIXEL_SIZE:.1f}; take a "
            "picture of more, or correct the pixel size"
        )
    resized = _resized(square, size, size * PIXEL_SIZE / pixel_size)
    if size == IMAGE_SIZE:
        return Picture(stem.to_uint8(resized[None])[0])
    before = (IMAGE_SIZE - size) // 2
    filled = np.pad(
        resized, (before, IMAGE_SIZE - size - before), constant_values=float(resized.mean())
    )
    doubt = f"shows {shown:.1f} Å of the {_VIEW:.1f} that the models were trained on"
    return Picture(stem.to_uint8(filled[None])[0], (doubt,))


def _resized(square: NDArray[np.float32], size: int, across: float) -> NDArray[np.float32]:
    """The middle of a square, so many of its pixels across, as size x size pixels."""
    n = len(square)
    across = min(across, n)
    box = ((n - across) / 2, (n - across) / 2, (n + across) / 2, (n + across) / 2)
    resized = Image.fromarray(square).resize((size, size), Image.Resampling.BICUBIC, box)
    return np.asarray(resized, dtype=np.float32)
