"""Batches share the cores, and the number of torch's threads is left to the process."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier, Thread

import pytest
import torch
from helpers import PATIENCE

from jarvis_stem.imaging.harmonics import BATCH, by_batches


@pytest.fixture(autouse=True)
def _three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def in_a_new_thread() -> int:
    """How many threads torch computes with in a thread that starts now."""
    found: list[int] = []
    thread = Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


def test_every_image_is_in_one_batch() -> None:
    parts: list[slice] = []
    by_batches(parts.append, 2 * BATCH + 1, "")
    images = [n for part in parts for n in range(2 * BATCH + 1)[part]]
    assert sorted(images) == list(range(2 * BATCH + 1))


def test_batches_run_side_by_side_on_one_thread_each() -> None:
    together = Barrier(3, timeout=PATIENCE)
    inside: list[int] = []

    def work(_: slice) -> None:
        together.wait()  # breaks unless three batches are at work at once
        inside.append(torch.get_num_threads())

    by_batches(work, 3 * BATCH, "")
    assert inside == [1, 1, 1]


def test_the_number_of_threads_is_everybody_elses_own() -> None:
    during: list[int] = []
    by_batches(lambda _: during.append(in_a_new_thread()), 2 * BATCH, "")
    assert during == [3, 3]
    assert (torch.get_num_threads(), in_a_new_thread()) == (3, 3)


def test_a_fault_changes_no_number_of_threads() -> None:
    def fail(_: slice) -> None:
        raise ValueError("no lattice")

    with pytest.raises(ValueError, match="no lattice"):
        by_batches(fail, 2 * BATCH, "")
    assert (torch.get_num_threads(), in_a_new_thread()) == (3, 3)
