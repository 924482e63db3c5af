"""Many images described in chunks: the same as at once, with a cache or none, and never twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jarvis_stem.formats.description import SHAPES
from jarvis_stem.imaging import described_images, description, image_set, prototypes
from jarvis_stem.imaging.conditions import Conditions
from jarvis_stem.imaging.described_images import DescribedImages
from jarvis_stem.imaging.image_set import ImageSource
from jarvis_stem.utils.array_cache import ArrayCache, cached_files

STRUCTURES = dict(list(prototypes.structures().items())[::60])
IDS = list(STRUCTURES)
PARTS = tuple(SHAPES)


def sources(*, seed: int = 0) -> list[ImageSource]:
    """Clean images, and noisy ones of the same structures."""
    noisy = [Conditions(dose=1e4)] * len(IDS)
    return [
        image_set.renders(STRUCTURES, IDS),
        image_set.renders(STRUCTURES, IDS, noisy, seed=seed),
    ]


def taken(images: DescribedImages, parts: tuple[str, ...] = PARTS) -> list[list[np.ndarray]]:
    """All parts of all images, as they are and mirrored."""
    images.prepare(parts)
    ((plain, mirrored),) = images.descriptions(parts, len(images))
    return [plain, mirrored]


@pytest.fixture
def n_measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images were measured at a time."""
    counts: list[int] = []
    measure = description.measure

    def counted(images: np.ndarray, parts: tuple[str, ...]) -> description.Measured:
        counts.append(len(images))
        return measure(images, parts)

    monkeypatch.setattr(description, "measure", counted)
    return counts


def test_chunks_are_described_as_all_images_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_measured: list[int]
) -> None:
    pixels = np.concatenate([source.all().images for source in sources()])
    expected = description.describe(pixels, PARTS)
    n_measured.clear()
    cache = ArrayCache(tmp_path)
    first = taken(DescribedImages(sources(), cache, chunk=7))
    assert sum(n_measured) == len(pixels)
    again = taken(DescribedImages(sources(), ArrayCache(tmp_path), chunk=7))
    assert sum(n_measured) == len(pixels)  # nothing was measured again
    monkeypatch.setattr(described_images, "_IN_MEMORY", 0)
    on_disk = taken(DescribedImages(sources(), ArrayCache(tmp_path), chunk=7))
    assert sum(n_measured) == len(pixels)
    without = taken(DescribedImages(sources(), ArrayCache(None), chunk=7))
    assert sum(n_measured) == 2 * len(pixels)
    for got in (first, again, on_disk, without):
        for views, expected_views in zip(got, expected, strict=True):
            for part, one, other in zip(PARTS, views, expected_views, strict=True):
                assert one.dtype == np.float32, part
                assert np.array_equal(one, other), part


def test_a_subset_is_its_rows(tmp_path: Path) -> None:
    images = DescribedImages(sources(), ArrayCache(tmp_path), chunk=5)
    rows = np.array([9, 2, 2, len(images) - 1])
    subset = images.subset(rows)
    for whole, some in zip(taken(images), taken(subset), strict=True):
        for one, other in zip(whole, some, strict=True):
            assert np.array_equal(one[rows], other)
    assert len(subset) == 4
    assert np.array_equal(subset.drawn(2)[:, None] / np.float32(255), taken(subset)[0][0][:2])


def test_what_differs_is_not_found_again(tmp_path: Path, n_measured: list[int]) -> None:
    def describe(found: list[ImageSource], parts: tuple[str, ...] = ("lattice",)) -> int:
        n_measured.clear()
        taken(DescribedImages(found, ArrayCache(tmp_path)), parts)
        return sum(n_measured)

    n = len(IDS)
    assert describe(sources()) == 2 * n
    assert describe(sources(), ("harmonics", "cell")) == 0
    assert describe(sources(seed=1)) == n  # the clean ones have no noise to be seeded
    assert describe(sources(), ("errors",)) == 2 * n
    other = {**STRUCTURES, IDS[0]: STRUCTURES[IDS[1]]}
    assert describe([image_set.renders(other, IDS)]) == n
    assert describe([image_set.renders(STRUCTURES, IDS, Conditions(rotation=1))]) == n


def test_other_code_has_another_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    described_images.code_digest.cache_clear()
    before = described_images.code_digest()
    monkeypatch.setattr(described_images, "VERSION", 0)
    assert described_images.code_digest() == before  # it is computed once
    described_images.code_digest.cache_clear()
    assert described_images.code_digest() != before
    described_images.code_digest.cache_clear()


def test_damaged_files_are_made_anew(tmp_path: Path, n_measured: list[int]) -> None:
    expected = taken(DescribedImages(sources(), ArrayCache(tmp_path), chunk=5), ("lattice",))
    for path in cached_files(tmp_path)[:2]:
        path.write_bytes(path.read_bytes()[:-9])
    n_measured.clear()
    got = taken(DescribedImages(sources(), ArrayCache(tmp_path), chunk=5), ("lattice",))
    assert len(n_measured) == 2
    assert np.array_equal(got[0][0], expected[0][0])
