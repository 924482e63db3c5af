"""TIFFs, and what they say of a pixel's size in the tags of their makers."""

from __future__ import annotations

import gc
import math
import operator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from tifffile import PHOTOMETRIC, TiffFile, TiffPage, TiffPageSeries

from jarvis_stem.imaging.picture_files import drawings
from jarvis_stem.imaging.picture_files.recording import Recording, not_one
from jarvis_stem.imaging.picture_files.units import WAY_OUT, Scale, scale_of
from jarvis_stem.utils.errors import StemError

_GREY = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE)
# Tags that rosettasciio reads the pixel size from, by tifffile's names of them.
_MAKERS = {"fei": "FEI's tag", "sem": "Zeiss' tag", "tvips": "TVIPS' tag", "sis": "Olympus' tag"}
_PAPER = {"inch", "in", "cm", ""}  # units that ImageJ takes over from a printer's resolution
_RESOLUTION = {2: 2.54e8, 3: 1e8}  # Å of a TIFF's unit of resolution, an inch or a centimetre
_TITAN = 34683
_FINEST_PRINT = 1e3  # Å a dot; no printer has it, so that a finer resolution is of a sample


def recording(path: Path, stack: ExitStack) -> Recording:
    """The frames of the TIFF's largest series; smaller ones are thumbnails."""
    file = stack.enter_context(TiffFile(path))
    sizes = [math.prod(_frame_shape(one)) for one in file.series]
    series = file.series[int(np.argmax(sizes))]
    page = series.keyframe
    scale = _scale(file, page)
    if page.photometric not in _GREY or page.samplesperpixel > 1:
        drawn = drawings.recording(path, stack)
        return Recording(path, drawn.shape, drawn.read, scale, drawn=True)
    if sizes.count(max(sizes)) > 1:
        shapes = ", ".join(f"{one.dtype}{list(one.shape)}" for one in file.series)
        raise StemError(not_one(path, f"{len(sizes)} series: {shapes}"))
    height, width = _frame_shape(series)
    frames, ends_early = _whole_frames(file, series, height * width)
    return Recording(
        path,
        (frames, height, width),
        _reader(path, file, series, (frames, height, width)),
        scale,
        drawn=series.dtype == np.uint8,
        dark_is_high=page.photometric == PHOTOMETRIC.MINISWHITE,
        ends_early=ends_early,
    )


def _whole_frames(file: TiffFile, series: TiffPageSeries, n_pixels: int) -> tuple[int, bool]:
    """How many frames there are, and whether the file ends before those that it announces."""
    frames = math.prod(series.shape) // n_pixels
    if len(series.pages) == 1 and series.dataoffset is not None:
        # Of a stack that was cut off tifffile takes the first image of ImageJ's for all.
        frames = max(frames, int((file.imagej_metadata or {}).get("images", 1)))
        size = np.dtype(series.dtype).itemsize * n_pixels
        held = (file.filehandle.size - series.dataoffset) // size
        return _at_least_one(min(held, frames)), held < frames
    ends_early = len(series.pages) > 1 and _goes_on(file)
    while ends_early and frames and not _is_whole(file, series.pages[frames - 1]):
        frames -= 1
    return _at_least_one(frames), ends_early


def _at_least_one(frames: int) -> int:
    if frames < 1:
        raise ValueError("the file ends before its first frame does")
    return frames


def _goes_on(file: TiffFile) -> bool:
    """Whether the last page that was found names another one, which a file cut off has not."""
    file.filehandle.seek(file.pages.next_page_offset or 0)
    return any(file.filehandle.read(file.tiff.offsetsize))


def _is_whole(file: TiffFile, page: Any) -> bool:
    ends = map(operator.add, page.dataoffsets, page.databytecounts)
    return max(ends, default=0) <= file.filehandle.size


def _frame_shape(series: TiffPageSeries) -> tuple[int, int]:
    return series.keyframe.imagelength, series.keyframe.imagewidth


def _reader(path: Path, file: TiffFile, series: TiffPageSeries, shape: tuple[int, int, int]) -> Any:
    """What reads a frame: a page, or a part of the one in which ImageJ has all of them."""
    if len(series.pages) >= shape[0]:
        return lambda number: file.asarray(key=number, series=series).reshape(shape[1:])

    def part(number: int) -> NDArray[Any]:
        if series.dataoffset is None:
            return series.asarray().reshape(shape)[number]
        dtype = np.dtype(series.dtype).newbyteorder(file.byteorder)
        offset = series.dataoffset + number * dtype.itemsize * math.prod(shape[1:])
        return np.memmap(path, dtype, "r", offset, shape[1:])

    return part


def _scale(file: TiffFile, page: TiffPage) -> Scale:
    """What the first of the makers that has written a size says."""
    for known in (_digital_micrograph, _maker, _ome, _imagej, _resolution, _titan):
        scale = known(file, page)
        if scale != Scale():
            return scale
    return Scale()


def _digital_micrograph(_: TiffFile, page: TiffPage) -> Scale:
    tags = page.tags  # of y and of x: scale, unit, unit written out
    sides = [
        (tags.valueof(scale), tags.valueof(unit) or tags.valueof(name))
        for scale, unit, name in ((65010, 65004, 65013), (65009, 65003, 65012))
    ]
    return scale_of(sides, "DigitalMicrograph's tags")


def _maker(file: TiffFile, page: TiffPage) -> Scale:
    found = [name for flag, name in _MAKERS.items() if flag in file.flags]
    if page.tags.valueof("Make") == "JEOL Ltd.":
        found.append("JEOL's tag")
    if not found:
        return Scale()
    from rsciio.tiff import file_reader

    axes = file_reader(file.filehandle.path, lazy=True)[0]["axes"]
    gc.collect()  # closes the file, which is left open
    sides = {axis["name"]: (axis["scale"], axis["units"]) for axis in axes}
    return scale_of([sides["height"], sides["width"]], found[0])


def _ome(file: TiffFile, _: TiffPage) -> Scale:
    if not file.is_ome:
        return Scale()
    images = tifffile.xml2dict(file.ome_metadata or "")["OME"]["Image"]
    pixels = (images[0] if isinstance(images, list | tuple) else images)["Pixels"]
    sides = [
        (pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        for axis in "YX"
    ]
    return scale_of(sides, "OME-XML")


def _imagej(file: TiffFile, page: TiffPage) -> Scale:
    fields = file.imagej_metadata or {}
    unit = str(fields.get("unit", ""))
    if unit.strip() in _PAPER:
        return Scale()
    sides = [(side, fields.get("yunit", unit)) for side in _sides(page)]
    return scale_of([sides[0], (sides[1][0], unit)], "ImageJ's unit")


def _resolution(_: TiffFile, page: TiffPage) -> Scale:
    factor = _RESOLUTION.get(int(page.tags.valueof("ResolutionUnit", default=2)))
    sides = [side * factor if side and factor else None for side in _sides(page)]
    if not all(side and side < _FINEST_PRINT for side in sides):
        return Scale()
    return scale_of([(side, "Å") for side in sides], "the TIFF's resolution")


def _titan(_: TiffFile, page: TiffPage) -> Scale:
    """FEI's XML of a Titan, from which nobody here reads a size."""
    if _TITAN not in page.tags:
        return Scale()
    return Scale(doubt=f"what FEI's tag {_TITAN} says of a pixel's size is not read; {WAY_OUT}")


def _sides(page: TiffPage) -> list[float | None]:
    """Height and width of a pixel in the unit of resolution."""
    fractions = [page.tags.valueof(f"{axis}Resolution") for axis in "YX"]
    return [one[1] / one[0] if one and one[0] else None for one in fractions]
