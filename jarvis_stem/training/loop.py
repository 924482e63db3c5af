"""The training loop: fit on one part, choose the epoch on another, resume where it stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from jarvis_stem.imaging.described_images import DescribedImages
from jarvis_stem.training import ranks
from jarvis_stem.training.architecture import Recipe
from jarvis_stem.training.checkpoint import CheckpointWriter, Epoch, State, load_checkpoint
from jarvis_stem.training.inference import (
    Views,
    cross_entropy,
    logits_of,
    logits_of_batch,
    probabilities,
    suited_threads,
)
from jarvis_stem.training.optimizer import optimizer_of
from jarvis_stem.utils import progress, terminal
from jarvis_stem.utils.errors import StemError

_WARM_UP = 0.2  # share of the steps in which the one-cycle schedule climbs
_BETWEEN_RANKS = 2**40  # seeds
_CLEAN_SHARE = 0.5  # of a pass, where structures have noisy drawings too


@dataclass(frozen=True)
class Split:
    """Images and their classes.

    Attributes:
        images: Them.
        classes: int64[N], positions in the benchmark's list of classes.
        drawings: How many of the images are of each structure: the clean ones of all structures
            come first, then a noisy one of each, and so on.
    """

    images: DescribedImages
    classes: Tensor
    drawings: int = 1

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def n_structures(self) -> int:
        """How many structures the images are of."""
        return len(self) // self.drawings


def fit(
    model: nn.Module,
    train: Split,
    validation: Split,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device,
    checkpoint: Path,
    identity: dict[str, Any],
    resume: bool = False,
    until: float | None = None,
    on_epoch: Callable[[list[Epoch]], None] = lambda _history: None,
) -> tuple[list[Epoch], Tensor]:
    """Train a model and leave it at its best epoch by validation accuracy.

    Every epoch draws its order and augmentation from the seed and its own number, so that a run
    resumed after any epoch does what an uninterrupted one does. With several processes each learns
    from its share of every batch, and validates its share of the images; see `ranks`.

    Args:
        model: As `architecture.Builder` says, the same in each process; trained in place.
        train: Part to learn from.
        validation: Part that chooses the epoch.
        recipe: How to train.
        seed: Of order and augmentation.
        device: Where to compute.
        checkpoint: File rewritten after epochs and at the end, which the first process alone
            writes and reads.
        identity: What the checkpoint is of; resuming with another one is refused.
        resume: Continue from the checkpoint where there is one.
        until: Validation accuracy that ends the training before its last epoch.
        on_epoch: Called with the history after each epoch, in the first process.

    Returns:
        The history of all epochs, those before a resumption included; and the validation part's
        logits as `predict_logits` gives them, float32[2, N, classes].

    Raises:
        StemError: The checkpoint is of another run, or the loss is no longer finite.
    """
    _refuse_too_many(recipe.batch_size, len(validation))
    state = _start(_to(model, device), recipe, train.n_structures)
    saved = ranks.of_first(
        lambda: checkpoint.read_bytes() if resume and checkpoint.exists() else None
    )
    if saved is not None:
        load_checkpoint(checkpoint, saved, state, identity)
    views = (Views(model, train.images), Views(model, validation.images))
    learner = ranks.parallel(model)
    writer = CheckpointWriter(checkpoint, identity)
    with suited_threads(model), writer, _EpochProgress(recipe, train.n_structures) as display:
        while len(state.history) < recipe.epochs and not _reached(state.history, until):
            _run_epoch(state, learner, views, (train, validation), recipe, seed, display)
            if ranks.rank() == 0:
                writer.keep(state)
                on_epoch(state.history)
        model.load_state_dict(state.best)
        return state.history, _logits(model, views[1])


def _refuse_too_many(batch_size: int, n_validation: int) -> None:
    """Refuse processes that would have too little to do, one image being none to normalise by."""
    if min(batch_size // 2, n_validation) < ranks.count():
        raise StemError(
            f"{ranks.count()} processes are too many for batches of {batch_size} images and "
            f"{n_validation} to validate on; start fewer"
        )


def _logits(model: nn.Module, views: Views) -> Tensor:
    """Logits as `logits_of` gives them, of which each process computes its share."""
    mine = ranks.share(torch.arange(len(views)))
    found = logits_of(model, views, mine)
    every = torch.zeros(2, len(views), found.shape[2])
    every[:, mine] = found
    return ranks.summed(every.to(next(model.parameters()).device)).cpu()


def _reached(history: list[Epoch], accuracy: float | None) -> bool:
    return accuracy is not None and any(e.validation_accuracy >= accuracy for e in history)


def best_epoch(history: list[Epoch]) -> Epoch:
    """The epoch of the highest validation accuracy; of equals, that of the lowest loss."""
    return max(history, key=lambda e: (e.validation_accuracy, -e.validation_loss))


def _to(model: nn.Module, device: torch.device) -> nn.Module:
    channels_last: Any = {"memory_format": torch.channels_last}  # torch's stub does not know it
    return model.to(device, **channels_last)


def _start(model: nn.Module, recipe: Recipe, n_train: int) -> State:
    if n_train < recipe.batch_size:
        raise StemError(f"{n_train} training images are fewer than one batch, {recipe.batch_size}")
    optimizer = optimizer_of(model, recipe)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        recipe.learning_rate,
        total_steps=recipe.epochs * (n_train // recipe.batch_size),
        pct_start=_WARM_UP,
    )
    return State(model, optimizer, schedule, [], {})


def _run_epoch(
    state: State,
    learner: nn.Module,
    views: tuple[Views, Views],
    parts: tuple[Split, Split],
    recipe: Recipe,
    seed: int,
    display: _EpochProgress,
) -> None:
    """Learn from the training part once, then see on the other what came of it."""
    start, cpu_start = time.perf_counter(), time.process_time()
    number = len(state.history) + 1
    torch.manual_seed(seed * 1_000_003 + number)
    display.start(number)
    train_loss, train_accuracy = _learn(state, learner, views[0], parts[0], recipe, display)
    ranks.average_buffers(state.model)
    predicted = probabilities(_logits(state.model, views[1]))
    correct = predicted.argmax(dim=1) == parts[1].classes
    device = next(state.model.parameters()).device
    epoch = Epoch(
        epoch=number,
        learning_rate=float(state.schedule.get_last_lr()[0]),
        train_loss=train_loss,
        train_accuracy=train_accuracy,
        validation_loss=cross_entropy(predicted, parts[1].classes),
        validation_accuracy=correct.float().mean().item(),
        seconds=time.perf_counter() - start,
        cpu_seconds=ranks.totals([time.process_time() - cpu_start], device)[0],
    )
    state.history.append(epoch)
    if best_epoch(state.history) is epoch:
        state.best = {k: v.detach().cpu().clone() for k, v in state.model.state_dict().items()}
    display.end(epoch)


def _learn(
    state: State,
    learner: nn.Module,
    views: Views,
    split: Split,
    recipe: Recipe,
    display: _EpochProgress,
) -> tuple[float, float]:
    """Pass over the training part; its mean loss and accuracy."""
    order = _order(split)  # the same in all processes, which then draw each for itself
    if ranks.rank() > 0:
        torch.manual_seed(torch.initial_seed() + _BETWEEN_RANKS * ranks.rank())
    device = next(state.model.parameters()).device
    state.model.train()
    loss_sum = n_correct = n_seen = 0.0
    # An incomplete last batch is left out: its batch statistics would be noise.
    for batch in order.split(recipe.batch_size)[: len(order) // recipe.batch_size]:
        mine = ranks.share(batch)
        classes = split.classes[mine].to(device)
        taken = views.augmented(mine, mirror=recipe.mirror)
        logits = logits_of_batch(learner, taken, device)
        smoothing = recipe.label_smoothing
        loss = functional.cross_entropy(logits, classes, label_smoothing=smoothing)
        value = loss.item()
        if not math.isfinite(value):
            raise StemError(
                f"epoch {len(state.history) + 1}, image {n_seen:.0f}: the loss is not finite; "
                f"lower learning_rate in RECIPE of model.py, which is {recipe.learning_rate:g}"
            )
        state.optimizer.zero_grad()
        # The mean of all processes' gradients is to be that of the batch, of uneven shares, too.
        share = len(mine) * ranks.count() / len(batch)
        (loss if share == 1 else loss * share).backward()
        state.optimizer.step()
        state.schedule.step()
        loss_sum += value * len(mine)
        n_correct += (logits.argmax(dim=1) == classes).sum().item()
        n_seen += len(mine)
        display.step(loss_sum / n_seen)
    loss_sum, n_correct, n_seen = ranks.totals([loss_sum, n_correct, n_seen], device)
    return loss_sum / n_seen, n_correct / n_seen


def _order(split: Split) -> Tensor:
    """Images of one pass: of each structure one drawing, a clean one half of the time."""
    order = torch.randperm(split.n_structures)
    if split.drawings == 1:
        return order
    noisy = torch.randint(1, split.drawings, order.shape)
    drawing = torch.where(torch.rand(order.shape) < _CLEAN_SHARE, 0, noisy)
    return order + split.n_structures * drawing


class _EpochProgress:
    """A bar over all steps of a run on a terminal, and a line for each epoch everywhere."""

    def __init__(self, recipe: Recipe, n_train: int) -> None:
        self._steps = n_train // recipe.batch_size
        self._epochs = recipe.epochs
        self._bar = progress.bar() if progress.is_watched() else None
        self._label = ""
        self._validation = ""

    def __enter__(self) -> _EpochProgress:
        if self._bar:
            self._bar.add_task("Training", total=self._steps * self._epochs)
            self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bar:
            self._bar.stop()

    def start(self, epoch: int) -> None:
        self._label = f"Epoch {epoch}/{self._epochs}{self._validation}"
        self._update(completed=(epoch - 1) * self._steps)

    def step(self, loss: float) -> None:
        self._update(advance=1, description=f"{self._label} loss {loss:.3f}")

    def end(self, epoch: Epoch) -> None:
        self._validation = f"  validation {epoch.validation_accuracy:.4f}"
        line = (
            f"Epoch {epoch.epoch}/{self._epochs}  loss {epoch.train_loss:.4f}  "
            f"train {epoch.train_accuracy:.4f}{self._validation}  {epoch.seconds:.0f} s"
        )
        if self._bar:
            self._bar.console.print(line, highlight=False)
        else:
            terminal.note(line)

    def _update(self, **what: Any) -> None:
        if self._bar:
            self._bar.update(self._bar.task_ids[0], **what)
