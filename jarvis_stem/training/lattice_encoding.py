"""A lattice in numbers that a network can tell apart at every scale that matters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from jarvis_stem.training.description import HIGHEST_ORDER, Measured, orders_of

_HEAD_ORDER = 3  # of those whose amplitudes the encoding has; higher ones are near zero
_FAINT = 3e-3  # of the mean: about what rounding to 8 bits leaves of an amplitude
_FARTHEST = 6.0  # standard deviations
_PERIODS = (20.0, 10.0, 5.0, 2.5, 1.2, 0.6, 0.3, 0.15)  # Å
_LENGTH_SCALES = (3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # Å
_ANGLE_SCALES = (3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # degrees
_ROUNDED_SCALES = (0.01, 0.1)  # Å and degrees
_ERROR_SCALES = (1.0, 3.0, 10.0)  # standard errors
_SHARE_SCALES = (1e-3, 0.01, 0.1)  # of a
_ALIGNED = (0.01, 0.05, 0.3, 2.0, 8.0, 30.0)  # degrees that a may be off x, in steps
_HIGHEST_INDEX = 6  # of a lattice vector along x ...
_ASKEW, _HIGHEST_ASKEW = 3, 2  # ... and from this step on, where there is always one
_NO_TIES = 1e-4  # by which halves are rounded one way, whatever the error of measurement


class LatticeEncoding(nn.Module):
    """The lattice in numbers that a network can tell apart at every scale that matters.

    A Bravais class is a matter of equalities (a = b, gamma = 90 degrees, a cos gamma = b / 2),
    which the label rule takes at 0.01 Å and 0.01 degree. So differences are given as saturating
    functions of several scales, lengths as waves of several periods (Fourier features: Tancik et
    al., NeurIPS 2020; numbers as inputs: Gorishniy et al., NeurIPS 2022). With standard errors the
    differences are given by these as well: under noise two lengths count as equal that differ by
    no more than it explains.

    The class is that of the cell which was chosen, often not the reduced one. Structures are
    published with a along x, so that the image says which: the lattice is also given as the cell
    along x (see `_along_x`) and as the one of twice its height, with the class that the label rule
    gives them.
    """

    def __init__(self, *, errors: bool = False) -> None:
        """Prepare the normalisation, which is learned from the training data.

        Args:
            errors: Whether there will be standard errors to encode.
        """
        super().__init__()
        orders = orders_of(HIGHEST_ORDER)
        low = torch.tensor([max(abs(h), abs(k)) <= _HEAD_ORDER for h, k in orders])
        self.register_buffer("low", low.nonzero()[:, 0], persistent=False)
        n_amplitudes = 2 * int(low.sum())
        self.amplitudes = nn.BatchNorm1d(n_amplitudes, affine=False)
        n_numbers = _numbers(torch.ones(1, 2, 2)).shape[1] + 3
        if errors:
            n_numbers += _significance(torch.ones(1, 2, 2), torch.ones(1, 3)).shape[1]
        self.numbers = nn.BatchNorm1d(n_numbers, affine=False)

    low: Tensor

    def forward(self, measured: Measured) -> Tensor:
        """Encode; [N, F]."""
        known = [_numbers(measured.vectors), measured.scalars]
        if measured.errors.shape[1]:
            known.append(_significance(measured.vectors, measured.errors))
        numbers = torch.cat(known, dim=1)
        amplitudes = measured.harmonics[:, self.low].abs()
        amplitudes = torch.cat((torch.log(amplitudes + _FAINT), amplitudes), dim=1)
        both = torch.cat((self.numbers(numbers), self.amplitudes(amplitudes)), dim=1)
        return both.clamp(-_FARTHEST, _FARTHEST)


def _numbers(vectors: Tensor) -> Tensor:
    """Numbers of reduced lattices [N, 2, 2]: see `LatticeEncoding`; [N, F]."""
    return torch.cat((_reduced_numbers(vectors), _numbers_along_x(vectors)), dim=1)


def _reduced_numbers(vectors: Tensor) -> Tensor:
    shape = _Shape(vectors)
    # Directions against the image's axes; for small angles these are degrees.
    tilts = torch.rad2deg(shape.directions.flatten(1))
    # The label rule rounds so; then a difference is nothing or at least one step.
    rounded = (shape.lengths.round(decimals=2).diff(dim=1), _bends(shape.gamma.round(decimals=2)))
    return torch.cat(
        (
            shape.lengths / 5 - 1,
            _waves(shape.lengths[:, :3], _PERIODS),
            _saturating(shape.differences, _LENGTH_SCALES),
            _saturating(torch.cat((_bends(shape.gamma), tilts, tilts.abs()), 1), _ANGLE_SCALES),
            _saturating(torch.cat(rounded, dim=1), _ROUNDED_SCALES),
            torch.log(torch.linalg.det(vectors).abs()[:, None] + 1e-3),
        ),
        dim=1,
    )


def _numbers_along_x(vectors: Tensor) -> Tensor:
    a, b, step = _along_x(vectors)
    off = torch.rad2deg(torch.atan2(a[:, 1:], a[:, :1]))
    share = _share(b, a)
    cell, doubled = _Cell(a, b), _Cell(a, _shortened(2 * b, a))
    lengths = torch.cat((cell.a, cell.b), dim=1)
    shifts = torch.cat((share.abs(), share.abs() - 0.5), dim=1)
    return torch.cat(
        (
            _saturating(torch.cat((off, off.abs()), dim=1), _ANGLE_SCALES),
            functional.one_hot(step, len(_ALIGNED) + 1).to(vectors.dtype),
            share,
            share.abs(),
            _saturating(shifts, _SHARE_SCALES),
            lengths / 5 - 1,
            _waves(lengths, _PERIODS[:4]),
            cell.numbers(),
            doubled.numbers(),
        ),
        dim=1,
    )


def _along_x(vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The primitive cell with a along x.

    a is the shortest lattice vector along x, or the one that is nearest to it: a cell that was
    sheared by its relaxation has a off x by a little. b is the shortest that goes with it.

    Args:
        vectors: Basis vectors as rows, [N, 2, 2].

    Returns:
        Vectors a and b, right-handed, [N, 2] each; and int64[N], the step of `_ALIGNED` within
        which a is along x.
    """
    indices, partners, high = (table.to(vectors.device) for table in _indices())
    candidates = _combined(indices, vectors[:, None])
    off = torch.rad2deg(torch.atan2(candidates[..., 1], candidates[..., 0])).abs()
    step = torch.stack([off >= edge for edge in _ALIGNED]).sum(dim=0)
    lengths = candidates.norm(dim=2)
    # Far from x there is always one of high indices, which means nothing.
    unlikely = high & (step >= _ASKEW)
    cost = lengths + step * 1e3 + unlikely * 1e5
    chosen = cost.argmin(dim=1)
    every = torch.arange(len(vectors))
    a = candidates[every, chosen]
    b = _combined(partners[chosen], vectors)
    turned = a[:, :1] * b[:, 1:] - a[:, 1:] * b[:, :1] < 0
    b = torch.where(turned, -b, b)
    return a, _shortened(b, a), step[every, chosen]


@cache
def _indices() -> tuple[Tensor, Tensor, Tensor]:
    """Indices of primitive lattice vectors, of one that completes each to a basis, and their size.

    Returns:
        float32[M, 2] twice, and bool[M]: whether indices are above `_HIGHEST_ASKEW`.
    """
    span = range(-_HIGHEST_INDEX, _HIGHEST_INDEX + 1)
    plane = sorted(((h, k) for h in span for k in span), key=lambda hk: max(map(abs, hk)))
    primitive = [(h, k) for h, k in plane if math.gcd(h, k) == 1]
    partners = [next((p, q) for p, q in plane if h * q - k * p == 1) for h, k in primitive]
    indices = torch.tensor(primitive)
    high = indices.abs().amax(dim=1) > _HIGHEST_ASKEW
    return indices.float(), torch.tensor(partners).float(), high


def _combined(indices: Tensor, vectors: Tensor) -> Tensor:
    """Lattice vectors [..., 2] of indices [..., 2] by bases [..., 2, 2]."""
    # Mixed precision would round a product of matrices.
    return (indices[..., None] * vectors).sum(dim=-2)


def _share(b: Tensor, a: Tensor) -> Tensor:
    """How far b goes along a, in a, [N, 1]."""
    return (a * b).sum(dim=1, keepdim=True) / a.square().sum(dim=1, keepdim=True).clamp(min=1e-9)


def _shortened(b: Tensor, a: Tensor) -> Tensor:
    """The shortest of vectors b [N, 2] and whole numbers of a; of two the one along a."""
    return b - torch.round(_share(b, a) - _NO_TIES) * a


class _Cell:
    """Lengths [N, 1] of a cell's vectors a and b [N, 2], Å, and the angle between them, degrees."""

    def __init__(self, a: Tensor, b: Tensor) -> None:
        self.a, self.b = (vector.norm(dim=1, keepdim=True) for vector in (a, b))
        cosine = (a * b).sum(dim=1, keepdim=True) / (self.a * self.b).clamp(min=1e-9)
        self.gamma = torch.rad2deg(torch.arccos(cosine.clamp(-1, 1)))

    def numbers(self) -> Tensor:
        """How far lengths are from equal and the angle from special ones, and the class; [N, F]."""
        bend = self.gamma - 90
        longer = self.b.round(decimals=2) - self.a.round(decimals=2)
        rounded = self.gamma.round(decimals=2)
        bends = torch.cat((bend, bend.abs(), bend.abs() - 30), dim=1)
        return torch.cat(
            (
                _saturating(self.b - self.a, _LENGTH_SCALES),
                _saturating(bends, _ANGLE_SCALES),
                _saturating(torch.cat((longer, rounded - 90), dim=1), _ROUNDED_SCALES),
                _label_rule(longer, (rounded - 90).abs()),
            ),
            dim=1,
        )


def _label_rule(longer: Tensor, bend: Tensor) -> Tensor:
    """What the label rule looks at, of rounded cells: `bravais.bravais_class`; 0 or 1, [N, 5]."""
    equal, right, hexagonal = longer.abs() < 0.005, bend < 0.005, (bend - 30).abs() < 0.005
    classes = (
        equal & hexagonal,
        equal & right,
        ~equal & right,
        equal & ~right & ~hexagonal,
        ~equal & ~right,
    )
    return torch.cat(classes, dim=1).to(longer.dtype)


def _significance(vectors: Tensor, errors: Tensor) -> Tensor:
    """How certain a lattice is, and its differences by their standard errors; [N, F]."""
    shape = _Shape(vectors)
    of_lengths = errors[:, :2].norm(dim=1, keepdim=True)
    turned = torch.deg2rad(errors[:, 2:]) * shape.lengths[:, :1]  # Å that the angle's error moves
    both = torch.hypot(of_lengths, turned).expand(-1, shape.differences.shape[1] - 1)
    by_errors = (
        shape.differences / torch.cat((of_lengths, both), dim=1),
        _bends(shape.gamma) / errors[:, 2:],
    )
    certain = _saturating(torch.cat(by_errors, dim=1), _ERROR_SCALES)
    return torch.cat((torch.log(errors), certain), dim=1)


class _Shape:
    """Lengths and angles of reduced lattices [N, 2, 2].

    Attributes:
        lengths: Of a, b, a - b and a + b, Å, [N, 4].
        directions: Unit vectors along these, [N, 4, 2].
        gamma: Angle between a and b, degrees, [N, 1].
        differences: Lengths that are 0 where two of these are equal or a cell is centred, Å,
            [N, 6]; the first is |b| - |a|.
    """

    def __init__(self, vectors: Tensor) -> None:
        a, b = vectors.unbind(dim=1)
        four = torch.stack((a, b, a - b, a + b), dim=1)
        self.lengths = four.norm(dim=2)
        self.directions = four / self.lengths.clamp(min=1e-6)[..., None]
        cosine = (self.directions[:, 0] * self.directions[:, 1]).sum(dim=1, keepdim=True)
        self.gamma = torch.rad2deg(torch.arccos(cosine.clamp(-1, 1)))
        short, long, across, _ = self.lengths.split(1, dim=1)
        centred = (2 * short * cosine - long, 2 * long * cosine - short)
        equal = (self.lengths.diff(dim=1), across - short)
        self.differences = torch.cat((*equal, *centred), dim=1)


def _bends(gamma: Tensor) -> Tensor:
    """How far angles [N, 1] are from right and from hexagonal ones, degrees, [N, 2]."""
    return torch.cat((gamma - 90, gamma - 60), dim=1)


def _waves(values: Tensor, periods: Sequence[float]) -> Tensor:
    phases = [2 * math.pi / period * values for period in periods]
    return torch.cat([wave(phase) for phase in phases for wave in (torch.sin, torch.cos)], dim=1)


def _saturating(values: Tensor, scales: Sequence[float]) -> Tensor:
    return torch.cat([torch.tanh(values / scale) for scale in scales], dim=1)
