"""Files as microscopes' programs write them, as little of them as a reader needs."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import mrcfile
import numpy as np
import zarr
from numpy.typing import NDArray

Pixels = NDArray[Any]


def digital_micrograph(
    path: Path, pixels: Pixels, scale: float = 0.02, unit: str = "nm", *, version: int = 3
) -> Path:
    """Write 16-bit pixels as Gatan's DM3 or DM4: tags within tags, of which most are left out."""
    word = {3: ">I", 4: ">Q"}[version]

    def numbers(*values: int) -> bytes:
        return b"".join(struct.pack(word, value) for value in values)

    def header(kind: int, name: str) -> bytes:
        return struct.pack(">BH", kind, len(name)) + name.encode()

    def contents(*tags: bytes) -> bytes:
        return numbers(len(tags)) + b"".join(tags)

    def group(name: str, *tags: bytes) -> bytes:
        body = contents(*tags)
        size = numbers(len(body)) if version == 4 else b""
        return header(20, name) + b"\1\0" + size + body

    def data(name: str, kinds: tuple[int, ...], raw: bytes) -> bytes:
        body = b"%%%%" + numbers(len(kinds), *kinds) + raw
        size = numbers(len(body)) if version == 4 else b""
        return header(21, name) + size + body

    def array(name: str, values: Pixels) -> bytes:
        return data(name, (20, 4, values.size), values.tobytes())

    def text(name: str, value: str) -> bytes:
        return array(name, np.frombuffer(value.encode("utf-16-le"), "<u2"))

    def axis(name: str, scale: float, unit: str) -> bytes:
        real = {"Origin": 0.0, "Scale": scale}
        tags = (data(key, (6,), struct.pack("<f", value)) for key, value in real.items())
        return group(name, *tags, text("Units", unit))

    def integer(name: str, value: int) -> bytes:
        return data(name, (5,), struct.pack("<I", value))

    axes = [axis("", scale, unit) for _ in pixels.shape]
    calibrations = group("Calibrations", axis("Brightness", 1, ""), group("Dimension", *axes))
    sizes = group("Dimensions", *(integer("", n) for n in reversed(pixels.shape)))
    raw = array("Data", pixels.astype("<u2"))
    image = group("ImageData", calibrations, raw, integer("DataType", 10), sizes)
    listed = group("", image, group("ImageTags"), text("Name", "scan"))
    root = b"\1\0" + contents(group("ImageList", listed))
    little_endian = struct.pack(">I", 1)
    file = struct.pack(">I", version) + numbers(len(root)) + little_endian + root + bytes(8)
    path.write_bytes(file)
    return path


def velox(
    path: Path,
    images: Mapping[str, Pixels],
    scale: float = 2e-11,
    unit: str = "m",
    *,
    spectra: bool = False,
) -> Path:
    """Write images [H, W] or stacks [H, W, N] by their detectors' names as Velox does.

    With `spectra` there is a spectrum image beside them.
    """
    with h5py.File(path, "w") as file:
        version = {"format": "Velox", "version": "7"}
        file["Version"] = np.array([json.dumps(version).encode()])
        for number, (detector, pixels) in enumerate(images.items()):
            metadata = {
                "BinaryResult": {
                    "PixelSize": {"width": str(scale), "height": str(scale)},
                    "PixelUnitX": unit,
                    "PixelUnitY": unit,
                    "Offset": {"x": "0", "y": "0"},
                    "DetectorIndex": str(number),
                },
                "Detectors": {f"Detector-{number}": {"DetectorName": detector}},
                "Scan": {"FrameTime": "1"},
                "Acquisition": {},
                "CustomProperties": "",
            }
            group = file.create_group(f"Data/Image/{number:032x}")
            stack = np.atleast_3d(pixels)
            group.create_dataset("Data", data=stack, chunks=(*stack.shape[:2], 1))
            group["Metadata"] = np.frombuffer(json.dumps(metadata).encode(), np.uint8)[:, None]
        if spectra:
            file.create_group("Data/SpectrumImage")
            file.create_group("Presentation/Displays/ImageDisplay")
    return path


def ncem(
    path: Path, pixels: Pixels, scale: float = 0.02, unit: str = "[n_m]", names: str = "xyz"
) -> Path:
    """Write an EMD of the Berkeley layout, whose first axis is x, or in NCEM's programs y."""
    with h5py.File(path, "w") as file:
        file.attrs.update(version_major=0, version_minor=2)
        group = file.create_group("data/scan")
        group.attrs["emd_group_type"] = 1
        group["data"] = pixels.T if names[0] == "x" else pixels
        for number, length in enumerate(group["data"].shape, 1):
            group[f"dim{number}"] = np.arange(length) * scale
            group[f"dim{number}"].attrs.update(name=names[number - 1], units=unit)
    return path


def mrc(path: Path, pixels: Pixels, scale: float | tuple[float, ...] = 0.2) -> Path:
    """Write an MRC2014, whose lengths are in Å."""
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(pixels)
        file.voxel_size = scale
    return path


def ser(path: Path, pixels: Pixels, scale: float = 2e-11) -> Path:
    """Write 16-bit pixels [H, W] or [N, H, W] as TIA's series, which has lengths in metres."""
    frames = np.atleast_3d(pixels.T).T.astype("<u2")
    n, height, width = frames.shape
    dimension = struct.pack("<IddIII", n, 0, 1, 0, 0, 0)
    start = 30 + len(dimension)
    size = 50 + 2 * height * width + 8
    offsets = [start + 8 * n + k * size for k in range(n)]
    head = struct.pack("<HHHIIIIII", 0x4949, 0x197, 0x210, 0x4122, 0x4152, n, n, start, 1)
    body = struct.pack(f"<{2 * n}I", *offsets, *(at + size - 8 for at in offsets))
    calibration = struct.pack("<ddIddIHII", 0, scale, 0, 0, scale, 0, 2, width, height)
    tag = struct.pack("<HHI", 0x4152, 0, 0)
    elements = b"".join(calibration + frame[::-1].tobytes() + tag for frame in frames)
    path.write_bytes(head + dimension + body + elements)
    return path


def swift(path: Path, pixels: Pixels, scale: float = 0.02, unit: str = "nm") -> Path:
    """Write an .ndata or .h5 as Nion Swift keeps its images."""
    calibration = {"offset": 0.0, "scale": scale, "units": unit}
    properties = json.dumps({"title": "x", "dimensional_calibrations": [calibration] * pixels.ndim})
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["data"] = pixels
            file["data"].attrs["properties"] = properties
        return path
    with zipfile.ZipFile(path, "w") as zipped:
        with zipped.open("data.npy", "w") as member:
            np.lib.format.write_array(member, pixels)
        zipped.writestr("metadata.json", properties)
    return path


def hyperspy_signal(
    pixels: Pixels, scale: float = 0.02, unit: str = "nm", names: str = "yx"
) -> dict[str, Any]:
    """A signal as rosettasciio's writers take it."""
    axes = [
        {
            **{"name": name, "size": size, "scale": scale, "offset": 0.0, "units": unit},
            **{"navigate": number < pixels.ndim - 2, "index_in_array": number},
        }
        for number, (name, size) in enumerate(zip(names[-pixels.ndim :], pixels.shape, strict=True))
    ]
    return {
        **{"data": pixels, "axes": axes, "original_metadata": {}, "learning_results": {}},
        **{"metadata": {"General": {"title": "scan"}, "Signal": {"signal_type": ""}}},
        **{"attributes": {"_lazy": False}, "tmp_parameters": {}, "models": {}},
        "package_info": {"package": "hyperspy", "package_version": "2"},
    }


def zspy(path: Path, pixels: Pixels, scale: float = 0.02, unit: str = "nm") -> Path:
    """Write what HyperSpy writes with zarr 2, whose format zarr 3 writes, too."""
    root = zarr.open_group(path, mode="w", zarr_format=2)
    root.attrs.update(file_format="ZSpy", file_format_version="3.3")
    group = root.create_group("Experiments/scan")
    group.create_array("data", data=pixels)
    for number, axis in enumerate(hyperspy_signal(pixels, scale, unit)["axes"]):
        group.create_group(f"axis-{number}").attrs.update(axis)
    for name in ("metadata/General", "original_metadata"):
        group.create_group(name)
    return path
