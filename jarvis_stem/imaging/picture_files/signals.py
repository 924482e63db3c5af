"""Signals: numbers with axes, as rosettasciio's readers and HyperSpy have them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jarvis_stem.imaging.picture_files.recording import LUMINANCE, Recording, check_size, of_array
from jarvis_stem.imaging.picture_files.units import Scale, scale_of
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.messages import quote

_PICTURE = 2  # axes
_COLOURS = ("R", "G", "B")


def of_object(shown: Any) -> Recording | None:
    """The picture, or the frames of one, that a signal is; None of anything else.

    Args:
        shown: A dictionary of rosettasciio's, or a HyperSpy ``Signal2D``, loaded or lazy, of which
            a frame is computed when it is read. Navigation axes are frames, in the array's order.

    Raises:
        StemError: A signal of another dimension, or more pixels than are read.
    """
    signal = _dictionary(shown)
    if signal is None:
        return None
    data, axes = signal["data"], signal["axes"]
    if not hasattr(data, "dtype") or not all(isinstance(axis, Mapping) for axis in axes):
        raise StemError(
            "signal: expected an array as data and a list of dictionaries as axes, as rosettasciio "
            f"reads them, got {type(data).__name__} and {type(axes).__name__}"
        )
    name = f"signal {quote(title)}" if (title := title_of(signal)) else "signal"
    recording = of_signal(name, signal, "the signal's axes")
    check_size(recording)
    return recording


def _dictionary(shown: Any) -> Mapping[str, Any] | None:
    """A signal as rosettasciio has it; HyperSpy's is known by what it has, not by its class."""
    if isinstance(shown, Mapping):
        return shown if {"data", "axes"} <= shown.keys() else None
    manager = getattr(shown, "axes_manager", None)
    if manager is None:
        return None
    if manager.signal_dimension != _PICTURE:
        raise StemError(
            f"{type(shown).__name__} of signal dimension {manager.signal_dimension}: expected a "
            "picture, of signal dimension 2; signal.transpose(signal_axes=...) says which axes "
            "are the picture's"
        )
    return {
        "data": shown.data,
        "axes": list(manager.as_dictionary().values()),
        "metadata": shown.metadata.as_dictionary(),
    }


def title_of(signal: Mapping[str, Any]) -> str:
    """What a signal's metadata call it; empty if they do not."""
    general = (signal.get("metadata") or {}).get("General") or {}
    return str(general.get("title") or "")


def of_signal(
    path: Path | str, signal: Mapping[str, Any], source: str, name: str = ""
) -> Recording:
    """The recording that a signal is.

    Args:
        path: The file, or what the signal is called.
        signal: Its ``data`` and, of each of their axes, name, scale and units.
        source: What says how large a pixel is.
        name: Of the detector.

    Raises:
        StemError: Numbers of another form.
    """
    data, axes = _without_colours(signal["data"]), signal["axes"]
    if len(axes) != data.ndim:  # of one pixel each
        data = data.reshape([n for n in data.shape if n > 1])
    order = _order(axes)
    kept = [n for n in order if data.shape[n] > 1]
    scale = _scale([axes[n] for n in kept[-2:]], source) if len(axes) == data.ndim else Scale()
    data = data.transpose(order)
    if _picture_axes(axes) and data.ndim > _PICTURE:
        data = data.reshape(math.prod(data.shape[:-2]), *data.shape[-2:])
    return of_array(path, data, scale=scale, name=name)


def _without_colours(data: Any) -> Any:
    """Numbers as they are; the brightness of HyperSpy's colours, [..., H, W]."""
    if data.dtype.names is None or not set(_COLOURS) <= set(data.dtype.names):
        return data
    return sum(data[colour] * share for colour, share in zip(_COLOURS, LUMINANCE, strict=True))


def _picture_axes(axes: Sequence[Mapping[str, Any]]) -> list[int]:
    """Which axes are the picture's, where the signal tells them from those of its frames."""
    found = [n for n, axis in enumerate(axes) if not axis.get("navigate", False)]
    return found if len(found) == _PICTURE < len(axes) else []


def _order(axes: Sequence[Mapping[str, Any]]) -> list[int]:
    """The axes with y and x last; rosettasciio has EMDs of NCEM's own programs transposed."""
    shown = _picture_axes(axes) or list(range(len(axes)))
    names = {n: str(axes[n].get("name", "")).strip().lower() for n in shown}
    last = [n for wanted in "yx" for n in shown if names[n] == wanted]
    if sorted(names[n] for n in last) != ["x", "y"]:
        last = shown if len(shown) == _PICTURE else []
    return [n for n in range(len(axes)) if n not in last] + last


def _scale(axes: Sequence[Mapping[str, Any]], source: str) -> Scale:
    if any("axis" in axis or "expression" in axis for axis in axes):
        return Scale(fault="an axis of uneven steps; expected even ones; interpolate the picture")
    sides = [(axis.get("scale", np.nan), axis.get("units")) for axis in axes]
    return scale_of(sides, source)
