"""A picture from anywhere, read as the benchmark's images are.

Microscopes' files say how large a pixel is, and so do many TIFFs; `picture_files.FORMATS` has what
in them does.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jarvis_stem.imaging import stem, structure_files, view
from jarvis_stem.imaging.axes import inside_axes
from jarvis_stem.imaging.picture_files import PICTURES, is_picture, kind_of, opened, signals
from jarvis_stem.imaging.picture_files.recording import NUMBERS, Pixels, Recording
from jarvis_stem.imaging.picture_files.values import field_of
from jarvis_stem.imaging.stem import IMAGE_SIZE, PIXEL_SIZE
from jarvis_stem.imaging.view import View
from jarvis_stem.utils.errors import StemError, all_of

if TYPE_CHECKING:
    from jarvis_stem.imaging.identity import Identity

_WHITE = 200  # of 255; JPEG noise in a margin stays above, an image's dark border stays below
_MARGIN_SHARE = 0.98  # of a row or column that must be white for it to be margin
_MOST = 2**28  # pixels of all frames together, a gigabyte
_EVERY = slice(None)


Frame = int | Literal["mean", "all"]
"""Which of several frames: its number from 1, their mean, or each of them."""


@dataclass(frozen=True)
class Picture:
    """A picture, and what the models see of it.

    Attributes:
        values: float32[H, W], the whole picture's numbers, bright where much was counted; bands
            without data, margins and axes are cut off, single outlying pixels clipped.
        doubts: Why it may not be read as it was meant.
        pixel_size: Å per pixel of `values`. If None that is not known, and the whole picture is
            taken to show 51.2 Å.
        pixel_size_from: What says so: ``given``, or what in the file; None if nothing does.
        frame: Which of a file's images and frames it is, None where there is but one.
        figure: Whether it is a figure without axes, which the models see the pixels of.
        structure: What was drawn, None if nothing was.
    """

    values: NDArray[np.float32]
    doubts: tuple[str, ...] = ()
    pixel_size: float | None = None
    pixel_size_from: str | None = None
    frame: str | None = None
    figure: bool = False
    structure: Identity | None = None

    @cached_property
    def view(self) -> View:
        """What the models see; made when it is asked for, as most pictures need none."""
        if self.figure:
            return view.of_figure(self.values)
        return view.of_values(self.values, self.pixel_size)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """What the models see, uint8[256, 256]."""
        return self.view.pixels

    @property
    def scale(self) -> float:
        """Lengths in the picture, Å or else pixels, per Å of the models' view."""
        side = max(self.values.shape) if self.figure else min(self.values.shape)
        if self.pixel_size is None:
            return side / view.WIDTH
        shown = side * self.pixel_size
        return shown / view.WIDTH if shown < view.FEW else 1.0


def of_path(
    path: Path, pixel_size: float | None = None, frame: Frame | None = None
) -> dict[str, Picture]:
    """Read an image, or draw the structures of a file.

    Args:
        path: The file; see `read_picture` and `structure_files.read_file`.
        pixel_size: See `read_picture`.
        frame: See `read_picture`; ``all`` gives a picture of each.

    Returns:
        Pictures by name: the path, and the structure's id or the frame where a file has several.

    Raises:
        StemError: It cannot be read, or a structure cannot be drawn.
    """
    return all_of(each_of_path(path, pixel_size, frame))


def each_of_path(
    path: Path, pixel_size: float | None = None, frame: Frame | None = None
) -> dict[str, Picture | StemError]:
    """Read as `of_path` does, whatever is wrong with others of a file's structures.

    Returns:
        Pictures by name, or why there is none.

    Raises:
        StemError: The file cannot be read.
    """
    if not structure_files.is_structure(path):
        return _read(path, pixel_size, frame)
    found = structure_files.read_each(path)
    return {
        str(path) if len(found) == 1 else f"{path}: {name}": (
            one if isinstance(one, StemError) else of_structure(one)
        )
        for name, one in found.items()
    }


def frame_by_frame(
    path: Path, pixel_size: float | None = None, frames: slice = _EVERY
) -> Iterator[tuple[str, Picture | StemError]]:
    """Read as `each_of_path` reads all frames, but one at a time and whatever is wrong with others.

    Args:
        path: The file.
        pixel_size: See `read_picture`.
        frames: Which of a stack's, from 0.

    Yields:
        Pictures by name, or why there is none. Of a file that ends early the frames that are whole,
        and then what is missing.

    Raises:
        StemError: The file cannot be read.
    """
    if structure_files.is_structure(path):
        yield from each_of_path(path).items()
        return
    with opened(path) as recording:
        yield from _each_frame(recording, pixel_size, frames)


def count_frames(path: Path) -> int:
    """How many frames a file has, of which none is read; of one that ends early one too many.

    Raises:
        StemError: The file cannot be read.
    """
    with opened(path) as recording:
        return recording.shape[0] + recording.ends_early


def files_in(folder: Path) -> tuple[list[str], list[str]]:
    """Files of a folder that `of_path` reads, sorted, and those that are of another kind.

    Their paths are text, of which a million take a tenth of a gigabyte.

    Raises:
        StemError: There is none to read, or the folder cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:  # it knows what are files without asking for each
            files = sorted(
                one.path for one in entries if one.is_file() or is_picture(Path(one.path))
            )
    except OSError as error:
        raise StemError(f"{folder}: cannot be read ({error.strerror})") from None
    known: list[str] = []
    others: list[str] = []
    for path in files:
        (known if _is_known(path) else others).append(path)
    if not known:
        raise StemError(f"{folder}: no image and no structure in it")
    return known, others


def _is_known(path: str) -> bool:
    """Whether a file is of a known kind, by its name."""
    file = Path(path)
    return kind_of(file) in PICTURES or structure_files.format_of(file) is not None


def of_structure(structure: structure_files.Structure) -> Picture:
    """Draw a structure as the benchmark's images are drawn.

    Args:
        structure: A layer in the plane of x and y: a `Crystal`, or JARVIS' ``Atoms``.
    """
    # Not before: pictures need none of them.
    from jarvis_stem.imaging.crystal import Crystal
    from jarvis_stem.imaging.identity import identity
    from jarvis_stem.imaging.projection import eclipsed

    (values,) = stem.simulate([structure])
    return Picture(
        values,
        pixel_size=PIXEL_SIZE,
        pixel_size_from="drawn",
        structure=identity(structure),
        doubts=eclipsed(structure) if isinstance(structure, Crystal) else (),
    )


def of_object(
    shown: Any, pixel_size: float | None = None, frame: Frame | None = None
) -> dict[str, Picture]:
    """Take what is in memory: a signal, a layer that is drawn as it lies, or an array.

    Args:
        shown: A HyperSpy ``Signal2D`` or a dictionary of rosettasciio's, see
            `picture_files.signals`; ``ase.Atoms``, pymatgen's ``Structure`` or JARVIS' ``Atoms``;
            or see `of_array`.
        pixel_size: See `read_picture`; by default what a signal's axes say.
        frame: Of a signal with several, see `of_path`.

    Returns:
        Pictures by name: what the thing is, and the frame where it has several.

    Raises:
        StemError: No picture and no layer; see `crystal.of_object`, `layer.as_layer`, `of_array`.
    """
    from jarvis_stem.imaging import crystal, layer

    signal = signals.of_object(shown)
    if signal:
        return all_of(_of_recording(signal, pixel_size, frame))
    structure = crystal.of_object(shown)
    if structure:
        return {"structure": of_structure(layer.as_layer(structure, "structure"))}
    return {"array": of_array(shown, pixel_size)}


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
    if np.ma.is_masked(pixels):
        raise StemError("array: has a mask, which would be ignored; fill it: array.filled(value)")
    array = np.asarray(pixels)
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in NUMBERS:
        raise StemError(
            f"array: expected real numbers [H, W], got {array.dtype}{list(array.shape)}"
        )
    return _picture("array", array, pixel_size, "given" if pixel_size else None)


def read_picture(
    path: Path, pixel_size: float | None = None, frame: int | Literal["mean"] | None = None
) -> Picture:
    """Read a picture: grey, square, of the benchmark's field of view.

    Colours become grey, transparency white, and more than 8 bits are stretched to 8, not cut off. A
    white margin is taken off, and of a figure with axes all outside their frame; what matplotlib
    drew without axes is brought back to its own pixels, as `view` says. Of a picture that is
    not square the models see the middle, for a squeeze would change the lattice.

    Args:
        path: One of `picture_files.FORMATS`. Of several images in a file that of the detector HAADF
            is read.
        pixel_size: Å per pixel of the file, by default what the file says; the middle 51.2 Å are
            then taken. Where neither says it the whole picture is taken to show 51.2 Å: a wrong
            scale leaves a lattice's Bravais class as it is, but not what the models know of
            lengths.
        frame: Which of a stack's frames, from 1, or ``mean`` for that of all, not aligned.

    Returns:
        The picture. For the models one that shows less than 16 Å is magnified, one that shows less
        than 51.2 Å continued by its lattice, or filled up with its mean where it shows none.

    Raises:
        StemError: Not a readable picture, several of them and no frame named, nothing but margin,
            less than 64 pixels a side or 6.4 Å, or no pixel size.
    """
    (picture,) = all_of(_read(path, pixel_size, frame)).values()
    return picture


def _read(
    path: Path, pixel_size: float | None, frame: Frame | None
) -> dict[str, Picture | StemError]:
    """Pictures of a file by name: the path, and the frame where it has several."""
    with opened(path) as recording:
        return _of_recording(recording, pixel_size, frame)


def _of_recording(
    recording: Recording, pixel_size: float | None, frame: Frame | None
) -> dict[str, Picture | StemError]:
    if frame == "all":
        if math.prod(recording.shape) > _MOST:
            raise StemError(
                f"{_shown(recording)} are more than are read at once; name a frame, or mean, or "
                "have all answered into a folder (--output)"
            )
        return dict(_each_frame(recording, pixel_size, _EVERY))
    scaled = _scaled(recording, pixel_size)
    if frame == "mean" and recording.drifts():
        shifted = "the frames are shifted against each other: align them, or take one"
        scaled = replace(scaled, doubts=(*scaled.doubts, shifted))
    label, pixels = _one_frame(recording, frame)
    return dict([_of_frame(recording, label, pixels, scaled)])


def _each_frame(
    recording: Recording, pixel_size: float | None, frames: slice
) -> Iterator[tuple[str, Picture | StemError]]:
    """Pictures of frames by name, one at a time; see `frame_by_frame`."""
    scaled = _scaled(recording, pixel_size)
    total = recording.shape[0]
    several = total > 1 or recording.ends_early
    for number in range(total)[frames]:
        label = f"frame {number + 1}" if several else ""
        try:
            yield _of_frame(recording, label, recording.frame(number), scaled)
        except StemError as error:
            yield _name(recording, label), error
    missing = range(total + recording.ends_early)[frames][-1:]
    if recording.ends_early and total in missing:
        yield _name(recording, f"frame {total + 1}"), StemError(recording.end)


@dataclass(frozen=True)
class _Scaled:
    """Å per pixel, what says so, and what speaks against it."""

    size: float | None
    source: str | None
    doubts: tuple[str, ...]


def _scaled(recording: Recording, pixel_size: float | None) -> _Scaled:
    _check_pixel_size(pixel_size)
    scale = recording.scale
    if pixel_size:
        return _Scaled(pixel_size, "given", ())
    if scale.fault:
        raise StemError(f"{recording.path}: {scale.fault}")
    return _Scaled(scale.size, scale.source or None, (scale.doubt,) if scale.doubt else ())


def _of_frame(
    recording: Recording, label: str, pixels: Pixels, scaled: _Scaled
) -> tuple[str, Picture]:
    """A frame's picture, and what it is called."""
    name = _name(recording, label)
    picture = _picture(name, pixels, scaled.size, scaled.source, recording.drawn)
    shown = ", ".join(filter(None, (recording.name, label))) or None
    return name, replace(picture, frame=shown, doubts=(*scaled.doubts, *picture.doubts))


def _name(recording: Recording, label: str) -> str:
    return f"{recording.path}: {label}" if label else str(recording.path)


def _shown(recording: Recording) -> str:
    total, height, width = recording.shape
    return f"{recording.path}: {total} frames of {width}x{height} px"


def _one_frame(recording: Recording, frame: int | Literal["mean"] | None) -> tuple[str, Pixels]:
    """The frame that is asked for, and what to call it: nothing where there is but one."""
    total = recording.shape[0]
    if isinstance(frame, int) and not 1 <= frame <= total:
        raise StemError(f"{_shown(recording)}: expected a frame from 1 to {total}, got {frame}")
    if recording.ends_early and not isinstance(frame, int):
        raise StemError(f"{recording.end}, or name a frame from 1 to {total}, or all (--frame)")
    if total == 1 and not recording.ends_early:
        return "", recording.frame(0)
    if frame is None:
        raise StemError(
            f"{_shown(recording)}; expected one picture; name a frame from 1 to {total}, mean or "
            "all (--frame)"
        )
    if frame == "mean":
        return f"mean of {total} frames", recording.mean()
    return f"frame {frame}", recording.frame(frame - 1)


def _picture(
    name: str,
    pixels: Pixels,
    pixel_size: float | None,
    source: str | None,
    drawn: bool = False,
) -> Picture:
    values = field_of(pixels)
    if not np.isfinite(values).all():
        raise StemError(f"{name}: has pixels that are not finite numbers; replace them")
    framed = False
    if drawn:
        content, framed = _without_margin(values, name)
        values = inside_axes(content)
        framed = framed and values is content
    height, width = values.shape
    if framed and abs(height - width) <= 1 and max(height, width) > IMAGE_SIZE and not pixel_size:
        return Picture(values, figure=True)
    view.check(values.shape, pixel_size, name)
    return Picture(values, pixel_size=pixel_size, pixel_size_from=source)


def _check_pixel_size(pixel_size: float | None) -> None:
    if pixel_size is None:
        return
    is_number = isinstance(pixel_size, Real) and not isinstance(pixel_size, bool | np.bool_)
    if not is_number or not 0 < pixel_size < math.inf:
        raise StemError(f"pixel size {pixel_size!r}: expected a positive number of Å")


def _without_margin(pixels: NDArray[np.float32], name: str) -> tuple[NDArray[np.float32], bool]:
    """What is inside a white margin, and whether there is a margin on all sides."""
    low, high = pixels.min(), pixels.max()
    # Where the black level is high, all but the darkest pixels are above.
    bright = max(_WHITE, low + (high - low) * _WHITE / 255) if high > low else _WHITE
    white = pixels > bright
    rows = np.flatnonzero(white.mean(axis=1) < _MARGIN_SHARE)
    if rows.size == 0:
        raise StemError(f"{name}: nothing but white margin")
    inside = slice(rows[0], rows[-1] + 1)
    # Columns are judged within the found rows: above and below them every column is white.
    columns = np.flatnonzero(white[inside].mean(axis=0) < _MARGIN_SHARE)
    across = slice(columns[0], columns[-1] + 1)
    if white[inside, across].mean() > 0.5:  # dark atoms on white, of which no row is margin
        return pixels, False
    edges = [
        (found[0] > 0, found[-1] < n - 1)
        for found, n in zip((rows, columns), pixels.shape, strict=True)
    ]
    return pixels[inside, across], bool(np.all(edges))
