"""Peaks of an image's power spectrum, from which a lattice's measurement starts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy import fft
from torch import Tensor

from jarvis_stem.imaging.harmonics import hann_window

_CHUNK = 4  # images transformed at once: as many as the processor's cache holds
HIGHEST = 0.3  # cycles a pixel; beyond it the probe has blurred the peaks away
_NOISE_FROM = 0.42  # cycles a pixel; beyond it there is noise alone
_ABOVE_NOISE = 4.5  # times its root mean square; no noise of an image reaches that
_FAINTEST = 0.007  # of the strongest peak's amplitude
_MOST_PEAKS = 64
CLOSEST = 2.5  # cycles a window; closer peaks run into each other


@dataclass(frozen=True)
class Peaks:
    """The P strongest peaks of N spectra in a half plane, strongest first.

    Attributes:
        places: Cycles a window along rows and columns, float64[N, P, 2].
        heights: Amplitudes by the strongest peak's, float64[N, P]; 0 where there is no peak.
        weights: Logarithms of the amplitudes by the faintest that counts, float64[N, P].
        size: Height and width of the images, pixels, float64[2].
    """

    places: Tensor
    heights: Tensor
    weights: Tensor
    size: Tensor


def find_peaks(windowed: Tensor) -> Peaks:
    """Find the strongest peaks of images float32[N, H, W] that `apply_window` returned."""
    bins = [2 * fft.next_fast_len(n) for n in windowed.shape[1:]]
    spectra = [_spectrum(chunk, bins) for chunk in windowed.split(_CHUNK)]
    power, noise = (torch.cat(column) for column in zip(*spectra, strict=True))
    centre = power[:, 2:-2, 2:-2]
    rows, columns = centre.shape[1:]
    at = torch.stack(
        torch.meshgrid(torch.arange(columns) - columns // 2, torch.arange(rows), indexing="xy"), -1
    )
    size = torch.tensor(windowed.shape[1:], dtype=torch.float64)
    bins_a_cycle = torch.tensor(bins, dtype=torch.float64)
    cycles = at / bins_a_cycle
    usable = (at[..., 1] > 0) | (at[..., 0] > 0)
    usable &= (cycles.norm(dim=-1) < HIGHEST) & ((cycles * size).norm(dim=-1) > CLOSEST)
    is_peak = (centre == _highest(_highest(power).mT).mT) & usable
    heights, which = (
        torch.where(is_peak, centre, 0).flatten(1).topk(min(_MOST_PEAKS, rows * columns))
    )
    floor = torch.maximum(_FAINTEST**2 * heights[:, :1], _ABOVE_NOISE**2 * noise[:, None])
    heights = torch.where(heights > floor, heights, 0).double()
    weights = torch.log((heights / floor).clamp(min=1)) / 2
    places = (at.flatten(0, 1)[which] + _vertices(power, which // columns, which % columns)) * (
        size / bins_a_cycle
    )
    heights = heights.sqrt() / heights[:, :1].sqrt().clamp(min=1e-30)
    return Peaks(places, heights, weights, size)


def _spectrum(windowed: Tensor, bins: list[int]) -> tuple[Tensor, Tensor]:
    """Power at the low frequencies and the noise's, with so many bins to a cycle a pixel.

    The power is [N, columns' frequency from -2 bins, rows' frequency from the lowest], with two
    bins beyond the highest frequency that peaks are looked for at.
    """
    reach = [min(math.ceil(HIGHEST * n) + 2, n // 2 - 1) for n in bins]
    half = torch.fft.rfft(windowed, bins[1], dim=2)[:, :, : reach[1] + 1]
    whole = torch.fft.fft(half.mT.contiguous(), bins[0], dim=2)
    high = slice(int(_NOISE_FROM * bins[0]), int((1 - _NOISE_FROM) * bins[0]), 3)
    noise = _squared(whole[:, ::3, high]).flatten(1).median(1).values / math.log(2)
    rounding = hann_window(windowed.shape[1:]).square().sum() / 12  # what eight bits add at least
    power = _squared(torch.cat([whole[:, :, -reach[0] :], whole[:, :, : reach[0] + 1]], 2))
    power = torch.cat([power[:, 1:3].flip(1, 2), power], 1)
    return power, torch.maximum(noise, rounding)


def _squared(values: Tensor) -> Tensor:
    return values.real.square() + values.imag.square()


def _highest(values: Tensor) -> Tensor:
    """Highest of five neighbours along the last axis."""
    of_two = torch.maximum(values[..., 1:], values[..., :-1])
    return torch.maximum(torch.maximum(of_two[..., :-3], of_two[..., 2:-1]), values[..., 4:])


def _vertices(power: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Where parabolas through peaks of the log power and their neighbours have their tops, bins."""
    width = power.shape[2]
    here = (rows + 2) * width + columns + 2
    offsets = []
    for step in (1, width):
        below, top, above = (
            torch.log(power.flatten(1).gather(1, here + k * step).double().clamp(min=1e-30))
            for k in (-1, 0, 1)
        )
        curvature = (below - 2 * top + above).clamp(max=-1e-9)
        offsets.append(((below - above) / (2 * curvature)).clamp(-1, 1))
    return torch.stack(offsets, -1)
