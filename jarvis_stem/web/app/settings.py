"""What somebody types into the page's fields."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.messages import quote
from jarvis_stem.web.app.worker import Settings

if TYPE_CHECKING:
    from jarvis_stem.imaging.picture import Frame

UNITS = {"Å": 1.0, "nm": 10.0, "pm": 0.01}
"""Å in one of each."""
_MOST = 20  # percent of distortion, as the command takes it


def read_settings(size: str, unit: str, frame: str, distortion: str) -> Settings:
    """The settings that the fields' texts mean; an empty one means the default.

    Args:
        size: Of a pixel, a decimal comma or point.
        unit: Of the size, one of `UNITS`.
        frame: A number from 1, ``mean`` or ``all``.
        distortion: Percent.

    Raises:
        StemError: A text that means nothing.

    Examples:
        >>> read_settings("0,02", "nm", "", "3").pixel_size
        0.2
    """
    pixel_size = None
    if size.strip():
        typed = _number(size, f"pixel size {quote(size)}: expected a number above 0", above=True)
        pixel_size = float(f"{typed * UNITS[unit]:.6g}")
    share = Settings.distortion
    if distortion.strip():
        wrong = f"distortion {quote(distortion)}: expected 0 to {_MOST} percent"
        share = _number(distortion, wrong, most=_MOST) / 100
    return Settings(pixel_size, _frame(frame.strip().lower()), share)


def _number(text: str, wrong: str, *, above: bool = False, most: float = math.inf) -> float:
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        raise StemError(wrong) from None
    if not math.isfinite(number) or not 0 <= number <= most or (above and number == 0):
        raise StemError(wrong)
    return number


def _frame(text: str) -> Frame | None:
    if not text:
        return None
    words: dict[str, Frame] = {"mean": "mean", "all": "all"}
    if text in words:
        return words[text]
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise StemError(f"frame {quote(text)}: expected a number from 1, mean or all")
