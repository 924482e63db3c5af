"""The answer for a microscope's picture: measured in its parts, named through its distortion."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging import domains, symmetry
from jarvis_stem.imaging.domains import Domain
from jarvis_stem.imaging.picture import Picture
from jarvis_stem.imaging.symmetry import Ideal
from jarvis_stem.prediction.answer import (
    Answer,
    MeasuredLattice,
    SymmetricLattice,
    Tile,
    class_name,
    lattice_name,
    unit_of,
)

DOUBTED = 0.5
"""Weight of the class for each doubt about its lattice."""

_FEWEST = 0.2  # 3 of 16 tiles, which no render came to; it may be chance
_SMALLEST = 4.8  # Å^2; graphene's cell has 5.2
_SHORTEST, _LONGEST = 1.0, 25.0  # Å, of a
_ANY = 1 / 5  # probability of a class of which nothing is known
_SUREST = 5e-3
_STRAINED = 4.0  # distortions; more tells no more
# Logistic regression of whether the class is right, by `evidence` and 1, on renders of train
# structures and on public pictures and parts of them (perf/real_confidence.py).
_WEIGHTS = (0.33, -0.48, 0.30, 0.72, 0.59)


@dataclass(frozen=True)
class Named:
    """What a lattice is through a distortion.

    Attributes:
        bravais_class: The most probable one.
        probabilities: Of the five classes, float64[5].
        ideal: The nearest lattice of that class, pixels.
    """

    bravais_class: int
    probabilities: NDArray[np.float64]
    ideal: Ideal


def answer(picture: Picture, distortion: float) -> Answer | None:
    """Answer for a picture by the lattice that its tiles agree on.

    Args:
        picture: The picture.
        distortion: Standard deviation of the stretch that it may have, above 0.

    Returns:
        The answer; None where tiles agree on no lattice, or as well as a drawing's do.
    """
    picture, found = _searched(picture)
    if not found:
        return None
    first, *others = found
    if not others and first.is_ideal:
        return None
    size = picture.pixel_size
    named, reasons = name(first, distortion), doubts(first, size)
    trust = _trust(named, evidence(first, named, distortion)) * DOUBTED ** len(reasons)
    mixed = (trust * named.probabilities + (1 - trust) * _ANY).tolist()
    return Answer(
        bravais_class=named.bravais_class,
        class_name=class_name(named.bravais_class),
        lattice_name=lattice_name(named.bravais_class),
        probabilities=dict(enumerate(mixed)),
        confidence=max(mixed),
        lattice=_lattice(first, size),
        symmetric=_symmetric(named.ideal, size),
        further=tuple(_lattice(other, size) for other in others if not doubts(other, size)),
        quality=first.weight,
        pixel_size=size,
        pixel_size_from=picture.pixel_size_from,
        frame=picture.frame,
        structure=picture.structure,
        reasons=[*_strained(named.ideal.strain, distortion), *reasons, *picture.doubts],
    )


def name(domain: Domain, distortion: float) -> Named:
    """Name the class of a domain's lattice.

    Args:
        domain: The domain.
        distortion: Standard deviation of the stretch that the picture may have, above 0.
    """
    likely = symmetry.probabilities(domain.vectors, math.hypot(distortion, domain.variation))
    best = int(likely.argmax())
    return Named(best, likely, symmetry.nearest(domain.vectors, best))


def evidence(domain: Domain, named: Named, distortion: float) -> tuple[float, ...]:
    """What tells how often a class is right.

    Args:
        domain: The domain.
        named: Its class.
        distortion: As for `name`.

    Returns:
        Log odds of the class' probability, its strain in distortions, the share of the picture's
        tiles that have the lattice, and the number of other scales that show it.
    """
    likely = float(named.probabilities.max())
    certain = math.log(likely / max(1 - likely, _SUREST))
    strain = min(named.ideal.strain / distortion, _STRAINED)
    return certain, strain, domain.share, float(domain.scales)


def doubts(domain: Domain, pixel_size: float | None) -> list[str]:
    """What speaks against a domain's lattice, whatever its class.

    Args:
        domain: The domain.
        pixel_size: Å, None if it is not known.
    """
    found = []
    if domain.share < _FEWEST:
        total = round(len(domain.tiles) / domain.share)
        found.append(f"only {len(domain.tiles)} of {total} parts of the picture show the lattice")
    area = abs(float(np.linalg.det(domain.vectors))) * (pixel_size or 0) ** 2
    if pixel_size and area < _SMALLEST:
        found.append(
            f"the cell has {area:.1f} Å²: expected at least {_SMALLEST}; check the pixel size"
        )
    return found


def _searched(picture: Picture) -> tuple[Picture, list[Domain]]:
    """The domains, and the picture without its pixel size where they speak against it."""
    size = picture.pixel_size
    found = domains.find_domains(picture.values, size)
    if found or size is None:
        return picture, found
    found = domains.find_domains(picture.values)
    if not found:
        return picture, found
    a = float(np.linalg.norm(found[0].vectors[0]))
    if _SHORTEST < a * size < _LONGEST:
        return picture, found
    doubt = (
        f"{size:.4g} Å a pixel ({picture.pixel_size_from}) would make a {a * size:.3g} Å: expected "
        f"{_SHORTEST:g} to {_LONGEST:g}; name the size of a pixel"
    )
    doubts = (*picture.doubts, doubt)
    return replace(picture, pixel_size=None, pixel_size_from=None, doubts=doubts), found


def _trust(named: Named, features: tuple[float, ...]) -> float:
    """Weight of a class' probability against that of any class, for it to be right as often."""
    confidence = 1 / (1 + math.exp(-sum(map(operator.mul, _WEIGHTS, (*features, 1.0)))))
    likely = float(named.probabilities.max())
    return min(1.0, max(0.0, (confidence - _ANY) / (likely - _ANY)))


def _strained(strain: float, distortion: float) -> list[str]:
    if strain <= 2 * distortion:
        return []
    return [f"takes a strain of {strain:.1%}, more than twice the usual {distortion:.1%}"]


def _symmetric(ideal: Ideal, pixel_size: float | None) -> SymmetricLattice:
    scale, unit = pixel_size or 1, unit_of(pixel_size)
    return SymmetricLattice(ideal.a * scale, ideal.b * scale, ideal.gamma, ideal.strain, unit)


def _lattice(domain: Domain, pixel_size: float | None) -> MeasuredLattice:
    scale = pixel_size or 1
    a, b = (np.linalg.norm(domain.vectors, axis=1) * scale).tolist()
    gamma = math.degrees(abs(np.angle(symmetry.shape(domain.vectors))))
    a_error, b_error, gamma_error = domain.errors.tolist()
    first, second = map(tuple, (domain.vectors * scale).tolist())
    tiles: tuple[Tile, ...] = tuple(map(tuple, domain.tiles.tolist()))
    errors = (a_error * scale, b_error * scale, gamma_error)
    return MeasuredLattice(*(a, b, gamma), *errors, (first, second), unit_of(pixel_size), tiles)
