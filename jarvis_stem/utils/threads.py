"""Work shared among threads, which pays where it is done by compiled code that holds no lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from jarvis_stem.utils.progress import track

_MOST = 8  # threads a core; each takes memory, and a typing error would take all of it
_DIGITS = 9
T = TypeVar("T")
Result = TypeVar("Result")


def in_threads(work: Callable[[T], Result], items: Iterable[T], what: str) -> list[Result]:
    """Do work for each item, several at a time.

    Args:
        work: Called with each item, in as many threads as OMP_NUM_THREADS says or there are cores.
        items: What to work on. Work begins with the first, while the others may be in the making.
        what: What is being done, at the left of the progress bar that several items have.

    Returns:
        What the work returned, in the items' order.
    """
    if isinstance(items, Sequence) and len(items) < 2:
        return [work(item) for item in items]
    executor = ThreadPoolExecutor(n_threads())
    try:
        waiting = [executor.submit(work, item) for item in items]
        return [one.result() for one in track(waiting, what)]
    finally:
        executor.shutdown(cancel_futures=True)


def without_blas_threads() -> None:
    """Have NumPy and SciPy, not imported yet, start no threads for their matrices.

    These wait busily for a while from the import on, which is for nothing where matrices have four
    rows. What the user has set stays.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def n_threads() -> int:
    """Threads to work with: OMP_NUM_THREADS, within reason, or as many as there are cores."""
    cores = os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()[:_DIGITS]
    return min(int(wanted), _MOST * cores) if wanted.isdecimal() and int(wanted) else cores
