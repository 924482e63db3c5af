"""Networks on what `describe` measures of an image.

`LatticeNet` joins up to three branches: an encoding of the lattice, a CNN on the averaged unit
cell, and a CNN on the spectrum.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from jarvis_stem.training.description import HIGHEST_ORDER, Measured, describe, mirror, orders_of
from jarvis_stem.training.lattice_encoding import LatticeEncoding
from jarvis_stem.training.spectrum import CHANNELS, channels

_CELL = 16  # pixels of the drawn unit cell, each way


class LatticeNet(nn.Module):
    """A classifier of what is measured: lattice, unit cell and spectrum, joined before the head."""

    def __init__(
        self,
        classes: int,
        *,
        encoding: bool = True,
        errors: bool = False,
        cell: Sequence[int] = (),
        spectrum: nn.Module | None = None,
        width: int = 256,
        dropout: float = 0.4,
        absent: float = 0.5,
    ) -> None:
        """Build the branches that are asked for.

        Args:
            classes: Number of classes.
            encoding: Whether to have the lattice's encoding and its harmonics' amplitudes.
            errors: Whether that has the lattice's standard errors too, which noise decides.
            cell: Channels of the CNN on the unit cell, layer by layer; empty for none.
            spectrum: CNN on `spectrum.channels`, to features [N, F]; None for none.
            width: Units of each hidden layer of the head.
            dropout: Share of them left out at a training step.
            absent: Share of images for which a CNN beside the encoding is silent at a training
                step, so that the head does not lean on what CNNs learn by heart (modality dropout:
                Neverova et al., IEEE TPAMI 38, 1692 (2016)).
        """
        super().__init__()
        self.errors = errors
        self.encoding = LatticeEncoding(errors=errors) if encoding else None
        self.cell = _cell_cnn(cell) if cell else None
        self.spectrum = spectrum
        self.absent = absent
        self.head = nn.Sequential(
            nn.Dropout(dropout / 2),
            nn.LazyLinear(width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, classes),
        )
        self.eval()
        with torch.no_grad():
            self(self.describe(torch.zeros(1, 256, 256, dtype=torch.uint8)))  # sizes the head
        self.train()

    def describe(self, images: Tensor) -> Tensor:
        """See `describe`; images uint8[N, 256, 256]."""
        return describe(images, spectrum=self.spectrum is not None, errors=self.errors)

    def mirror(self, description: Tensor) -> Tensor:
        """See `mirror`."""
        return mirror(description)

    def forward(self, description: Tensor) -> Tensor:
        """Logits float32[N, classes] of descriptions."""
        measured = Measured(description)
        features = [] if self.encoding is None else [self.encoding(measured)]
        seen = []
        if self.cell is not None:
            seen.append(self.cell(unit_cell(measured.harmonics)[:, None]))
        if self.spectrum is not None:
            seen.append(self.spectrum(channels(measured.spectrum)))
        if features:
            seen = [self._heard(one) for one in seen]
        logits: Tensor = self.head(torch.cat(features + seen, dim=1))
        return logits

    def _heard(self, features: Tensor) -> Tensor:
        """Silence a branch for some images of a training step."""
        if not self.training or not self.absent:
            return features
        heard = torch.rand(len(features), 1).to(features.device) >= self.absent
        return features * heard


def unit_cell(harmonics: Tensor) -> Tensor:
    """Draw the unit cell averaged over the image, from its harmonics.

    Args:
        harmonics: Complex amplitudes [N, 84] of a half plane's harmonics.

    Returns:
        Intensities less their mean, by it, float32[N, 16, 16]; rows along a, columns along b.
    """
    plane = harmonics.new_zeros(len(harmonics), _CELL, _CELL)
    h, k = torch.tensor(orders_of(HIGHEST_ORDER)).unbind(dim=1)
    plane[:, h % _CELL, k % _CELL] = harmonics
    plane[:, -h % _CELL, -k % _CELL] = harmonics.conj()
    return torch.fft.ifft2(plane, norm="forward").real


def spectrum_cnn() -> nn.Sequential:
    """A small CNN for `LatticeNet`, from the spectrum's channels to 128 features.

    The lattice is measured elsewhere, so that patches of 4 x 4 frequencies are fine enough.
    """
    return nn.Sequential(
        nn.Conv2d(CHANNELS, 32, 4, stride=4, bias=False),
        *_normalised(32),
        nn.Conv2d(32, 64, 3, stride=2, padding=1, bias=False),
        *_normalised(64),
        nn.Conv2d(64, 64, 3, padding=1, bias=False),
        *_normalised(64),
        nn.Conv2d(64, 128, 3, stride=2, padding=1, bias=False),
        *_normalised(128),
        nn.Conv2d(128, 128, 3, padding=1, bias=False),
        *_normalised(128),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.5),
    )


def _normalised(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.BatchNorm2d(channels), nn.ReLU()


def _cell_cnn(channels: Sequence[int]) -> nn.Module:
    """A CNN on a torus: a unit cell has no border."""
    layers: list[nn.Module] = []
    for inside, outside in zip((1, *channels), channels, strict=False):
        stride = 1 if inside == 1 else 2
        convolution = nn.Conv2d(
            inside, outside, 3, stride, padding=1, padding_mode="circular", bias=False
        )
        layers += [convolution, *_normalised(outside)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
