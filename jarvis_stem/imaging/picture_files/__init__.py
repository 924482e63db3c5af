"""Pictures from files: images of any depth, microscopes' formats, the pixel size they state."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from jarvis_stem.imaging.picture_files.recording import (
    Recording,
    attempt,
    check_size,
    reason_of,
    unreadable,
)
from jarvis_stem.utils.errors import StemError


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        name: What people call it.
        endings: Of the files' names.
        reader: Module and function here that open it.
        library: What reads it.
        size_from: What in it says how large a pixel is.
    """

    name: str
    endings: tuple[str, ...]
    reader: str
    library: str
    size_from: str


FORMATS = (
    Format(
        "TIFF",
        (".tif", ".tiff"),
        "tiff.recording",
        "tifffile, Pillow for colours",
        "the tags of DigitalMicrograph, FEI, Zeiss, TVIPS, Olympus or JEOL; OME-XML; ImageJ's "
        "unit; else the resolution where it is finer than any print's (10,000 dots a millimetre)",
    ),
    Format(
        "PNG, JPEG, BMP, GIF",
        (".png", ".jpg", ".jpeg", ".bmp", ".gif"),
        "drawings.recording",
        "Pillow",
        "nothing: dots an inch are of paper",
    ),
    Format(
        "DigitalMicrograph",
        (".dm3", ".dm4"),
        "microscopes.recording",
        "rosettasciio",
        "its calibrations",
    ),
    Format(
        "EMD of Velox or of NCEM",
        (".emd",),
        "hdf5.recording",
        "rosettasciio",
        "PixelSize; the dimensions' steps and units",
    ),
    Format("TIA", (".ser", ".emi"), "microscopes.recording", "rosettasciio", "its calibration"),
    Format(
        "MRC",
        (".mrc", ".mrcs", ".map"),
        "mrc.recording",
        "mrcfile",
        "the cell in its header; FEI's extended header",
    ),
    Format("HyperSpy", (".hspy",), "hdf5.recording", "rosettasciio", "the axes"),
    Format("HyperSpy in zarr", (".zspy",), "microscopes.recording", "rosettasciio", "the axes"),
    Format(
        "HDF5 with one image",
        (".h5", ".hdf5"),
        "hdf5.recording",
        "h5py; rosettasciio where it is one of the above",
        "HDF5's dimension scales with a unit; Nion Swift's calibrations",
    ),
    Format("NumPy", (".npy",), "arrays.of_npy", "NumPy", "nothing"),
    Format(
        "NumPy or Nion Swift, zipped, with one image",
        (".npz", ".ndata"),
        "arrays.of_zip",
        "NumPy",
        "Nion Swift's calibrations",
    ),
)
PICTURES = tuple(ending for one in FORMATS for ending in one.endings)
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_FOLDERS = (".zspy",)  # formats that may be folders


def kind_of(path: Path) -> str:
    """A file's ending, in lower case."""
    return path.suffix.lower()


def is_picture(path: Path) -> bool:
    """Whether a path is that of a picture, by its name."""
    return kind_of(path) in PICTURES and (path.is_file() or kind_of(path) in _FOLDERS)


@contextmanager
def opened(path: Path) -> Iterator[Recording]:
    """Open a picture's file, of which nothing is read yet but its form.

    Raises:
        StemError: There is no picture to be read in it, or a larger one than is read.
    """
    _check_file(path)
    with ExitStack() as stack:
        recording = attempt(path, lambda: _reader(path)(path, stack))
        check_size(recording)
        yield recording


def _check_file(path: Path) -> None:
    """Refuse what is no regular file: a device or a pipe could keep a reader for ever."""
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        raise StemError(f"{path}: not a readable image ({reason_of(error)})") from None
    if stat.S_ISDIR(state.st_mode) and kind_of(path) in _FOLDERS:
        return
    if not stat.S_ISREG(state.st_mode):
        raise StemError(f"{path}: not a readable image (not a regular file)")
    if state.st_size == 0:
        raise StemError(unreadable(path, "an empty file"))


def _reader(path: Path) -> Callable[[Path, ExitStack], Recording]:
    """What opens a file, imported when there is one; images are told by their first bytes."""
    kind = kind_of(path)
    names = [one.reader for one in FORMATS if kind in one.endings]
    module, function = (names[0] if names else FORMATS[1].reader).split(".")
    if module in ("tiff", "drawings"):
        with path.open("rb") as file:
            magic = file.read(4)
        module = "tiff" if magic in _TIFF else "drawings"
    return getattr(import_module(f"{__name__}.{module}"), function)
