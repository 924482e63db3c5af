"""The spectral input: peaks where the waves are, and channels that symmetry makes vanish."""

from __future__ import annotations

import math

import pytest
import torch

from jarvis_stem.imaging import spectrum
from jarvis_stem.imaging.spectrum import SHAPE
from jarvis_stem.training.spectrum import CHANNELS, channels


def wave(along_rows: float, along_columns: float, shift: float = 0.0) -> torch.Tensor:
    """An image of one plane wave, float32[1, 256, 256] in 0..255; periods per image, radians."""
    p = torch.arange(256.0) * (2 * math.pi / 256)
    phase = along_rows * p[:, None] + along_columns * p[None, :] + shift
    return 127.5 * (1 + phase.cos())[None]


def log_power(images: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(spectrum.log_power(images.numpy()))


def power(*waves: torch.Tensor) -> torch.Tensor:
    return log_power(torch.stack(waves).mean(dim=0).round().to(torch.uint8))


@pytest.mark.parametrize("peak", [(20.3, 17.8), (-31.7, 9.1), (40.0, 0.4), (0.2, 33.33)])
def test_the_highest_power_is_at_the_wave(peak: tuple[float, float]) -> None:
    plane = channels(power(wave(*peak)))[0]
    assert plane.shape == (CHANNELS, *SHAPE)
    row, column = divmod(int(plane[0].argmax()), SHAPE[1])
    at = plane[1:4, row, column] * SHAPE[1]  # the frequency and its modulus, periods an image
    # f and -f are one peak.
    assert min((at[:2] - sign * torch.tensor(peak)).abs().max() for sign in (1, -1)) <= 0.51
    assert at[2] == pytest.approx(math.hypot(*at[:2]))


def test_power_is_that_of_the_windowed_image() -> None:
    pixels = torch.randint(0, 256, (2, 256, 256), generator=torch.Generator().manual_seed(0))
    window = 2 * torch.hann_window(256, periodic=False, dtype=torch.float64)
    window = window[:, None] * window
    scaled = pixels.double() / 255
    less = (scaled - (scaled * window).mean(dim=(1, 2), keepdim=True)) * window
    expected = torch.fft.fft2(less)[:, torch.arange(-47, 48), :48].abs().square()
    got = torch.exp(4 * log_power(pixels.to(torch.uint8)))  # with a floor of 0.05
    assert torch.allclose(got.double(), expected, rtol=1e-2, atol=0.1)


def test_symmetry_channels_vanish_on_symmetric_lattices_only() -> None:
    square = power(wave(17.4, 0), wave(0, 17.4))
    rectangle = power(wave(17.4, 0), wave(0, 21.8))
    oblique = power(wave(17.4, 0), wave(4.2, 21.8))
    mirror, turn = (
        [float(channels(one)[0, n].abs().max()) for one in (square, rectangle, oblique)]
        for n in (4, 5)
    )
    # Rounding to 8 bits leaves less than 1; a peak stands out by 3 or more.
    assert mirror[0] < 1.5 > mirror[1]
    assert mirror[2] > 2.5
    assert turn[0] < 1.5
    assert turn[1] > 2.5 < turn[2]


def test_translation_leaves_the_log_power_as_it_is() -> None:
    here, there = (power(wave(20.3, 17.8, shift)) for shift in (0.0, 2.0))
    strong = here > 3  # far above what rounding to 8 bits leaves
    assert strong.sum() > 4
    assert torch.allclose(here[strong], there[strong], atol=0.01)
