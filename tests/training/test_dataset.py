"""How a run parts its images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.imaging.image_set import ImageSet
from jarvis_stem.training import dataset
from jarvis_stem.utils.errors import StemError


def numbered(ids: tuple[str, ...], offset: int) -> ImageSet:
    """Images whose first pixel is the number of their id, and whose second one is their copy's."""
    pixels = np.zeros((len(ids), 256, 256), np.uint8)
    pixels[:, 0, 0] = np.arange(len(ids))
    pixels[:, 0, 1] = offset
    return ImageSet(ids, pixels, ())


def benchmark(classes: list[int]) -> Benchmark:
    ids = {f"{n}.jpg": c for n, c in enumerate(classes)}
    return Benchmark(Path("made up"), {"train": dict(ids), "test": {"t.jpg": 0}})


def test_all_copies_of_an_image_go_to_one_part() -> None:
    made = benchmark([0, 1] * 30)
    ids = tuple(made.split("train"))
    sets = [numbered(ids, copy) for copy in range(3)]
    learn, choose = dataset.part(sets, made, seed=0)
    numbers = [set(part.images[:, 0, 0].tolist()) for part in (learn, choose)]
    assert numbers[0].isdisjoint(numbers[1])
    assert numbers[0] | numbers[1] == set(range(60))
    assert len(choose) == 3 * 6
    assert (learn.drawings, learn.n_structures) == (3, 54)
    assert learn.images[: learn.n_structures, 0, 1].eq(0).all()  # the clean ones come first
    for part in (learn, choose):
        assert sorted(set(part.images[:, 0, 1].tolist())) == [0, 1, 2]
        assert torch.equal(part.images[:, 0, 0] % 2, part.classes)


def test_too_few_of_a_class_are_refused() -> None:
    made = benchmark([0] * 20 + [1])
    with pytest.raises(StemError, match="too few training images to part them by class"):
        dataset.part([numbered(tuple(made.split("train")), 0)], made, seed=0)
