"""Files that hold arrays: npy, HDF5, MRC."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

import dask.array
import h5py
import mrcfile
import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray

from jarvis_stem.imaging.picture_files import microscopes
from jarvis_stem.imaging.picture_files.recording import (
    NUMBERS,
    Recording,
    not_one,
    of_array,
    of_raw,
)
from jarvis_stem.imaging.picture_files.units import Scale, scale_of
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.memory import at_most_more
from jarvis_stem.utils.messages import some

_MOST = 2**31  # bytes of an array in a zip, all of which has to be read
_SPARE = 2**29  # bytes beside those of the file and its copies, which libraries may take
_COPIES = 3
_SWIFT = ("dimensional_calibrations", "spatial_calibrations")  # as Nion Swift calls them
_SMALLEST = 64  # pixels a side; smaller arrays beside an image are its axes and the like
_METADATA = "metadata.json"  # of Nion Swift
_IMOD = 1146047817  # IMOD's stamp in an MRC's header
_FEI_LENGTH, _FEI_PIXEL = 131072, 11  # FEI's old header: its bytes, and which number is the pixel's


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
    images = [one for one in arrays if _is_image(one)]
    if len(images) != 1:
        shown = [f"{one.dtype}{list(one.shape)}" for one in images or arrays]
        raise StemError(not_one(path, f"{len(images)} images: {some(shown)}"))
    known = json.loads(file.read(_METADATA)) if _METADATA in file.namelist() else {}
    return of_array(path, images[0], scale=_swift_scale(known))


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

    return dask.array.from_delayed(delayed(read)(), shape, dtype)


def _swift_scale(properties: Any) -> Scale:
    """What Nion Swift's description says: calibrations of each axis, wherever in it they are."""
    if isinstance(properties, list):
        scales = [_swift_scale(one) for one in properties]
    elif isinstance(properties, dict):
        found = next((properties[key] for key in _SWIFT if properties.get(key)), None)
        if found:
            sides = [(one.get("scale"), one.get("units")) for one in found[-2:]]
            return scale_of(sides, "Nion Swift's calibrations") if len(sides) == 2 else Scale()
        scales = [_swift_scale(one) for one in properties.values()]
    else:
        scales = []
    return next((one for one in scales if one != Scale()), Scale())


def of_hdf5(path: Path, stack: ExitStack) -> Recording:
    """An EMD of Velox or NCEM, a file of HyperSpy's, or an HDF5 file with one image."""
    # HDF5 takes as much as a damaged attribute says it is long, and only then looks for it.
    with at_most_more(_SPARE + _COPIES * path.stat().st_size):
        return _of_hdf5(path, stack)


def _of_hdf5(path: Path, stack: ExitStack) -> Recording:
    file = stack.enter_context(h5py.File(path, "r"))
    arrays = _arrays(file)
    if "Version" in file or _is_berkeley(file):
        return microscopes.of_reader(path, "emd", lazy=_are_chunked(arrays, path))
    if "file_format_version" in file.attrs or "Experiments" in file:
        return microscopes.of_reader(path, "hspy", lazy=_are_chunked(arrays, path))
    images = [one for one in arrays if _is_image(one)]
    if len(images) != 1:
        shown = [f"{one.name} {one.dtype}{list(one.shape or ())}" for one in images or arrays]
        raise StemError(not_one(path, f"{len(images)} images: {some(shown)}"))
    (image,) = images
    scale = _axes_scale(image)
    if scale == Scale():
        with suppress(ValueError, TypeError):  # "properties" of others than Nion Swift
            scale = _swift_scale(json.loads(image.attrs.get("properties")))
    return of_array(path, dask.array.from_array(image), scale=scale)


def _arrays(file: h5py.File) -> list[h5py.Dataset]:
    found: list[h5py.Dataset] = []
    file.visititems(lambda _, item: found.append(item) if hasattr(item, "shape") else None)
    return found


def _are_chunked(arrays: Sequence[h5py.Dataset], path: Path) -> bool:
    """Whether all arrays can be read in part: rosettasciio wants chunks for that.

    Raises:
        ValueError: One cannot, and is larger than its file.
    """
    whole = [one for one in arrays if one.chunks is None and one.ndim > 1]
    if any(one.nbytes > path.stat().st_size for one in whole):
        raise ValueError("an array is larger than the file")
    return not whole


def _is_image(item: Any) -> bool:
    sizes = [n for n in item.shape or () if n > 1]
    if item.dtype.kind not in NUMBERS or not 2 <= len(sizes) <= 3:
        return False
    return sorted(sizes)[-2] >= _SMALLEST


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


def of_mrc(path: Path, stack: ExitStack) -> Recording:
    """An MRC of any byte order; files that miss marks of the newest standard are read, too."""
    file = stack.enter_context(mrcfile.mmap(path, "r", permissive=True))
    header, data = file.header, file.data
    ends_early = data is None
    if data is None:
        data = _whole_frames(path, header)
    if data.dtype == np.int8 and _is_unsigned(header):
        data = data.view(np.uint8)
    sides = [float(file.voxel_size[axis]) for axis in "yx"]
    if header.nsymbt == _FEI_LENGTH and not header.exttyp.item().strip(b"\0 "):
        metres = np.frombuffer(file.extended_header.tobytes(), file.header.nx.dtype.str[0] + "f4")
        sides = [float(metres[_FEI_PIXEL]) * 1e10] * 2
    if (header.mapc, header.mapr) == (2, 1):  # columns are along y
        data, sides = np.swapaxes(data, -1, -2), sides[::-1]
    scale = scale_of([(side, "Å") for side in sides], "the MRC's header")
    return of_array(path, data, scale=scale, ends_early=ends_early)


def _whole_frames(path: Path, header: Any) -> NDArray[Any]:
    """The frames that a stack has which is shorter than its header says.

    Raises:
        ValueError: There is none, or this is no stack.
    """
    if header.map != mrcfile.constants.MAP_ID or header.nz < 2:
        raise ValueError("its header is not an MRC's, or announces more than the file has")
    dtype = mrcfile.utils.data_dtype_from_header(header)
    offset, shape = header.nbytes + int(header.nsymbt), (int(header.ny), int(header.nx))
    held = max(path.stat().st_size - offset, 0) // (dtype.itemsize * math.prod(shape) or 1)
    if held == 0:
        raise ValueError("the file ends before its first frame does")
    return np.memmap(path, dtype, "r", offset, (held, *shape))


def _is_unsigned(header: Any) -> bool:
    """Whether bytes run to 255, as they did before MRC2014 and where IMOD says so."""
    stamp, flags = np.frombuffer(header.extra2.tobytes(), header.nx.dtype, 2, offset=40)
    return bool(header.dmax > 127 or (stamp == _IMOD and not flags & 1))
