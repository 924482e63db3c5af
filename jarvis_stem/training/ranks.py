"""The processes of one training, which torchrun starts: their ranks, and what they tell each other.

Each learns from its share of every batch (data parallelism: Li et al., VLDB 13, 3005 (2020)). A
process that is by itself is the first and only one; then nothing here does anything.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from jarvis_stem.utils import terminal
from jarvis_stem.utils.errors import StemError

T = TypeVar("T")
_VARIABLES = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}  # which torchrun sets
_GONE = "another process of the training has ended; the same command with --resume goes on"


def rank() -> int:
    """This process' number among those of the training, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def count() -> int:
    """How many processes the training has."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def device_of(device: torch.device) -> torch.device:
    """The device of this process: of a machine's GPUs each process has one.

    Raises:
        StemError: There are more processes on the machine than GPUs, or one GPU is named for all.
    """
    n_local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if device.type != "cuda" or n_local == 1:
        return device
    if device.index is not None:
        raise StemError(
            f"--device {device}: each of the {n_local} processes has its own; cuda does"
        )
    if n_local > torch.cuda.device_count():
        raise StemError(
            f"{n_local} processes but {torch.cuda.device_count()} GPUs on this machine; start one "
            "for each GPU, or add --device cpu"
        )
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return device


@contextmanager
def joined() -> Iterator[None]:
    """Join the other processes that torchrun has started, if it has.

    They talk by NCCL from GPU to GPU, else by Gloo, and share the cores of their machine. All but
    the first are silent; of several that fail one says why.

    Raises:
        StemError: They do not find each other, or another one has gone.
        SystemExit: Another one has said what is wrong.
    """
    if not os.environ.keys() >= _VARIABLES:
        yield
        return
    _share_threads()
    try:
        store, number, size = next(rendezvous("env://"))
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        distributed.init_process_group(backend, store=store, rank=number, world_size=size)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise StemError(f"the processes of torchrun do not find each other ({reason})") from None
    if number > 0:
        terminal.be_quiet()
    try:
        yield
    except BaseException as error:
        if not _is_first_to_fail(store):
            raise SystemExit(1) from None
        if isinstance(error, RuntimeError) and _is_about_another(error):
            raise StemError(_GONE) from None
        raise
    finally:
        distributed.destroy_process_group()


def _is_first_to_fail(store: Any) -> bool:
    """Whether no process has failed before, by the store that all of them share."""
    restart = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    try:
        return int(store.add(f"jarvis_stem/failed/{restart}", 1)) == 1
    except RuntimeError:  # torchrun has gone itself
        return rank() == 0


def _is_about_another(error: RuntimeError) -> bool:
    """Whether it tells of another process that has gone, and of nothing in this one."""
    signs = ("Connection closed by peer", "Connection reset by peer", "Broken pipe")
    return isinstance(error, distributed.DistError) or any(sign in str(error) for sign in signs)


def _share_threads() -> None:
    """Give each process on a machine its share of the cores, unless the user has said how many.

    torchrun gives each one thread then, which leaves most cores of a large machine idle.
    """
    if os.environ.get("OMP_NUM_THREADS") == "1":
        threads = max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
        os.environ["OMP_NUM_THREADS"] = str(threads)
        torch.set_num_threads(threads)


def in_turn(n_tasks: int) -> Iterator[int]:
    """Numbers of tasks: first this process' share, then, when all have done theirs, the rest."""
    mine = range(rank(), n_tasks, count())
    yield from mine
    if count() > 1:
        distributed.barrier()
        yield from (n for n in range(n_tasks) if n not in mine)


def share(batch: Tensor) -> Tensor:
    """What this process has to do of a batch, one of the `count` parts that make it up."""
    return batch.tensor_split(count())[rank()]


def parallel(model: nn.Module) -> nn.Module:
    """The model as it is trained: with the gradients of all processes, averaged in each step."""
    if count() == 1:
        return model
    # Buffers are averaged once an epoch, by `average_buffers`; torch is renaming what says so.
    data_parallel: Any = DistributedDataParallel
    known = signature(data_parallel).parameters
    names = ("forward_sync_buffers", "broadcast_buffers")
    name = next(name for name in names if name in known)
    wrapped: nn.Module = data_parallel(model, **{name: False})
    return wrapped


def average_buffers(model: nn.Module) -> None:
    """Give all processes the mean of what they have gathered besides weights: batch statistics."""
    if count() > 1:
        for buffer in model.buffers():
            if buffer.is_floating_point():
                distributed.all_reduce(buffer)
                buffer /= count()


def summed(values: Tensor) -> Tensor:
    """Sum of what each process has, on the device that it is on."""
    if count() > 1:
        distributed.all_reduce(values)
    return values


def totals(values: Sequence[float], device: torch.device) -> list[float]:
    """Sums of some numbers over all processes."""
    found: list[float] = summed(torch.tensor(values, dtype=torch.float64, device=device)).tolist()
    return found


def of_first(make: Callable[[], T]) -> T:
    """What the first process makes, in all of them.

    Raises:
        StemError: In each of them, what it raises there.
    """
    if count() == 1:
        return make()
    found: list[T | StemError | None] = [None]
    if rank() == 0:
        try:
            found = [make()]
        except StemError as error:
            found = [error]
    distributed.broadcast_object_list(found)
    (made,) = found
    if isinstance(made, StemError):
        raise made
    return made  # type: ignore[return-value]
