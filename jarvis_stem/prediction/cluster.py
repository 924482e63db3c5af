"""Workers of Dask: processes on this machine, or wherever a scheduler has them."""

from __future__ import annotations

import logging
import signal
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import resource_tracker
from typing import Any

import pyarrow as pa
from distributed import Client, LocalCluster, Worker, WorkerPlugin, get_worker
from distributed.scheduler import KilledWorker

from jarvis_stem.prediction.answering import Answering
from jarvis_stem.prediction.batches import Batch
from jarvis_stem.prediction.workers import WorkersDiedError
from jarvis_stem.utils import terminal
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.garbage import collect_seldom

_PACKAGE = "jarvis-stem"
_PLUGIN = "jarvis-stem-answering"
_AHEAD = 2  # batches for each thread of a worker: one in work, the next already there
_DEATHS = 3  # of workers, after which a batch is not tried as it is again
_PATIENCE = 10.0  # seconds for a scheduler to answer
_LOOK = 2.0  # seconds between two looks at who is there
_SELDOM = {  # how often Dask looks at itself, which by default takes as much time as its work
    "distributed.worker.profile.enabled": False,  # a hundred times a second
    "distributed.admin.tick.interval": "1s",  # fifty times
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.worker.memory.monitor-interval": "500ms",  # kills who takes too much
}


class DaskWorkers:
    """The workers of a Dask client."""

    def __init__(self, client: Client, answering: Answering) -> None:
        """Give the workers what answers; those that come later get it, too.

        Args:
            client: Of their scheduler.
            answering: What answers.

        Raises:
            StemError: A worker has another version of this package.
        """
        self._client = client
        self._executor = client.get_executor(pure=False)
        self._known: set[str] = set()
        self._threads = 0
        self._looked = -_LOOK
        self._said = False
        self._look()
        self._prepare(_Plugin(answering))

    def submit(self, batch: Batch) -> Future[pa.Table]:
        """Have a batch answered by whoever has time."""
        found: Future[pa.Table] = Future()
        asked = self._executor.submit(_answer, version(_PACKAGE), batch)
        asked.add_done_callback(lambda done: self._pass_on(done, found))
        return found

    def room(self) -> int:
        """See `Workers.room`."""
        if self._client.status != "running":
            raise StemError(self._lost())
        if time.monotonic() - self._looked > _LOOK:
            self._look()
        if not self._threads and not self._said:
            self._said = True
            terminal.note(f"{self._address}: has no workers yet; waiting for them")
        return max(_AHEAD * self._threads, 1)

    def close(self) -> None:
        """Take back what is not done."""
        if self._client.status == "running":
            self._executor.shutdown(wait=False)
            with suppress(OSError):  # of a worker that dies meanwhile
                self._client.unregister_worker_plugin(_PLUGIN)

    @property
    def _address(self) -> str:
        return str(self._client.scheduler.address) if self._client.scheduler else "the scheduler"

    def _prepare(self, plugin: _Plugin) -> None:
        """Give all workers what they answer by; those that come later get it from the scheduler."""
        for _ in range(_DEATHS):
            try:
                self._client.register_plugin(plugin, name=_PLUGIN)
                return
            except OSError:  # of a worker that dies meanwhile
                if self._client.status != "running":
                    raise StemError(self._lost()) from None
        raise StemError(f"{self._address}: its workers die before they have begun")

    def _look(self) -> None:
        """Count the workers, and ask new ones for their version of this package."""
        try:
            threads = self._client.nthreads()
            new = sorted(set(threads) - self._known)
            if new:
                found = self._client.run(version, _PACKAGE, workers=new, on_error="return")
                _refuse_other_versions(found)
        except (OSError, CancelledError, ValueError):  # ValueError: a worker left meanwhile
            if self._client.status != "running":
                raise StemError(self._lost()) from None
            threads, new = {}, []
        self._known.update(new)
        self._threads = sum(threads.values())
        self._looked = time.monotonic()

    def _lost(self) -> str:
        return (
            f"{self._address}: the scheduler is gone; what is done stays, and the same command "
            "with a scheduler goes on"
        )

    def _pass_on(self, done: Future[pa.Table], found: Future[pa.Table]) -> None:
        """Pass on what came of a batch, in this package's words."""
        if done.cancelled():
            found.set_exception(StemError(self._lost()))
            return
        error = done.exception()
        if error is None:
            found.set_result(done.result())
        elif isinstance(error, KilledWorker):
            deaths = error.allowed_failures + 1
            why = (
                f"{deaths} workers died of it; it may take more memory than they have, or break a "
                "reader"
            )
            found.set_exception(WorkersDiedError(why))
        else:
            found.set_exception(error)


class _Plugin(WorkerPlugin):
    """What a worker answers by, loaded once."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering

    def setup(self, worker: Worker) -> None:
        """Prepare a worker as the command itself is."""
        collect_seldom()


def _answer(of_client: str, batch: Batch) -> pa.Table:
    """Answer a batch in a worker."""
    worker = get_worker()
    _refuse_other_versions({worker.address: version(_PACKAGE)}, of_client)
    plugin: Any = worker.plugins[_PLUGIN]
    return plugin.answering.table(batch)


def _refuse_other_versions(found: dict[str, Any], ours: str | None = None) -> None:
    """Refuse workers whose answers may be others than this package's."""
    ours = ours or version(_PACKAGE)
    for worker, theirs in found.items():
        if isinstance(theirs, PackageNotFoundError):
            raise StemError(f"worker {worker}: {_PACKAGE} is not installed there; {ours} is wanted")
        if isinstance(theirs, BaseException):
            continue  # a worker that has left; its successor is asked
        if theirs != ours:
            raise StemError(
                f"worker {worker}: has {_PACKAGE} {theirs}, this command is {ours}; install the "
                "same version on all workers"
            )


@contextmanager
def local_workers(n: int, answering: Answering) -> Iterator[DaskWorkers]:
    """Processes on this machine, of one thread each; see `DaskWorkers`.

    Args:
        n: How many.
        answering: What they answer by.
    """
    import dask  # once distributed is there, which is what an extra is named by

    settings = {
        "distributed.scheduler.allowed-failures": _DEATHS - 1,
        "distributed.nanny.pre-spawn-environ": {"OMP_NUM_THREADS": "1"},
        **_SELDOM,
    }
    with ExitStack() as stack:
        stack.enter_context(_silence())
        stack.enter_context(dask.config.set(settings))
        with _uninterrupted():
            cluster = LocalCluster(
                n_workers=n,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",  # by default all the network sees it
                silence_logs=logging.CRITICAL,
            )
            stack.enter_context(cluster)
        client = stack.enter_context(Client(cluster, set_as_default=False))
        yield from _working(client, answering)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Keep Ctrl-C, which a terminal sends to all processes, from those that are started meanwhile.

    Threads inherit what is blocked, and so do the processes that they start, later ones too. What
    this process is sent it gets at the end.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # which, where it is started, unblocks it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def remote_workers(address: str, answering: Answering) -> Iterator[DaskWorkers]:
    """The workers of a scheduler that runs, those too that come to it later.

    Args:
        address: Of the scheduler: ``tcp://HOST:PORT``.
        answering: What they answer by.

    Raises:
        StemError: There is no such scheduler.
    """
    with _silence():
        try:
            client = Client(address, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise StemError(
                f"{address}: no such scheduler ({reason}); dask scheduler starts one and says its "
                "address"
            ) from None
        with client:
            yield from _working(client, answering)


def _working(client: Client, answering: Answering) -> Iterator[DaskWorkers]:
    workers = DaskWorkers(client, answering)
    try:
        yield workers
    finally:
        workers.close()


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what Dask reports of workers that come and go from the terminal."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # versions of packages that answer nothing
            yield
    finally:
        logging.disable(disabled)
