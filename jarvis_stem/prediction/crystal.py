"""The answer for a microscope's picture: measured in its parts, named through its distortion."""

from __future__ import annotations

import math
import operator

import numpy as np

from jarvis_stem.imaging import domains, symmetry
from jarvis_stem.imaging.domains import Domain
from jarvis_stem.imaging.picture import Picture
from jarvis_stem.prediction.answer import (
    Answer,
    MeasuredLattice,
    SymmetricLattice,
    Tile,
    class_name,
    lattice_name,
)

_IDEAL = 5e-4  # variation among tiles; renders stay below, microscopes' pictures above
_WHOLE = 0.9  # of the tiles of a drawing show its lattice, at least
_FEW = 0.4  # of the tiles
_FEWEST, _DOUBTED = 0.2, 0.5  # 3 of 16 tiles, which no render came to; it may be chance
_ANY = 1 / 5  # probability of a class of which nothing is known
_SUREST = 5e-3
# Logistic regression of whether the class is right, by the log odds of its probability, the log of
# the variation, the weight and 1, on 380 renders of train structures (perf/real_confidence.py).
_WEIGHTS = (0.49, -0.53, 0.64, -3.20)


def answer(picture: Picture, distortion: float) -> Answer | None:
    """Answer for a picture by the lattice that its tiles agree on.

    Args:
        picture: The picture.
        distortion: Standard deviation of the stretch that it may have, above 0.

    Returns:
        The answer; None where tiles agree on no lattice, or as well as a drawing's do.
    """
    found = domains.find_domains(picture.values, picture.pixel_size)
    if not found:
        return None
    first, *others = found
    if not others and first.share > _WHOLE and first.variation < _IDEAL:
        return None
    likely = symmetry.probabilities(first.vectors, math.hypot(distortion, first.variation))
    trust = _trust(first, float(likely.max()))
    best, mixed = int(likely.argmax()), (trust * likely + (1 - trust) / likely.size).tolist()
    ideal = symmetry.nearest(first.vectors * (picture.pixel_size or 1), best)
    return Answer(
        bravais_class=best,
        class_name=class_name(best),
        lattice_name=lattice_name(best),
        probabilities=dict(enumerate(mixed)),
        confidence=max(mixed),
        lattice=_lattice(first, picture.pixel_size),
        symmetric=SymmetricLattice(
            ideal.a, ideal.b, ideal.gamma, ideal.strain, "Å" if picture.pixel_size else "px"
        ),
        further=tuple(_lattice(other, picture.pixel_size) for other in others),
        quality=first.weight,
        pixel_size=picture.pixel_size,
        pixel_size_from=picture.pixel_size_from,
        frame=picture.frame,
        structure=picture.structure,
        reasons=[*_reasons(first, ideal.strain, distortion), *picture.doubts],
    )


def _trust(domain: Domain, likely: float) -> float:
    """Weight of a class' probability against that of any class, for it to be right as often."""
    certain = math.log(likely / max(1 - likely, _SUREST))
    features = (certain, math.log(max(domain.variation, _IDEAL)), domain.weight, 1.0)
    confidence = 1 / (1 + math.exp(-sum(map(operator.mul, _WEIGHTS, features))))
    confidence *= _DOUBTED if domain.share < _FEWEST else 1
    return min(1.0, max(0.0, (confidence - _ANY) / (likely - _ANY)))


def _reasons(domain: Domain, strain: float, distortion: float) -> list[str]:
    reasons = []
    if domain.share < _FEW:
        total = round(len(domain.tiles) / domain.share)
        reasons.append(f"only {len(domain.tiles)} of {total} parts of the picture show the lattice")
    if strain > 2 * distortion:
        reasons.append(
            f"takes a strain of {strain:.1%}, more than twice the usual {distortion:.1%}"
        )
    return reasons


def _lattice(domain: Domain, pixel_size: float | None) -> MeasuredLattice:
    scale = pixel_size or 1
    a, b = (np.linalg.norm(domain.vectors, axis=1) * scale).tolist()
    gamma = math.degrees(abs(np.angle(symmetry.shape(domain.vectors))))
    a_error, b_error, gamma_error = domain.errors.tolist()
    first, second = map(tuple, (domain.vectors * scale).tolist())
    tiles: tuple[Tile, ...] = tuple(map(tuple, domain.tiles.tolist()))
    errors = (a_error * scale, b_error * scale, gamma_error)
    return MeasuredLattice(
        *(a, b, gamma), *errors, (first, second), "Å" if pixel_size else "px", tiles
    )
