"""Figures: what is inside their axes, without tick labels, titles and colour bars."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_WHITE = 200  # of 255
_FRAME = 3  # pixels; thicker frames are rare
_LEAST = 0.2  # of a figure that its axes fill
_FILLED = 0.98  # of its box that something with a frame fills
_OUTSIDE = 0.5  # of what is outside the axes that is white
_ENOUGH = 512  # pixels a side to find them in
_TRIMMED = 2  # pixels; less is no margin


def inside_axes(figure: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut a figure to what its axes show.

    A frame and what it encloses are the largest connected part that is not white. Scale bars and
    annotation inside it stay, and are not read.

    Args:
        figure: float32[H, W] from 0 to 255, without white margin.

    Returns:
        A view of what is inside the frame; the figure itself where there is none.

    Examples:
        >>> page = np.full((300, 400), 255, np.float32)
        >>> page[20:280, 30:290] = 0  # axes
        >>> page[40:260, 310:330] = 90  # a colour bar
        >>> inside_axes(page).shape, inside_axes(page[20:280, 30:290]).shape
        ((254, 254), (260, 260))
    """
    step = max(1, min(figure.shape) // _ENOUGH)
    box = _box(figure[::step, ::step])
    if box is None:
        return figure
    top, bottom, left, right = (edge * step for edge in box)
    cut = _FRAME + step - 1
    return figure[top + cut : bottom - cut, left + cut : right - cut]


def _box(figure: NDArray[np.float32]) -> tuple[int, int, int, int] | None:
    """Top, bottom, left and right of the axes, if there are such."""
    white = figure > _WHITE
    parts, count = ndimage.label(~white, np.ones((3, 3)))
    if count == 0:
        return None
    largest = np.bincount(parts.ravel())[1:].argmax() + 1
    filled = ndimage.binary_fill_holes(parts == largest)
    (top, bottom), (left, right) = (_extent(filled.sum(axis=axis)) for axis in (1, 0))
    inside = slice(top, bottom), slice(left, right)
    box = filled[inside]
    cut = max(np.subtract(figure.shape, box.shape))
    around = figure.size - box.size
    is_axes = (
        cut > _TRIMMED
        and box.size > _LEAST * figure.size
        and box.mean() > _FILLED
        and white.sum() - white[inside].sum() > _OUTSIDE * around
    )
    return (top, bottom, left, right) if is_axes else None


def _extent(counts: NDArray[np.int_]) -> tuple[int, int]:
    """Where a rectangle starts and ends; ticks beyond it are short."""
    inside = np.flatnonzero(counts > counts.max() / 2)
    return int(inside[0]), int(inside[-1]) + 1
