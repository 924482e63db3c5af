"""Figures are cut to what their axes show, pictures are left alone."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from jarvis_stem.imaging import prototypes, stem
from jarvis_stem.imaging.axes import inside_axes
from jarvis_stem.imaging.conditions import Conditions


def drawn() -> np.ndarray:
    (image,) = stem.simulate([prototypes.structures()["proto-1H-MoS2.jpg"]], Conditions(dose=1e4))
    return image


def page(*, colour_bar: bool, title: str, dpi: int) -> tuple[np.ndarray, tuple[int, int]]:
    """A figure as grey levels, and how many pixels its axes are high and wide."""
    figure = Figure(figsize=(6, 5), dpi=dpi)
    axes = figure.subplots()
    shown = axes.imshow(drawn(), cmap="gray")
    axes.set(xlabel="x, nm", ylabel="y, nm", title=title)
    if colour_bar:
        figure.colorbar(shown)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=dpi)
    box = axes.get_window_extent()
    with Image.open(buffer) as image:
        pixels = np.asarray(image.convert("L")).astype(np.float32)
    inked = pixels < 250
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    trimmed = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return trimmed, (round(box.height), round(box.width))


@pytest.mark.parametrize("dpi", [72, 100, 200])
@pytest.mark.parametrize("colour_bar", [False, True])
def test_axes_are_what_is_left(dpi: int, colour_bar: bool) -> None:
    figure, size = page(colour_bar=colour_bar, title="MoS2", dpi=dpi)
    inside = inside_axes(figure)
    assert inside.shape == pytest.approx(size, abs=9)
    assert np.shares_memory(inside, figure)
    assert inside[[0, -1]].std() > 5  # no line of the frame
    assert inside[:, [0, -1]].std() > 5


def test_pictures_are_left_alone() -> None:
    image = stem.to_uint8(drawn()[None])[0].astype(np.float32)
    dark_on_white = 255 - image
    white = np.full((99, 99), 255, np.float32)
    for one in (image, dark_on_white, white, np.zeros((70, 90), np.float32)):
        assert inside_axes(one) is one
