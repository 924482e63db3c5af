"""A small picture of a crystal becomes a large one of the same."""

from __future__ import annotations

import numpy as np
import pytest

from jarvis_stem.imaging import measurement, prototypes, stem
from jarvis_stem.imaging.conditions import Conditions
from jarvis_stem.imaging.continuation import continued


@pytest.mark.parametrize(
    "name", ["proto-1H-MoS2.jpg", "proto-rocksalt-PbTe.jpg", "proto-graphene-C.jpg"]
)
@pytest.mark.parametrize("size", [100, 200])
def test_a_part_becomes_the_whole(name: str, size: int) -> None:
    conditions = Conditions(rotation=7)
    (whole,) = stem.simulate([prototypes.structures()[name]], conditions)
    edge = (256 - size) // 2
    part = whole[edge : edge + size, edge : edge + size]
    made = continued(part, 256)
    assert made is not None
    assert np.array_equal(made[edge : edge + size, edge : edge + size], part)
    assert np.corrcoef(made.ravel(), whole.ravel())[0, 1] > 0.98
    before, after = measurement.measure(stem.to_uint8(np.stack([whole, made]))).lengths
    assert after == pytest.approx(before, rel=3e-3)


def test_what_has_no_lattice_is_not_continued() -> None:
    noise = np.random.default_rng(0).normal(size=(100, 100)).astype(np.float32)
    assert continued(noise, 256) is None
    assert continued(np.zeros((64, 64), np.float32), 256) is None
