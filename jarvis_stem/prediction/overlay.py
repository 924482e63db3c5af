"""An answer drawn over its picture: the part used, the cells, and the harmonics in the spectrum."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from jarvis_stem.imaging.contrast import evened
from jarvis_stem.imaging.harmonics import harmonic_orders
from jarvis_stem.imaging.picture import Picture
from jarvis_stem.utils.messages import printable

if TYPE_CHECKING:
    from jarvis_stem.prediction.answer import Answer, MeasuredLattice, Tile

SOFTWARE = "jarvis-stem"  # what the PNGs say made them
_COLOURS = ("#35c2ff", "#ff9f1a")  # of the lattice and of a further one
_VECTORS = ("#ffe14d", "#ff7ab8")
_CELLS = 8  # that the enlarged part shows
_ORDERS = 2.6  # of harmonics, that the spectrum shows
_FINER = 2  # times more frequencies in the spectrum than the tile has pixels
_LARGEST = 512  # pixels a side of what the spectrum is of
_CELL = 48  # steps along each vector in which the brightest place of the unit cell is looked for
_GREYS = (0.5, 99.5)  # percentiles that are black and white
_LINE = 110  # characters
_PANEL = 4.5  # inches, the longer side of a panel
_OUTLINE: list[patheffects.AbstractPathEffect] = [
    patheffects.withStroke(linewidth=3, foreground="black")
]


def figure(picture: Picture, answer: Answer, name: str) -> Figure:
    """Draw a picture with its measured lattices, enlarged, and their harmonics in its spectrum.

    Args:
        picture: What was answered for.
        answer: The answer.
        name: The picture's name, for the title.
    """
    lattices = [one for one in (answer.lattice, *answer.further) if one]
    drawn = Figure(figsize=(11, 4.7), layout="constrained")
    whole, *enlarged, spectrum = drawn.subplots(1, 3 if lattices else 2)
    read = f"\n{answer.structure}" if answer.structure else ""
    drawn.suptitle(f"{printable(name)}: {answer.title}{read}", parse_math=False)
    _draw_whole(whole, picture, lattices)
    for axes in enlarged:
        _draw_cells(axes, picture, lattices)
    _draw_spectrum(spectrum, picture, lattices)
    nearest = f"nearest of the class: {answer.symmetric}" if answer.symmetric else ""
    remarks = [*map(str, lattices[:1]), nearest, answer.grains, *answer.reasons]
    lines = [line for remark in remarks for line in textwrap.wrap(remark, _LINE)]
    drawn.supxlabel("\n".join(lines), fontsize="medium", parse_math=False)
    return drawn


def panels(picture: Picture, answer: Answer) -> dict[str, Figure]:
    """The parts of `figure` without axes, for a page that sets them as it has room.

    Args:
        picture: What was answered for.
        answer: The answer.

    Returns:
        By what they show: the picture, its cells where it has a lattice, its spectrum.
    """
    lattices = [one for one in (answer.lattice, *answer.further) if one]
    height, width = picture.values.shape
    side = max(height, width) / _PANEL
    whole, axes = _panel(width / side, height / side)
    _draw_whole(axes, picture, lattices)
    drawn = {"picture": whole}
    if lattices:
        drawn["cells"], axes = _panel(_PANEL, _PANEL)
        _draw_cells(axes, picture, lattices)
        _draw_scale_bar(axes, _width(axes), "Å" if picture.pixel_size else "px")
    drawn["spectrum"], axes = _panel(_PANEL, _PANEL)
    _draw_spectrum(axes, picture, lattices)
    _draw_scale_bar(axes, _width(axes), "1/Å" if picture.pixel_size else "1/px")
    for figure in drawn.values():
        figure.axes[0].set_title("")
    return drawn


def _panel(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of one picture from edge to edge, sides in inches."""
    drawn = Figure(figsize=(width, height))
    axes = drawn.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    return drawn, axes


def _width(axes: Axes) -> float:
    left, right = axes.get_xlim()
    return right - left


def png(drawn: Figure) -> bytes:
    """The figure as a PNG whose bytes depend on nothing but what it shows."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", dpi=120, metadata={"Software": SOFTWARE})
    return buffer.getvalue()


def _draw_whole(axes: Axes, picture: Picture, lattices: Sequence[MeasuredLattice]) -> None:
    """All of the picture, with the parts outlined that show each lattice."""
    height, width = picture.values.shape
    _show(axes, picture, (0, 0, height, width))
    scale = picture.pixel_size or 1
    for n, lattice in enumerate(lattices):
        for top, left, high, wide in lattice.tiles:
            inset = (2 + 3 * n) * max(height, width) / 300  # of two grains both lines are seen
            corner = (left + inset) * scale, (top + inset) * scale
            size = (wide - 2 * inset) * scale, (high - 2 * inset) * scale
            box = Rectangle(corner, *size, fill=False, edgecolor=_COLOURS[n], linewidth=1.2)
            axes.add_patch(box)
    _draw_scale_bar(axes, width * scale, "Å" if picture.pixel_size else "px")
    axes.set_title("parts used outlined" if any(one.tiles for one in lattices) else "picture")


def _show(axes: Axes, picture: Picture, tile: Tile) -> None:
    top, left, height, width = tile
    scale, unit = (picture.pixel_size, "Å") if picture.pixel_size else (1, "px")
    part = picture.values[top : top + height, left : left + width]
    low, high = np.percentile(part, _GREYS)
    edges = (left * scale, (left + width) * scale, (top + height) * scale, top * scale)
    axes.imshow(part, cmap="gray", extent=edges, vmin=low, vmax=max(high, low + 1e-6))
    axes.set(xlabel=f"y, {unit}", ylabel=f"x, {unit}", xlim=edges[:2], ylim=edges[2:])


def _draw_scale_bar(axes: Axes, width: float, unit: str) -> None:
    """A bar of a round length, at most a quarter of the width."""
    power = 10 ** math.floor(math.log10(width / 4))
    length = max(k * power for k in (1, 2, 5) if k * power <= width / 4)
    nanometres = unit == "Å" and length >= 10
    label = f"{length / 10:g} nm" if nanometres else f"{length:g} {unit}"
    end = 0.05 + length / width
    line = axes.plot(
        (0.05, end), (0.05, 0.05), color="white", linewidth=4, transform=axes.transAxes
    )
    text = axes.text(
        (0.05 + end) / 2,
        0.07,
        label,
        color="white",
        ha="center",
        va="bottom",
        transform=axes.transAxes,
    )
    for artist in (*line, text):
        artist.set_path_effects([patheffects.withStroke(linewidth=6, foreground="black")])
    text.set_path_effects(_OUTLINE)


def _part(picture: Picture, lattice: MeasuredLattice | None) -> Tile:
    """The middle one of a lattice's tiles, or the middle of the picture."""
    if lattice and lattice.tiles:
        return lattice.tiles[len(lattice.tiles) // 2]
    height, width = picture.values.shape
    side = min(height, width)
    return (height - side) // 2, (width - side) // 2, side, side


def _pixels(picture: Picture, lattice: MeasuredLattice) -> NDArray[np.float64]:
    """A lattice's vectors in pixels of the picture."""
    return np.array(lattice.vectors) / (picture.pixel_size or 1)


def _draw_cells(axes: Axes, picture: Picture, lattices: Sequence[MeasuredLattice]) -> None:
    """A few cells of the first lattice, enlarged, with the lattice's lines on top."""
    lattice = lattices[0]
    vectors = _pixels(picture, lattice)
    top, left, height, width = _part(picture, lattice)
    side = round(min(_CELLS * np.linalg.norm(vectors, axis=1).max(), height, width))
    tile = top + (height - side) // 2, left + (width - side) // 2, side, side
    _show(axes, picture, tile)
    axes.set_title("cells")
    scale = picture.pixel_size or 1
    values = picture.values[tile[0] : tile[0] + side, tile[1] : tile[1] + side]
    corner = np.array(tile[:2])
    origin = (corner + _brightest(values, vectors)) * scale
    vectors = vectors * scale
    steps = np.arange(-3 * _CELLS, 3 * _CELLS + 1)
    ends = np.array([steps[0], steps[-1]])
    lines = [
        (origin + n * across + ends[:, None] * along)[:, ::-1]
        for along, across in (vectors, vectors[::-1])
        for n in steps
    ]
    axes.add_collection(LineCollection(lines, colors=_COLOURS[0], linewidths=0.8, alpha=0.8))
    _draw_vectors(axes, origin, vectors, ("a", "b"))


def _brightest(values: NDArray[np.float32], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The lattice point nearest to the middle, if those are where the mean cell is brightest."""
    rows, columns = (np.hanning(n) for n in values.shape)
    windowed = (values - values.mean()) * rows[:, None] * columns
    orders = harmonic_orders(2)
    frequencies = orders @ np.linalg.inv(vectors).T
    kept = np.abs(frequencies).max(axis=1) < 0.5
    orders, frequencies = orders[kept], frequencies[kept]
    down = np.exp(-2j * np.pi * np.outer(frequencies[:, 0], np.arange(values.shape[0])))
    along = np.exp(-2j * np.pi * np.outer(frequencies[:, 1], np.arange(values.shape[1])))
    amplitudes = ((down @ windowed) * along).sum(axis=1)
    places = np.mgrid[:_CELL, :_CELL].reshape(2, -1).T / _CELL
    waves = np.exp(2j * np.pi * places @ orders.T)
    brightest = places[(waves @ amplitudes).real.argmax()]
    middle = np.array(values.shape) / 2 @ np.linalg.inv(vectors)
    return np.asarray((brightest + np.rint(middle - brightest)) @ vectors) + 0.5  # pixels' centres


def _draw_vectors(
    axes: Axes, origin: NDArray[np.float64], vectors: NDArray[np.float64], labels: Sequence[str]
) -> None:
    """Draw arrows with labels beside their middle."""
    for label, vector, colour in zip(labels, vectors, _VECTORS, strict=True):
        arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 2, "shrinkA": 0, "shrinkB": 0}
        end, label_at = origin + vector, origin + 1.25 * vector
        axes.annotate("", (end[1], end[0]), (origin[1], origin[0]), arrowprops=arrow)
        axes.text(
            label_at[1],
            label_at[0],
            label,
            color=colour,
            ha="center",
            va="center",
            fontweight="bold",
            path_effects=_OUTLINE,
            clip_on=True,
        )


def _draw_spectrum(axes: Axes, picture: Picture, lattices: Sequence[MeasuredLattice]) -> None:
    """The mean spectrum of one part for each lattice, so far out that harmonics fill it."""
    parts = [_part(picture, lattice) for lattice in lattices] or [_part(picture, None)]
    power, step = _power(picture, parts)
    scale, unit = (picture.pixel_size, "Å") if picture.pixel_size else (1, "px")
    step /= scale
    edge = (len(power) / 2) * step
    axes.imshow(
        power,
        cmap="gray",
        extent=(-edge - step / 2, edge - step / 2, edge - step / 2, -edge - step / 2),
        vmin=np.percentile(power, 40),
        vmax=power.max() + 1e-6,
    )
    reciprocals = [np.linalg.inv(np.array(lattice.vectors)).T for lattice in lattices]
    reach = max((np.linalg.norm(one, axis=1).max() for one in reciprocals), default=edge / 2)
    shown = min(_ORDERS * reach, edge)
    axes.set(xlabel=f"1/y, 1/{unit}", ylabel=f"1/x, 1/{unit}", title="log spectrum")
    axes.set(xlim=(-shown, shown), ylim=(shown, -shown))
    for reciprocal, colour in zip(reciprocals, _COLOURS, strict=False):
        orders = harmonic_orders(8)
        places = np.concatenate([orders, -orders]) @ reciprocal
        places = places[np.abs(places).max(axis=1) < shown]
        axes.scatter(places[:, 1], places[:, 0], s=90, facecolors="none", edgecolors=colour)
    if reciprocals:
        _draw_vectors(axes, np.zeros(2), reciprocals[0], ("a*", "b*"))


def _power(picture: Picture, parts: Sequence[Tile]) -> tuple[NDArray[np.float64], float]:
    """Logarithm of the mean spectrum of parts, less the centre, and its step, 1/pixel."""
    side = min(*(min(height, width) for _, _, height, width in parts), _LARGEST)
    bins = _FINER * side
    power = np.zeros((bins, bins))
    window = np.hanning(side)
    for top, left, height, width in parts:
        top, left = top + (height - side) // 2, left + (width - side) // 2
        part = evened(picture.values[top : top + side, left : left + side], side / 8)
        power += np.abs(np.fft.fft2(part * window[:, None] * window, (bins, bins))) ** 2
    return np.log10(np.fft.fftshift(power) + 1), 1 / bins
