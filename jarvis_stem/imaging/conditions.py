"""The conditions an image is taken under, and the noise that they put on it.

What bends the picture or blurs it (rotation, shear, stretch, pixel size, probe) acts on atoms and
probe before `stem.simulate` draws them; `degrade` puts the rest on drawn images: lines out of
place, background, contamination, and the counting of electrons.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.utils.errors import StemError

SCATTERED = 0.01
"""Share of the beam that the detector counts on an image's average. It is a convention: STEMConv's
intensities have no unit, and a monolayer scatters about so much, heavy elements more."""

_RANGES = {
    "dose": (1e-3, 1e12),
    "probe_width": (0.05, 5),
    "pixel_size": (0.02, 1),
    "rotation": (-360, 360),
    "shear": (-0.5, 0.5),
    "stretch": (-0.5, 0.5),
    "jitter": (0, 5),
    "jump": (0, 5),
    "background": (0, 100),
    "contamination": (0, 100),
    "contamination_size": (1, 100),
}
_WAVES = 4  # the background varies by up to one wave and a half over the image, each way
_BETWEEN_JUMPS = 32  # lines, on average
_CONTAMINATED = 0.3  # of the image
_USUAL, _STRONG, _STRONGLY = 0.01, 0.05, 0.25  # of drawn distortion, and the share of the latter
_SELDOM, _OFTEN = 0.25, 0.5  # share of drawn conditions in which one is not the benchmark's
_RARE = ("jump", "background", "contamination")
_FULL_WIDTH = math.sqrt(8 * math.log(2))  # of a Gaussian at half maximum, in its sigma
_NEGATIVE = 1e-3  # of the maximum: how far a Fourier transform's rounding stays above


@dataclass(frozen=True)
class Conditions:
    """Conditions of imaging; the defaults are the benchmark's, without any noise.

    Attributes:
        dose: Electrons that meet the sample, e/Å2; 1e-3 to 1e12, or infinity for no noise. Counts
            are Poisson distributed with mean dose x pixel area x `SCATTERED` x intensity / mean
            intensity of the image.
        probe_width: Width of the probe, Å: sigma of its Gaussian and full width at half maximum of
            its Lorentzian, as ``gaussian_width`` and ``lorentzian_width`` of STEMConv; 0.05 to 5.
        pixel_size: Å a pixel, 0.02 to 1.
        rotation: Rotation of the sample about the image's centre, degrees, -360 to 360; the sense
            is that of ``rot`` in STEMConv: b of a rectangular cell turns towards a.
        shear: How far the last scan line is moved along the lines (y) against the first one, as a
            share of the frame, -0.5 to 0.5; evenly from line to line, as constant drift of the
            sample and scan axes that are not at right angles do. Sources: Sang and LeBeau,
            Ultramicroscopy 138, 28 (2014); Ophus et al., Ultramicroscopy 162, 1 (2016).
        stretch: The same across the scan lines (x), for drift and for scan axes of unequal scale;
            positive makes the picture longer. Rotation, shear, stretch and pixel size together
            are any affine distortion.
        jitter: Standard deviation of each scan line's shift along y, Å, 0 to 5; lines are
            independent. Source: Jones and Nellist, Microsc. Microanal. 19, 1050 (2013).
        jump: Standard deviation of the jumps along y, Å, 0 to 5, that beam or sample make between
            lines, before one line in 32; each moves all lines after it. Sources: Jones and
            Nellist as above; Maraghechi et al., Exp. Mech. 59, 489 (2019), for groups of lines.
        background: Mean intensity of a background, as a share of the image's mean, 0 to 100. It is
            0 at its lowest and varies over a third of the frame or more (17 Å in the benchmark's
            images), as AtomAI's augmentation by "thickness variation" has it: a quarter to a half
            (Ziatdinov et al., Nat. Mach. Intell. 4, 1101 (2022)).
        contamination: Mean intensity that patches of contamination add, as a share of the image's
            mean, 0 to 100; they cover 30% of it. On graphene hydrocarbons often cover nearly all:
            Dyck et al., J. Vac. Sci. Technol. B 36, 011801 (2018).
        contamination_size: How wide such patches are, Å, 1 to 100: full width at half maximum of
            the Gaussian that smooths white noise to them. A convention.

    Raises:
        StemError: A value that is not a number in its range.

    Examples:
        >>> Conditions(dose=1e4, rotation=10).optics == Conditions(rotation=10)
        True
    """

    dose: float = math.inf
    probe_width: float = 0.5
    pixel_size: float = 0.2
    rotation: float = 0.0
    shear: float = 0.0
    stretch: float = 0.0
    jitter: float = 0.0
    jump: float = 0.0
    background: float = 0.0
    contamination: float = 0.0
    contamination_size: float = 10.0

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        for field in fields(self):
            value, (low, high) = getattr(self, field.name), _RANGES[field.name]
            number = isinstance(value, int | float | np.integer | np.floating)
            if value != field.default and not (number and low <= value <= high):
                otherwise = " or inf" if field.default == math.inf else ""
                raise StemError(
                    f"{field.name}: expected {low:g} to {high:g}{otherwise}, got {value!r}"
                )

    @cached_property
    def optics(self) -> Conditions:
        """What acts before drawing, without all that `degrade` does."""
        return replace(CLEAN, **{name: getattr(self, name) for name in _OPTICS})

    @cached_property
    def distortion(self) -> NDArray[np.float64]:
        """Matrix M of rotation, then distortion: a position (x, y) @ M is where it is seen, Å."""
        angle = math.radians(self.rotation)
        cosine, sine = math.cos(angle), math.sin(angle)
        scan = np.array([[1 + self.stretch, self.shear], [0, 1]])
        return np.array([[cosine, -sine], [sine, cosine]]) @ scan

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Matrix M by which lattice vectors in rows @ M are those measured at 0.2 Å a pixel."""
        return self.distortion * (CLEAN.pixel_size / self.pixel_size)


CLEAN = Conditions()
_OPTICS = ("probe_width", "pixel_size", "rotation", "shear", "stretch")


def draw(count: int, *, seed: int) -> list[Conditions]:
    """Draw conditions such as a microscope meets, to train under.

    Args:
        count: How many.
        seed: Of the draws.

    Returns:
        In each of them every condition is the benchmark's with a probability of one half, jumps,
        background and contamination of three quarters, for pictures may be sharp but turned, or
        straight but noisy. Otherwise doses are 1e2 to 1e6 e/Å2, evenly in their logarithm, and
        evenly up to these bounds: any rotation by up to 45 degrees, pixels 20% smaller or larger,
        jitter of 0.1 Å, jumps of 0.3 Å, probes of 0.4 to 0.6 Å, a background of twice the mean,
        contamination of the mean in patches of 5 to 20 Å. Shear and stretch are normal with a
        standard deviation of 1%, or of 5% in one case of four: public pictures of hexagonal
        crystals are off by 3% in the median, 18% at most, but the more distortion is usual, the
        less noisy lattices say.

    Examples:
        >>> first, second = draw(2, seed=0)
        >>> first == draw(1, seed=0)[0], first == second
        (True, False)
    """
    rng = np.random.default_rng(seed)
    return [_drawn(rng) for _ in range(count)]


def _drawn(rng: np.random.Generator) -> Conditions:
    distortion = _STRONG if rng.random() < _STRONGLY else _USUAL
    drawn = {
        "dose": 10 ** rng.uniform(2, 6),
        "probe_width": rng.uniform(0.4, 0.6),
        "pixel_size": CLEAN.pixel_size * rng.uniform(0.8, 1.2),
        "rotation": rng.uniform(-45, 45),
        "shear": rng.normal(0, distortion),
        "stretch": rng.normal(0, distortion),
        "jitter": rng.uniform(0, 0.1),
        "jump": rng.uniform(0, 0.3),
        "background": rng.uniform(0, 2),
        "contamination": rng.uniform(0, 1),
        "contamination_size": rng.uniform(5, 20),
    }
    present = rng.random(len(drawn)) < [_SELDOM if name in _RARE else _OFTEN for name in drawn]
    return replace(CLEAN, **{name: drawn[name] for name in compress(drawn, present)})


def degrade(
    images: NDArray[np.floating | np.uint8],
    conditions: Conditions | Sequence[Conditions],
    *,
    seed: int = 0,
    first: int = 0,
) -> NDArray[np.float32]:
    """Move scan lines, then add background and contamination, then count electrons.

    Image n draws from its own stream, seeded by (seed, first + n), and each kind of noise the same
    whatever the others are. Probe, rotation, distortion and pixel size are taken to be in the
    images.

    Args:
        images: Intensities [N, H, W], not negative, scan lines along rows; for uint8 black is no
            intensity.
        conditions: Of all images, or of each.
        seed: Of the noise, not negative.
        first: Number of the first image, where these are part of a longer row.

    Returns:
        float32[N, H, W] in the images' units; for grey levels see `stem.to_uint8`.

    Raises:
        StemError: Negative or infinite intensities, or another number of conditions than images.

    Examples:
        >>> flat = np.full((1, 64, 64), 100.0)
        >>> few, many = (degrade(flat, Conditions(dose=dose)).std() for dose in (1e4, 1e6))
        >>> bool(few > 5 * many)
        True
    """
    degraded = np.array(images, np.float32)
    every = each(conditions, len(images))
    for n, (image, condition) in enumerate(zip(degraded, every, strict=True), first):
        if condition != condition.optics:
            if not (np.isfinite(image).all() and image.min() >= -_NEGATIVE * image.max()):
                raise StemError(
                    f"image {n}: expected intensities from 0, got {image.min()} to {image.max()}"
                )
            image[...] = _degraded(image, condition, np.random.default_rng((seed, n)))
    return degraded


def each(conditions: Conditions | Sequence[Conditions], n_images: int) -> list[Conditions]:
    """Conditions of each image.

    Args:
        conditions: Of all images, or of each.
        n_images: How many images there are.

    Raises:
        StemError: Another number of conditions than images.
    """
    every = [conditions] * n_images if isinstance(conditions, Conditions) else list(conditions)
    if len(every) != n_images:
        raise StemError(f"expected one of conditions for each image, got {len(every)=} {n_images=}")
    return every


def _degraded(
    image: NDArray[np.float32], conditions: Conditions, rng: np.random.Generator
) -> NDArray[np.floating]:
    """One image with all its noise; every field is always drawn, so that none moves others."""
    shifts = rng.standard_normal(len(image)) * conditions.jitter
    background = _background(image.shape, rng)
    jumping, contaminating = rng.spawn(2)
    shifts += _jumps(len(image), jumping) * conditions.jump
    mean = image.mean(dtype=np.float64)
    if shifts.any():
        image = _shift_lines(image, shifts / conditions.pixel_size)
    if conditions.background > 0:
        image = image + conditions.background * mean * background
    if conditions.contamination > 0:
        size = conditions.contamination_size / conditions.pixel_size
        patches = _patches(image.shape, size / _FULL_WIDTH, contaminating)
        image = image + conditions.contamination * mean * patches
    if math.isfinite(conditions.dose) and mean > 0:
        electrons = conditions.dose * conditions.pixel_size**2 * SCATTERED / mean
        image = rng.poisson(np.maximum(image, 0) * electrons) / electrons
    return image


def _jumps(lines: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """How far each line is moved by all jumps before it, in their standard deviation."""
    steps = rng.standard_normal(lines) * (rng.random(lines) < 1 / _BETWEEN_JUMPS)
    return np.cumsum(steps)


def _shift_lines(image: NDArray[np.float32], shifts: NDArray[np.float64]) -> NDArray[np.float32]:
    """Shift each row by its fraction of pixels; mirrored, so that no edge meets the other one."""
    from scipy import fft  # for clean images it is not needed

    width = image.shape[1]
    spectra = fft.rfft(np.hstack([image, image[:, ::-1]]))
    cycles = np.outer(shifts, fft.rfftfreq(2 * width)).astype(np.float32)
    spectra *= np.exp(-2j * np.pi * cycles)
    return fft.irfft(spectra, n=2 * width)[:, :width]


def _background(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """A smooth field from 0, of mean 1: the lowest cosines with random amplitudes."""
    orders = np.arange(_WAVES)
    rows, columns = (np.cos(np.pi * np.outer(np.arange(n) + 0.5, orders) / n) for n in shape)
    field = rows @ rng.standard_normal((_WAVES, _WAVES)) @ columns.T
    field -= field.min()
    return field / field.mean()


def _patches(shape: tuple[int, ...], sigma: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Patches of mean 1 with nothing between: what is highest of white noise that is smoothed.

    Sigma is the smoothing Gaussian's, in pixels.
    """
    from scipy import fft

    rows, columns = ((np.pi * sigma * np.arange(n) / n) ** 2 / 2 for n in shape)
    decay = rows[:, None] + columns
    decay[0, 0] = np.inf  # the mean, which would be all that a wide Gaussian leaves
    waves = np.exp(decay.min() - decay) * rng.standard_normal(shape)
    field = fft.idctn(waves, norm="ortho")
    field = np.maximum(field - np.quantile(field, 1 - _CONTAMINATED), 0)
    return np.asarray(field / field.mean())
