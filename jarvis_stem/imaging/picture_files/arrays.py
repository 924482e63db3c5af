"""Files that hold NumPy's arrays: npy, npz, and those of Nion Swift."""

from __future__ import annotations

import json
import math
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging.picture_files.recording import (
    NUMBERS,
    Recording,
    not_one,
    of_array,
    of_raw,
)
from jarvis_stem.imaging.picture_files.units import Scale, scale_of
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.messages import some

_MOST = 2**31  # bytes of an array in a zip, all of which has to be read
_SWIFT = ("dimensional_calibrations", "spatial_calibrations")  # as Nion Swift calls them
_SMALLEST = 64  # pixels a side; smaller arrays beside an image are its axes and the like
_METADATA = "metadata.json"  # of Nion Swift


def of_npy(path: Path, _: ExitStack) -> Recording:
    """An array as `numpy.save` writes it."""
    with path.open("rb") as file:
        shape, column_major, dtype = _npy_header(file)
        offset = file.tell()
    if column_major or len(shape) not in (2, 3) or dtype.hasobject:
        return of_array(path, np.load(path, mmap_mode="r", allow_pickle=False))
    return of_raw(path, dtype, shape, offset)


def _npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type that an array is written with."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


def of_zip(path: Path, stack: ExitStack) -> Recording:
    """The one picture in a zip of arrays, as `numpy.savez` and Nion Swift write them."""
    file = stack.enter_context(zipfile.ZipFile(path))
    arrays = [
        _in_zip(file, info) for info in file.infolist() if info.filename.lower().endswith(".npy")
    ]
    images = [one for one in arrays if is_image(one)]
    if len(images) != 1:
        shown = [f"{one.dtype}{list(one.shape)}" for one in images or arrays]
        raise StemError(not_one(path, f"{len(images)} images: {some(shown)}"))
    known = json.loads(file.read(_METADATA)) if _METADATA in file.namelist() else {}
    return of_array(path, images[0], scale=swift_scale(known))


def _in_zip(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    """An array of a zip, of which but the form is read yet.

    Raises:
        ValueError: It announces more than the zip has, or more than is read.
    """
    with file.open(info) as member:
        shape, _, dtype = _npy_header(member)
    size, most = math.prod(shape) * dtype.itemsize, min(info.file_size, _MOST)
    if size > most:
        raise ValueError(f"an array of {size:,} bytes; expected at most {most:,}")

    def read() -> NDArray[Any]:
        with file.open(info) as member:
            return np.lib.format.read_array(member, allow_pickle=False)

    import dask.array  # here, for .npy does without
    from dask.delayed import delayed

    return dask.array.from_delayed(delayed(read)(), shape, dtype)


def swift_scale(properties: Any) -> Scale:
    """What Nion Swift's description says: calibrations of each axis, wherever in it they are."""
    if isinstance(properties, list):
        scales = [swift_scale(one) for one in properties]
    elif isinstance(properties, dict):
        found = next((properties[key] for key in _SWIFT if properties.get(key)), None)
        if found:
            sides = [(one.get("scale"), one.get("units")) for one in found[-2:]]
            return scale_of(sides, "Nion Swift's calibrations") if len(sides) == 2 else Scale()
        scales = [swift_scale(one) for one in properties.values()]
    else:
        scales = []
    return next((one for one in scales if one != Scale()), Scale())


def is_image(item: Any) -> bool:
    """Whether an array may be a picture or frames, by its form."""
    sizes = [n for n in item.shape or () if n > 1]
    if item.dtype.kind not in NUMBERS or not 2 <= len(sizes) <= 3:
        return False
    return sorted(sizes)[-2] >= _SMALLEST
