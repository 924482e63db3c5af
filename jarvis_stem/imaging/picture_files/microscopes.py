"""Microscopes' files that rosettasciio reads."""

from __future__ import annotations

from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

from jarvis_stem.imaging.picture_files.recording import NUMBERS, Recording, not_one
from jarvis_stem.imaging.picture_files.signals import of_signal, title_of
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
    source = f"the {path.suffix.lower()} file"
    if len(images) == 1:
        return of_signal(path, images[0], source)
    # Diffraction patterns beside pictures of the sample are no choice.
    recordings = [of_signal(path, one, source, title_of(one)) for one in images]
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
