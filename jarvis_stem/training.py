"""The training loop: fit on one part, choose the epoch on another, resume where it stopped."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from jarvis_stem import progress
from jarvis_stem.errors import StemError
from jarvis_stem.files import write_bytes
from jarvis_stem.models import Describing, Mirroring, Recipe

_PREDICTION_BATCH = 256
_WARM_UP = 0.2  # share of the steps in which the one-cycle schedule climbs
_CLEAN_SHARE = 0.5  # of a pass, where structures have noisy drawings too
_CONTRAST = 1.5  # images are raised to powers between its inverse and itself in training


@dataclass(frozen=True)
class Split:
    """Images and their classes.

    Attributes:
        images: uint8[N, 256, 256].
        classes: int64[N], positions in the benchmark's list of classes.
        drawings: How many of the images are of each structure: the clean ones of all structures
            come first, then a noisy one of each, and so on.
    """

    images: Tensor
    classes: Tensor
    drawings: int = 1

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def n_structures(self) -> int:
        """How many structures the images are of."""
        return len(self) // self.drawings


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training part came to.

    Attributes:
        epoch: Its number, from 1.
        learning_rate: At its end.
        train_loss: Mean cross-entropy over its steps.
        train_accuracy: Share right over its steps, under augmentation.
        validation_loss: Cross-entropy on the validation part afterwards.
        validation_accuracy: Share right there; it chooses the epoch.
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
class _State:
    """All that a later epoch depends on, besides data and seed."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    history: list[Epoch]
    best: dict[str, Tensor]


def choose_device(name: str = "auto") -> torch.device:
    """Find the device to train on.

    Args:
        name: ``auto`` takes a GPU where there is one; else any torch device.

    Raises:
        StemError: Torch does not know or does not have it.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise StemError(f"--device {name}: not available here ({reason})") from None
    return device


def computes_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 natively; a CPU that emulates it is slower so."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


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
    resumed after any epoch does what an uninterrupted one does.

    Args:
        model: As `models.architecture.Builder` says; trained in place.
        train: Part to learn from.
        validation: Part that chooses the epoch.
        recipe: How to train.
        seed: Of order and augmentation.
        device: Where to compute.
        checkpoint: File rewritten after each epoch.
        identity: What the checkpoint is of; resuming with another one is refused.
        resume: Continue from the checkpoint where there is one.
        until: Validation accuracy that ends the training before its last epoch.
        on_epoch: Called with the history after each epoch.

    Returns:
        The history of all epochs, those before a resumption included; and the validation part's
        logits as `predict_logits` gives them, float32[2, N, classes].

    Raises:
        StemError: The checkpoint is of another run, or the loss is no longer finite.
    """
    state = _start(_to(model, device), recipe, train.n_structures)
    if resume and checkpoint.exists():
        _load_checkpoint(checkpoint, state, identity)
    views = (_Views(model, train.images), _Views(model, validation.images))
    with _EpochProgress(recipe, train.n_structures) as display:
        while len(state.history) < recipe.epochs and not _reached(state.history, until):
            _run_epoch(state, views, (train, validation), recipe, seed, display)
            _save_checkpoint(checkpoint, state, identity)
            on_epoch(state.history)
    model.load_state_dict(state.best)
    return state.history, _logits_of(model, views[1])


def _reached(history: list[Epoch], accuracy: float | None) -> bool:
    return accuracy is not None and any(e.validation_accuracy >= accuracy for e in history)


def best_epoch(history: list[Epoch]) -> Epoch:
    """The epoch of the highest validation accuracy; of equals, that of the lowest loss."""
    return max(history, key=lambda e: (e.validation_accuracy, -e.validation_loss))


def predict(model: nn.Module, images: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Class probabilities, averaged over each image and its mirror image.

    Args:
        model: As for `fit`, on the device to compute on.
        images: uint8[N, 256, 256].
        temperature: What logits are divided by; see `calibrate`.

    Returns:
        float32[N, classes] on the CPU, rows summing to 1.
    """
    return probabilities(predict_logits(model, images), temperature)


def predict_logits(model: nn.Module, images: Tensor) -> Tensor:
    """Logits of images and of their mirror images.

    Args:
        model: As for `fit`, on the device to compute on.
        images: uint8[N, 256, 256].

    Returns:
        float32[2, N, classes] on the CPU.
    """
    return _logits_of(model, _Views(model, images))


def probabilities(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Class probabilities from what `predict_logits` returned.

    Args:
        logits: float32[2, N, classes].
        temperature: What they are divided by.

    Returns:
        float32[N, classes], the mean over an image and its mirror image.
    """
    return (logits / temperature).softmax(dim=2).mean(dim=0)


def calibrate(logits: Tensor, classes: Tensor) -> float:
    """Find the temperature under which probabilities fit the classes best.

    Args:
        logits: From `predict_logits`, of images that the model has not learned from.
        classes: Theirs, int64[N].

    Returns:
        The temperature of least cross-entropy. Source: Guo et al., ICML 2017.
    """
    from scipy import optimize  # half a second, which predicting need not cost

    def loss(log_temperature: float) -> float:
        return _cross_entropy(probabilities(logits, math.exp(log_temperature)), classes)

    best = optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded")
    return round(math.exp(best.x), 4)


class _Views:
    """Images and their mirror images as a model takes them, described once if it describes."""

    def __init__(self, model: nn.Module, images: Tensor) -> None:
        self._images = images
        self._descriptions = None
        if isinstance(model, Describing):
            described = model.describe(images)
            self._descriptions = torch.stack(
                [described, _describe_mirror(model, images, described)]
            )

    def __len__(self) -> int:
        return len(self._images)

    def take(self, which: Tensor, mirrored: Tensor) -> Tensor:
        """The model's input for some images, of those that are marked for their mirror image."""
        if self._descriptions is not None:
            return self._descriptions[mirrored.long(), which]
        images = self._images[which]
        images = torch.where(mirrored[:, None, None], _mirror(images), images)
        return images[:, None].float() / 255

    def augmented(self, which: Tensor, *, mirror: bool) -> Tensor:
        """The input for training: half of it mirrored, and pictures at another contrast.

        Neither changes the class. The contrast between elements depends on the detector's angles,
        by powers of the atomic number.
        """
        taken = self.take(which, torch.rand(len(which)) < (0.5 if mirror else 0.0))
        if self._descriptions is not None:
            return taken
        return taken ** (_CONTRAST ** (2 * torch.rand(len(which), 1, 1, 1) - 1))


def _describe_mirror(model: Describing, images: Tensor, described: Tensor) -> Tensor:
    if isinstance(model, Mirroring):
        return model.mirror(described)
    return model.describe(_mirror(images))


def _mirror(images: Tensor) -> Tensor:
    """Reflect along x, which takes gamma to 180 degrees - gamma and keeps the Bravais class."""
    return images.flip(-2)


def _logits_of(model: nn.Module, views: _Views) -> Tensor:
    device = next(model.parameters()).device
    model.eval()
    with torch.no_grad():
        return torch.stack(
            [
                torch.cat(
                    [
                        _logits(model, views.take(which, mirrored.expand(len(which))).to(device))
                        for which in torch.arange(len(views)).split(_PREDICTION_BATCH)
                    ]
                ).cpu()
                for mirrored in (torch.tensor(False), torch.tensor(True))
            ]
        )


def _cross_entropy(predicted: Tensor, classes: Tensor) -> float:
    return functional.nll_loss(predicted.clamp(min=1e-12).log(), classes).item()


def _logits(model: nn.Module, taken: Tensor) -> Tensor:
    device = taken.device
    with torch.autocast(device.type, torch.bfloat16, enabled=computes_bfloat16(device)):
        logits: Tensor = model(taken)
    return logits.float()


def _to(model: nn.Module, device: torch.device) -> nn.Module:
    channels_last: Any = {"memory_format": torch.channels_last}  # torch's stub does not know it
    return model.to(device, **channels_last)


def _start(model: nn.Module, recipe: Recipe, n_train: int) -> _State:
    if n_train < recipe.batch_size:
        raise StemError(f"{n_train} training images are fewer than one batch, {recipe.batch_size}")
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        recipe.learning_rate,
        total_steps=recipe.epochs * (n_train // recipe.batch_size),
        pct_start=_WARM_UP,
    )
    return _State(model, optimizer, schedule, [], {})


def _run_epoch(
    state: _State,
    views: tuple[_Views, _Views],
    parts: tuple[Split, Split],
    recipe: Recipe,
    seed: int,
    display: _EpochProgress,
) -> None:
    start, cpu_start = time.perf_counter(), time.process_time()
    number = len(state.history) + 1
    torch.manual_seed(seed * 1_000_003 + number)
    (train, validation), (learned, chosen_by) = views, parts
    order = _order(learned)
    device = next(state.model.parameters()).device
    state.model.train()
    loss_sum = n_right = n_seen = 0.0
    display.start(number)
    # An incomplete last batch is left out: its batch statistics would be noise.
    for batch in order.split(recipe.batch_size)[: len(order) // recipe.batch_size]:
        classes = learned.classes[batch].to(device)
        logits = _logits(state.model, train.augmented(batch, mirror=recipe.mirror).to(device))
        smoothing = recipe.label_smoothing
        loss = functional.cross_entropy(logits, classes, label_smoothing=smoothing)
        state.optimizer.zero_grad()
        loss.backward()
        state.optimizer.step()
        state.schedule.step()
        loss_sum += loss.item() * len(batch)
        n_right += (logits.argmax(dim=1) == classes).sum().item()
        n_seen += len(batch)
        display.step(loss_sum / n_seen)
    if not torch.isfinite(torch.tensor(loss_sum)):
        raise StemError(f"epoch {number}: the loss is not finite; lower --learning-rate")
    predicted = probabilities(_logits_of(state.model, validation))
    right = predicted.argmax(dim=1) == chosen_by.classes
    epoch = Epoch(
        epoch=number,
        learning_rate=float(state.schedule.get_last_lr()[0]),
        train_loss=loss_sum / n_seen,
        train_accuracy=n_right / n_seen,
        validation_loss=_cross_entropy(predicted, chosen_by.classes),
        validation_accuracy=right.float().mean().item(),
        seconds=time.perf_counter() - start,
        cpu_seconds=time.process_time() - cpu_start,
    )
    state.history.append(epoch)
    if best_epoch(state.history) is epoch:
        state.best = {k: v.detach().cpu().clone() for k, v in state.model.state_dict().items()}
    display.end(epoch)


def _order(split: Split) -> Tensor:
    """Images of one pass: of each structure one drawing, a clean one half of the time."""
    order = torch.randperm(split.n_structures)
    if split.drawings == 1:
        return order
    noisy = torch.randint(1, split.drawings, order.shape)
    drawing = torch.where(torch.rand(order.shape) < _CLEAN_SHARE, 0, noisy)
    return order + split.n_structures * drawing


def _save_checkpoint(path: Path, state: _State, identity: dict[str, Any]) -> None:
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


def _load_checkpoint(path: Path, state: _State, identity: dict[str, Any]) -> None:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        saved = content["identity"]
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
    state.model.load_state_dict(content["model"])
    state.optimizer.load_state_dict(content["optimizer"])
    state.schedule.load_state_dict(content["schedule"])
    state.history.extend(Epoch(**row) for row in content["history"])
    state.best = content["best"]


class _EpochProgress:
    """A bar over all steps of a run on a terminal, and a line for each epoch everywhere."""

    def __init__(self, recipe: Recipe, n_train: int) -> None:
        self._steps = n_train // recipe.batch_size
        self._epochs = recipe.epochs
        self._bar = progress.bar()
        self._task = self._bar.add_task("Training", total=self._steps * recipe.epochs)
        self._label = ""
        self._validation = ""

    def __enter__(self) -> _EpochProgress:
        self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()

    def start(self, epoch: int) -> None:
        self._label = f"Epoch {epoch}/{self._epochs}{self._validation}"
        self._bar.update(self._task, completed=(epoch - 1) * self._steps)

    def step(self, loss: float) -> None:
        self._bar.update(self._task, advance=1, description=f"{self._label} loss {loss:.3f}")

    def end(self, epoch: Epoch) -> None:
        self._validation = f"  validation {epoch.validation_accuracy:.4f}"
        self._bar.console.print(
            f"Epoch {epoch.epoch}/{self._epochs}  loss {epoch.train_loss:.4f}  "
            f"train {epoch.train_accuracy:.4f}{self._validation}  {epoch.seconds:.0f} s",
            highlight=False,
        )
