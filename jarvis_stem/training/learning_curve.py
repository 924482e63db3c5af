"""Loss and accuracy by epoch as a drawing, SVG, for which nothing has to be imported."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from jarvis_stem.training.checkpoint import Epoch

_WIDTH, _HEIGHT = 400, 350  # of a panel with all around it
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 390, 15, 300  # of what is drawn in
_COLOURS = {"train": "#1f77b4", "validation": "#d55e00"}
_FEWEST_STEPS = 4  # of an axis
_HEAD = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * _WIDTH} {_HEIGHT}" '
    'font-family="sans-serif" font-size="13">\n<rect width="100%" height="100%" fill="white"/>'
)


def learning_curve(history: Sequence[Epoch]) -> str:
    """Draw loss and accuracy of both parts, side by side.

    Args:
        history: All epochs so far, at least one.

    Returns:
        The text of an SVG file.
    """
    panels = (_panel(history, quantity) for quantity in ("loss", "accuracy"))
    placed = (
        f'<g transform="translate({number * _WIDTH} 0)">\n{panel}\n</g>'
        for number, panel in enumerate(panels)
    )
    return "\n".join([_HEAD, *placed, "</svg>\n"])


def _panel(history: Sequence[Epoch], quantity: str) -> str:
    epochs = [epoch.epoch for epoch in history]
    curves = {
        part: [getattr(epoch, f"{part}_{quantity}") for epoch in history] for part in _COLOURS
    }
    across = _ticks(1, max(*epochs, 2), whole=True)
    values = [value for curve in curves.values() for value in curve]
    up = _ticks(min(values), max(values))
    lines = [*_axis(across, up, quantity)]
    for number, (part, curve) in enumerate(curves.items()):
        places = [
            f"{_place(epoch, across, _LEFT, _RIGHT)},{_place(value, up, _BOTTOM, _TOP)}"
            for epoch, value in zip(epochs, curve, strict=True)
        ]
        colour, y = _COLOURS[part], (_TOP + _BOTTOM) // 2 + 18 * number  # where no curve ends
        lines.append(
            f'<polyline points="{" ".join(places)}" fill="none" stroke="{colour}" '
            'stroke-width="1.5" stroke-linejoin="round"/>'
        )
        lines += [
            f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>'
            for x, y in (place.split(",") for place in places)
        ]
        lines.append(f'<text x="{_RIGHT - 75}" y="{y}" fill="{colour}">{part}</text>')
    return "\n".join(lines)


def _axis(across: Sequence[float], up: Sequence[float], quantity: str) -> Iterator[str]:
    """Frame, grid and their numbers."""
    for tick in across:
        x = _place(tick, across, _LEFT, _RIGHT)
        yield f'<path d="M{x} {_TOP}V{_BOTTOM}" stroke="#ddd"/>'
        yield f'<text x="{x}" y="{_BOTTOM + 18}" text-anchor="middle">{tick:g}</text>'
    for tick in up:
        y = _place(tick, up, _BOTTOM, _TOP)
        yield f'<path d="M{_LEFT} {y}H{_RIGHT}" stroke="#ddd"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:g}" text-anchor="end">{tick:g}</text>'
    middle, centre = (_LEFT + _RIGHT) / 2, (_TOP + _BOTTOM) / 2
    yield f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">epoch</text>'
    yield (
        f'<text transform="translate(14 {centre}) rotate(-90)" text-anchor="middle">'
        f"{quantity}</text>"
    )


def _ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Round numbers from below the lowest value to above the highest one, a few."""
    span = max(high - low, abs(high) * 1e-6, 1e-6)
    power = 10.0 ** math.floor(math.log10(span / _FEWEST_STEPS))
    step = next(n * power for n in (5, 2, 1) if n * power * _FEWEST_STEPS <= span)
    if whole:
        step = max(round(step), 1)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 9) for n in range(first, max(last, first + 1) + 1)]


def _place(value: float, ticks: Sequence[float], start: float, end: float) -> float:
    """Where a value is between the first tick and the last one."""
    return round(start + (value - ticks[0]) / (ticks[-1] - ticks[0]) * (end - start), 1)
