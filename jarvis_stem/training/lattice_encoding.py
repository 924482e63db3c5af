"""A lattice in numbers that a network can tell apart at every scale that matters."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from jarvis_stem.training.description import HIGHEST_ORDER, Measured, orders_of

_HEAD_ORDER = 3  # of those whose amplitudes the encoding has; higher ones are near zero
_FAINT = 3e-3  # of the mean: about what rounding to 8 bits leaves of an amplitude
_FARTHEST = 6.0  # standard deviations
_PERIODS = (20.0, 10.0, 5.0, 2.5, 1.2, 0.6, 0.3, 0.15)  # Å
_LENGTH_SCALES = (3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # Å
_ANGLE_SCALES = (3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # degrees
_ROUNDED_SCALES = (0.01, 0.1)  # Å and degrees
_ERROR_SCALES = (1.0, 3.0, 10.0)  # standard errors


class LatticeEncoding(nn.Module):
    """The lattice in numbers that a network can tell apart at every scale that matters.

    A Bravais class is a matter of equalities (a = b, gamma = 90 degrees, a cos gamma = b / 2),
    which the label rule takes at 0.01 Å and 0.01 degree. So differences are given as saturating
    functions of several scales, lengths as waves of several periods (Fourier features: Tancik et
    al., NeurIPS 2020; numbers as inputs: Gorishniy et al., NeurIPS 2022). With standard errors the
    differences are given by these as well: under noise two lengths count as equal that differ by
    no more than it explains.
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
        n_numbers = _encode(torch.ones(1, 2, 2)).shape[1] + 3
        if errors:
            n_numbers += _significance(torch.ones(1, 2, 2), torch.ones(1, 3)).shape[1]
        self.numbers = nn.BatchNorm1d(n_numbers, affine=False)

    low: Tensor

    def forward(self, measured: Measured) -> Tensor:
        """Encode; [N, F]."""
        known = [_encode(measured.vectors), measured.scalars]
        if measured.errors.shape[1]:
            known.append(_significance(measured.vectors, measured.errors))
        numbers = torch.cat(known, dim=1)
        amplitudes = measured.harmonics[:, self.low].abs()
        amplitudes = torch.cat((torch.log(amplitudes + _FAINT), amplitudes), dim=1)
        both = torch.cat((self.numbers(numbers), self.amplitudes(amplitudes)), dim=1)
        return both.clamp(-_FARTHEST, _FARTHEST)


def _encode(vectors: Tensor) -> Tensor:
    """Numbers of reduced lattices [N, 2, 2]: see `LatticeEncoding`; [N, F]."""
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
