"""Work is shared among as many threads as the process is to have."""

from __future__ import annotations

import os
from threading import Barrier, get_ident

import pytest
from helpers import PATIENCE

from jarvis_stem.utils.threads import in_threads, n_threads, without_blas_threads


def test_every_item_has_its_turn_and_its_place() -> None:
    assert in_threads(lambda n: n * n, range(9), "") == [n * n for n in range(9)]
    assert in_threads(str, [], "") == []


@pytest.mark.parametrize("wanted", ["3", " 3,2"])
def test_as_many_threads_work_side_by_side_as_are_wanted(
    monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    together = Barrier(3, timeout=PATIENCE)

    def work(_: int) -> int:
        together.wait()  # breaks unless all are at work at once
        return get_ident()

    assert len(set(in_threads(work, range(3), ""))) == 3


@pytest.mark.parametrize("wanted", ["", "0", "-2", "many"])
def test_what_is_no_number_of_threads_means_all_cores(
    monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    cores = os.cpu_count() or 1
    together = Barrier(cores, timeout=PATIENCE)
    in_threads(lambda _: together.wait(), range(cores), "")
    assert not together.broken


@pytest.mark.parametrize("wanted", ["100000", "9" * 5000])
def test_a_slip_of_the_pen_does_not_start_thousands(
    monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert n_threads() == 8 * (os.cpu_count() or 1)


def test_a_fault_is_raised() -> None:
    def fail(n: int) -> None:
        raise ValueError(f"no lattice in {n}")

    with pytest.raises(ValueError, match="no lattice in 0"):
        in_threads(fail, range(2), "")


def test_matrices_get_no_threads_but_where_the_user_wants_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    without_blas_threads()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    without_blas_threads()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
