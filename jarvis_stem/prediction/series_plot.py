"""A series of lattices as a figure."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jarvis_stem.prediction.series import QUANTITIES, Series
from jarvis_stem.utils.messages import printable

_BEFORE_DOTS = 300  # pictures; of more, dots are drawn smaller
_OUTLIER, _CHANGE = "#d62728", "#7f7f7f"


def figure(series: Series, title: str) -> Figure:
    """Draw a, b, gamma, strain and class over the pictures, outliers and changes marked.

    Args:
        series: What is drawn; standard errors are bars.
        title: Of the figure.
    """
    drawn = Figure(figsize=(9, 9), layout="constrained")
    axes = drawn.subplots(len(QUANTITIES) + 1, 1, sharex=True)
    drawn.suptitle(printable(title), parse_math=False)
    units = {"a": series.unit, "b": series.unit, "gamma": "°", "strain": "%"}
    for one, name in zip(axes, QUANTITIES, strict=False):
        _draw(one, series, name)
        one.set_ylabel(f"{name}, {units[name]}")
    _draw_classes(axes[-1], series)
    axes[-1].set_xlabel("picture")
    for one in axes:
        for change in series.changes:
            one.axvline(change.row + 0.5, color=_CHANGE, linestyle="--", linewidth=1)
    return drawn


def _draw(axes: Axes, series: Series, name: str) -> None:
    scale = 100 if name == "strain" else 1
    numbers = np.arange(1, len(series.inputs) + 1)
    values = series.values[name] * scale
    size = 3 if len(values) <= _BEFORE_DOTS else 1
    if name in series.errors:
        bars = np.nan_to_num(series.errors[name])
        axes.errorbar(numbers, values, bars, fmt="o", markersize=size, elinewidth=0.5)
    else:
        axes.plot(numbers, values, "o", markersize=size)
    out = series.outliers
    axes.plot(numbers[out], values[out], "o", color=_OUTLIER, markersize=size + 2, fillstyle="none")
    axes.ticklabel_format(useOffset=False)


def _draw_classes(axes: Axes, series: Series) -> None:
    names = sorted({one for one in series.classes if one is not None})
    places = [np.nan if one is None else names.index(one) for one in series.classes]
    axes.plot(np.arange(1, len(places) + 1), places, "o", markersize=2)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.5, len(names) - 0.5)
