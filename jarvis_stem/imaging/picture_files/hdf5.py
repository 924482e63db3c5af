"""HDF5: Velox's and NCEM's EMD, HyperSpy's files, and files with one image."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import dask.array
import h5py

from jarvis_stem.imaging.picture_files import microscopes
from jarvis_stem.imaging.picture_files.arrays import is_image, swift_scale
from jarvis_stem.imaging.picture_files.recording import Recording, not_one, of_array
from jarvis_stem.imaging.picture_files.units import Scale, scale_of
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.memory import at_most_more
from jarvis_stem.utils.messages import some

_SPARE = 2**29  # bytes beside those of the file and its copies, which libraries may take
_COPIES = 3


def recording(path: Path, stack: ExitStack) -> Recording:
    """An EMD of Velox or NCEM, a file of HyperSpy's, or an HDF5 file with one image."""
    # HDF5 takes as much as a damaged attribute says it is long, and only then looks for it.
    with at_most_more(_SPARE + _COPIES * path.stat().st_size):
        return _recording(path, stack)


def _recording(path: Path, stack: ExitStack) -> Recording:
    file = stack.enter_context(h5py.File(path, "r"))
    arrays = _arrays(file)
    for one in arrays:
        _refuse_unwritten(one)
    if "Version" in file or _is_berkeley(file):
        return microscopes.of_reader(path, "emd", lazy=_are_chunked(arrays, path))
    if "file_format_version" in file.attrs or "Experiments" in file:
        return microscopes.of_reader(path, "hspy", lazy=_are_chunked(arrays, path))
    images = [one for one in arrays if is_image(one)]
    if len(images) != 1:
        shown = [f"{one.name} {one.dtype}{list(one.shape or ())}" for one in images or arrays]
        raise StemError(not_one(path, f"{len(images)} images: {some(shown)}"))
    (image,) = images
    scale = _axes_scale(image)
    if scale == Scale():
        with suppress(ValueError, TypeError):  # "properties" of others than Nion Swift
            scale = swift_scale(json.loads(image.attrs.get("properties")))
    return of_array(path, dask.array.from_array(image), scale=scale)


def _arrays(file: h5py.File) -> list[h5py.Dataset]:
    found: list[h5py.Dataset] = []
    file.visititems(lambda _, item: found.append(item) if hasattr(item, "shape") else None)
    return found


def _refuse_unwritten(item: Any) -> None:
    """Raise a ValueError for an image of which the file has no pixel, whatever its size."""
    elsewhere = getattr(item, "is_virtual", False) or getattr(item, "external", None)
    if is_image(item) and not elsewhere and item.id.get_storage_size() == 0:
        raise ValueError(f"{item.name} was never written")


def _are_chunked(arrays: Sequence[h5py.Dataset], path: Path) -> bool:
    """Whether all arrays can be read in part: rosettasciio wants chunks for that.

    Raises:
        ValueError: One cannot, and is larger than its file.
    """
    whole = [one for one in arrays if one.chunks is None and one.ndim > 1]
    if any(one.nbytes > path.stat().st_size for one in whole):
        raise ValueError("an array is larger than the file")
    return not whole


def _axes_scale(image: h5py.Dataset) -> Scale:
    """What HDF5's dimension scales say: coordinates with a unit."""
    sides = []
    for number, length in enumerate(image.shape):
        if length > 1:
            scales = image.dims[number].values()
            known = scales and scales[0].shape == (length,)
            step = (scales[0][-1] - scales[0][0]) / (length - 1) if known else None
            sides.append((step, scales[0].attrs.get("units") if known else None))
    return scale_of(sides[-2:], "HDF5's dimension scales")


def _is_berkeley(file: h5py.File) -> bool:
    groups = [file, *(item for item in file.values() if isinstance(item, h5py.Group))]
    return any("version_major" in group.attrs for group in groups)
