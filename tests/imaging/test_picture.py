"""Pictures from anywhere: all forms of one image read alike, and bad ones are named."""

from __future__ import annotations

import io
import json
import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import REAL, on_disk
from hypothesis import given
from hypothesis import strategies as st
from jarvis.io.vasp.inputs import Poscar
from matplotlib.figure import Figure
from microscope_files import digital_micrograph, mrc, ncem, velox
from numpy.typing import NDArray
from PIL import Image

from jarvis_stem.imaging import image_set, measurement, prototypes, stem, structures
from jarvis_stem.imaging.picture import files_in, of_array, of_path, read_picture
from jarvis_stem.utils.errors import StemError

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def render() -> Pixels:
    atoms = list(prototypes.structures().values())[400]
    return stem.to_uint8(stem.simulate([atoms]))[0]


def deep(kind: str, low: int, step: int) -> Callable[[Pixels], Image.Image]:
    return lambda pixels: Image.fromarray((low + step * pixels.astype(np.int64)).astype(kind))


def with_alpha(pixels: Pixels) -> Image.Image:
    image = Image.fromarray(pixels).convert("RGBA")
    image.putalpha(255)
    return image


FORMS: dict[str, tuple[Callable[[Pixels], Image.Image], str]] = {
    "grey": (Image.fromarray, "png"),
    "colour": (lambda p: Image.fromarray(p).convert("RGB"), "png"),
    "alpha": (with_alpha, "png"),
    "grey and alpha": (lambda p: with_alpha(p).convert("LA"), "png"),
    "palette": (lambda p: Image.fromarray(p).convert("P"), "png"),
    "palette in GIF": (lambda p: Image.fromarray(p), "gif"),
    "TIFF": (Image.fromarray, "tiff"),
    "16 bits": (deep("uint16", 0, 257), "png"),
    "16 bits in TIFF": (deep("uint16", 0, 257), "tiff"),
    "12 of 16 bits": (deep("uint16", 0, 16), "png"),
    "the upper 8 bits all the same": (deep("uint16", 30720, 1), "png"),
    "32 bits, some negative": (deep("int32", -(10**6), 10**4), "tiff"),
    "floats": (deep("float32", -1, 2), "tiff"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_reads_alike(form: str, render: Pixels, tmp_path: Path) -> None:
    make, suffix = FORMS[form]
    path = tmp_path / f"x.{suffix}"
    make(render).save(path)
    read = read_picture(path)
    assert read.doubts == ()
    assert np.array_equal(read.pixels, render)


def save(pixels: NDArray[np.generic], path: Path) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def test_a_transparent_margin_is_margin(render: Pixels, tmp_path: Path) -> None:
    image = with_alpha(render)
    framed = Image.new("RGBA", (300, 290), (0, 0, 0, 0))
    framed.paste(image, (20, 10))
    framed.save(tmp_path / "x.png")
    assert np.array_equal(read_picture(tmp_path / "x.png").pixels, render)


def test_the_middle_of_a_picture_that_is_not_square(render: Pixels, tmp_path: Path) -> None:
    path = save(np.hstack([render, render])[:, 100:400], tmp_path / "x.png")
    read = read_picture(path)
    assert np.array_equal(read.pixels, np.hstack([render, render])[:, 122:378])
    (doubt,) = read.view.doubts
    assert read.doubts == ()
    assert doubt.startswith("not square: the middle 256x256 of 300x256 px")


def test_negatives_have_no_margin(render: Pixels, tmp_path: Path) -> None:
    negative = np.uint8(255) - render
    assert np.array_equal(read_picture(save(negative, tmp_path / "x.png")).pixels, negative)


def test_a_known_pixel_size(render: Pixels, tmp_path: Path) -> None:
    tiled = np.tile(render, (2, 2))[50:450, 30:330]
    path = save(tiled, tmp_path / "x.png")
    read = read_picture(path, 0.2)
    assert read.doubts == ()  # of 300x400 px all that is wanted is there
    assert np.array_equal(
        read.pixels, stem.to_uint8(tiled[None, 72:328, 22:278].astype(np.float32))[0]
    )
    larger = Image.fromarray(render).resize((640, 640), Image.Resampling.BICUBIC)
    larger.save(path)
    found = measurement.measure(np.array([render, read_picture(path, 51.2 / 640).pixels]))
    assert np.allclose(found.lengths[0], found.lengths[1], atol=1e-3)
    assert abs(found.gamma[0] - found.gamma[1]) < 1e-2


def test_a_smaller_view_is_continued_by_its_lattice(render: Pixels, tmp_path: Path) -> None:
    read = read_picture(save(render[28:228, 28:228], tmp_path / "x.png"), 0.2)
    assert (read.doubts, read.view.doubts, read.view.inside) == ((), (), 200)
    assert np.corrcoef(read.pixels.ravel(), render.ravel())[0, 1] > 0.98
    with pytest.raises(StemError, match=r"x\.png: shows 4\.0 Å; expected at least 6\.4"):
        read_picture(tmp_path / "x.png", 0.02)


def test_few_cells_are_magnified(render: Pixels, tmp_path: Path) -> None:
    path = save(render[90:160, 90:160], tmp_path / "x.png")  # 14 Å
    known, unknown = read_picture(path, 0.2), read_picture(path)
    assert np.array_equal(known.pixels, unknown.pixels)
    assert [known.scale, unknown.scale] == pytest.approx([14 / 51.2, 70 / 51.2])


def test_without_a_lattice_a_smaller_view_is_filled_up_and_doubted(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8)
    read = read_picture(save(noise, tmp_path / "x.png"), 0.2)
    assert read.view.doubts == ("shows 40.0 Å of the 51.2 that the models were trained on",)
    assert read.view.inside == 200
    inside = read.pixels[28:228, 28:228].astype(float)
    assert np.corrcoef(inside.ravel(), noise.ravel())[0, 1] > 0.9999
    assert len(np.unique(read.pixels[:28])) == 1


def test_a_figure_is_cut_to_its_axes(render: Pixels, tmp_path: Path) -> None:
    page = np.full((400, 420), 255, np.uint8)
    page[39:305, 39:305] = 0  # a frame of five pixels
    page[44:300, 44:300] = render
    page[60:280, 350:370] = 90  # a colour bar
    page[320:330, 150:200] = 0  # a label
    read = read_picture(save(page, tmp_path / "x.png"))
    assert read.values.shape == (260, 260)
    assert np.array_equal(read.values[2:-2, 2:-2], render)
    assert (read.doubts, read.figure) == ((), False)


@pytest.mark.parametrize("size", [0.0, -0.2, float("nan"), float("inf")])
def test_a_pixel_has_a_size(size: float, render: Pixels, tmp_path: Path) -> None:
    path = save(render, tmp_path / "x.png")
    with pytest.raises(StemError, match="expected a positive number of Å"):
        read_picture(path, size)


@pytest.mark.parametrize("size", [(63, 200), (200, 63), (1, 1)])
def test_small_pictures_are_refused(size: tuple[int, int], tmp_path: Path) -> None:
    path = save(np.zeros(size, np.uint8), tmp_path / "x.png")
    expected = f"x.png: {size[1]}x{size[0]} px; expected at least 64x64"
    with pytest.raises(StemError, match=re.escape(expected)):
        read_picture(path)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_a_flat_picture_is_read(kind: str, tmp_path: Path) -> None:
    path = save(np.full((64, 64), 100, kind), tmp_path / "x.tiff")
    assert not read_picture(path).pixels.any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_refused(value: float, tmp_path: Path) -> None:
    pixels = np.zeros((64, 64), np.float32)
    pixels[3, 4] = value
    with pytest.raises(StemError, match=r"x\.tiff: has pixels that are not finite numbers"):
        read_picture(save(pixels, tmp_path / "x.tiff"))


@pytest.mark.parametrize("limit", [40_000, 20_000])  # Pillow warns first, then refuses
def test_a_picture_of_too_many_pixels_is_refused(
    limit: int, render: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(render, tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(StemError, match=r"x\.png: not a readable image \(Image size"):
        read_picture(path)


def test_announced_sizes_are_refused_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = struct.pack(">2I5B", 9400, 9400, 16, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    end = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
    path = tmp_path / "x.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + struct.pack(">I4sI", 0, b"IDAT", zlib.crc32(b"IDAT"))
        + end
    )
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("read"))
    with pytest.raises(StemError, match=r"x\.png: 9400x9400 px are more than the 67108864 that"):
        read_picture(path)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif", ".gif", ".bmp", ".unknown"])
@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\nshowpage\n",
        b"P5 64 64 255 " + bytes(64 * 64),
        b"GRIB" + bytes(64),
    ],
)
def test_only_named_formats_are_opened(ending: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"x{ending}"
    path.write_bytes(content)
    with pytest.raises(StemError, match=r"not a readable image .*cannot identify image file"):
        read_picture(path)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "x.png", tmp_path):
        with pytest.raises(StemError, match=f"{path}: not a readable image"):
            read_picture(path)


def encoded(pixels: Pixels, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


SEEDS = [encoded(np.arange(4096).reshape(64, 64).astype(np.uint8), k) for k in ("PNG", "TIFF")]


@on_disk
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.integers(0, 500), st.binary(max_size=4)), max_size=4),
)
def test_any_bytes_are_read_or_refused(
    seed: bytes, changes: list[tuple[int, bytes]], tmp_path: Path
) -> None:
    content = bytearray(seed)
    for at, change in changes:
        content[at : at + len(change)] = change
    path = tmp_path / "x"
    path.write_bytes(content)
    try:
        read = read_picture(path)
    except StemError as error:
        assert str(error).startswith(f"{path}: ")
    else:
        assert (read.pixels.shape, read.pixels.dtype) == ((256, 256), np.dtype(np.uint8))


@pytest.mark.parametrize("inches", [(6.4, 4.8), (5, 5), (7.1, 6.3), (8, 8)])
def test_what_matplotlib_draws_is_brought_back(
    inches: tuple[float, float], render: Pixels, tmp_path: Path
) -> None:
    """In the first a row of the picture is cut off; it and the third have fractions of pixels."""
    figure = Figure(figsize=inches)
    axes = figure.subplots()
    axes.imshow(render, interpolation="gaussian", cmap="gray")
    axes.axis("off")
    figure.savefig(tmp_path / "x.jpg", dpi=100)
    read = read_picture(tmp_path / "x.jpg")
    assert read.doubts == ()
    assert np.abs(read.pixels.astype(float) - render).mean() < 6
    found = measurement.measure(np.array([render, read.pixels]))
    scales = found.lengths[1] / found.lengths[0]
    assert np.allclose(scales, 1, atol=2e-3)
    assert abs(scales[0] - scales[1]) < 1e-4
    assert abs(found.gamma[0] - found.gamma[1]) < 1e-2


def test_published_pictures_show_the_lattices_of_renders(shared: Path) -> None:
    paths = {path.name: path for path in sorted(shared.glob("atomvision_sample/*/*.jpg"))[::8]}
    found = structures.for_dataset(REAL.dataset, paths, data=str(shared / "jarvis_data"))
    rendered = image_set.render(found, list(paths))
    assert len(rendered.ids) > 20
    read = np.array([read_picture(paths[i]).pixels for i in rendered.ids])
    published, own = measurement.measure(read), measurement.measure(rendered.images)
    assert np.abs(published.lengths - own.lengths).max() < 2e-3
    assert np.abs(published.gamma - own.gamma).max() < 2e-2
    assert np.abs(published.quality - own.quality).max() < 0.1
    errors = np.abs(read.astype(float) - rendered.images).mean(axis=(1, 2))
    assert errors.max() < 3


MICROSCOPES: dict[str, Callable[[Path, NDArray[Any]], Path]] = {
    "x.dm3": digital_micrograph,
    "x.dm4": lambda path, pixels: digital_micrograph(path, pixels, version=4),
    "X.DM3": lambda path, pixels: digital_micrograph(path, pixels, 2e-5, "µm"),
    "velox.emd": lambda path, pixels: velox(path, {"BF": pixels}),
    "detectors.emd": lambda path, pixels: velox(path, {"DF2": pixels // 2, "HAADF": pixels}),
    "ncem.emd": ncem,
    "x.mrc": mrc,
}


@pytest.mark.parametrize("name", MICROSCOPES)
def test_microscopes_files_say_how_large_a_pixel_is(
    name: str, render: Pixels, tmp_path: Path
) -> None:
    deep = render.astype(np.uint16) * 100
    path = MICROSCOPES[name](tmp_path / name, np.vstack([deep, deep])[:400])
    read = read_picture(path)
    assert (read.pixel_size, read.doubts) == (0.2, ())
    expected = np.vstack([render, render])[72:328]
    assert np.array_equal(read.pixels, expected)
    assert read_picture(path, 0.1).view.inside == 128


def test_a_microscopes_file_without_a_scale(render: Pixels, tmp_path: Path) -> None:
    path = digital_micrograph(tmp_path / "x.dm3", render, 1, "")
    assert read_picture(path).pixel_size is None
    assert np.array_equal(read_picture(path).pixels, render)


REFUSED: dict[str, tuple[Callable[[Path, Pixels], object], str]] = {
    "stack.dm3": (
        lambda path, pixels: digital_micrograph(path, np.stack([pixels] * 3)),
        "3 frames of 256x256 px; expected one picture; name a frame from 1 to 3, mean or all",
    ),
    "stack.emd": (
        lambda path, pixels: velox(path, {"HAADF": np.stack([pixels] * 3, axis=2)}),
        "3 frames of 256x256 px; expected one picture; name a frame from 1 to 3, mean or all",
    ),
    "volume.emd": (
        lambda path, pixels: ncem(path, np.stack([pixels] * 3)),
        "3 frames of 256x256 px; expected one picture",
    ),
    "detectors.emd": (
        lambda path, pixels: velox(path, {"BF": pixels, "DF4": pixels}),
        "expected a picture, or frames of one, got 2 images: 'BF', 'DF4'; save one",
    ),
    "complex.emd": (
        lambda path, pixels: ncem(path, pixels.astype(complex)),
        r"got 1 signal: complex128\[256, 256\]",
    ),
    "diffraction.dm4": (
        lambda path, pixels: digital_micrograph(path, pixels, 0.1, "1/nm", version=4),
        "an axis in '1/nm'; expected a picture of the sample, or name the pixel size",
    ),
    "nan.emd": (
        lambda path, pixels: ncem(path, np.where(pixels > 200, np.nan, pixels)),
        "has pixels that are not finite numbers",
    ),
    "truncated.emd": (
        lambda path, pixels: path.write_bytes(ncem(path, pixels).read_bytes()[:3000]),
        "not a readable image .*truncated",
    ),
    "truncated.dm3": (
        lambda path, pixels: path.write_bytes(digital_micrograph(path, pixels).read_bytes()[:999]),
        "not a readable image",
    ),
    "truncated.mrc": (
        lambda path, pixels: path.write_bytes(mrc(path, pixels).read_bytes()[:3000]),
        "not a readable image",
    ),
    "truncated.tif": (
        lambda path, pixels: (save(pixels, path), path.write_bytes(path.read_bytes()[:3000])),
        "not a readable image",
    ),
    "empty.emd": (lambda path, _: path.write_bytes(b""), "not a readable image"),
    "empty.png": (lambda path, _: path.write_bytes(b""), "not a readable image"),
    "text.dm3": (lambda path, _: path.write_text("hello"), "not a readable image"),
    "text.png": (lambda path, _: path.write_text("hello"), "not a readable image"),
    "frames.gif": (
        lambda path, pixels: frames(path, [pixels, pixels[::-1]]),
        "2 frames of 256x256 px; expected one picture; name a frame",
    ),
    "frames.tif": (
        lambda path, pixels: frames(path, [pixels, pixels[::-1], pixels]),
        "3 frames of 256x256 px; expected one picture; name a frame",
    ),
    "coarse.dm3": (
        lambda path, pixels: digital_micrograph(path, pixels, 1, "µm"),
        r"1e\+04 Å a pixel; expected at most 1.6",
    ),
    "oblong pixels.tif": (
        lambda path, pixels: imagej(path, pixels, "nm", 50, 40),
        "pixels of 0.2 by 0.25 Å; expected square ones",
    ),
}


def frames(path: Path, every: list[Pixels]) -> None:
    first, *others = (Image.fromarray(one) for one in every)
    first.save(path, save_all=True, append_images=others)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_one_picture_is_refused_by_name(
    name: str, render: Pixels, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write, expected = REFUSED[name]
    path = tmp_path / name
    write(path, render)
    with pytest.raises(StemError, match=f"^{re.escape(str(path))}: .*{expected}"):
        read_picture(path)
    assert capfd.readouterr() == ("", "")


def test_a_thumbnail_is_no_second_picture(render: Pixels, tmp_path: Path) -> None:
    frames(tmp_path / "x.tif", [render, render[::4, ::4]])
    assert np.array_equal(read_picture(tmp_path / "x.tif").pixels, render)


def imagej(path: Path, pixels: Pixels, unit: str, x: float, y: float) -> Path:
    """A TIFF of so many pixels a unit, as ImageJ writes it."""
    description = f"ImageJ=1.54f\nunit={unit}\nmin=0.0\nmax=255.0\n"
    tags = {270: description, 282: float(x), 283: float(y), 296: 1}
    Image.fromarray(pixels).save(path, tiffinfo=tags)
    return path


@pytest.mark.parametrize(
    ("unit", "a_unit", "expected"),
    [
        ("nm", 50, 0.2),
        ("pm", 0.05, 0.2),
        ("\\u00B5m", 5e4, 0.2),
        ("um", 5e4, 0.2),
        ("A", 5, 0.2),
        ("\\u00C5", 5, 0.2),
        ("pixel", 50, None),
        ("inch", 300, None),
        ("cm", 100, None),
    ],
)
def test_imagej_says_how_large_a_pixel_is(
    unit: str, a_unit: float, expected: float | None, render: Pixels, tmp_path: Path
) -> None:
    path = imagej(tmp_path / "x.tif", render, unit, a_unit, a_unit)
    read = read_picture(path)
    assert (read.pixel_size, read.doubts) == (expected, ())
    assert np.array_equal(read.pixels, render)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "bmp"])
def test_dots_an_inch_say_nothing_of_the_sample(
    suffix: str, render: Pixels, tmp_path: Path
) -> None:
    Image.fromarray(render).save(tmp_path / f"x.{suffix}", dpi=(72, 72))
    assert read_picture(tmp_path / f"x.{suffix}").pixel_size is None


def test_an_array_is_taken_as_it_is(render: Pixels) -> None:
    for form in (render, render.astype(np.float32) - 3, render.astype(np.int16) * 9, render > 99):
        assert of_array(form).pixels.std() > 0
    assert np.array_equal(of_array(render.astype(float) * 1e9).pixels, render)
    framed = np.pad(render, 100, constant_values=255)
    taken = of_array(framed, 0.2)
    assert (taken.doubts, taken.pixel_size) == ((), 0.2)
    assert np.array_equal(taken.pixels, render)
    assert of_array(framed).pixels[0].min() > 250  # a margin stays


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros((100, 100, 3)), r"array: expected real numbers \[H, W\], got float64\[100, 100"),
        (np.zeros((100, 100), complex), r"array: expected real numbers \[H, W\], got complex128"),
        (np.full((100, 100), "x"), r"array: expected real numbers \[H, W\], got <U1"),
        (np.full((100, 100), np.nan), "array: has pixels that are not finite"),
        (np.zeros((100, 63)), "array: 63x100 px; expected at least 64x64"),
        (
            np.ma.masked_greater(np.eye(100), 0.5),
            "array: has a mask, which would be",
        ),
        (np.zeros((0, 0)), r"array: expected real numbers \[H, W\], got float64\[0, 0\]"),
    ],
)
def test_other_arrays_are_refused(array: NDArray[np.generic], expected: str) -> None:
    with pytest.raises(StemError, match=expected):
        of_array(array)


@pytest.mark.parametrize("size", ["0.2", True, [0.2], 1j])
def test_a_pixel_size_that_is_no_number_is_refused(size: Any) -> None:
    with pytest.raises(StemError, match="expected a positive number of Å"):
        of_array(np.eye(100), size)


def test_structures_are_drawn_as_the_benchmarks(tmp_path: Path) -> None:
    (one, *_), atoms = zip(*list(prototypes.structures().items())[400:402], strict=True)
    (tmp_path / "x.vasp").write_text(str(Poscar(atoms[0])))
    records = [{"jid": f"JVASP-{n}", "atoms": a.to_dict()} for n, a in enumerate(atoms)]
    (tmp_path / "x.json").write_text(json.dumps(records))
    drawn = of_path(tmp_path / "x.vasp", pixel_size=0.7)
    (picture,) = drawn.values()
    assert list(drawn) == [str(tmp_path / "x.vasp")]
    assert picture.pixel_size == 0.2  # of images alone another can be said
    rendered = image_set.render({one: atoms[0]}, [one]).images[0]
    assert np.abs(picture.pixels.astype(int) - rendered).max() <= 1  # POSCAR has fewer digits
    several = of_path(tmp_path / "x.json")
    assert list(several) == [f"{tmp_path / 'x.json'}: JVASP-{n}" for n in range(2)]
    again = several[f"{tmp_path / 'x.json'}: JVASP-0"].pixels.astype(int)
    assert np.abs(again - rendered).max() <= 1  # places are rounded on the way


def test_files_of_a_folder(tmp_path: Path) -> None:
    known = ["POSCAR-b", "a.png", "c.TIF", "d.cif", "e.emd"]
    for name in [*known, "notes.txt", ".hidden"]:
        (tmp_path / name).touch()
    (tmp_path / "more.png").mkdir()
    read, others = files_in(tmp_path)
    assert read == [str(tmp_path / name) for name in known]
    assert [Path(path).name for path in others] == [".hidden", "notes.txt"]
    with pytest.raises(StemError, match=r"more\.png: no image and no structure in it"):
        files_in(tmp_path / "more.png")
    with pytest.raises(StemError, match="nowhere: cannot be read"):
        files_in(tmp_path / "nowhere")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(StemError, match=r"x\.png: not a readable image \(not a regular file\)"):
        read_picture(tmp_path / "x.png")
