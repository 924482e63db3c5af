"""Files as microscopes' programs write them, as little of them as a reader needs."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
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


def velox(path: Path, images: Mapping[str, Pixels], scale: float = 2e-11, unit: str = "m") -> Path:
    """Write images [H, W] or stacks [H, W, N] by their detectors' names as Velox does."""
    with h5py.File(path, "w") as file:
        version = {"format": "Velox", "version": "1.0"}
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
            group["Data"] = np.atleast_3d(pixels)
            group["Metadata"] = np.frombuffer(json.dumps(metadata).encode(), np.uint8)[:, None]
    return path


def ncem(path: Path, pixels: Pixels, scale: float = 0.02, unit: str = "[n_m]") -> Path:
    """Write an EMD of the Berkeley layout, whose first axis is x."""
    with h5py.File(path, "w") as file:
        file.attrs.update(version_major=0, version_minor=2)
        group = file.create_group("data/scan")
        group.attrs["emd_group_type"] = 1
        group["data"] = pixels.T
        for number, length in enumerate(group["data"].shape, 1):
            group[f"dim{number}"] = np.arange(length) * scale
            group[f"dim{number}"].attrs.update(name="xyz"[number - 1], units=unit)
    return path


def mrc(path: Path, pixels: Pixels, scale: float = 0.2) -> Path:
    """Write 16-bit pixels as MRC2014, whose lengths are in Å."""
    height, width = pixels.shape
    header = np.zeros(256, "<i4")
    header[:4] = width, height, 1, 6
    header[7:10] = width, height, 1
    header[10:13] = np.array([width * scale, height * scale, scale], "<f4").view("<i4")
    header[16:19] = 1, 2, 3
    header[52:54] = np.frombuffer(b"MAP DD\0\0", "<i4")
    path.write_bytes(header.tobytes() + pixels.astype("<u2").tobytes())
    return path
