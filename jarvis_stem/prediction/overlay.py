"""An answer drawn over its picture: the measured lattice, and its harmonics in the spectrum."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jarvis_stem.imaging.harmonics import harmonic_orders, harmonics
from jarvis_stem.imaging.picture import Picture
from jarvis_stem.imaging.stem import IMAGE_SIZE, PIXEL_SIZE
from jarvis_stem.utils.messages import printable

if TYPE_CHECKING:
    from jarvis_stem.prediction.answer import Answer, MeasuredLattice

SOFTWARE = "jarvis-stem"  # what the PNGs say made them
_VIEW = IMAGE_SIZE * PIXEL_SIZE  # Å
_SHOWN = 0.8  # of the spectrum, 1/Å; beyond it hardly any harmonic is seen
_FINER = 2  # times more frequencies in the spectrum than the picture has pixels
_BRIGHTEST = 99.9  # percentile of the log spectrum that is white
_CELL = 48  # steps along each vector in which the brightest place of the unit cell is looked for
_LATTICE, _VECTORS = "#35c2ff", ("#ffb000", "#ff5fa2")  # told apart by the colour-blind, too


def figure(picture: Picture, answer: Answer, name: str) -> Figure:
    """Draw a picture with its measured lattice, beside its spectrum with the lattice's harmonics.

    Args:
        picture: What was shown to the model.
        answer: What it said.
        name: The picture's name, for the title.
    """
    drawn = Figure(figsize=(11, 5.9), layout="constrained")
    left, right = drawn.subplots(1, 2)
    title = f"{printable(name)}: {answer.class_name}, confidence {answer.confidence:.2f}"
    if answer.structure:
        title += f"\n{answer.structure}"
    drawn.suptitle(title, parse_math=False)
    _draw_image(left, picture, answer.lattice)
    _draw_spectrum(right, picture, answer.lattice)
    remarks = [*([str(answer.lattice)] if answer.lattice else []), *answer.reasons]
    drawn.supxlabel("\n".join(remarks), fontsize="medium", parse_math=False)
    return drawn


def png(drawn: Figure) -> bytes:
    """The figure as a PNG whose bytes depend on nothing but what it shows."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", dpi=120, metadata={"Software": SOFTWARE})
    return buffer.getvalue()


def _draw_image(axes: Axes, picture: Picture, lattice: MeasuredLattice | None) -> None:
    half = _VIEW / 2
    extent = (-half, half, half, -half)  # x runs down, as rows do
    axes.imshow(picture.pixels, cmap="gray", extent=extent)
    axes.set(xlabel="y, Å", ylabel="x, Å", title="picture", xlim=(-half, half), ylim=(half, -half))
    if lattice is None:
        return
    vectors = np.array(lattice.vectors)
    points = _brightest(picture.pixels, vectors) + _steps(vectors) @ vectors
    axes.scatter(points[:, 1], points[:, 0], s=26, facecolors="none", edgecolors=_LATTICE)
    origin = points[np.linalg.norm(points + vectors.sum(axis=0) / 2, axis=1).argmin()]
    outline = origin + np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) @ vectors
    axes.fill(outline[:, 1], outline[:, 0], fill=False, edgecolor=_LATTICE)
    _draw_vectors(axes, origin, vectors, ("a", "b"), 1.3)


def _draw_vectors(
    axes: Axes,
    origin: NDArray[np.float64],
    vectors: NDArray[np.float64],
    labels: Sequence[str],
    beyond: float,
) -> None:
    """Draw arrows, with labels so far beyond their ends."""
    outline = [patheffects.withStroke(linewidth=3, foreground="black")]
    for label, vector, colour in zip(labels, vectors, _VECTORS, strict=True):
        arrow = {"arrowstyle": "->", "color": colour, "linewidth": 2, "shrinkA": 0, "shrinkB": 0}
        end, label_at = (origin + k * vector for k in (1, 1 + beyond / np.linalg.norm(vector)))
        axes.annotate("", (end[1], end[0]), (origin[1], origin[0]), arrowprops=arrow)
        axes.text(
            label_at[1],
            label_at[0],
            label,
            color=colour,
            ha="center",
            va="center",
            path_effects=outline,
        )


def _steps(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Steps along the vectors to all lattice points in the view and somewhat beyond, [N, 2]."""
    reach = np.ceil(_VIEW * np.abs(np.linalg.inv(vectors)).sum(axis=0)).astype(int)
    steps = np.mgrid[-reach[0] : reach[0] + 1, -reach[1] : reach[1] + 1]
    return steps.reshape(2, -1).T.astype(float)


def _brightest(pixels: NDArray[np.uint8], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the unit cell averaged over the picture is brightest, Å from the picture's centre."""
    amplitudes = harmonics(pixels[None], vectors[None])[0]
    places = np.mgrid[:_CELL, :_CELL].reshape(2, -1).T / _CELL
    waves = np.exp(2j * np.pi * places @ harmonic_orders().T)
    brightest: NDArray[np.float64] = places[(waves @ amplitudes).real.argmax()]
    return brightest @ vectors


def _draw_spectrum(axes: Axes, picture: Picture, lattice: MeasuredLattice | None) -> None:
    window = np.hanning(IMAGE_SIZE)
    pixels = (picture.pixels - picture.pixels.mean()) * window[:, None] * window
    bins = _FINER * IMAGE_SIZE
    power = np.log10(np.abs(np.fft.fftshift(np.fft.fft2(pixels, (bins, bins)))) + 1)
    low, high = np.percentile(power, (50, _BRIGHTEST))
    step = 1 / (bins * PIXEL_SIZE)
    start, end = -(bins / 2 + 0.5) * step, (bins / 2 - 0.5) * step
    axes.imshow(power, cmap="gray", extent=(start, end, end, start), vmin=low, vmax=high + 1e-6)
    axes.set(xlabel="1/y, 1/Å", ylabel="1/x, 1/Å", title="log spectrum")
    axes.set(xlim=(-_SHOWN, _SHOWN), ylim=(_SHOWN, -_SHOWN))
    if lattice is None:
        return
    reciprocal = np.linalg.inv(np.array(lattice.vectors)).T
    orders = harmonic_orders(int(np.ceil(2 * _SHOWN * lattice.b)))
    places = np.concatenate([orders, -orders]) @ reciprocal
    places = places[np.abs(places).max(axis=1) < _SHOWN]
    axes.scatter(places[:, 1], places[:, 0], s=70, facecolors="none", edgecolors=_LATTICE)
    _draw_vectors(axes, np.zeros(2), reciprocal, ("a*", "b*"), 0.06)
