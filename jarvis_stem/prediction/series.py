"""Lattices over the frames of a movie or the files of a folder: outliers, and changes of phase."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from jarvis_stem.utils.errors import StemError

QUANTITIES = ("a", "b", "gamma", "strain")
_COLUMNS = (
    *("input", "class_name", "error", "strain", "gamma_deg", "gamma_error_deg"),
    *(f"{one}_{unit}" for one in ("a", "a_error", "b", "b_error") for unit in ("angstrom", "px")),
)
_WIDEST = 15  # frames on either side of a place that say whether something changes there
_FEWEST = 4  # of them; a shorter series has no changes
_OUTLYING = 5.0  # standard deviations, robust ones, from the median around
_CHANGED = 7.0  # standard deviations that a level jumps by
_SHARE = 2 / 3  # of the frames before, and of those after, that have the class
_LEAST = 1e-4  # of a quantity, which no picture shows
_MAD = 1.4826  # median absolute deviations in a standard deviation of normal noise

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """Where the lattice becomes another one.

    Attributes:
        row: The first of the new lattice, from 0.
        input: Its name.
        classes: Before and after, None where the class stays.
        jumps: By how much levels jump, by quantity: lengths in the series' unit, gamma in degrees.
    """

    row: int
    input: str
    classes: tuple[str, str] | None
    jumps: Mapping[str, float]


@dataclass(frozen=True)
class Series:
    """Lattices in the order of frames or files.

    Attributes:
        inputs: Names of the pictures, N.
        unit: Of lengths, ``Å`` or ``px``.
        values: float64[N] of each of `QUANTITIES`, NaN where there is none; strain is a share.
        errors: Standard errors, float64[N], of a, b and gamma.
        classes: Class names, None where a picture has no answer.
        outliers: bool[N]: whether a quantity is far from what is around it.
        changes: Of phase, in order.
    """

    inputs: Sequence[str]
    unit: str
    values: Mapping[str, Values]
    errors: Mapping[str, Values]
    classes: Sequence[str | None]
    outliers: NDArray[np.bool_]
    changes: Sequence[Change]

    def as_json(self) -> dict[str, Any]:
        """The same as a dictionary with an object for each picture."""
        shown = {**self.values, **{f"{name}_error": one for name, one in self.errors.items()}}
        lists = {
            name: [float(x) if np.isfinite(x) else None for x in one] for name, one in shown.items()
        }
        return {
            "unit": self.unit,
            "pictures": [
                {
                    "input": name,
                    "class_name": self.classes[n],
                    **{key: one[n] for key, one in lists.items()},
                    "outlier": bool(self.outliers[n]),
                }
                for n, name in enumerate(self.inputs)
            ],
            "changes": [
                {"row": one.row, "input": one.input, "classes": one.classes, "jumps": one.jumps}
                for one in self.changes
            ],
        }


def columns() -> list[str]:
    """Columns of answers that a series is made of; see `table.table_rows`."""
    return list(_COLUMNS)


def series_of(columns: Mapping[str, Sequence[Any]]) -> Series:
    """Make a series of answers.

    Args:
        columns: Each of `columns`, N long, None where something is not known.

    Raises:
        StemError: There are lengths in Å and in pixels, or none at all.

    Examples:
        >>> lengths = [3.18, 3.19] * 20 + [3.28, 3.29] * 20
        >>> rows = dict.fromkeys(_COLUMNS, [None] * 80)
        >>> rows |= {"input": [str(n) for n in range(80)], "a_angstrom": lengths}
        >>> [(one.row, round(one.jumps["a"], 2)) for one in series_of(rows).changes]
        [(40, 0.1)]
    """
    unit, suffix = _unit(columns)
    lengths = ("a", "b")
    values = {one: _floats(columns[f"{one}_{suffix}"]) for one in lengths}
    values |= {"gamma": _floats(columns["gamma_deg"]), "strain": _floats(columns["strain"])}
    errors = {one: _floats(columns[f"{one}_error_{suffix}"]) for one in lengths}
    errors["gamma"] = _floats(columns["gamma_error_deg"])
    classes = list(columns["class_name"])
    outliers = np.any([_outliers(one, errors.get(name)) for name, one in values.items()], axis=0)
    changes = _changes(list(columns["input"]), values, classes, outliers)
    return Series(list(columns["input"]), unit, values, errors, classes, outliers, changes)


def _unit(columns: Mapping[str, Sequence[Any]]) -> tuple[str, str]:
    counts = {
        unit: sum(one is not None for one in columns[f"a_{unit}"]) for unit in ("angstrom", "px")
    }
    if not any(counts.values()):
        raise StemError("none of the answers has a lattice")
    if all(counts.values()):
        raise StemError(
            f"{counts['angstrom']} lattices are in Å and {counts['px']} in pixels: expected one "
            "unit; answer with --pixel-size"
        )
    return ("Å", "angstrom") if counts["angstrom"] else ("px", "px")


def _floats(column: Sequence[Any]) -> Values:
    return np.array([np.nan if one is None else one for one in column], np.float64)


def _outliers(values: Values, errors: Values | None) -> NDArray[np.bool_]:
    """What is far from the median of the frames around, by their median absolute deviation.

    Source: B. Iglewicz and D. C. Hoaglin, How to Detect and Handle Outliers (1993), with a larger
    limit, as there are many frames.
    """
    there = np.isfinite(values)
    found = np.zeros(len(values), bool)
    if there.sum() < _FEWEST:
        return found
    known = values[there]
    size = min(2 * _WIDEST + 1, (len(known) - 1) // 2 * 2 + 1)  # odd: as many on either side
    away = np.abs(known - median_filter(known, size, mode="nearest"))
    found[there] = away > _OUTLYING * max(_MAD * float(np.median(away)), _floor(values, errors))
    return found


def _floor(values: Values, errors: Values | None) -> float:
    """The least standard deviation that is noise: that of the measurement, where it is known."""
    typical = _LEAST * float(np.nanmedian(np.abs(values)))
    if errors is None or not np.isfinite(errors).any():
        return typical
    return max(typical, float(np.nanmedian(errors)))


def _changes(
    inputs: Sequence[str],
    values: Mapping[str, Values],
    classes: Sequence[str | None],
    outliers: NDArray[np.bool_],
) -> list[Change]:
    """Places where the class or a level changes, those that are near each other together."""
    usable = np.array([one not in (None, "none") for one in classes]) & ~outliers
    found: list[tuple[float, int, str, Any]] = []
    for name, one in values.items():
        rows = np.flatnonzero(np.isfinite(one) & ~outliers)
        found += [(score, row, name, jump) for score, row, jump in _jumps(one[rows], rows)]
    rows = np.flatnonzero(usable)
    named = np.array([classes[row] for row in rows.tolist()], np.str_)
    found += [(np.inf, row, "class", pair) for row, pair in _class_changes(named, rows)]
    return list(_together(inputs, found))


def _jumps(values: Values, rows: NDArray[np.int_]) -> Iterable[tuple[float, int, float]]:
    """Score, row and size of jumps between straight lines before and after: drifts are none."""
    width = min(_WIDEST, len(values) // 2)
    if width < _FEWEST:
        return
    # The value at the end of a line through so many points, as a weighted sum of them.
    steps = np.arange(width) - (width - 1) / 2
    ends = 1 / width + steps * (width / 2) / (steps**2).sum()
    windows = np.lib.stride_tricks.sliding_window_view(values, width)
    jumps = windows[width:] @ ends[::-1] - windows[:-width] @ ends
    noise = _MAD * float(np.median(np.abs(np.diff(values)))) / np.sqrt(2)
    deviation = max(noise, _floor(values, None)) * np.sqrt(2 * (ends**2).sum())
    scores = np.abs(jumps) / deviation
    for place in _peaks(scores, width, _CHANGED):
        yield float(scores[place]), int(rows[place + width]), float(jumps[place])


def _class_changes(
    named: NDArray[np.str_], rows: NDArray[np.int_]
) -> Iterable[tuple[int, tuple[str, str]]]:
    """Rows from where on most pictures have another class than most before, and both classes."""
    width = min(_WIDEST, len(named) // 2)
    if width < _FEWEST:
        return
    names = np.unique(named)
    shares = np.array(
        [np.convolve(named == one, np.full(width, 1 / width), "valid") for one in names]
    )
    before, after = shares[:, :-width], shares[:, width:]
    first, second = before.argmax(axis=0), after.argmax(axis=0)
    least = np.minimum(before.max(axis=0), after.max(axis=0))
    scores = np.where(first != second, before.max(axis=0) + after.max(axis=0), 0.0)
    scores[least < _SHARE] = 0
    for place in _peaks(scores, width, 0.0):
        yield int(rows[place + width]), (str(names[first[place]]), str(names[second[place]]))


def _peaks(scores: Values, width: int, least: float) -> list[int]:
    """Places of the highest scores above a least one, none within a width of a higher one."""
    left = np.where(scores > least, scores, 0.0)
    places = []
    while left.any():
        place = int(left.argmax())
        places.append(place)
        left[max(place - width, 0) : place + width + 1] = 0
    return sorted(places)


def _together(
    inputs: Sequence[str], found: Sequence[tuple[float, int, str, Any]]
) -> Iterable[Change]:
    """Changes of several quantities that are one, at the place of the surest of them."""
    left = sorted(found, key=lambda one: one[1])
    while left:
        near = [one for one in left if one[1] - left[0][1] <= _WIDEST]
        left = left[len(near) :]
        _, row, _, _ = max(near, key=lambda one: one[0])
        classes = next((jump for _, _, name, jump in near if name == "class"), None)
        jumps = {name: jump for _, _, name, jump in near if name != "class"}
        yield Change(row, inputs[row], classes, jumps)
