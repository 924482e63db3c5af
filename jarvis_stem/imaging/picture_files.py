"""Pictures from files: images of any depth, microscopes' formats, the pixel size they state."""

from __future__ import annotations

import gc
import logging
import math
import stat
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.messages import count, quote

IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif")
STRUCTURES = (".cif", ".vasp", ".poscar", ".json", ".json.zip")
MICROSCOPES = {  # endings, and the part of rosettasciio that reads them
    ".dm3": "digitalmicrograph",
    ".dm4": "digitalmicrograph",
    ".emd": "emd",
    ".mrc": "mrc",
}
PICTURES = (*IMAGES, *MICROSCOPES)
_UNITS = {"pm": 0.01, "Å": 1, "A": 1, "nm": 10, "µm": 1e4, "μm": 1e4, "um": 1e4, "m": 1e10}  # Å
_NO_UNITS = ("", "px", "pixel", "pixels", "<undefined>", "None")
_SQUARE = 1e-3  # how far a pixel's sides may differ
_STACK = 2**28  # bytes; files of single pictures are smaller
_ANNULAR = "HAADF"  # the detector whose images the benchmark simulates


def check_file(path: Path) -> None:
    """Refuse what is no regular file: a device or a pipe could keep a reader for ever.

    Raises:
        StemError: It is none, or cannot be looked at.
    """
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError) as error:
        raise StemError(f"{path}: not a readable image ({reason_of(error)})") from None
    if not regular:
        raise StemError(f"{path}: not a readable image (not a regular file)")


def kind_of(path: Path) -> str:
    """A file's ending, in lower case."""
    return path.suffix.lower()


def has_structures(path: Path) -> bool:
    """Whether a file is one of structures, by its name."""
    return path.name.lower().endswith(STRUCTURES) or path.name.startswith("POSCAR")


def of_image(path: Path) -> tuple[NDArray[np.float32], float | None]:
    """All of a picture's pixels, 0..255, and their size, Å, where the file says it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd tags of a file say nothing of its pixels
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                _refuse_frames(image, path)
                return _pixels(image), _imagej_pixel_size(image, path)
    except StemError:
        raise
    except Exception as error:  # Pillow raises whatever damaged bytes lead it to
        raise StemError(f"{path}: not a readable image ({reason_of(error)})") from None


def reason_of(error: Exception) -> str:
    """What an error says is wrong, without the file's name."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__


def _refuse_frames(image: Image.Image, path: Path) -> None:
    """Refuse a stack; pages of another size are thumbnails."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        size = image.size
        image.seek(1)
        if image.size == size:
            raise StemError(_stack(path, f"{frames} frames of {size[0]}x{size[1]} px"))
        image.seek(0)


def _stack(path: Path, what: str) -> str:
    return f"{path}: expected one picture, got {what}; save one frame, or their mean once aligned"


def _imagej_pixel_size(image: Image.Image, path: Path) -> float | None:
    """Å per pixel where ImageJ has written it: its unit is in a description, not a TIFF's own."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return None
    tags = image.tag_v2
    description = str(tags.get(TiffImagePlugin.IMAGEDESCRIPTION, ""))
    if not description.startswith("ImageJ="):
        return None
    fields = dict(line.split("=", 1) for line in description.splitlines() if "=" in line)
    unit = fields.get("unit", "").replace("\\u00B5", "µ").replace("\\u00C5", "Å")
    if unit not in _UNITS:
        return None
    resolutions = (tags.get(TiffImagePlugin.Y_RESOLUTION), tags.get(TiffImagePlugin.X_RESOLUTION))
    return _square_side([_UNITS[unit] / float(one) if one else None for one in resolutions], path)


def _square_side(sides: Sequence[float | None], path: Path) -> float | None:
    """The side of a pixel, Å; None where it is not known."""
    height, width = sides
    if not height or not width or not math.isfinite(height * width):
        return None
    if abs(height / width - 1) > _SQUARE:
        raise StemError(
            f"{path}: pixels of {width:.4g} by {height:.4g} Å; expected square ones; resample it"
        )
    return float(f"{width:.6g}")


def of_microscope(path: Path) -> tuple[NDArray[np.float32], float | None]:
    """The same as `_of_image` of one of `MICROSCOPES`."""
    with _silence():
        try:
            reader = import_module(f"rsciio.{MICROSCOPES[kind_of(path)]}")
            lazy = path.stat().st_size > _STACK  # which is then refused by its shape alone
            signal = _picture_of(reader.file_reader(str(path), lazy=lazy), path)
            side = _square_side([_angstroms(axis, path) for axis in signal["axes"]], path)
            return stretched(np.asarray(signal["data"])), side
        except StemError:
            raise
        except Exception as error:  # rosettasciio, too, raises whatever damaged bytes lead it to
            reason = reason_of(error)
        gc.collect()  # closes, still in silence, files that rosettasciio has left open
    raise StemError(f"{path}: not a readable image ({reason})")


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what rosettasciio finds odd in a file from the terminal."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _picture_of(signals: list[dict[str, Any]], path: Path) -> dict[str, Any]:
    """The one picture among a file's signals."""
    pictures = [s for s in signals if s["data"].ndim == 2 and s["data"].dtype.kind in "buif"]
    if len(pictures) > 1:
        titles = [str(s.get("metadata", {}).get("General", {}).get("title", "")) for s in pictures]
        named = [s for s, title in zip(pictures, titles, strict=True) if _ANNULAR in title]
        if len(named) != 1:
            raise StemError(_stack(path, f"{len(pictures)}: {', '.join(map(quote, titles))}"))
        pictures = named
    if not pictures:
        forms = [f"{s['data'].dtype}{list(s['data'].shape)}" for s in signals]
        raise StemError(_stack(path, f"{count(forms, 'signal')}: {', '.join(forms)}"))
    (picture,) = pictures
    size, limit = picture["data"].size, Image.MAX_IMAGE_PIXELS
    if limit and size > limit:
        raise StemError(f"{path}: {size} pixels are more than the {limit} that are read")
    return picture


def _angstroms(axis: dict[str, Any], path: Path) -> float | None:
    """Å per pixel along an axis, None where it has no unit."""
    unit = str(axis.get("units", "")).strip()
    if unit in _UNITS:
        return abs(float(axis["scale"])) * _UNITS[unit]
    if unit in _NO_UNITS:
        return None
    raise StemError(f"{path}: an axis in {quote(unit)}; expected a picture of the sample, in Å")


def _pixels(image: Image.Image) -> NDArray[np.float32]:
    if image.mode[0] in "IF":  # 16 or 32 bits, of which any part may be used
        return stretched(np.asarray(image))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.asarray(image.convert("L"), dtype=np.float32)


def stretched(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Numbers of any range as 0..255; not finite where any of them is not."""
    deep = pixels.astype(np.float64)
    span = np.ptp(deep)
    if not math.isfinite(span):
        return np.full(deep.shape, np.nan, np.float32)
    return ((deep - deep.min()) * (255 / span if span > 0 else 0)).astype(np.float32)
