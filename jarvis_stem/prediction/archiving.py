"""Answers for any number of inputs into an archive, from where an earlier command has stopped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jarvis_stem.prediction.answering import Answering
from jarvis_stem.prediction.archive import Archive, Summary
from jarvis_stem.prediction.batches import Batch, Work, count, work_of
from jarvis_stem.prediction.inputs import Input
from jarvis_stem.prediction.stored_model import DefaultModel, StoredModel
from jarvis_stem.prediction.workers import Threads, Workers, answer_all
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.progress import bar


def answer_into(
    output: Path,
    inputs: Sequence[Input],
    answering: Answering,
    command: Mapping[str, Any],
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> Summary:
    """Answer inputs into a folder, but for what is there already; see `archive.Archive`.

    Args:
        output: The folder.
        inputs: What to answer.
        answering: What answers, a stored model's.
        command: What was asked for, which has to be the same to go on.
        n_workers: Processes on this machine; by default this process alone.
        scheduler: Address of a Dask scheduler whose workers answer.

    Returns:
        What the folder has when all is done.

    Raises:
        StemError: The folder has answers to something else, the scheduler is gone, a worker has
            another version, the disk is full.
        KeyboardInterrupt: It was interrupted; the message says how far it came.
    """
    work = work_of(inputs, answering.reading)
    archive = Archive.begin(output, _manifest(work, answering, command))
    if len(archive.done()) < archive.n_batches:
        try:
            with _workers(answering, n_workers, scheduler) as workers:
                _fill(archive, work, workers, answering)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"{_state(archive)}; the same command goes on") from None
    return archive.summary()


def _fill(archive: Archive, work: Work, workers: Workers, answering: Answering) -> None:
    done = archive.done()
    sizes: dict[int, int] = {}
    with bar(rate=True) as progress:
        there = min(len(done) * work.size, work.pictures)
        task = progress.add_task("Answering", total=work.pictures, completed=there)
        for number, table in answer_all(_left(work, done, sizes), workers, answering):
            try:
                archive.write(number, table)
            except OSError as error:
                raise StemError(
                    f"{error.filename}: {error.strerror or error}; {_state(archive)}; make room, "
                    "and the same command goes on"
                ) from None
            progress.advance(task, sizes.pop(number))


def _left(work: Work, done: set[int], sizes: dict[int, int]) -> Iterator[tuple[int, Batch]]:
    """Batches that are to be answered, whose sizes are noted as they are taken."""
    for number, batch in enumerate(work.batches()):
        if number not in done:
            sizes[number] = sum(map(count, batch))
            yield number, batch


def _workers(
    answering: Answering, n_workers: int | None, scheduler: str | None
) -> AbstractContextManager[Workers]:
    if n_workers is None and scheduler is None:
        return Threads(answering)
    from jarvis_stem.prediction import cluster  # not before: Dask takes a second

    if scheduler:
        return cluster.remote_workers(scheduler, answering)
    return cluster.local_workers(n_workers or 1, answering)


def _manifest(work: Work, answering: Answering, command: Mapping[str, Any]) -> dict[str, Any]:
    """What answers are of, by which an archive is told from another one."""
    model = answering.predictor.network
    assert isinstance(model, StoredModel | DefaultModel)  # noqa: S101 - others are refused before
    return {
        "package": version("jarvis-stem"),
        "command": dict(command),
        "model": {"sha256": model.sha256},
        "columns": {field.name: str(field.type) for field in answering.schema()},
        "inputs": {"count": len(work.inputs), "pictures": work.pictures, "digest": work.digest()},
        "batches": work.n_batches,
    }


def _state(archive: Archive) -> str:
    return f"{archive.folder}: {len(archive.done())} of {archive.n_batches} parts are there"
