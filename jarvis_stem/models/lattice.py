"""What a model is told of an image's lattice, and networks that listen to it.

`Measured` lays out what `describe` measures once an image: the lattice to a small fraction of a
pixel, the amplitudes of its harmonics, and the spectrum for what those miss. `LatticeNet` joins up
to three branches on it: an encoding of the lattice, a CNN on the averaged unit cell, and a CNN on
the spectrum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor, nn

from jarvis_stem import geometry
from jarvis_stem.models.spectrum import LatticeSpectrum

_HIGHEST_ORDER = 6  # of the harmonics a unit cell is drawn from: 0.8 cycles an Å in a cell of 8 Å
_HEAD_ORDER = 3  # of those whose amplitudes the encoding has; higher ones are near zero
_CELL = 16  # pixels of the drawn unit cell, each way
_SCALARS = 7  # vectors, quality, brightness, contrast
_LEAST_ERROR, _UNKNOWN_ERROR = 1e-6, 1.0  # Å and degrees; the latter where none can be told
_FAINT = 3e-3  # of the mean: about what rounding to 8 bits leaves of an amplitude
_BATCH = 8  # images converted at once: as many as the processor's cache holds
_FARTHEST = 6.0  # standard deviations
_PERIODS = (20.0, 10.0, 5.0, 2.5, 1.2, 0.6, 0.3, 0.15)  # Å
_LENGTH_SCALES = (3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # Å
_ANGLE_SCALES = (3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # degrees
_ROUNDED_SCALES = (0.01, 0.1)  # Å and degrees
_ERROR_SCALES = (1.0, 3.0, 10.0)  # standard errors


class Measured:
    """Named views of what `describe` returned.

    Attributes:
        vectors: Reduced basis vectors as rows, Å, [N, 2, 2]; zeros where no lattice was found.
        scalars: Quality of the lattice, mean and standard deviation of the image, [N, 3].
        harmonics: Complex amplitudes of half a plane's harmonics, [N, 84].
        errors: Standard errors of |a| and |b|, Å, and of gamma, degrees, [N, 3]; [N, 0] if they
            were not asked for.
        spectrum: Log power, [N, 95, 48]; of no images if it was not asked for.
    """

    def __init__(self, description: Tensor) -> None:
        """Wrap a description, float32[N, D]."""
        lattice, *self._parts, self.errors, spectrum = _parted(description)
        self.vectors = lattice[:, :4].unflatten(1, (2, 2))
        self.scalars = lattice[:, 4:]
        self.spectrum = spectrum.reshape(-1, *LatticeSpectrum.shape)

    @cached_property
    def harmonics(self) -> Tensor:
        """Complex amplitudes of the harmonics."""
        return torch.complex(*(part.contiguous() for part in self._parts))


def describe(images: Tensor, *, spectrum: bool, errors: bool = False) -> Tensor:
    """Measure what a model is told of each image.

    Args:
        images: uint8[N, 256, 256].
        spectrum: Whether to have the spectrum too.
        errors: Whether to have the lattice's standard errors too.

    Returns:
        float32[N, D]; `Measured` knows what is where.
    """
    pixels = images.numpy()
    lattices = geometry.measure(pixels)
    amplitudes = torch.from_numpy(geometry.harmonics(pixels, lattices.vectors, _HIGHEST_ORDER))
    parts = [
        torch.from_numpy(lattices.vectors).nan_to_num(0.0).flatten(1),
        torch.from_numpy(lattices.quality)[:, None],
        _brightness(images),
        amplitudes.real,
        amplitudes.imag,
    ]
    if errors:
        measured = torch.from_numpy(geometry.standard_errors(pixels, lattices.vectors))
        parts.append(measured.nan_to_num(_UNKNOWN_ERROR).clamp(_LEAST_ERROR, _UNKNOWN_ERROR))
    if spectrum:
        parts.append(LatticeSpectrum().log_power(images).flatten(1))
    return torch.cat([part.float() for part in parts], dim=1)


def only(description: Tensor, *, spectrum: bool, errors: bool) -> Tensor:
    """Leave of descriptions that have everything what `describe` gives for these wishes."""
    *always, own, seen = _parted(description)
    return torch.cat([*always, *([own] if errors else []), *([seen] if spectrum else [])], dim=1)


def mirror(description: Tensor) -> Tensor:
    """Describe images' reflections along x from what `describe` says of the images.

    Reflected vectors both point to x < 0 and are taken the other way, which turns the signs of y.
    The harmonics there are the old ones' complex conjugates, for phases are at the image's centre.

    Args:
        description: float32[N, D].

    Returns:
        float32[N, D].
    """
    lattice, real, imaginary, errors, spectrum = _parted(description)
    signs = lattice.new_tensor([1, -1, 1, -1] + [1] * (_SCALARS - 4))
    reflected = (
        spectrum.unflatten(1, LatticeSpectrum.shape).flip(1) if spectrum.numel() else spectrum
    )
    return torch.cat((lattice * signs, real, -imaginary, errors, reflected.flatten(1)), dim=1)


def _parted(description: Tensor) -> tuple[Tensor, ...]:
    """Vectors and scalars, harmonics' real and imaginary parts, errors, spectrum."""
    orders = len(_orders(_HIGHEST_ORDER))
    before = (_SCALARS, _SCALARS + orders, _SCALARS + 2 * orders)
    *always, rest = description.tensor_split(before, dim=1)
    n_errors = rest.shape[1] % math.prod(LatticeSpectrum.shape)
    return (*always, *rest.tensor_split((n_errors,), dim=1))


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
            errors: Whether that is told how uncertain the lattice is, which noise decides.
            cell: Channels of the CNN on the unit cell, layer by layer; empty for none.
            spectrum: CNN on `LatticeSpectrum.channels_of`, to features [N, F]; None for none.
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
        self.spectrum_channels = None if spectrum is None else LatticeSpectrum(zoom=0)
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
        if self.spectrum is not None and self.spectrum_channels is not None:
            seen.append(self.spectrum(self.spectrum_channels.channels_of(measured.spectrum)))
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
        orders = _orders(_HIGHEST_ORDER)
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
        told = [_encode(measured.vectors), measured.scalars]
        if measured.errors.shape[1]:
            told.append(_significance(measured.vectors, measured.errors))
        numbers = torch.cat(told, dim=1)
        amplitudes = measured.harmonics[:, self.low].abs()
        amplitudes = torch.cat((torch.log(amplitudes + _FAINT), amplitudes), dim=1)
        both = torch.cat((self.numbers(numbers), self.amplitudes(amplitudes)), dim=1)
        return both.clamp(-_FARTHEST, _FARTHEST)


def unit_cell(harmonics: Tensor) -> Tensor:
    """Draw the unit cell averaged over the image, from its harmonics.

    Args:
        harmonics: Complex amplitudes [N, 84] of a half plane's harmonics.

    Returns:
        Intensities less their mean, by it, float32[N, 16, 16]; rows along a, columns along b.
    """
    plane = harmonics.new_zeros(len(harmonics), _CELL, _CELL)
    h, k = torch.tensor(_orders(_HIGHEST_ORDER)).unbind(dim=1)
    plane[:, h % _CELL, k % _CELL] = harmonics
    plane[:, -h % _CELL, -k % _CELL] = harmonics.conj()
    return torch.fft.ifft2(plane, norm="forward").real


def _brightness(images: Tensor) -> Tensor:
    """Mean and standard deviation of each image, [N, 2]."""
    moments = torch.empty(len(images), 2)  # many small results would leave holes in the heap
    for batch, part in zip(images.split(_BATCH), moments.split(_BATCH), strict=True):
        scaled = batch.flatten(1).float() / 255
        part[:, 0] = scaled.mean(dim=1)
        # Tensor.std takes several times as long.
        part[:, 1] = (scaled - part[:, :1]).norm(dim=1) / math.sqrt(scaled.shape[1] - 1)
    return moments


def _orders(highest: int) -> list[tuple[int, int]]:
    return [(int(h), int(k)) for h, k in geometry.harmonic_orders(highest)]


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


def spectrum_cnn() -> nn.Sequential:
    """A small CNN for `LatticeNet`, from the spectrum's channels to 128 features.

    The lattice is measured elsewhere, so that patches of 4 x 4 frequencies are fine enough.
    """
    return nn.Sequential(
        nn.Conv2d(LatticeSpectrum.derived, 32, 4, stride=4, bias=False),
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
