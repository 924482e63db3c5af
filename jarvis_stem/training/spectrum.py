"""The input that shows a CNN the lattice: the power spectrum, with what its symmetry breaks."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_NOISE_FLOOR = 0.05  # power; about what the rounding to 8 bits leaves behind
_LOG_SCALE = 4.0  # brings the log power of benchmark images to near unit variance
_BATCH = 64  # images transformed at once, which bounds the memory
_FARTHEST = 2.0  # grid steps; a peak farther off than the window's main lobe is not this pixel's


class LatticeSpectrum(nn.Module):
    """Log power of the Hann-windowed image at low frequencies, its peaks and its symmetry.

    A translation leaves it as it is and lattice vectors become peaks, so that a CNN sees a ratio
    of lengths or an angle at once. The spectrum of a real image is symmetric, so half the plane
    suffices. Its channels:

    - log power;
    - the pixel's frequency along rows and columns and its modulus, without which global pooling
      forgets where the peaks were (CoordConv: Liu et al., NeurIPS 2018);
    - the offset from the pixel to the peak it belongs to, along rows and columns: for a single
      wave exactly the difference of their frequencies. Method of reassignment: Auger and Flandrin,
      IEEE Trans. Signal Process. 43, 1068 (1995);
    - log power less its mirror image in the columns, and less itself turned by 90 degrees: zero
      wherever a rectangular, respectively a square, lattice puts its peaks.

    In training each image is scaled at random, exactly, by moving the frequencies at which its
    Fourier sum is evaluated; no scale changes the Bravais class.
    """

    channels = 8
    derived = 6  # of them, from the log power alone
    shape = (95, 48)  # of the default grid
    window: Tensor
    slope: Tensor
    positions: Tensor
    rows: Tensor
    columns: Tensor
    coordinates: Tensor

    def __init__(
        self,
        *,
        size: int = 256,
        n_frequencies: int = 48,
        step: float = 1.0,
        zoom: float = 0.03,
    ) -> None:
        """Prepare the frequency grid.

        Args:
            size: Rows and columns of the image, pixels.
            n_frequencies: Frequencies along y, from 0; along x there are also the negative ones.
            step: Spacing in periods per image; Hann's main lobe is 4 wide.
            zoom: Largest relative change of scale in training.
        """
        super().__init__()
        self.zoom = zoom
        self.step = step
        positions = torch.arange(size) - (size - 1) / 2
        angle = 2 * math.pi / (size - 1) * positions
        along_rows = torch.arange(1 - n_frequencies, n_frequencies) * step
        along_columns = torch.arange(n_frequencies) * step
        grid = torch.meshgrid(along_rows, along_columns, indexing="ij")
        modulus = torch.hypot(*grid)
        constants = {
            # Hann's window of mean 1, and its derivative in units of 2 pi / size.
            "window": 1 + angle.cos(),
            "slope": -angle.sin() * size / (size - 1),
            "positions": positions * (2 * math.pi / size),
            "rows": along_rows,
            "columns": along_columns,
            "coordinates": torch.stack((*grid, modulus)) / (n_frequencies * step),
        }
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Transform images.

        Args:
            images: float32[N, 1, size, size], 0..1.

        Returns:
            float32[N, 8, 2 n_frequencies - 1, n_frequencies]; see the class for the channels.
        """
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            plain, along_rows, along_columns = self._sums(images[:, 0].float())
            power = plain.abs().square()
            # The frequency of a wave exceeds the pixel's by -Im(sum under the slope / sum).
            weight = plain.conj() / (power + 4 * _NOISE_FLOOR)
            offsets = [
                (-(total * weight).imag / self.step).clamp(-_FARTHEST, _FARTHEST)
                for total in (along_rows, along_columns)
            ]
            known, broken = self.channels_of(_log(power)).split((4, 2), dim=1)
            return torch.cat((known, torch.stack(offsets, dim=1), broken), dim=1)

    def log_power(self, images: Tensor) -> Tensor:
        """Transform images to their first channel alone, at their own scale.

        Args:
            images: uint8[N, size, size].

        Returns:
            float32[N, 2 n_frequencies - 1, n_frequencies].
        """
        one = torch.ones(1, 1)
        left, right = self._waves(self.rows, one), self._waves(self.columns, one)
        rows, columns = left * self.window, (right * self.window).transpose(1, 2)
        with torch.no_grad():
            batches = (self._less_mean(batch.float() / 255) for batch in images.split(_BATCH))
            sums = [_complex(rows @ batch @ columns) for batch in batches]
            return torch.cat([_log(one.abs().square()) for one in sums])

    def channels_of(self, log_power: Tensor) -> Tensor:
        """Lay the channels that follow from the log power beside it: all but the offsets.

        Args:
            log_power: float32[N, 2 n_frequencies - 1, n_frequencies].

        Returns:
            float32[N, 6, ...]: it, the frequencies, their modulus, what its symmetry breaks.
        """
        coordinates = self.coordinates.expand(len(log_power), -1, -1, -1).unbind(dim=1)
        broken = (log_power - log_power.flip(1), log_power - _quarter_turn(log_power))
        return torch.stack((log_power, *coordinates, *broken), dim=1)

    def _sums(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Fourier sums under the window and under its slopes along rows and along columns."""
        images = self._less_mean(images)
        scale = self._scale(images)
        left, right = self._waves(self.rows, scale), self._waves(self.columns, scale)
        by_rows = torch.cat((left * self.window, left * self.slope), dim=1) @ images
        under_window, under_slope = by_rows.chunk(2, dim=1)
        window_right = (right * self.window).transpose(1, 2)
        return (
            _complex(under_window @ window_right),
            _complex(under_slope @ window_right),
            _complex(under_window @ (right * self.slope).transpose(1, 2)),
        )

    def _less_mean(self, images: Tensor) -> Tensor:
        window = self.window[:, None] * self.window
        return images - (images * window).mean(dim=(1, 2), keepdim=True)

    def _scale(self, images: Tensor) -> Tensor:
        """Scale of each image, [N, 1]; one for all outside training."""
        if not self.training or self.zoom == 0:
            return images.new_ones(1, 1)
        # Drawn on the CPU, whose generator the training seeds, whatever device computes.
        draws = torch.rand(len(images), 1).to(images.device)
        return 1 + self.zoom * (2 * draws - 1)

    def _waves(self, frequencies: Tensor, scale: Tensor) -> Tensor:
        """Cosines over sines at the frequencies, [N, 2F, size]: faster than complex on a CPU."""
        phase = (frequencies * scale)[..., None] * self.positions
        return torch.cat((phase.cos(), phase.sin()), dim=1)


def _log(power: Tensor) -> Tensor:
    return torch.log(power + _NOISE_FLOOR) / _LOG_SCALE


def _quarter_turn(plane: Tensor) -> Tensor:
    """Turn a half plane [N, 2F - 1, F] by 90 degrees; f and -f have the same value in it."""
    n = plane.shape[2]
    right = plane[:, :n].flip(1).transpose(1, 2)  # (x, y) of x >= 0 from (-y, x)
    left = plane[:, n - 1 :, 1:].transpose(1, 2).flip(1)  # of x < 0 from (y, -x)
    return torch.cat((left, right), dim=1)


def _complex(sums: Tensor) -> Tensor:
    """Sums over exp(-i(r + c)), [N, R, C], from those over cosines and sines, [N, 2R, 2C]."""
    (cos_cos, cos_sin), (sin_cos, sin_sin) = (half.chunk(2, dim=2) for half in sums.chunk(2, dim=1))
    return torch.complex(cos_cos - sin_sin, -(cos_sin + sin_cos))
