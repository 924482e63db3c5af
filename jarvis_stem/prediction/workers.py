"""Batches answered by several workers at once: threads of this process here, others in `cluster`.

Whoever the workers are, so many batches are with them at a time as keep them busy; the memory that
all takes does not grow with the work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event
from typing import Protocol

import pyarrow as pa

from jarvis_stem.prediction.answering import Answering
from jarvis_stem.prediction.batches import Batch, separate
from jarvis_stem.prediction.inputs import Input
from jarvis_stem.utils.threads import n_threads

_LOOK = 1.0  # seconds after which workers are counted anew, however little is done


class WorkersDiedError(Exception):
    """Each worker that had a batch has died; the message says how many."""


class Workers(Protocol):
    """Who answers batches."""

    def submit(self, batch: Batch) -> Future[pa.Table]:
        """Have a batch answered; see `Answering.table`."""
        ...

    def room(self) -> int:
        """How many batches are to be with them at a time, at least 1.

        Raises:
            StemError: They are no more, or cannot be trusted.
        """
        ...


class Threads:
    """As many threads of this process as OMP_NUM_THREADS says or there are cores."""

    def __init__(self, answering: Answering) -> None:
        """Start the threads.

        Args:
            answering: What answers.
        """
        self._answering = answering
        self._is_stopped = Event()
        self._executor = ThreadPoolExecutor(n_threads())

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_stopped.set()
        self._executor.shutdown(cancel_futures=True)

    def submit(self, batch: Batch) -> Future[pa.Table]:
        """Have a batch answered."""
        return self._executor.submit(self._answering.table, batch, self._is_stopped.is_set)

    def room(self) -> int:
        """A batch for each thread, and one more that the first to be done takes."""
        return n_threads() + 1


@dataclass(frozen=True)
class _Piece:
    """A batch, or the place of one of its inputs among so many, each of which is tried alone."""

    number: int
    inputs: Batch
    place: int = 0
    of: int = 1


def answer_all(
    batches: Iterable[tuple[int, Batch]], workers: Workers, answering: Answering
) -> Iterator[tuple[int, pa.Table]]:
    """Have batches answered.

    Where several workers have died of a batch, each of its inputs is tried alone; an input that
    they still die of has an error for its answer.

    Args:
        batches: By number; taken when there is room for one more.
        workers: Who answers.
        answering: What the answers are of.

    Yields:
        Number and answers of each batch as it is done.

    Raises:
        StemError: See `Workers.room`, or what a worker raised.
    """
    coming = iter(batches)
    again: deque[_Piece] = deque()
    waiting: dict[Future[pa.Table], _Piece] = {}
    tables: dict[int, dict[int, pa.Table]] = {}
    while True:
        room = workers.room()
        while len(waiting) < room and (piece := _next(again, coming)):
            waiting[workers.submit(piece.inputs)] = piece
        if not waiting:
            return
        done, _ = wait(waiting, timeout=_LOOK, return_when=FIRST_COMPLETED)
        for future in done:
            piece = waiting.pop(future)
            try:
                table = future.result()
            except WorkersDiedError as error:
                alone = separate(piece.inputs)
                if len(alone) > 1:
                    again.extend(_pieces(piece.number, alone))
                    continue
                table = answering.errors(piece.inputs, str(error))
            if piece.of == 1:
                yield piece.number, table
                continue
            found = tables.setdefault(piece.number, {})
            found[piece.place] = table
            if len(found) == piece.of:
                del tables[piece.number]
                yield piece.number, pa.concat_tables([found[n] for n in range(piece.of)])


def _next(again: deque[_Piece], coming: Iterator[tuple[int, Batch]]) -> _Piece | None:
    if again:
        return again.popleft()
    return next((_Piece(number, batch) for number, batch in coming), None)


def _pieces(number: int, inputs: Sequence[Input]) -> Iterator[_Piece]:
    for place, one in enumerate(inputs):
        yield _Piece(number, (one,), place, len(inputs))
