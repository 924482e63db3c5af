"""Microscopes' files that rosettasciio reads."""

from __future__ import annotations

from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from jarvis_stem.imaging.picture_files.recording import NUMBERS, Recording, not_one, of_array
from jarvis_stem.imaging.picture_files.units import Scale, scale_of
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.messages import count, quote

READERS = {  # endings, and the part of rosettasciio that reads them
    ".dm3": "digitalmicrograph",
    ".dm4": "digitalmicrograph",
    ".ser": "tia",
    ".emi": "tia",
    ".zspy": "zspy",
}
_OPTIONS: dict[str, dict[str, Any]] = {
    # Stacked groups would be those whose names begin alike, whatever they show.
    "emd": {"select_type": "images", "load_SI_image_stack": True, "stack_group": False},
    "zspy": {"mode": "r"},
}
_ANNULAR = "HAADF"  # the detector whose images the benchmark simulates


def recording(path: Path, _: ExitStack) -> Recording:
    """The one picture, or one stack, in a file of one of `READERS`."""
    return of_reader(path, READERS[path.suffix.lower()])


def of_reader(path: Path, reader: str, *, lazy: bool = True) -> Recording:
    """The one picture in a file that this part of rosettasciio reads.

    Of several images that of the detector HAADF is taken.

    Raises:
        StemError: There is none, or several.
    """
    read = import_module(f"rsciio.{reader}").file_reader
    # Not loaded before its form is known: a file may announce more than the memory holds.
    signals = read(str(path), lazy=lazy, **_OPTIONS.get(reader, {}))
    if not signals:
        raise StemError(not_one(path, "none, and no .ser file beside it that could have one"))
    images = [signal for signal in signals if _is_image(signal)]
    if not images:
        forms = [f"{one['data'].dtype}{list(one['data'].shape)}" for one in signals]
        raise StemError(not_one(path, f"{count(forms, 'signal')}: {', '.join(forms)}"))
    if len(images) == 1:
        return _of_signal(path, images[0])
    # Diffraction patterns beside pictures of the sample are no choice.
    recordings = [_of_signal(path, one, _title(one)) for one in images]
    of_sample = [one for one in recordings if not one.scale.fault] or recordings
    annular = [one for one in of_sample if _ANNULAR in one.name.upper()]
    exactly = [one for one in annular if one.name.strip().upper() == _ANNULAR]
    chosen = of_sample if len(of_sample) == 1 else exactly or annular
    if len(chosen) != 1:
        names = ", ".join(quote(one.name) for one in recordings)
        raise StemError(not_one(path, f"{len(recordings)} images: {names}"))
    return chosen[0]


def _is_image(signal: dict[str, Any]) -> bool:
    data = signal["data"]
    return data.dtype.kind in NUMBERS and 2 <= sum(n > 1 for n in data.shape) <= 3


def _title(signal: dict[str, Any]) -> str:
    return str(signal.get("metadata", {}).get("General", {}).get("title", ""))


def _of_signal(path: Path, signal: dict[str, Any], name: str = "") -> Recording:
    data, axes = signal["data"], signal["axes"]
    if len(axes) != data.ndim:  # of one pixel each
        data = data.reshape([n for n in data.shape if n > 1])
    order = _order([str(axis.get("name", "")).strip().lower() for axis in axes])
    kept = [n for n in order if data.shape[n] > 1]
    scale = _scale([axes[n] for n in kept[-2:]], path) if len(axes) == data.ndim else Scale()
    return of_array(path, data.transpose(order), scale=scale, name=name)


def _order(names: list[str]) -> list[int]:
    """The axes with y and x last; rosettasciio has EMDs of NCEM's own programs transposed."""
    last = [names.index(name) for name in ("y", "x") if names.count(name) == 1]
    if len(last) < 2:
        return list(range(len(names)))
    return [n for n in range(len(names)) if n not in last] + last


def _scale(axes: list[dict[str, Any]], path: Path) -> Scale:
    sides = [(axis.get("scale", np.nan), axis.get("units")) for axis in axes]
    return scale_of(sides, f"the {path.suffix.lower()} file")
