"""The state of a training between two epochs, and the file that keeps it."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import write_bytes


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


def save_checkpoint(path: Path, state: State, identity: dict[str, Any]) -> None:
    """Write a training's state, whole or not at all.

    Args:
        path: The file.
        state: After an epoch.
        identity: What training it is of; see `load_checkpoint`.
    """
    buffer = io.BytesIO()
    content = {
        "identity": identity,
        "history": [asdict(epoch) for epoch in state.history],
        "model": state.model.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "schedule": state.schedule.state_dict(),
        "best": state.best,
    }
    torch.save(content, buffer)
    write_bytes(path, buffer.getvalue())


def load_checkpoint(path: Path, content: bytes, state: State, identity: dict[str, Any]) -> None:
    """Read a training's state into one that has just begun.

    Args:
        path: A file that `save_checkpoint` wrote.
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
