"""Networks on what is measured of an image: see `imaging.description`.

`LatticeNet` joins up to three branches: the lattice in numbers, a CNN on the averaged unit cell,
and a CNN on the spectrum.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from jarvis_stem.formats.description import SHAPES
from jarvis_stem.training.spectrum import CHANNELS, channels

_FARTHEST = 6.0  # standard deviations


class LatticeEncoding(nn.Module):
    """The lattice's numbers, each brought to mean 0 and deviation 1 over the training data."""

    def __init__(self, *, errors: bool = False) -> None:
        """Prepare the normalisation.

        Args:
            errors: Whether there are the numbers of the standard errors, too.
        """
        super().__init__()
        n_numbers = SHAPES["lattice"][0] + (SHAPES["errors"][0] if errors else 0)
        self.numbers = nn.BatchNorm1d(n_numbers, affine=False)
        self.amplitudes = nn.BatchNorm1d(SHAPES["harmonics"][0], affine=False)

    def forward(self, numbers: Tensor, amplitudes: Tensor) -> Tensor:
        """Normalise numbers [N, F] and harmonics' amplitudes [N, G]; [N, F + G]."""
        both = torch.cat((self.numbers(numbers), self.amplitudes(amplitudes)), dim=1)
        return both.clamp(-_FARTHEST, _FARTHEST)


class Dropout(nn.Dropout):
    """torch's dropout, which on a CPU can take longer to draw its numbers than a step to compute.

    Here each takes 16 random bits.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Leave out some of the features, and scale the others, in training."""
        if not (self.training and features.device.type == "cpu" and 0 < self.p < 1):
            return super().forward(features)
        words = torch.empty(-(-features.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        numbers = words.view(torch.int16)[: features.numel()].view(features.shape)
        kept = numbers.ge_(round(self.p * 2**16) - 2**15)  # in place: 0 or 1
        return features * kept.to(features.dtype).div_(1 - self.p)


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
        self.encoding = LatticeEncoding(errors=errors) if encoding else None
        self.cell = _cell_cnn(cell) if cell else None
        self.spectrum = spectrum
        self.absent = absent
        self.reads = (
            *(("lattice", *(("errors",) if errors else ()), "harmonics") if encoding else ()),
            *(("cell",) if cell else ()),
            *(("spectrum",) if spectrum else ()),
        )
        self.head = nn.Sequential(
            Dropout(dropout / 2),
            nn.LazyLinear(width),
            nn.ReLU(),
            Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(),
            Dropout(dropout),
            nn.Linear(width, classes),
        )
        self.eval()
        with torch.no_grad():
            self(*(torch.zeros(1, *SHAPES[part]) for part in self.reads))  # sizes the head
        self.train()

    def forward(self, *parts: Tensor) -> Tensor:
        """Logits float32[N, classes] of the parts of the description that it reads."""
        given = dict(zip(self.reads, parts, strict=True))
        features, seen = [], []
        if self.encoding is not None:
            numbers = [given[part] for part in ("lattice", "errors") if part in given]
            features.append(self.encoding(_joined(numbers), given["harmonics"]))
        if self.cell is not None:
            seen.append(self.cell(given["cell"]))
        if self.spectrum is not None:
            seen.append(self.spectrum(channels(given["spectrum"])))
        if features:
            seen = [self._heard(one) for one in seen]
        logits: Tensor = self.head(_joined(features + seen))
        return logits

    def _heard(self, features: Tensor) -> Tensor:
        """Silence a branch for some images of a training step."""
        if not self.training or not self.absent:
            return features
        heard = torch.rand(len(features), 1).to(features.device) >= self.absent
        return features * heard


def _joined(features: list[Tensor]) -> Tensor:
    """Features [N, F] side by side; of one there is nothing to copy."""
    return features[0] if len(features) == 1 else torch.cat(features, dim=1)


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
        Dropout(0.5),
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
