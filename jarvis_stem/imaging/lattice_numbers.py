"""A lattice in numbers that a network can tell apart at every scale that matters.

A Bravais class is a matter of equalities (a = b, gamma = 90 degrees, a cos gamma = b / 2), which
the label rule takes at 0.01 Å and 0.01 degree. So differences are given as saturating functions of
several scales, lengths as waves of several periods (Fourier features: Tancik et al., NeurIPS 2020;
numbers as inputs: Gorishniy et al., NeurIPS 2022). With standard errors the differences are given
by these as well: under noise two lengths count as equal that differ by no more than it explains.

The class is that of the cell which was chosen, often not the reduced one. Structures are published
with a along x, so that the image says which: the lattice is also given as the cell along x (see
`_along_x`) and as the one of twice its height, with the class that the label rule gives them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_PERIODS = (20.0, 10.0, 5.0, 2.5, 1.2, 0.6, 0.3, 0.15)  # Å
_LENGTH_SCALES = (3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # Å
_ANGLE_SCALES = (3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # degrees
_ROUNDED_SCALES = (0.01, 0.1)  # Å and degrees
_ERROR_SCALES = (1.0, 3.0, 10.0)  # standard errors
_SHARE_SCALES = (1e-3, 0.01, 0.1)  # of a
_ALIGNED = (0.01, 0.05, 0.3, 2.0, 8.0, 30.0)  # degrees that a may be off x, in steps
_HIGHEST_INDEX = 6  # of a lattice vector along x ...
_ASKEW, _HIGHEST_ASKEW = 3, 2  # ... and from this step on, where there is always one
_DEGREES = np.float32(180 / math.pi)
_NO_TIES = np.float32(1e-4)  # by which halves are rounded one way, whatever the error


def lattice_numbers(vectors: Floats) -> Floats:
    """Encode reduced lattices.

    Args:
        vectors: Basis vectors as rows, Å, float32[N, 2, 2].

    Returns:
        float32[N, F].
    """
    return np.concatenate((reduced_numbers(vectors), _numbers_along_x(vectors)), axis=1)


def error_numbers(vectors: Floats, errors: Floats) -> Floats:
    """Encode how certain lattices are, and their differences by their standard errors.

    Args:
        vectors: Basis vectors as rows, Å, float32[N, 2, 2].
        errors: Of |a| and |b|, Å, and of gamma, degrees, float32[N, 3]; above 0.

    Returns:
        float32[N, F].
    """
    shape = _Shape(vectors)
    of_lengths = _length(errors[:, :2], keepdims=True)
    turned = np.deg2rad(errors[:, 2:]) * shape.lengths[:, :1]  # Å that the angle's error moves
    both = np.repeat(np.hypot(of_lengths, turned), shape.differences.shape[1] - 1, axis=1)
    by_errors = (
        shape.differences / np.concatenate((of_lengths, both), axis=1),
        _bends(shape.gamma) / errors[:, 2:],
    )
    certain = _saturating(np.concatenate(by_errors, axis=1), _ERROR_SCALES)
    return np.concatenate((np.log(errors), certain), axis=1)


def reduced_numbers(vectors: Floats) -> Floats:
    """The part of `lattice_numbers` that does not know the cell along x; float32[N, F]."""
    shape = _Shape(vectors)
    # Directions against the image's axes; for small angles these are degrees.
    tilts = shape.directions.reshape(len(vectors), 8) * _DEGREES
    # The label rule rounds so; then a difference is nothing or at least one step.
    rounded = (np.diff(shape.lengths.round(2), axis=1), _bends(shape.gamma.round(2)))
    bends = np.concatenate((_bends(shape.gamma), tilts, np.abs(tilts)), axis=1)
    area = vectors[:, 0, 0] * vectors[:, 1, 1] - vectors[:, 0, 1] * vectors[:, 1, 0]
    return np.concatenate(
        (
            shape.lengths / 5 - 1,
            _waves(shape.lengths[:, :3], _PERIODS),
            _saturating(shape.differences, _LENGTH_SCALES),
            _saturating(bends, _ANGLE_SCALES),
            _saturating(np.concatenate(rounded, axis=1), _ROUNDED_SCALES),
            np.log(np.abs(area)[:, None] + np.float32(1e-3)),
        ),
        axis=1,
    )


def _numbers_along_x(vectors: Floats) -> Floats:
    a, b, step = _along_x(vectors)
    off = np.arctan2(a[:, 1:], a[:, :1]) * _DEGREES
    share = _share(b, a)
    cell, doubled = _Cell(a, b), _Cell(a, _shortened(2 * b, a))
    lengths = np.concatenate((cell.a, cell.b), axis=1)
    shifts = np.concatenate((np.abs(share), np.abs(share) - np.float32(0.5)), axis=1)
    return np.concatenate(
        (
            _saturating(np.concatenate((off, np.abs(off)), axis=1), _ANGLE_SCALES),
            np.eye(len(_ALIGNED) + 1, dtype=np.float32)[step],
            share,
            np.abs(share),
            _saturating(shifts, _SHARE_SCALES),
            lengths / 5 - 1,
            _waves(lengths, _PERIODS[:4]),
            cell.numbers(),
            doubled.numbers(),
        ),
        axis=1,
    )


def _along_x(vectors: Floats) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """The primitive cell with a along x.

    a is the shortest lattice vector along x, or the one that is nearest to it: a cell that was
    sheared by its relaxation has a off x by a little. b is the shortest that goes with it.

    Args:
        vectors: Basis vectors as rows, float32[N, 2, 2].

    Returns:
        Vectors a and b, right-handed, float32[N, 2] each; and the step of `_ALIGNED` within which
        a is along x.
    """
    indices, partners, high = _indices()
    candidates = _combined(indices, vectors[:, None])
    off = np.abs(np.arctan2(candidates[..., 1], candidates[..., 0]) * _DEGREES)
    step = np.zeros(off.shape, np.intp)
    for edge in _ALIGNED:
        step += off >= np.float32(edge)
    # Far from x there is always one of high indices, which means nothing.
    unlikely = high & (step >= _ASKEW)
    cost = _length(candidates) + np.float32(1e3) * step + np.float32(1e5) * unlikely
    chosen = cost.argmin(axis=1)
    every = np.arange(len(vectors))
    a = candidates[every, chosen]
    b = _combined(partners[chosen], vectors)
    turned = a[:, :1] * b[:, 1:] - a[:, 1:] * b[:, :1] < 0
    return a, _shortened(np.where(turned, -b, b), a), step[every, chosen]


@cache
def _indices() -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Indices of primitive lattice vectors, of one that completes each to a basis, and their size.

    Returns:
        float32[M, 2] twice, and bool[M]: whether indices are above `_HIGHEST_ASKEW`.
    """
    span = range(-_HIGHEST_INDEX, _HIGHEST_INDEX + 1)
    plane = sorted(((h, k) for h in span for k in span), key=lambda hk: max(map(abs, hk)))
    primitive = [(h, k) for h, k in plane if math.gcd(h, k) == 1]
    partners = [next((p, q) for p, q in plane if h * q - k * p == 1) for h, k in primitive]
    indices = np.array(primitive, np.float32)
    high = np.abs(indices).max(axis=1) > _HIGHEST_ASKEW
    return indices, np.array(partners, np.float32), high


def _combined(indices: Floats, vectors: Floats) -> Floats:
    """Lattice vectors [..., 2] of indices [..., 2] by bases [..., 2, 2]."""
    return indices[..., :1] * vectors[..., 0, :] + indices[..., 1:] * vectors[..., 1, :]


def _length(vectors: Floats, *, keepdims: bool = False) -> Floats:
    """Lengths of vectors [..., 2], with one rounding as a fused multiply-add has it.

    So had the framework that the first networks learned in, and they see the last digit.
    """
    x, y = vectors[..., 0], vectors[..., 1].astype(np.float64)
    length = np.sqrt((y * y + x * x).astype(np.float32))
    return length[..., None] if keepdims else length


def _share(b: Floats, a: Floats) -> Floats:
    """How far b goes along a, in a, [N, 1]."""
    along = (a * b).sum(axis=1, keepdims=True)
    return along / np.maximum((a * a).sum(axis=1, keepdims=True), np.float32(1e-9))


def _shortened(b: Floats, a: Floats) -> Floats:
    """The shortest of vectors b [N, 2] and whole numbers of a; of two the one along a."""
    return b - np.rint(_share(b, a) - _NO_TIES) * a


def _angle(cosine: Floats) -> Floats:
    """Degrees; in double precision, of which single precision's arccos loses much."""
    exact = np.arccos(np.clip(cosine, -1, 1), dtype=np.float64)
    return exact.astype(np.float32) * _DEGREES


class _Cell:
    """Lengths [N, 1] of a cell's vectors a and b [N, 2], Å, and the angle between them, degrees."""

    def __init__(self, a: Floats, b: Floats) -> None:
        self.a, self.b = (_length(vector, keepdims=True) for vector in (a, b))
        lengths = np.maximum(self.a * self.b, np.float32(1e-9))
        self.gamma = _angle((a * b).sum(axis=1, keepdims=True) / lengths)

    def numbers(self) -> Floats:
        """How far lengths are from equal and the angle from special ones, and the class; [N, F]."""
        bend = self.gamma - 90
        longer = self.b.round(2) - self.a.round(2)
        rounded = self.gamma.round(2)
        bends = np.concatenate((bend, np.abs(bend), np.abs(bend) - 30), axis=1)
        return np.concatenate(
            (
                _saturating(self.b - self.a, _LENGTH_SCALES),
                _saturating(bends, _ANGLE_SCALES),
                _saturating(np.concatenate((longer, rounded - 90), axis=1), _ROUNDED_SCALES),
                _label_rule(longer, np.abs(rounded - 90)),
            ),
            axis=1,
        )


def _label_rule(longer: Floats, bend: Floats) -> Floats:
    """What the label rule looks at, of rounded cells: `bravais.bravais_class`; 0 or 1, [N, 5]."""
    equal, right, hexagonal = np.abs(longer) < 0.005, bend < 0.005, np.abs(bend - 30) < 0.005
    classes = (
        equal & hexagonal,
        equal & right,
        ~equal & right,
        equal & ~right & ~hexagonal,
        ~equal & ~right,
    )
    return np.concatenate(classes, axis=1).astype(np.float32)


class _Shape:
    """Lengths and angles of reduced lattices [N, 2, 2].

    Attributes:
        lengths: Of a, b, a - b and a + b, Å, [N, 4].
        directions: Unit vectors along these, [N, 4, 2].
        gamma: Angle between a and b, degrees, [N, 1].
        differences: Lengths that are 0 where two of these are equal or a cell is centred, Å,
            [N, 6]; the first is |b| - |a|.
    """

    def __init__(self, vectors: Floats) -> None:
        a, b = vectors[:, 0], vectors[:, 1]
        four = np.stack((a, b, a - b, a + b), axis=1)
        self.lengths = _length(four)
        self.directions = four / np.maximum(self.lengths, np.float32(1e-6))[..., None]
        cosine = (self.directions[:, 0] * self.directions[:, 1]).sum(axis=1, keepdims=True)
        self.gamma = _angle(cosine)
        short, long, across = (self.lengths[:, n : n + 1] for n in range(3))
        centred = (2 * short * cosine - long, 2 * long * cosine - short)
        equal = (np.diff(self.lengths, axis=1), across - short)
        self.differences = np.concatenate((*equal, *centred), axis=1)


def _bends(gamma: Floats) -> Floats:
    """How far angles [N, 1] are from right and from hexagonal ones, degrees, [N, 2]."""
    return np.concatenate((gamma - 90, gamma - 60), axis=1)


def _waves(values: Floats, periods: Sequence[float]) -> Floats:
    phases = [np.float32(2 * math.pi / period) * values for period in periods]
    return np.concatenate([w(phase) for phase in phases for w in (np.sin, np.cos)], axis=1)


def _saturating(values: Floats, scales: Sequence[float]) -> Floats:
    parts: list[Any] = [np.tanh(values / np.float32(scale)) for scale in scales]
    return np.concatenate(parts, axis=1)
