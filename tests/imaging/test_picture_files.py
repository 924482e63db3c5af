"""Pictures' files: every format, type and spelling of a unit gives the same picture and size."""

from __future__ import annotations

import csv
import re
import resource
import shutil
import struct
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import mrcfile
import numpy as np
import psutil
import pytest
import rsciio.emd
import rsciio.hspy
import rsciio.tiff
import tifffile
from helpers import SHARED, on_disk, python
from hypothesis import given
from hypothesis import strategies as st
from microscope_files import (
    digital_micrograph,
    hyperspy_signal,
    mrc,
    ncem,
    ser,
    swift,
    velox,
    zspy,
)
from numpy.typing import NDArray
from PIL import Image

from jarvis_stem.imaging import measurement, picture_files, prototypes, stem
from jarvis_stem.imaging.picture import (
    Picture,
    count_frames,
    each_of_path,
    frame_by_frame,
    of_array,
    of_path,
    read_picture,
)
from jarvis_stem.imaging.picture_files.units import scale_of
from jarvis_stem.imaging.picture_files.values import field_of
from jarvis_stem.utils.errors import StemError

Pixels = NDArray[Any]
Write = Callable[[Path, Pixels, float, str], object]
UNITS = {  # spellings, and how many Å each is
    "Å": (
        "Ã…",
        "â\x84«",
        "\\u00C5",
        "a",
        "Å",
        "A",
        "\u212b",
        "angstrom",
        "Angstrom",
        "Ångström",
        "angstroms",
        "[Å]",
        "Å/px",
    ),
    "nm": (
        "(nm)",
        "Nanometer",
        "nm/px",
        "nm",
        "NM",
        "n_m",
        "[n_m]",
        "nanometer",
        "Nanometers",
        "nano metre",
        "nm per pixel",
    ),
    "mm": ("mm", "millimetre"),
    "cm": ("cm", "CENTIMETER"),
    "µm": (
        "Âµm",
        "\u00ce\u00bcm",
        "µ",
        "\\u00B5m",
        "µm",
        "\u03bcm",
        "um",
        "micron",
        "microns",
        "micrometre",
        "[u_m]",
        "µm/pixel",
    ),
    "pm": ("pm", "picometer", "[p_m]"),
    "m": ("m", "meters", "metre", "[m]"),
}
LENGTHS = {"mm": 1e7, "cm": 1e8, "Å": 1, "nm": 10, "µm": 1e4, "pm": 0.01, "m": 1e10}
SPELLINGS = {unit.replace(" m", "m"): LENGTHS[one] for one, all_ in UNITS.items() for unit in all_}


@pytest.fixture(scope="module")
def scan() -> Pixels:
    """An image that is not square, nor like its mirror image, in 7 bits."""
    atoms = list(prototypes.structures().values())[400]
    image = stem.to_uint8(stem.simulate([atoms]))[0][:96, :128] // 4
    image[10:20, 70:110] += 60
    return image


@pytest.mark.parametrize("unit", SPELLINGS)
def test_units(unit: str) -> None:
    sides = [(0.2 / SPELLINGS[unit], form) for form in (unit, unit.encode())]
    assert scale_of(sides, "x").size == pytest.approx(0.2, rel=1e-6)


@pytest.mark.parametrize(
    "unit",
    [
        "",
        None,
        b"",
        "px",
        "pix",
        "1",
        "Unknown",
        "pixel",
        "<undefined>",
        "[]",
        "reference frame",
        "None",
    ],
)
def test_no_unit(unit: object) -> None:
    scale = scale_of([(1, unit)] * 2, "x")
    assert (scale.size, scale.doubt, scale.fault) == (None, "", "")


@pytest.mark.parametrize(
    "unit",
    [
        *("1/nm", "1 / nm", "nm^-1", "nm⁻¹", "[n_m^-1]", "Å-1", "mrad", "deg", "s", "eV", "ms"),
        *("1/cm", "1/A", "1 / Å", "1/meters", "1/nanometer", "1/pm", "nm^(-1)"),
        *("reciprocal nm", "°", "mrads", "keV", "kV", "V", "Hz", "ns", "ps", "us", "µs", "sec"),
        *("second(s)", "Seconds", "Milliseconds", "slice", "slices"),
    ],
)
def test_a_unit_of_something_else(unit: str) -> None:
    assert "expected a picture of the sample" in scale_of([(1, unit)] * 2, "x").fault


@pytest.mark.parametrize(
    "unit",
    [
        *("furlong", "a.u.", "9**9**9**9", "counts", "\x1b[31m", "?m", "a. u.", "Amps"),
        *("Cnt/sec", "Counts/s", "Da", "Degrees C", "Fluor", "Ohms", "Torr", "Volts"),
        *("Unknown Units", "dg", "e-", "e/pixel", "foo", "m/z", "mR", "nA", "points", "u", "n"),
        *("p", "inch", "pt", "um²", "CUSTOM:UNIT", "Energy Loss (eV)"),
    ],
)
def test_a_unit_that_is_not_understood(unit: str) -> None:
    doubt = scale_of([(2, unit)] * 2, "tags").doubt
    assert doubt.startswith("tags: 2 ")
    assert doubt.isprintable()


@pytest.mark.parametrize("number", [0, -0.0, np.nan, np.inf, None, "x", ""])
def test_no_length(number: object) -> None:
    assert scale_of([(number, "nm")] * 2, "x").size is None


def imagej(path: Path, pixels: Pixels, number: float, unit: str) -> None:
    escaped = "".join(c if c.isascii() else f"\\u{ord(c):04X}" for c in unit)
    metadata = {"unit": escaped}
    tifffile.imwrite(path, pixels, imagej=True, resolution=(1 / number,) * 2, metadata=metadata)


def digital_micrograph_tags(path: Path, pixels: Pixels, number: float, unit: str) -> None:
    texts = [(code, "s", 0, unit.encode(), True) for code in (65003, 65004)]
    reals = [(code, "d", 1, number, True) for code in (65009, 65010)]
    tags: list[Any] = [*texts, *reals]
    tifffile.imwrite(
        path, pixels, byteorder=">" if ">" in pixels.dtype.str else "<", extratags=tags
    )


def dimension_scales(path: Path, pixels: Pixels, number: float, unit: str) -> None:
    with h5py.File(path, "w") as file:
        file["group/scan"] = pixels
        for axis, length in enumerate(pixels.shape):
            file[f"axis{axis}"] = np.arange(length) * number
            file[f"axis{axis}"].make_scale()
            file[f"axis{axis}"].attrs["units"] = unit
            file["group/scan"].dims[axis].attach_scale(file[f"axis{axis}"])


def hspy(path: Path, pixels: Pixels, number: float, unit: str) -> None:
    rsciio.hspy.file_writer(str(path), hyperspy_signal(pixels, number, unit))


FORMATS: dict[str, tuple[str, str, Write]] = {  # ending, types, writer
    "ImageJ": ("tif", "uint8 uint16 float32", imagej),
    "DigitalMicrograph's tags": (
        "tif",
        "uint8 int8 uint16 int16 int32 uint32 float16 float32 float64",
        digital_micrograph_tags,
    ),
    "NCEM, x first": ("emd", "uint8 int16 uint32 float32 float64", ncem),
    "NCEM, y first": (
        "emd",
        "uint8 int64 float64",
        lambda p, a, n, unit: ncem(p, a, n, unit, "yxz"),
    ),
    "HDF5": ("h5", "uint8 int8 uint16 int64 float16 float32 float64", dimension_scales),
    "HyperSpy": ("hspy", "uint8 int16 float32 float64", hspy),
    "zspy": ("zspy", "uint8 int32 float64", zspy),
    "dm3": ("dm3", "uint16", digital_micrograph),
    "dm4": ("dm4", "uint16", lambda *a: digital_micrograph(*a, version=4)),
}


@on_disk
@given(data=st.data(), form=st.sampled_from(sorted(FORMATS)), unit=st.sampled_from(list(SPELLINGS)))
def test_every_type_order_and_unit_gives_the_same_picture(
    data: st.DataObject, form: str, unit: str, scan: Pixels, tmp_path: Path
) -> None:
    ending, kinds, write = FORMATS[form]
    kind = data.draw(st.sampled_from(kinds.split()))
    order = data.draw(st.sampled_from("<>"))
    number = 0.2 / SPELLINGS[unit]
    if form == "ImageJ" and number < 1e-9:  # more pixels a unit than the tag holds
        return
    path = tmp_path / f"x.{ending}"
    if path.is_file():
        path.unlink()
    write(path, _as(scan, kind, order), number, unit)
    assert_is(read_picture(path), scan)


def _as(scan: Pixels, kind: str, order: str) -> Pixels:
    signed = scan.astype(np.int64) - (64 if kind.startswith("i") else 0)
    return signed.astype(np.dtype(order + np.dtype(kind).str[1:]))


def assert_is(read: Picture, scan: Pixels, size: float | None = 0.2) -> None:
    """Whether this is the scan, its pixel size correct."""
    assert read.pixel_size == size
    assert (read.pixel_size_from is None) == (size is None)
    lifted = read.values - read.values.min() + scan.min()
    assert np.allclose(lifted, scan, atol=1e-3)
    assert np.abs(read.pixels - of_array(scan, size).pixels.astype(int)).max() <= 1


OTHERS: dict[str, tuple[str, Callable[[Path, Pixels], object]]] = {
    "OME-XML in µm": (
        "tif",
        lambda path, p: tifffile.imwrite(
            path, p, ome=True, metadata={"PhysicalSizeX": 2e-5, "PhysicalSizeY": 2e-5}
        ),
    ),
    "OME-XML in nm": (
        "ome.tif",
        lambda path, p: tifffile.imwrite(
            path,
            p,
            ome=True,
            metadata={
                **{f"PhysicalSize{axis}": 0.02 for axis in "XY"},
                **{f"PhysicalSize{axis}Unit": "nm" for axis in "XY"},
            },
        ),
    ),
    "resolution in cm": (
        "tif",
        lambda path, p: tifffile.imwrite(path, p, resolution=(5e8, 5e8), resolutionunit=3),
    ),
    "BigTIFF": (
        "tif",
        lambda path, p: tifffile.imwrite(
            path, p, bigtiff=True, resolution=(5e8, 5e8), resolutionunit=3
        ),
    ),
    "compressed": (
        "tif",
        lambda path, p: tifffile.imwrite(
            path,
            p.astype(np.uint16),
            compression="lzw",
            predictor=True,
            tile=(64, 64),
            resolution=(5e8, 5e8),
            resolutionunit=3,
        ),
    ),
    "FEI's tag": (
        "tif",
        lambda path, p: tifffile.imwrite(
            path,
            p,
            extratags=[
                (34682, "s", 0, "[Scan]\r\nPixelWidth=2e-11\r\nPixelHeight=2e-11\r\n", True)
            ],
        ),
    ),
    "FEI's other tag": (
        "tif",
        lambda path, p: tifffile.imwrite(
            path,
            p,
            extratags=[
                (34680, "s", 0, "[Scan]\r\nPixelWidth=2e-11\r\nPixelHeight=2e-11\r\n", True)
            ],
        ),
    ),
    "Nion Swift's ndata": ("ndata", lambda path, p: swift(path, p)),
    "Nion Swift's HDF5": ("h5", lambda path, p: swift(path, p)),
    "rosettasciio's TIFF": (
        "tif",
        lambda path, p: rsciio.tiff.file_writer(str(path), hyperspy_signal(p, 0.2, "Å")),
    ),
    "rosettasciio's EMD": (
        "emd",
        lambda path, p: rsciio.emd.file_writer(str(path), hyperspy_signal(p)),
    ),
    "ser": ("ser", ser),
    "emi": (
        "emi",
        lambda path, p: (
            path.write_bytes(b" <ObjectInfo></ObjectInfo>"),
            ser(path.with_name("x_1.ser"), p),
        ),
    ),
    "Velox": ("emd", lambda path, p: velox(path, {"HAADF": p})),
    "Velox with spectra": ("emd", lambda path, p: velox(path, {"HAADF": p}, spectra=True)),
    "mrc": ("mrc", mrc),
    "mrcs": ("mrcs", lambda path, p: mrc(path, p[None])),
    "map": ("map", lambda path, p: mrc(path, p.astype(np.float32))),
    "mrc, half precision": ("mrc", lambda path, p: mrc(path, p.astype(np.float16))),
    "mrc, signed bytes": ("mrc", lambda path, p: mrc(path, _as(p, "int8", "="))),
    "mrc, big-endian": ("mrc", lambda path, p: mrc(path, p.astype(">i2"))),
    "hdf5 of HyperSpy": ("hdf5", lambda path, p: hspy(path, p, 0.02, "nm")),
}


@pytest.mark.parametrize("form", OTHERS)
def test_other_formats(form: str, scan: Pixels, tmp_path: Path) -> None:
    ending, write = OTHERS[form]
    write(tmp_path / f"x.{ending}", scan)
    assert_is(read_picture(tmp_path / f"x.{ending}"), scan)


def test_unsigned_bytes_in_mrc(scan: Pixels, tmp_path: Path) -> None:
    bright = scan * 2
    mrc(tmp_path / "x.mrc", bright.view(np.int8))
    with mrcfile.open(tmp_path / "x.mrc", "r+") as file:  # as before MRC2014
        file.header.dmin, file.header.dmax = bright.min(), bright.max()
    assert_is(read_picture(tmp_path / "x.mrc"), bright)
    with mrcfile.open(tmp_path / "x.mrc", "r+") as file:  # as IMOD writes it
        file.header.dmax = 0
        file.header.extra2 = np.void(
            bytes(40) + np.array([1146047817, 0], "<i4").tobytes() + bytes(36)
        )
    assert_is(read_picture(tmp_path / "x.mrc"), bright)


def test_fei_writes_the_pixel_size_elsewhere(scan: Pixels, tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "x.mrc") as file:
        file.set_data(scan.astype(np.int16))
        file.voxel_size = 1
        record = np.zeros(32, "<f4")
        record[11] = 2e-11
        file.set_extended_header(np.frombuffer(np.tile(record, 1024).tobytes(), "V131072"))
        file.header.exttyp = b""
    assert_is(read_picture(tmp_path / "x.mrc"), scan)


def test_no_size(scan: Pixels, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", scan)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["image"] = scan
        file["dwell times"] = np.arange(128)
    mrc(tmp_path / "x.mrc", scan, 0)
    np.savez(tmp_path / "x.npz", image=scan, axis=np.arange(128))
    tifffile.imwrite(tmp_path / "x.tif", scan, resolution=(300, 300), resolutionunit=2)
    for ending in ("npy", "h5", "mrc", "npz", "tif"):
        assert_is(read_picture(tmp_path / f"x.{ending}"), scan, None)


def test_a_zip_of_two_pictures_is_refused(scan: Pixels, tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", scan, scan)
    expected = (
        r"x\.npz: expected a picture, .*, got 2 images: uint8\[96, 128\], uint8\[96, 128\]; sa"
    )
    with pytest.raises(StemError, match=expected):
        read_picture(tmp_path / "x.npz")
    np.savez(tmp_path / "y.npz", np.array([{}]))
    with pytest.raises(
        StemError, match=r"y\.npz: expected a picture, .*, got 0 images: object\[1\]"
    ):
        read_picture(tmp_path / "y.npz")


def test_a_tag_that_is_not_read_is_said(scan: Pixels, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", scan, extratags=[(34683, "s", 0, "<Root/>", True)])
    read = read_picture(tmp_path / "x.tif")
    assert read.pixel_size is None
    assert read.doubts[0].startswith("what FEI's tag 34683 says of a pixel's size is not read; ")
    assert read_picture(tmp_path / "x.tif", 0.2).doubts == ()


def test_a_size_that_is_not_understood_is_said(scan: Pixels, tmp_path: Path) -> None:
    path = digital_micrograph(tmp_path / "x.dm3", scan, 0.02, "furlong")
    read = read_picture(path)
    assert read.pixel_size is None
    assert read.doubts[0].startswith("the .dm3 file: 0.02 'furlong' a pixel is not understood; ")
    named = read_picture(path, 0.2)
    assert (named.pixel_size, named.pixel_size_from, named.doubts) == (0.2, "given", ())


@pytest.mark.parametrize("unit", ["1/nm", "furlong", "", "µm"])
def test_a_named_size_overrides_any(unit: str, scan: Pixels, tmp_path: Path) -> None:
    path = digital_micrograph(tmp_path / "x.dm3", scan, 7, unit)
    assert read_picture(path, 0.2).pixel_size == 0.2


def test_a_unit_of_digital_micrograph_written_out(scan: Pixels, tmp_path: Path) -> None:
    tags = [(65009, "d", 1, 0.02, True), (65010, "d", 1, 0.02, True)]
    names = [(code, "s", 0, "nanometer", True) for code in (65012, 65013)]
    tifffile.imwrite(tmp_path / "x.tif", scan, extratags=[*tags, *names])
    assert_is(read_picture(tmp_path / "x.tif"), scan)


def test_pixels_that_are_not_square(scan: Pixels, tmp_path: Path) -> None:
    mrc(tmp_path / "x.mrc", scan, (0.2, 0.25, 1))
    with pytest.raises(StemError, match=r"x\.mrc: pixels of 0\.2 by 0\.25 Å; expected square ones"):
        read_picture(tmp_path / "x.mrc")
    assert read_picture(tmp_path / "x.mrc", 0.2).pixel_size == 0.2


def test_diffraction_beside_a_picture_is_no_choice(scan: Pixels, tmp_path: Path) -> None:
    ncem(tmp_path / "x.emd", scan)
    ncem(tmp_path / "y.emd", scan[::-1], 0.1, "[n_m^-1]")
    with h5py.File(tmp_path / "x.emd", "r+") as file, h5py.File(tmp_path / "y.emd") as other:
        other.copy("data/scan", file["data"], "pattern")
    assert_is(read_picture(tmp_path / "x.emd"), scan)


def test_min_is_white(scan: Pixels, tmp_path: Path) -> None:
    for dtype in (np.uint8, np.uint16, np.float32):
        most = 255 if dtype == np.uint8 else 1000
        stored = (most - scan.astype(np.int64)).astype(dtype)
        tifffile.imwrite(tmp_path / "x.tif", stored, photometric="miniswhite")
        assert_is(read_picture(tmp_path / "x.tif"), scan, None)


def test_colours_in_tiff(scan: Pixels, tmp_path: Path) -> None:
    grey = np.stack([scan] * 3, axis=2)
    tifffile.imwrite(tmp_path / "x.tif", grey, photometric="rgb")
    assert_is(read_picture(tmp_path / "x.tif"), scan, None)
    np.save(tmp_path / "x.npy", grey)
    assert_is(read_picture(tmp_path / "x.npy"), scan, None)


STACKS: dict[str, Callable[[Path, Pixels], object]] = {
    "pages.tif": lambda path, p: tifffile.imwrite(path, p, photometric="minisblack"),
    "compressed.tif": lambda path, p: tifffile.imwrite(
        path, p, photometric="minisblack", compression="zlib"
    ),
    "imagej.tif": lambda path, p: tifffile.imwrite(path, p, imagej=True),
    "hyperstack.tif": lambda path, p: tifffile.imwrite(
        path, p.reshape(2, 1, 3, *p.shape[1:]), imagej=True, metadata={"axes": "TZCYX"}
    ),
    "ome.tif": lambda path, p: tifffile.imwrite(path, p, ome=True, photometric="minisblack"),
    "x.gif": lambda path, p: Image.fromarray(p[0]).save(
        path, save_all=True, append_images=[Image.fromarray(one) for one in p[1:]]
    ),
    "x.dm4": lambda path, p: digital_micrograph(path, p, version=4),
    "x.emd": lambda path, p: velox(path, {"BF": p[0], "HAADF": np.moveaxis(p, 0, 2)}),
    "ncem.emd": lambda path, p: ncem(path, p, names="zyx"),
    "x.ser": ser,
    "x.mrcs": mrc,
    "x.npy": np.save,
    "x.hspy": lambda path, p: rsciio.hspy.file_writer(str(path), hyperspy_signal(p, names="tyx")),
}


@pytest.mark.parametrize("name", STACKS)
def test_frames(name: str, scan: Pixels, tmp_path: Path) -> None:
    stack = np.stack([scan // 2 + n for n in range(6)])
    path = tmp_path / name
    STACKS[name](path, stack)
    with pytest.raises(StemError, match=r"6 frames of 128x96 px; expected one picture; name a fr"):
        read_picture(path)
    for number in (1, 2, 6):
        read = read_picture(path, 0.2, number)
        assert str(read.frame).endswith(f"frame {number}")
        assert np.array_equal(read.values, stack[number - 1])
    mean = read_picture(path, 0.2, "mean")
    assert str(mean.frame).endswith("mean of 6 frames")
    assert np.allclose(mean.values - mean.values.min(), stack.mean(0) - stack.mean(0).min())
    pictures = of_path(path, 0.2, "all")
    assert list(pictures) == [f"{path}: frame {n}" for n in range(1, 7)]
    assert all(np.array_equal(p.values, q) for p, q in zip(pictures.values(), stack, strict=True))
    for number in (0, 7):
        with pytest.raises(
            StemError, match=f"6 frames .*: expected a frame from 1 to 6, got {number}"
        ):
            read_picture(path, 0.2, number)


@pytest.mark.parametrize("noise", [0, 30])
def test_the_mean_of_shifted_frames_is_doubted(noise: float, scan: Pixels, tmp_path: Path) -> None:
    counts = np.random.default_rng(0).normal(0, noise, (5, *scan.shape)) + scan
    np.save(tmp_path / "still.npy", counts)
    np.save(tmp_path / "moving.npy", [np.roll(one, (n, 2 * n)) for n, one in enumerate(counts)])
    doubts = [
        read_picture(tmp_path / f"{name}.npy", 0.2, "mean").doubts for name in ("still", "moving")
    ]
    assert [sum("shifted" in one for one in some) for some in doubts] == [0, 1]
    assert read_picture(tmp_path / "moving.npy", 0.2, 2).doubts == ()


def test_an_emi_alone_has_no_picture(tmp_path: Path) -> None:
    (tmp_path / "x.emi").write_bytes(b" <ObjectInfo></ObjectInfo>")
    with pytest.raises(StemError, match=r"x\.emi: expected a picture, .*, got none, and no \.ser"):
        read_picture(tmp_path / "x.emi")


def test_a_stack_of_one_is_a_picture(scan: Pixels, tmp_path: Path) -> None:
    digital_micrograph(tmp_path / "x.dm4", scan[None], version=4)
    for frame in (None, 1, "mean"):
        read = read_picture(tmp_path / "x.dm4", frame=frame)
        assert read.frame is None
        assert_is(read, scan)
    assert list(of_path(tmp_path / "x.dm4", frame="all")) == [str(tmp_path / "x.dm4")]


def test_the_chosen_detector_is_named(scan: Pixels, tmp_path: Path) -> None:
    velox(tmp_path / "x.emd", {"BF": scan[::-1], "HAADF": scan, "HAADF filtered": scan[::-1]})
    read = read_picture(tmp_path / "x.emd")
    assert read.frame == "HAADF"
    assert_is(read, scan)


def test_groups_of_like_names_are_several_images(scan: Pixels, tmp_path: Path) -> None:
    ncem(tmp_path / "x.emd", scan)
    with h5py.File(tmp_path / "x.emd", "r+") as file:
        file.copy("data/scan", "data/scan_HAADF")
    read = read_picture(tmp_path / "x.emd")
    assert read.frame == "scan_HAADF"


def test_one_image_in_hdf5(scan: Pixels, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"], file["b"] = scan, scan
    expected = r"expected a picture, or frames of one, got 2 images: /a uint8\[96, 128\], /b uint8"
    with pytest.raises(StemError, match=expected):
        read_picture(tmp_path / "x.h5")


@pytest.mark.parametrize("fill", [0, np.nan, -5])
@pytest.mark.parametrize("sides", [((9, 0), (0, 0)), ((0, 30), (5, 12)), ((3, 3), (3, 3))])
def test_bands_without_data(fill: float, sides: Any, scan: Pixels, tmp_path: Path) -> None:
    image = scan.astype(np.float32) + 7
    tifffile.imwrite(tmp_path / "x.tif", np.pad(image, sides, constant_values=fill))
    assert np.array_equal(read_picture(tmp_path / "x.tif").values, image)


def test_flat_rows_of_clean_images_are_no_bands() -> None:
    image = np.zeros((100, 100), np.float32)
    image[5:100:20, 3::7] = 1
    assert np.array_equal(field_of(image), image)


@given(value=st.floats(allow_nan=False, allow_infinity=False, width=32), at=st.integers(0, 12287))
def test_one_outlying_pixel_changes_little(scan: Pixels, value: float, at: int) -> None:
    image = scan.astype(np.float64)
    image.flat[at] = value
    others = np.arange(image.size) != at
    read = field_of(image)
    assert np.ptp(read) < 3.1 * np.ptp(scan)
    shift = np.median((read.ravel() - scan.ravel())[others])
    clipped = np.abs(read.ravel() - scan.ravel() - shift)[others]
    assert np.mean(clipped > 1e-3) < 1e-3


def test_a_high_black_level_keeps_its_contrast(scan: Pixels) -> None:
    for level in (2**20, 2**40, 2**50):
        read = field_of(scan.astype(np.int64) + level)
        assert np.array_equal(read, scan - scan.min())


def test_zspy_is_a_folder_or_a_zip(scan: Pixels, tmp_path: Path) -> None:
    zspy(tmp_path / "x.zspy", scan)
    shutil.make_archive(str(tmp_path / "y"), "zip", tmp_path / "x.zspy")
    (tmp_path / "y.zip").rename(tmp_path / "y.zspy")
    assert_is(read_picture(tmp_path / "y.zspy"), scan)


@pytest.mark.parametrize("factor", [1e-42, 1e-30, 1e30, 2.6e36])
def test_numbers_of_any_size(factor: float, scan: Pixels, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", scan.astype(np.float32) * np.float32(factor))
    read = read_picture(tmp_path / "x.npy", 0.2)
    assert np.abs(read.pixels - of_array(scan, 0.2).pixels.astype(int)).max() <= 1


def announced(path: Path, n: int = 30_000) -> None:
    """Write a file that says it has n x n pixels."""
    if path.suffix in (".h5", ".hspy"):
        with h5py.File(path, "w") as file:
            group = file.create_group("Experiments/x") if path.suffix == ".hspy" else file
            group.create_dataset("data", (n, n), "f8", chunks=(1000, 1000))
            if path.suffix == ".hspy":
                file.attrs["file_format_version"] = "3.3"
                for number in range(2):
                    axis = {
                        "name": "yx"[number],
                        "scale": 1.0,
                        "offset": 0.0,
                        "units": "",
                        "size": n,
                    }
                    group.create_group(f"axis-{number}").attrs.update(axis)
                group.create_group("metadata")
                group.create_group("original_metadata")
    elif path.suffix == ".emd":
        ncem(path, np.zeros((64, 64)))
        with h5py.File(path, "r+") as file:
            del file["data/scan/data"]
            file["data/scan"].create_dataset("data", (n, n), "f8", chunks=(1000, 1000))
    elif path.suffix == ".npy":
        np.lib.format.open_memmap(path, "w+", np.uint8, (n, n))
    elif path.suffix == ".npz":
        with zipfile.ZipFile(path, "w") as zipped, zipped.open("image.npy", "w") as member:
            form = {"descr": "|u1", "fortran_order": False, "shape": (n, n)}
            np.lib.format.write_array_header_1_0(member, form)
    elif path.suffix == ".mrc":
        mrc(path, np.zeros((64, 64), np.int16))
        with mrcfile.open(path, "r+") as file:
            file.header.nx = file.header.ny = n
    elif path.suffix == ".tif":
        Image.fromarray(np.zeros((64, 64), np.uint8)).save(path)
        with tifffile.TiffFile(path, mode="r+") as file:
            for name in ("ImageWidth", "ImageLength"):
                file.pages.first.tags[name].overwrite(n)
    elif path.suffix == ".ser":
        ser(path, np.zeros((64, 64)))
        content = path.read_bytes()
        path.write_bytes(content.replace(struct.pack("<II", 64, 64), struct.pack("<II", n, n)))
    elif path.suffix == ".dm4":
        digital_micrograph(path, np.zeros((64, 64), np.uint16), version=4)
        content = path.read_bytes()
        path.write_bytes(content.replace(np.uint32(64).tobytes(), np.uint32(n).tobytes()))
    else:
        Image.new("1", (n, n)).save(path)


@pytest.mark.parametrize(
    "kind", ["png", "tif", "h5", "hspy", "emd", "npy", "npz", "mrc", "dm4", "ser"]
)
def test_announced_sizes_are_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{kind}"
    announced(path)
    with pytest.raises(StemError):
        read_picture(path)  # imports what it needs
    before, start = psutil.Process().memory_info().rss, time.process_time()
    with pytest.raises(
        StemError, match=r"^\S*: (30000x30000 px are more than|not a readable image)"
    ):
        read_picture(path)
    assert time.process_time() - start < 2
    assert psutil.Process().memory_info().rss - before < 1e8


@pytest.mark.parametrize("kind", ["h5", "hspy", "emd"])
def test_what_was_never_written_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{kind}"
    announced(path, 2**13)  # as many pixels as are read
    with pytest.raises(StemError, match=r"/data was never written\)"):
        read_picture(path)  # imports what it needs
    before, start = psutil.Process().memory_info().rss, time.process_time()
    with pytest.raises(StemError):
        read_picture(path)
    assert time.process_time() - start < 2
    assert psutil.Process().memory_info().rss - before < 1e8


MEASURED = """
import resource, sys
from pathlib import Path
from jarvis_stem.imaging.picture import read_picture
from jarvis_stem.utils.errors import StemError
for path in map(Path, sys.argv[1:]):
    try:
        read_picture(path)
    except StemError as error:
        print(error)
# What ru_maxrss says may be of the process that started this one.
peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
print(peak, *resource.getrlimit(resource.RLIMIT_DATA))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its limit")
def test_a_damaged_length_of_an_attribute_takes_no_memory(tmp_path: Path) -> None:
    values: dict[str, tuple[Any, Any, int]] = {
        "text": (h5py.string_dtype(), '{"a": 1}', 2**32 - 16),
        "numbers": (h5py.vlen_dtype(np.float64), np.empty(1, object), 2**29 - 16),
    }
    values["numbers"][1][0] = np.arange(8.0)
    paths = []
    for kind, (dtype, value, length) in values.items():
        paths.append(tmp_path / f"{kind}.h5")
        with h5py.File(paths[-1], "w") as file:
            file.create_dataset("data", data=np.zeros((64, 64), np.uint8))
            file["data"].attrs.create("properties", value, dtype=dtype)
        content = paths[-1].read_bytes()
        # Eight of them are in the file's heap of what has any length, at this place.
        place = struct.pack("<IQ", 8, content.index(b"GCOL"))
        assert content.count(place) == 1
        damaged = content.replace(place, struct.pack("<I", length) + place[4:])
        paths[-1].write_bytes(damaged)
    done = python("-c", MEASURED, *paths)
    assert done.returncode == 0, done.stderr
    *refused, measured = done.stdout.splitlines()
    assert [line.partition(": ")[0] for line in refused] == list(map(str, paths))
    peak, *limits = map(int, measured.split())
    assert peak * 1024 < 1e9
    assert limits == [*resource.getrlimit(resource.RLIMIT_DATA)]  # as it was before


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    for ending in picture_files.PICTURES:
        path = tmp_path / f"x{ending}"
        path.touch()
        with pytest.raises(StemError, match=r"not a readable image \(an empty file\); save"):
            read_picture(path)


@pytest.mark.parametrize("ending", picture_files.PICTURES)
def test_text_is_refused_on_one_line(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{ending}"
    path.write_text("hello\n" * 500)
    with pytest.raises(StemError, match=f"^{re.escape(str(path))}: ") as refused:
        read_picture(path)
    assert "\n" not in str(refused.value)


def table(name: str) -> list[dict[str, str]]:
    path = SHARED / name / "table.tsv"
    if not path.is_file():
        pytest.skip(f"no {path}")
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_odd_inputs(shared: Path) -> None:
    without = ("float64", "black-level-205", "min-is-white-16-bit", "ncem-unit-empty-brackets")
    for row in table("odd_inputs"):
        path = shared / "odd_inputs" / row["file"]
        if path.suffix not in picture_files.PICTURES:
            continue
        if row["expected"].startswith("refused"):
            with pytest.raises(StemError, match=re.escape(row["file"])):
                read_picture(path)
            if row["expected"] == "refused":
                continue
        frame = 1 if " or " in row["expected"] else None
        stated = read_picture(path, frame=frame)
        assert stated.pixel_size == (None if path.stem in without else 0.2), row["file"]
        read = stated if stated.pixel_size else read_picture(path, 0.2, frame)
        found = measurement.measure(read.pixels[None])
        assert found.lengths[0] == pytest.approx([3.18, 3.18], abs=0.01), row["file"]
        assert found.gamma[0] == pytest.approx(60, abs=0.1), row["file"]


def test_real_pictures_have_their_sizes(shared: Path) -> None:
    for row in table("real_images"):
        read = read_picture(shared / "real_images" / row["file"])
        # Sizes of other files, such as the one that a crop is from, are not in this one.
        stated = re.match(r"file \((?!name|hdf5)", row["pixel_size_from"])
        expected = float(row["pixel_size"]) if stated else None
        assert read.pixel_size == (expected and pytest.approx(expected, rel=1e-3)), row["file"]
        assert np.isfinite(read.values).all()


def formats_table() -> str:
    """The table of docs/formats.md."""
    head = ["| file | endings | read by | pixel size from |", "| --- | --- | --- | --- |"]
    rows = [
        f"| {one.name} | {' '.join(one.endings)} | {one.library} | {one.size_from} |"
        for one in picture_files.FORMATS
    ]
    return "\n".join([*head, *rows])


def test_the_documentation_has_every_format(repository: Path) -> None:
    assert formats_table() in (repository / "docs/formats.md").read_text(encoding="utf-8")


def _pages(path: Path, frames: Any) -> None:
    with tifffile.TiffWriter(path) as file:
        for frame in frames:
            file.write(frame, contiguous=False, metadata=None)


CUT_OFF: dict[str, Callable[[Path, Any], object]] = {
    "x.tif": tifffile.imwrite,
    "imagej.tif": lambda path, frames: tifffile.imwrite(path, frames, imagej=True),
    "pages.tif": _pages,
    "x.npy": np.save,
    "x.mrc": lambda path, frames: mrc(path, frames.astype(np.int16)),
}


@pytest.mark.parametrize("name", CUT_OFF)
def test_a_stack_that_ends_early(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    frames = np.random.default_rng(0).integers(0, 255, (10, 96, 96)).astype(np.uint8)
    CUT_OFF[name](path, frames)
    whole = each_of_path(path, 0.2, "all")
    assert list(whole) == [f"{path}: frame {n}" for n in range(1, 11)]
    assert count_frames(path) == 10
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 55 // 100])
    *held, (last, missing) = each_of_path(path, 0.2, "all").items()
    assert (len(held), last) == (5, f"{path}: frame 6")
    assert isinstance(missing, StemError)
    assert "the file ends before frame 6 does" in str(missing)
    for shown, one in held:
        before = whole[shown]
        assert isinstance(one, Picture) and isinstance(before, Picture)
        assert np.array_equal(one.values, before.values)
    assert count_frames(path) == 6
    some = [shown for shown, _ in frame_by_frame(path, 0.2, slice(3, 6))]
    assert some == [f"{path}: frame {n}" for n in (4, 5, 6)]
    with pytest.raises(StemError, match="ends before frame 6 does"):
        of_path(path, 0.2)
    with pytest.raises(StemError, match="ends before frame 6 does"):
        of_path(path, 0.2, "mean")
    assert list(of_path(path, 0.2, 2)) == [f"{path}: frame 2"]
    path.write_bytes(content[: len(content) // 50])
    with pytest.raises(StemError, match="not a readable image"):
        of_path(path, 0.2, "all")
