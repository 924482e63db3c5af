"""Renders with what microscopes add to a picture, and the plane lattice that each shows.

Grains, contamination and distortion are drawn as strong as public pictures have them; see
`draw`. Nothing in the package learns from them: confidence is calibrated on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging import measurement, stem, symmetry
from jarvis_stem.imaging.conditions import Conditions, degrade

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms

_EXACT = 0.003  # strain below which a lattice of a clean render has a symmetry
_GRAINS, _EMPTY = 0.2, 0.1  # shares of pictures


@dataclass(frozen=True)
class Sample:
    """A picture as a microscope may take it.

    Attributes:
        values: float32[256, 256].
        pixel_size: Å.
        bravais_class: Of the plane lattice that the clean render shows; None without a lattice.
        vectors: Of the lattices in the picture, Å, one a grain.
    """

    values: NDArray[np.float32]
    pixel_size: float
    bravais_class: int | None
    vectors: tuple[NDArray[np.float64], ...]


def draw(structures: Mapping[str, Atoms], *, seed: int) -> Iterator[Sample]:
    """Draw each structure as a microscope may show it.

    Stretch and shear are normal with a standard deviation of 2%, doses 3e2 to 1e5 e/Å2, pixels 0.1
    to 0.3 Å, jitter up to 0.3 Å, probes 0.4 to 0.8 Å, contamination up to three times the mean
    intensity. One picture in five has two grains, one in ten shows no crystal.

    Args:
        structures: Structures by id.
        seed: Of the draws.
    """
    for n, atoms in enumerate(structures.values()):
        rng = np.random.default_rng((seed, n))
        lattice = measurement.measure(stem.to_uint8(stem.simulate([atoms])))
        if lattice.quality[0] > 0:
            yield _sample(atoms, lattice.vectors[0], rng, seed + n)


def plane_class(vectors: NDArray[np.float64]) -> int:
    """The class of an exact lattice: the first that needs no strain."""
    strains = [symmetry.nearest(vectors, k).strain for k in range(5)]
    return next(k for k, strain in enumerate(strains) if strain < _EXACT)


def _sample(
    atoms: Atoms, vectors: NDArray[np.float64], rng: np.random.Generator, seed: int
) -> Sample:
    conditions = Conditions(
        dose=10 ** rng.uniform(2.5, 5),
        probe_width=rng.uniform(0.4, 0.8),
        pixel_size=rng.uniform(0.1, 0.3),
        rotation=rng.uniform(-180, 180),
        shear=rng.normal(0, 0.02),
        stretch=rng.normal(0, 0.02),
        jitter=rng.uniform(0, 0.3),
        background=rng.uniform(0, 3),
    )
    kind = rng.random()
    every = [conditions.optics]
    if kind < _GRAINS:
        every.append(replace(conditions.optics, rotation=rng.uniform(-180, 180)))
    grains = stem.simulate([atoms] * len(every), every)
    image = np.where(_half(rng, grains.shape[1:]), grains[0], grains[-1])
    empty = kind > 1 - _EMPTY
    if empty:
        image = rng.permuted(image, axis=None)
    (values,) = degrade(image[None], replace(conditions), seed=seed)
    shown = () if empty else tuple(vectors @ one.distortion for one in every)
    return Sample(values, conditions.pixel_size, None if empty else plane_class(vectors), shown)


def _half(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """One side of a line anywhere through the middle."""
    rows, columns = np.indices(shape) - np.array(shape)[:, None, None] / 2
    angle = rng.uniform(0, 2 * np.pi)
    return rows * np.cos(angle) + columns * np.sin(angle) > 0
