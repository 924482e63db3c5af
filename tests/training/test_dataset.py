"""How a run parts its images."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.imaging.image_set import ImageSource
from jarvis_stem.training import dataset
from jarvis_stem.training.loop import Split
from jarvis_stem.utils.array_cache import ArrayCache
from jarvis_stem.utils.errors import StemError


def numbered(ids: tuple[str, ...], offset: int) -> ImageSource:
    """Images whose first pixel is the number of their id, and whose second one is their copy's."""
    pixels = np.zeros((len(ids), 256, 256), np.uint8)
    pixels[:, 0, 0] = np.arange(len(ids))
    pixels[:, 0, 1] = offset
    return ImageSource(ids, (), lambda a, b: pixels[a:b], lambda a, b: bytes([offset, a, b]))


def first_pixels(split: Split) -> NDArray[np.uint8]:
    """The first two pixels of each image, uint8[N, 2]."""
    split.images.prepare(["image"])
    rows = np.arange(len(split))
    return split.images.take("image", rows, np.zeros(len(rows), bool))[:, 0, :2].astype(np.uint8)


def benchmark(classes: list[int]) -> Benchmark:
    ids = {f"{n}.jpg": c for n, c in enumerate(classes)}
    return Benchmark(Path("made up"), {"train": dict(ids), "test": {"t.jpg": 0}})


def test_all_copies_of_an_image_go_to_one_part() -> None:
    made = benchmark([0, 1] * 30)
    ids = tuple(made.split("train"))
    sets = [numbered(ids, copy) for copy in range(3)]
    learn, choose = dataset.part(sets, ArrayCache(None), made, seed=0)
    numbers = [set(first_pixels(part)[:, 0].tolist()) for part in (learn, choose)]
    assert numbers[0].isdisjoint(numbers[1])
    assert numbers[0] | numbers[1] == set(range(60))
    assert len(choose) == 3 * 6
    assert (learn.drawings, learn.n_structures) == (3, 54)
    assert not first_pixels(learn)[: learn.n_structures, 1].any()  # the clean ones come first
    for part in (learn, choose):
        assert sorted(set(first_pixels(part)[:, 1].tolist())) == [0, 1, 2]
        assert (first_pixels(part)[:, 0] % 2 == part.classes.numpy()).all()


def test_too_few_of_a_class_are_refused() -> None:
    made = benchmark([0] * 20 + [1])
    with pytest.raises(StemError, match="too few training images to part them by class"):
        dataset.part([numbered(tuple(made.split("train")), 0)], ArrayCache(None), made, seed=0)


def test_parts_are_scikit_learns_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ArrayCache(tmp_path)
    classes = np.random.default_rng(0).integers(0, 5, 203)
    expected = train_test_split(np.arange(203), test_size=0.1, random_state=3, stratify=classes)
    for n in range(2):
        parts = dataset.parted(classes, 3, cache)
        assert [part.tolist() for part in parts] == [part.tolist() for part in expected]
        assert len(list(tmp_path.iterdir())) == 1
        if n == 0:  # the second time it is not asked for
            monkeypatch.setitem(sys.modules, "sklearn.model_selection", None)
    with pytest.raises(ImportError):  # another seed, other parts
        dataset.parted(classes, 4, cache)
    with pytest.raises(ImportError):
        dataset.parted(classes[::-1].copy(), 3, cache)
