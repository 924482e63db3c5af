"""Files that hold arrays: npy, HDF5, MRC."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dask.array
import h5py
import mrcfile
import numpy as np

from jarvis_stem.imaging.picture_files import microscopes
from jarvis_stem.imaging.picture_files.recording import NUMBERS, Recording, not_one, of_array
from jarvis_stem.imaging.picture_files.units import Scale, scale_of
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.messages import some

_SMALLEST = 64  # pixels a side; smaller arrays beside an image are its axes and the like
_IMOD = 1146047817  # IMOD's stamp in an MRC's header
_FEI_LENGTH, _FEI_PIXEL = 131072, 11  # FEI's old header: its bytes, and which number is the pixel's


def of_npy(path: Path, _: ExitStack) -> Recording:
    """An array as `numpy.save` writes it."""
    return of_array(path, np.load(path, mmap_mode="r", allow_pickle=False))


def of_hdf5(path: Path, stack: ExitStack) -> Recording:
    """An EMD of Velox or NCEM, a file of HyperSpy's, or an HDF5 file with one image."""
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
    return of_array(path, dask.array.from_array(image), scale=_axes_scale(image))


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


def _is_image(item: h5py.Dataset) -> bool:
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
    if data is None:
        raise ValueError("its header is not an MRC's, or announces more than the file has")
    if data.dtype == np.int8 and _is_unsigned(header):
        data = data.view(np.uint8)
    sides = [float(file.voxel_size[axis]) for axis in "yx"]
    if header.nsymbt == _FEI_LENGTH and not header.exttyp.item().strip(b"\0 "):
        metres = np.frombuffer(file.extended_header.tobytes(), file.header.nx.dtype.str[0] + "f4")
        sides = [float(metres[_FEI_PIXEL]) * 1e10] * 2
    if (header.mapc, header.mapr) == (2, 1):  # columns are along y
        data, sides = np.swapaxes(data, -1, -2), sides[::-1]
    return of_array(path, data, scale=scale_of([(side, "Å") for side in sides], "the MRC's header"))


def _is_unsigned(header: Any) -> bool:
    """Whether bytes run to 255, as they did before MRC2014 and where IMOD says so."""
    stamp, flags = np.frombuffer(header.extra2.tobytes(), header.nx.dtype, 2, offset=40)
    return bool(header.dmax > 127 or (stamp == _IMOD and not flags & 1))
