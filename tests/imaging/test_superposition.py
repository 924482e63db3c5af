"""Two lattices one upon the other, and not two where there is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from jarvis_stem.imaging import domains, measurement, prototypes, stem, superposition
from jarvis_stem.imaging.conditions import Conditions, degrade

MOS2, WSE2, RECTANGULAR = "proto-1H-MoS2.jpg", "proto-1H-WSe2.jpg", "proto-1Tp-WSe2.jpg"
CONDITIONS = Conditions(dose=1e4, pixel_size=0.4, rotation=3)


def layers(name: str, turn: float) -> NDArray[np.float32]:
    """MoS2 and another layer turned against it."""
    known = prototypes.structures()
    turned = replace(CONDITIONS, rotation=CONDITIONS.rotation + turn)
    drawn = stem.simulate([known[MOS2], known[name]], [CONDITIONS.optics, turned.optics])
    (image,) = degrade(drawn.sum(axis=0, keepdims=True), CONDITIONS, seed=1)
    return image


def lengths(vectors: NDArray[np.float64]) -> list[float]:
    return np.linalg.norm(vectors, axis=1).tolist()


@pytest.mark.parametrize(
    ("name", "turn"), [(MOS2, 10), (MOS2, 15), (MOS2, 27), (WSE2, 20), (RECTANGULAR, 27)]
)
def test_a_moire_is_two_lattices(name: str, turn: float) -> None:
    known = prototypes.structures()
    cells = [np.asarray(known[one].lattice_mat)[:2, :2] for one in (MOS2, name)]
    expected = sorted(lengths(measurement.reduce(cell)) for cell in cells)
    found = domains.find_domains(layers(name, turn), 0.4)
    assert len(found) == 2
    measured = sorted(lengths(one.vectors * 0.4) for one in found)
    assert np.array(measured) == pytest.approx(np.array(expected), rel=5e-3)


def test_one_lattice_is_one() -> None:
    known = prototypes.structures()
    for name in sorted(known)[::60]:
        drawn = stem.simulate([known[name]], Conditions(rotation=10))
        shown = degrade(drawn, Conditions(dose=3e3), seed=1)
        assert len(domains.find_domains(shown[0], 0.2)) == 1, name
        assert superposition.find_two(stem.to_uint8(shown)[0]) == [], name


def test_a_superlattice_is_no_second_lattice() -> None:
    known = prototypes.structures()["proto-CrGeTe3-TiGeSe3.jpg"]  # heavy atoms a third as far apart
    shown = degrade(stem.simulate([known], Conditions(rotation=10)), Conditions(dose=3e3), seed=1)
    assert len(domains.find_domains(shown[0], 0.2)) == 1


def test_peaks_that_are_none() -> None:
    flat = np.zeros((128, 128), np.uint8)
    assert superposition.find_two(flat) == []
    vectors = np.array([[12.0, 0.0], [0.0, 15.0]])
    assert superposition.fitted(vectors, flat) == pytest.approx(vectors)


def test_a_fit_moves_to_the_peaks() -> None:
    rows, columns = np.indices((256, 256))
    waves = np.cos(2 * np.pi * columns / 12.2) + np.cos(2 * np.pi * rows / 14.9)
    image = stem.to_uint8(waves[None].astype(np.float32))[0]
    near = superposition.fitted(np.array([[15.0, 0.0], [0.0, 12.0]]), image)
    assert lengths(near) == pytest.approx([14.9, 12.2], rel=2e-3)
