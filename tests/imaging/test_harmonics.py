"""Images are measured a batch at a time."""

from __future__ import annotations

from jarvis_stem.imaging.harmonics import BATCH, for_each


def test_every_image_has_its_turn() -> None:
    images: list[int] = []
    for_each(lambda part: images.extend(range(part.start, part.stop)), 2 * BATCH + 1, "")
    assert sorted(images) == list(range(2 * BATCH + 1))
