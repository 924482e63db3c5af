"""Standard errors of a measured lattice, from the noise in the image."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jarvis_stem.imaging.harmonics import (
    apply_window,
    by_batches,
    harmonic_orders,
    harmonic_power,
    pixel_positions,
    plane_waves,
    sum_over_rows,
)
from jarvis_stem.imaging.measurement import nearest_harmonics
from jarvis_stem.imaging.peaks import HIGHEST
from jarvis_stem.imaging.stem import PIXEL_SIZE

_BESIDE = 4.0  # cycles a window from all harmonics: noise and hardly anything of the lattice
_OF_FARTHEST = 0.65  # the same for a large cell, of the farthest there is


def standard_errors(images: NDArray[np.uint8], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Estimate how far noise has moved each measured lattice, from the image itself.

    A lattice is where the power P at its harmonics is highest, so its covariance is H^-1 G H^-1: H
    is P's curvature, G the covariance that noise gives P's gradient (Huber, Proc. Fifth Berkeley
    Symp. 1, 221 (1967)). The noise is what the spectrum has between the harmonics, and G the sum
    of squares over the image's lines, which need be independent of each other but not in
    themselves (Liang and Zeger, Biometrika 73, 13 (1986)). It may therefore be stronger where the
    image is bright, as that of counting is, and shift whole scan lines.

    Drift, distortion and a wrong pixel size are not covered, nor is another lattice than the
    sample's. On renders without noise lattices are wrong by about 1e-5 Å, because atoms are drawn
    on whole pixels; the estimate is 5e-5 Å then. Of 200 train structures, rotated and drawn with
    1e3 to 1e6 e/Å2, 67 to 80% were off by less than one standard error and 95 to 99% by less than
    two (68% and 95% of a normal distribution); with scan lines that jitter by 0.1 Å as many.

    Args:
        images: uint8[N, H, W], 0.2 Å a pixel; scan lines are rows.
        vectors: Basis vectors of each image's lattice as rows, Å, float64[N, 2, 2]; NaN for none.

    Returns:
        Standard errors of |a| and |b|, Å, and of the angle between them, degrees, float64[N, 3].
        NaN where there is no lattice, or none of locally highest power.

    Examples:
        >>> from jarvis_stem.imaging import measurement, prototypes, stem
        >>> from jarvis_stem.imaging.conditions import Conditions
        >>> atoms = prototypes.structures()["proto-1H-MoS2.jpg"]
        >>> noisy = stem.to_uint8(stem.simulate([atoms], Conditions(dose=1e4)))
        >>> a, b, gamma = standard_errors(noisy, measurement.measure(noisy).vectors)[0]
        >>> bool(0.0001 < a < 0.01)
        True
    """
    errors = np.full((len(images), 3), np.nan)
    known = np.flatnonzero(np.isfinite(vectors).all(axis=(1, 2)))

    def work(part: slice) -> None:
        pixels = torch.from_numpy(images[known[part]])
        errors[known[part]] = _errors(pixels, torch.from_numpy(vectors[known[part]])).numpy()

    by_batches(work, len(known), "measuring errors")
    return errors


def _errors(images: Tensor, vectors: Tensor) -> Tensor:
    """Standard errors [N, 3] of |a|, |b| and the angle of lattices with these basis vectors."""
    windowed = apply_window(images)
    size = torch.tensor(windowed.shape[1:], dtype=torch.float64)
    basis = torch.linalg.inv(vectors).mT * PIXEL_SIZE * size
    orders = torch.from_numpy(harmonic_orders()).double()
    places = orders @ basis
    inside = ((places / size).norm(dim=-1) < HIGHEST).double()
    _, _, curvature = harmonic_power(places, windowed)
    curvature = torch.einsum("nm,mp,mq,nmij->npiqj", inside, orders, orders, curvature)
    curvature = curvature.reshape(-1, 4, 4)
    # dP is the sum over the pixels of noise times their place times this.
    slopes = _slopes(places, inside[..., None] * orders, windowed)
    rows, columns = ((2 * math.pi * pixel_positions(n) / n).float() for n in windowed.shape[1:])
    noise = _between(windowed, basis)[:, None] * slopes
    gradients = torch.stack([noise.sum(3) * rows, (noise * columns).sum(3)], 2)
    gradients = gradients.flatten(1, 2).double()
    inverse = torch.linalg.pinv(curvature, hermitian=True)
    # A change dB of the reciprocal basis moves the vectors V by -V dB^T V, in cycles a pixel and Å.
    sensitivity = torch.einsum("nkpq,npj,niq->nkij", _slopes_of_shape(vectors), vectors, vectors)
    moved = (sensitivity / (PIXEL_SIZE * size)).flatten(2) @ inverse @ gradients
    highest = (torch.linalg.eigvalsh(curvature) < 0).all(1)
    return torch.where(highest[:, None], moved.norm(dim=2), torch.nan)


def _slopes_of_shape(vectors: Tensor) -> Tensor:
    """Derivatives of |a|, |b|, Å, and the angle, degrees, by the vectors' entries: [N, 3, 2, 2]."""
    lengths = vectors.norm(dim=2, keepdim=True)
    directions = vectors / lengths
    cosine = (directions[:, :1] * directions[:, 1:]).sum(2, keepdim=True)
    turned = (cosine * directions - directions.flip(1)) / (lengths * (1 - cosine**2).sqrt())
    of_lengths = torch.diag_embed(directions.mT).permute(0, 2, 3, 1)
    return torch.cat([of_lengths, torch.rad2deg(turned)[:, None]], 1)


def _slopes(places: Tensor, orders: Tensor, windowed: Tensor) -> Tensor:
    """How a pixel changes the power's gradient by its place: [N, 2, H, W] for both vectors."""
    rows, columns = (plane_waves(places[..., i], n) for i, n in enumerate(windowed.shape[1:]))
    values = (sum_over_rows(rows, windowed) * columns).sum(-1).conj()
    rows = (2 * values[..., None] * orders)[..., None] * rows[:, :, None]
    rows = torch.view_as_real(rows.to(torch.complex64)).permute(0, 2, 3, 1, 4).flatten(3)
    columns = torch.stack([columns.imag, columns.real], -1).permute(0, 1, 3, 2).flatten(1, 2)
    return rows @ columns[:, None]


def _between(windowed: Tensor, basis: Tensor) -> Tensor:
    """What images have between the harmonics, scaled as if they had as much everywhere."""
    height, width = windowed.shape[1:]
    cycles = torch.meshgrid(
        torch.fft.fftfreq(height) * height, torch.fft.rfftfreq(width) * width, indexing="ij"
    )
    misses, _ = nearest_harmonics(basis.float(), torch.stack(cycles, -1).flatten(0, 1))
    beside = (_OF_FARTHEST * misses.amax(1, keepdim=True)).clamp(max=_BESIDE)
    kept = (misses > beside).unflatten(1, cycles[0].shape)
    share = kept.float().mean((1, 2), keepdim=True)
    return torch.fft.irfft2(torch.fft.rfft2(windowed) * kept, (height, width)) / share.sqrt()
