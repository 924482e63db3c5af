"""Signals of HyperSpy and rosettasciio: the same answers as for their files, axes as they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array
import hyperspy.api as hs
import numpy as np
import pytest
from microscope_files import digital_micrograph, ncem
from numpy.typing import NDArray

from jarvis_stem.imaging import picture, prototypes, stem
from jarvis_stem.imaging.picture import Frame, Picture
from jarvis_stem.utils.errors import StemError


@pytest.fixture(scope="module")
def drawn() -> NDArray[np.uint8]:
    structure = prototypes.structures()["proto-1T-SnSe2.jpg"]
    return stem.to_uint8(stem.simulate([structure]))[0]


def signal_of(data: Any, scale: float = 0.02, units: str | None = "nm", **keywords: Any) -> Any:
    signal = hs.signals.Signal2D(data, **keywords)
    for axis in signal.axes_manager.signal_axes:
        axis.scale = scale
        if units is not None:
            axis.units = units
    return signal


def only(shown: Any, pixel_size: float | None = None, frame: Frame | None = None) -> Picture:
    (one,) = picture.of_object(shown, pixel_size, frame).values()
    return one


@pytest.mark.parametrize(
    ("scale", "units", "size"),
    [
        (0.02, "nm", 0.2),
        (0.2, "Å", 0.2),
        (0.2, "A", 0.2),  # an ampere to HyperSpy's convert_units, which is not asked
        (0.2, "Angstrom", 0.2),
        (2e-11, "m", 0.2),
        (20, "pm", 0.2),
        (-0.02, "nm", 0.2),  # an axis that runs backwards
        (0.02, None, None),
        (0.02, "", None),
        (1, "px", None),  # a CSS pixel, 1/96 inch, to HyperSpy's convert_units
    ],
)
def test_the_axes_say_how_large_a_pixel_is(
    scale: float, units: str | None, size: float | None, drawn: NDArray[np.uint8]
) -> None:
    read = only(signal_of(drawn, scale, units))
    assert read.pixel_size == (pytest.approx(size) if size else None)
    assert read.pixel_size_from == ("the signal's axes" if size else None)
    assert read.doubts == ()
    array = picture.of_array(drawn, size)
    assert np.array_equal(read.pixels, array.pixels)
    given = only(signal_of(drawn, scale, units), 0.19)
    assert (given.pixel_size, given.pixel_size_from) == (0.19, "given")


def test_rows_and_columns_are_the_arrays(drawn: NDArray[np.uint8]) -> None:
    read = only(signal_of(drawn[:200]))
    assert read.values.shape == (200, 256)
    assert np.array_equal(read.pixels, picture.of_array(drawn[:200], 0.2).pixels)


def test_an_unknown_unit_is_a_doubt(drawn: NDArray[np.uint8]) -> None:
    (doubt,) = only(signal_of(drawn, 3, "furlong")).doubts
    assert doubt.startswith("the signal's axes: 3 'furlong' a pixel is not understood")


@pytest.mark.parametrize("lazy", [False, True])
def test_a_movies_frames(lazy: bool, drawn: NDArray[np.uint8]) -> None:
    movie = signal_of(np.array([drawn, drawn[::-1], drawn[:, ::-1]]))
    movie.metadata.General.title = "a movie"
    shown = movie.as_lazy() if lazy else movie
    with pytest.raises(StemError, match=r"signal 'a movie': 3 frames of 256x256 px; expected one"):
        only(shown)
    with pytest.raises(StemError, match="expected a frame from 1 to 3, got 4"):
        only(shown, frame=4)
    second = only(shown, frame=2)
    assert (second.frame, second.pixel_size) == ("frame 2", 0.2)
    assert np.array_equal(second.pixels, only(movie.inav[1]).pixels)
    assert only(shown, frame="mean").frame == "mean of 3 frames"
    every = picture.of_object(shown, frame="all")
    assert list(every) == [f"signal 'a movie': frame {n}" for n in (1, 2, 3)]
    assert np.array_equal(every["signal 'a movie': frame 2"].pixels, second.pixels)


def test_of_a_lazy_movie_only_the_frame_is_computed(drawn: NDArray[np.uint8]) -> None:
    computed = []

    def frame(block_info: Any = None) -> NDArray[np.uint8]:
        computed.append(block_info[None]["chunk-location"][0])
        return drawn[None]

    data = dask.array.map_blocks(frame, chunks=((1,) * 5, (256,), (256,)), dtype=np.uint8)
    assert only(signal_of(data).as_lazy(), frame=4).frame == "frame 4"
    assert computed == [3]


def test_several_navigation_axes_are_frames_in_the_arrays_order(drawn: NDArray[np.uint8]) -> None:
    data = np.array([[np.roll(drawn, 5 * n + m, 1) for m in range(3)] for n in range(2)])
    shown = signal_of(data)
    for axis, name in zip(shown.axes_manager.navigation_axes, "xy", strict=True):
        axis.name, axis.units = name, "nm"  # the scan's axes are no picture's
    for axis, name in zip(shown.axes_manager.signal_axes, ("kx", "ky"), strict=True):
        axis.name = name
    fifth = only(shown, frame=5)
    assert fifth.frame == "frame 5"
    assert np.array_equal(fifth.pixels, picture.of_array(data[1, 1], 0.2).pixels)


def test_diffraction_patterns_and_uneven_pixels_are_refused(drawn: NDArray[np.uint8]) -> None:
    with pytest.raises(StemError, match="signal: an axis in '1/nm'; expected a picture"):
        only(signal_of(drawn, 0.3, "1/nm"))
    oblong = signal_of(drawn)
    oblong.axes_manager.signal_axes[0].scale = 0.03
    with pytest.raises(StemError, match=r"pixels of 0\.3 by 0\.2 Å; expected square ones"):
        only(oblong)
    steps = [{"axis": np.arange(256) ** 1.1, "units": "nm"}, {"size": 256}]
    with pytest.raises(StemError, match="an axis of uneven steps"):
        only(hs.signals.Signal2D(drawn, axes=steps))


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (np.zeros((9, 99)), hs.signals.Signal1D, "Signal1D of signal dimension 1: expected a pic"),
        (np.zeros(99), hs.signals.BaseSignal, "BaseSignal of signal dimension 1"),
        (np.zeros((99, 99), complex), hs.signals.Signal2D, r"got complex128\[99, 99\]"),
        (np.zeros((9, 99)), hs.signals.Signal2D, "expected at least 64x64"),
    ],
)
def test_what_is_no_picture_is_refused(data: Any, kind: Any, message: str) -> None:
    with pytest.raises(StemError, match=message):
        only(kind(data))


def test_larger_pictures_than_are_read_are_refused_before_they_are_computed() -> None:
    vast = hs.signals.Signal2D(dask.array.zeros((10_000, 10_000))).as_lazy()
    with pytest.raises(StemError, match="10000x10000 px are more than"):
        only(vast)


def test_coloured_signals_are_grey(drawn: NDArray[np.uint8]) -> None:
    coloured = hs.signals.Signal1D(np.stack([drawn] * 3, 2))
    coloured.change_dtype("rgb8")
    assert np.abs(only(coloured).values - drawn).max() < 1e-3


@pytest.mark.parametrize("write", [digital_micrograph, ncem])
@pytest.mark.parametrize("lazy", [False, True])
def test_files_by_their_libraries_are_what_they_are_here(
    write: Any, lazy: bool, drawn: NDArray[np.uint8], tmp_path: Path
) -> None:
    import rsciio.digitalmicrograph
    import rsciio.emd

    kind, reader = {
        digital_micrograph: (".dm3", rsciio.digitalmicrograph),
        ncem: (".emd", rsciio.emd),
    }[write]
    path = tmp_path / f"x{kind}"
    write(path, drawn[:200])
    (here,) = picture.of_path(path).values()
    (dictionary,) = reader.file_reader(str(path), lazy=lazy)
    for shown in (dictionary, hs.load(path, lazy=lazy)):
        read = only(shown)
        assert np.array_equal(read.pixels, here.pixels)
        assert (read.pixel_size, read.values.shape) == (here.pixel_size, (200, 256))


@pytest.mark.parametrize(
    "shown", [{"data": [[1, 2]], "axes": []}, {"data": np.eye(99), "axes": ["x", "y"]}]
)
def test_dictionaries_of_another_form_are_refused(shown: Any) -> None:
    with pytest.raises(StemError, match="signal: expected an array as data and a list of dict"):
        picture.of_object(shown)
    with pytest.raises(StemError, match="array: expected real numbers"):
        picture.of_object({"a": 1})
