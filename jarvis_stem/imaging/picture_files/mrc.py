"""MRC, by mrcfile."""

from __future__ import annotations

import math
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging.picture_files.recording import Recording, of_array
from jarvis_stem.imaging.picture_files.units import scale_of

_IMOD = 1146047817  # IMOD's stamp in an MRC's header
_FEI_LENGTH, _FEI_PIXEL = 131072, 11  # FEI's old header: its bytes, and which number is the pixel's


def recording(path: Path, stack: ExitStack) -> Recording:
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
