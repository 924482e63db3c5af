"""Units of length as microscopes' files spell them, and the size of a pixel in Å."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from jarvis_stem.utils.messages import quote

# Exponents of ten. Sources: SI prefixes as symbols and as words (OME-XML's UnitsLength; "nm", "µm",
# "m" and TIA's "meters" in rosettasciio), "micron" of ImageJ, "n_m" and "[n_m]" of NCEM's EMD.
_PREFIXES = {
    **{"": 0, "c": -2, "m": -3, "u": -6, "μ": -6, "n": -9, "p": -12, "f": -15},
    **{"centi": -2, "milli": -3, "micro": -6, "nano": -9, "pico": -12, "femto": -15},
}
_METRES = ("m", "meter", "meters", "metre", "metres")
_ANGSTROMS = ("a", "ang", "angs", "angstrom", "angstroms", "angstroem", "aa")
_MICRONS = ("micron", "microns", "μ")
_LENGTHS = {
    **{prefix + m: 10.0 ** (10 + power) for prefix, power in _PREFIXES.items() for m in _METRES},
    **dict.fromkeys(_ANGSTROMS, 1.0),
    **dict.fromkeys(_MICRONS, 1e4),
}
# What files have in a unit's place where there is none: HyperSpy's <undefined>, OME's "reference
# frame", ImageJ's "pixel".
_NONE = {
    *("", "px", "pix", "pixel", "pixels", "voxel", "voxels", "none", "null", "undefined"),
    *("unknown", "n/a", "nan", "1", "-", "dimensionless", "uncalibrated", "reference frame"),
}
_OTHERS = {
    *("rad", "rads", "radian", "radians", "deg", "degree", "degrees", "°", "s", "sec", "second"),
    *("seconds", "min", "h", "ev", "hz", "v", "k", "frame", "frames", "slice", "slices"),
}
_OTHER = {prefix + name for prefix in (*_PREFIXES, "k", "g") for name in _OTHERS}
_RECIPROCAL = re.compile(r"^1 ?/|\^?-1$|^(per|reciprocal) ")
_ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})")  # as ImageJ writes µ and Å
_A_PIXEL = re.compile(r" ?(/|per) ?(px|pix|pixels?)$")
WAY_OUT = "name the pixel size (--pixel-size)"
_SQUARE = 1e-3  # how far a pixel's sides may differ


@dataclass(frozen=True)
class Scale:
    """How large a file says that a pixel is.

    Attributes:
        size: Its side, Å; None where the file does not say it, or not so that it is understood.
        source: What in the file says it.
        doubt: Why there is no size although the file gives one.
        fault: Why the file cannot be read unless somebody names the size.
    """

    size: float | None = None
    source: str = ""
    doubt: str = ""
    fault: str = ""


def scale_of(sides: Sequence[tuple[object, object]], source: str) -> Scale:
    """What a file says of the size of a pixel.

    Args:
        sides: Number and unit of its height and of its width.
        source: What in the file says so.

    Examples:
        >>> scale_of([(0.02, "nanometer")] * 2, "tags").size
        0.2
        >>> scale_of([(0.3, "1/nm")] * 2, "tags").fault
        "an axis in '1/nm'; expected a picture of the sample, or name the pixel size (--pixel-size)"
        >>> scale_of([(3, "furlong")] * 2, "tags").doubt
        "tags: 3 'furlong' a pixel is not understood; name the pixel size (--pixel-size)"
    """
    lengths: list[float] = []
    for number, unit in sides:
        value, plain = _number(number), _plain(unit)
        if plain in _NONE or not value:
            return Scale()
        if plain in _OTHER or _RECIPROCAL.search(plain):
            shown = f"an axis in {quote(_text(unit))}; expected a picture of the sample"
            return Scale(fault=f"{shown}, or {WAY_OUT}")
        if plain not in _LENGTHS:
            shown = f"{source}: {value:.4g} {quote(_text(unit))} a pixel is not understood"
            return Scale(doubt=f"{shown}; {WAY_OUT}")
        lengths.append(value * _LENGTHS[plain])
    return _square(lengths, source)


def _square(lengths: Sequence[float], source: str) -> Scale:
    height, width = lengths
    if abs(height / width - 1) > _SQUARE:
        return Scale(
            fault=f"pixels of {width:.4g} by {height:.4g} Å; expected square ones; resample it, or "
            + WAY_OUT
        )
    return Scale(float(f"{width:.6g}"), source)


def _number(value: object) -> float | None:
    """A finite length that is not 0; axes may run backwards."""
    try:
        number = abs(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if 0 < number < math.inf else None


def _text(unit: object) -> str:
    text = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)
    return text.strip("\0 \t\r\n")


def _repaired(text: str) -> str:
    """Text that is UTF-8 but was read as Latin 1 or Windows' code page: ``Âµm`` is µm."""
    for codec in ("latin-1", "cp1252"):
        with suppress(UnicodeError):
            return text.encode(codec).decode("utf-8")
    return text


def _plain(unit: object) -> str:
    """A unit without what spellings differ in: case, accents, brackets, ``/px``."""
    text = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), _repaired(_text(unit)))
    letters = unicodedata.normalize("NFKD", text).casefold()
    kept = (one for one in letters if not unicodedata.combining(one) and one not in "[](){}<>_")
    return _A_PIXEL.sub("", " ".join("".join(kept).replace("−", "-").split()))
