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
    parts, count = ndimage.label(figure <= _WHITE, np.ones((3, 3)))
    if count == 0:
        return figure
    largest = np.bincount(parts.ravel())[1:].argmax() + 1
    filled = ndimage.binary_fill_holes(parts == largest)
    top, bottom, left, right = (edge for axis in (1, 0) for edge in _extent(filled.sum(axis=axis)))
    box = filled[top:bottom, left:right]
    outside = figure.size - box.size
    cut = max(figure.shape[0] - box.shape[0], figure.shape[1] - box.shape[1])
    white = np.count_nonzero(figure > _WHITE) - np.count_nonzero(
        figure[top:bottom, left:right] > _WHITE
    )
    if (
        cut <= _TRIMMED
        or box.size < _LEAST * figure.size
        or box.mean() < _FILLED
        or white < _OUTSIDE * outside
    ):
        return figure
    return figure[top + _FRAME : bottom - _FRAME, left + _FRAME : right - _FRAME]


def _extent(counts: NDArray[np.int_]) -> tuple[int, int]:
    """Where a rectangle starts and ends; ticks beyond it are short."""
    inside = np.flatnonzero(counts > counts.max() / 2)
    return int(inside[0]), int(inside[-1]) + 1
