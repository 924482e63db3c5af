"""Images are shared among as many threads as the process is to have."""

from __future__ import annotations

import os
from threading import Barrier, get_ident

import pytest
from helpers import PATIENCE

from jarvis_stem.imaging.harmonics import BATCH, for_each


def test_every_image_has_its_turn() -> None:
    images: list[int] = []
    for_each(lambda part: images.extend(range(part.start, part.stop)), 2 * BATCH + 1, "")
    assert sorted(images) == list(range(2 * BATCH + 1))


@pytest.mark.parametrize("wanted", ["3", " 3,2"])
def test_as_many_threads_work_side_by_side_as_are_wanted(
    monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    together = Barrier(3, timeout=PATIENCE)
    threads: set[int] = set()

    def work(_: slice) -> None:
        together.wait()  # breaks unless all are at work at once
        threads.add(get_ident())

    for_each(work, 3 * BATCH, "")
    assert len(threads) == 3


@pytest.mark.parametrize("wanted", ["", "0", "-2", "many"])
def test_what_is_no_number_of_threads_means_all_cores(
    monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    cores = os.cpu_count() or 1
    together = Barrier(cores, timeout=PATIENCE)

    def work(_: slice) -> None:
        together.wait()

    for_each(work, cores * BATCH, "")
    assert not together.broken


def test_a_fault_is_raised() -> None:
    def fail(_: slice) -> None:
        raise ValueError("no lattice")

    with pytest.raises(ValueError, match="no lattice"):
        for_each(fail, 2 * BATCH, "")
