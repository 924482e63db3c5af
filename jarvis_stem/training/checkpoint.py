"""The state of a training between two epochs, and the file that keeps it."""

from __future__ import annotations

import io
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import write_bytes

_EVERY = 1.0  # seconds


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training part came to.

    Attributes:
        epoch: Its number, from 1.
        learning_rate: At its end.
        train_loss: Mean cross-entropy over its steps.
        train_accuracy: Share correct over its steps, under augmentation.
        validation_loss: Cross-entropy on the validation part afterwards.
        validation_accuracy: Share correct there; it chooses the epoch.
        seconds: Wall time of the pass and its validation.
        cpu_seconds: Processor time of all threads in it.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    cpu_seconds: float


@dataclass
class State:
    """All that a later epoch depends on, besides data and seed."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    history: list[Epoch]
    best: dict[str, Tensor]


class CheckpointWriter:
    """Writes a training's state as it goes, every second at most, and at its end, however it ends.

    Files are put on the disk, not just given to the system, which takes longer than a short epoch.
    """

    def __init__(self, path: Path, identity: dict[str, Any]) -> None:
        """Write to a file.

        Args:
            path: The file.
            identity: What training it is of; see `load_checkpoint`.
        """
        self._path, self._identity = path, identity
        self._content: dict[str, Any] = {}
        self._written = -math.inf

    def __enter__(self) -> CheckpointWriter:
        return self

    def __exit__(self, *_error: object) -> None:
        self._write()

    def keep(self, state: State) -> None:
        """Write the state after an epoch, at once or later, as it is now."""
        self._content = {
            "identity": self._identity,
            "history": [asdict(epoch) for epoch in state.history],
            "model": _copied(state.model.state_dict()),
            "optimizer": _copied(state.optimizer.state_dict()),
            "schedule": state.schedule.state_dict(),
            "best": state.best,
        }
        if time.monotonic() - self._written > _EVERY:
            self._write()

    def _write(self) -> None:
        """Write what was kept, whole or not at all, if it is not written yet."""
        if self._content:
            buffer = io.BytesIO()
            torch.save(self._content, buffer)
            write_bytes(self._path, buffer.getvalue())
            self._content, self._written = {}, time.monotonic()


def _copied(state: Any) -> Any:
    """What training goes on to change in place, as it is now."""
    if isinstance(state, Tensor):
        return state.detach().clone()
    if isinstance(state, dict):
        return {key: _copied(value) for key, value in state.items()}
    return state


def load_checkpoint(path: Path, content: bytes, state: State, identity: dict[str, Any]) -> None:
    """Read a training's state into one that has just begun.

    Args:
        path: A file that a `CheckpointWriter` wrote.
        content: Its bytes.
        state: Changed in place; with an error it may be so in part.
        identity: What training the state is of.

    Raises:
        StemError: Not a checkpoint, or one of another training.
    """
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        saved = loaded["identity"]
    except Exception as error:  # torch.load raises whatever damaged bytes lead it to
        reason = f"{type(error).__name__}: {str(error)[:80]}"
        raise StemError(f"{path}: not a checkpoint ({reason}); train without --resume") from None
    if saved != identity:
        differences = ", ".join(
            f"{key}: {saved.get(key)!r} there, {identity.get(key)!r} now"
            for key in sorted({*saved, *identity})
            if saved.get(key) != identity.get(key)
        )
        raise StemError(f"{path}: of another run ({differences}); train without --resume")
    state.model.load_state_dict(loaded["model"])
    state.optimizer.load_state_dict(loaded["optimizer"])
    state.schedule.load_state_dict(loaded["schedule"])
    state.history.extend(Epoch(**row) for row in loaded["history"])
    state.best = loaded["best"]
