"""A picture from anywhere, read as the benchmark's images are.

Microscopes' files say how large a pixel is, and so do TIFFs of ImageJ (``unit=nm`` and the like).
Other resolutions, such as dots an inch, are of paper and not of samples: they are ignored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from jarvis_stem.imaging import stem
from jarvis_stem.imaging.picture_files import (
    MICROSCOPES,
    PICTURES,
    check_file,
    has_structures,
    kind_of,
    of_image,
    of_microscope,
    stretched,
)
from jarvis_stem.imaging.stem import IMAGE_SIZE, PIXEL_SIZE
from jarvis_stem.utils.errors import StemError

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms

SMALLEST = 64  # pixels a side
_VIEW = IMAGE_SIZE * PIXEL_SIZE  # Å
_WHITE = 200  # of 255; JPEG noise in the margin stays above, the image's dark border stays below
_MARGIN_SHARE = 0.98  # of a row or column that must be white for it to be margin
_GAUSSIAN = 2.0  # matplotlib's interpolation is exp(-2 d^2) of the distance in pixels, up to 2
_NOISE = 0.2  # of JPEG against signal; 0.1 to 0.3 restore the published pictures' harmonics alike
_ROUNDING = 1e-6  # of pixel sizes, which files have in single precision
_COARSEST = 1.6  # Å a pixel; hardly any lattice shows in larger ones


@dataclass(frozen=True)
class Picture:
    """A picture as the models take it.

    Attributes:
        pixels: uint8[256, 256], x along rows, stretched to 0..255.
        doubts: Why it may not show what the models were trained on.
        pixel_size: Å per pixel of what it was made from. If None that is not known, and the whole
            picture is taken to show 51.2 Å.
    """

    pixels: NDArray[np.uint8]
    doubts: tuple[str, ...] = ()
    pixel_size: float | None = None


def of_path(path: Path, pixel_size: float | None = None) -> dict[str, Picture]:
    """Read an image, or draw the structures of a POSCAR, CIF or JARVIS JSON file.

    Args:
        path: The file; see `read_picture` and `structures.read_files`.
        pixel_size: See `read`.

    Returns:
        Pictures by name: the path, and the structure's id where a file has several.

    Raises:
        StemError: It cannot be read, or a structure cannot be drawn.
    """
    if not has_structures(path):
        return {str(path): read_picture(path, pixel_size)}
    from jarvis_stem.imaging import (
        structures,  # not before: JARVIS-Tools takes seconds to be imported
    )

    found = structures.read_files(path)
    alone = len(found) == 1
    return {
        str(path) if alone else f"{path}: {structures.structure_id(i)}": of_structure(atoms)
        for i, atoms in found.items()
    }


def files_in(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files of a folder that `of_path` reads, sorted, and those that are of another kind.

    Raises:
        StemError: There is none to read, or the folder cannot be listed.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise StemError(f"{folder}: cannot be read ({error.strerror})") from None
    known = [path for path in files if has_structures(path) or kind_of(path) in PICTURES]
    if not known:
        raise StemError(f"{folder}: no image and no structure in it")
    return known, [path for path in files if path not in known]


def of_structure(atoms: Atoms) -> Picture:
    """Draw a structure as the benchmark's images are drawn."""
    return Picture(stem.to_uint8(stem.simulate([atoms]))[0], pixel_size=PIXEL_SIZE)


def of_array(pixels: ArrayLike, pixel_size: float | None = None) -> Picture:
    """Take an array as `read` takes a picture, but for margins: all of it is image.

    Args:
        pixels: Real numbers [H, W], x along rows.
        pixel_size: See `read`.

    Raises:
        StemError: Another form, numbers that are not finite, or see `read`.

    Examples:
        >>> stripes = np.tile([0, 200], (300, 150))
        >>> shown = of_array(stripes, pixel_size=0.2)
        >>> shown.pixels.shape, shown.pixel_size, shown.doubts
        ((256, 256), 0.2, ())
    """
    _check_pixel_size(pixel_size)
    array = np.asarray(pixels)
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "buif":
        raise StemError(
            f"array: expected real numbers [H, W], got {array.dtype}{list(array.shape)}"
        )
    return _fitted(_finite(stretched(array), "array"), pixel_size, "array")


def read_picture(path: Path, pixel_size: float | None = None) -> Picture:
    """Read a picture: grey, square, of the benchmark's field of view.

    Colours become grey, transparency white, and more than 8 bits are stretched to 8, not cut off. A
    white margin is taken off; what matplotlib drew in it is brought back to its own pixels, as
    `_undrawn` says. Of a picture that is not square the middle is taken, for a squeeze would change
    the lattice.

    Args:
        path: For example a PNG, JPEG or TIFF, or one of `MICROSCOPES`. Of several images in one of
            these that of the detector HAADF is read.
        pixel_size: Å per pixel of the file, by default what the file says; the middle 51.2 Å are
            then taken. Where neither says it the whole picture is taken to show 51.2 Å: a wrong
            scale leaves a lattice's Bravais class as it is, but not what the models know of
            lengths.

    Returns:
        The picture. One that shows less than 51.2 Å is filled up with its mean.

    Raises:
        StemError: Not a readable picture or several of them, nothing but margin, less than 64
            pixels a side in the file or at 0.2 Å a pixel, or a pixel size that is none.
    """
    _check_pixel_size(pixel_size)
    check_file(path)
    if kind_of(path) in MICROSCOPES:
        whole, stated = of_microscope(path)
        return _fitted(_finite(whole, path), pixel_size or stated, path)
    whole, stated = of_image(path)
    pixel_size = pixel_size or stated
    content, framed = _without_margin(_finite(whole, path), path)
    height, width = content.shape
    drawn = framed and abs(height - width) <= 1 and max(height, width) > IMAGE_SIZE
    if drawn and pixel_size is None:
        return Picture(_undrawn(content))
    return _fitted(content, pixel_size, path)


def _fitted(content: NDArray[np.float32], pixel_size: float | None, name: Path | str) -> Picture:
    """The middle 51.2 Å, or all of a picture whose scale is not known."""
    height, width = content.shape
    if min(height, width) < SMALLEST:
        raise StemError(
            f"{name}: {width}x{height} px; expected at least {SMALLEST}x{SMALLEST}; take a larger "
            "picture"
        )
    square = _middle(content)
    if pixel_size is not None:
        return _of_scale(square, pixel_size, name)
    doubts: tuple[str, ...] = ()
    if abs(height - width) > 1:
        side = len(square)
        doubts = (
            f"not square: the middle {side}x{side} of {width}x{height} px are taken to show "
            f"{_VIEW:.1f} Å; name the size of a pixel",
        )
    return Picture(stem.to_uint8(_resized(square, IMAGE_SIZE, len(square))[None])[0], doubts)


def _check_pixel_size(pixel_size: float | None) -> None:
    if pixel_size is not None and not 0 < pixel_size < math.inf:
        raise StemError(f"pixel size {pixel_size}: expected a positive number of Å")


def _finite(pixels: NDArray[np.float32], name: Path | str) -> NDArray[np.float32]:
    if not np.isfinite(pixels).all():
        raise StemError(f"{name}: has pixels that are not finite numbers; mask or replace them")
    return pixels


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


def _of_scale(square: NDArray[np.float32], pixel_size: float, name: Path | str) -> Picture:
    """The middle 51.2 Å at 0.2 Å a pixel."""
    if pixel_size > _COARSEST:
        raise StemError(
            f"{name}: {pixel_size:.4g} Å a pixel; expected at most {_COARSEST}; magnify more, or "
            "correct the pixel size"
        )
    shown = len(square) * pixel_size
    size = min(IMAGE_SIZE, int(shown / PIXEL_SIZE * (1 + _ROUNDING)))
    if size < SMALLEST:
        raise StemError(
            f"{name}: shows {shown:.1f} Å; expected at least {SMALLEST * PIXEL_SIZE:.1f}; take a "
            "picture of more, or correct the pixel size"
        )
    resized = _resized(square, size, size * PIXEL_SIZE / pixel_size)
    if size == IMAGE_SIZE:
        return Picture(stem.to_uint8(resized[None])[0], pixel_size=pixel_size)
    before = (IMAGE_SIZE - size) // 2
    filled = np.pad(
        resized, (before, IMAGE_SIZE - size - before), constant_values=float(resized.mean())
    )
    doubt = f"shows {shown:.1f} Å of the {_VIEW:.1f} that the models were trained on"
    return Picture(stem.to_uint8(filled[None])[0], (doubt,), pixel_size)


def _resized(square: NDArray[np.float32], size: int, across: float) -> NDArray[np.float32]:
    """The middle of a square, so many of its pixels across, as size x size pixels."""
    n = len(square)
    across = min(across, n)
    box = ((n - across) / 2, (n - across) / 2, (n + across) / 2, (n + across) / 2)
    resized = Image.fromarray(square).resize((size, size), Image.Resampling.BICUBIC, box)
    return np.asarray(resized, dtype=np.float32)
