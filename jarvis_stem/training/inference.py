"""What a network says of images: logits, probabilities, temperature."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional

from jarvis_stem.formats.description import SHAPES
from jarvis_stem.imaging.described_images import DescribedImages
from jarvis_stem.training import ranks
from jarvis_stem.training.architecture import Describing, Mirroring, Reading
from jarvis_stem.utils.errors import StemError

_PREDICTION_BATCH = 256
_LOG_TEMPERATURES, _CLOSE = (-3.0, 3.0), 1e-5  # where the best is looked for, and how closely
_CONTRAST = 1.5  # images are raised to powers between its inverse and itself in training


def choose_device(name: str = "auto") -> torch.device:
    """Find the device to train on.

    Args:
        name: ``auto`` takes a GPU where there is one; else any torch device.

    Raises:
        StemError: Torch does not know or does not have it.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
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


def predict(
    model: nn.Module, images: Tensor | DescribedImages, *, temperature: float = 1.0
) -> Tensor:
    """Class probabilities, averaged over each image and its mirror image.

    Args:
        model: As for `fit`, on the device to compute on.
        images: Them, uint8[N, 256, 256] if it is a tensor.
        temperature: What logits are divided by; see `calibrate`.

    Returns:
        float32[N, classes] on the CPU, rows summing to 1.
    """
    return probabilities(predict_logits(model, images), temperature)


def predict_logits(model: nn.Module, images: Tensor | DescribedImages) -> Tensor:
    """Logits of images and of their mirror images.

    Args:
        model: As for `fit`, on the device to compute on.
        images: Them, uint8[N, 256, 256] if it is a tensor.

    Returns:
        float32[2, N, classes] on the CPU.
    """
    return logits_of(model, Views(model, images))


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
    exact = logits.double()  # around the minimum, single precision has many

    def loss(log_temperature: float) -> float:
        return cross_entropy(probabilities(exact, math.exp(log_temperature)), classes)

    low, high = _LOG_TEMPERATURES
    with _one_thread():  # see `suited_threads`
        # There is one minimum, in two of three thirds. SciPy's minimizers take longer to import.
        while high - low > _CLOSE:
            third = (high - low) / 3
            if loss(low + third) < loss(high - third):
                high -= third
            else:
                low += third
    return round(math.exp((low + high) / 2), 4)


_IMAGE = "image"


class Views:
    """Images and their mirror images as a model takes them, described once."""

    def __init__(self, model: nn.Module, images: Tensor | DescribedImages) -> None:
        """Describe images, uint8[N, 256, 256] if it is a tensor, as the model wants them."""
        if isinstance(images, Tensor):
            images = DescribedImages.of(images.numpy())
        self._images = images
        self._described: Tensor | None = None
        self._parts = parts_of(model)
        images.prepare(self._parts, ranks.in_turn)
        if isinstance(model, Describing):
            chunks = torch.arange(len(self)).split(_PREDICTION_BATCH)
            self._described = torch.cat(
                [self._described_by(model, chunk) for chunk in chunks], dim=1
            )

    def __len__(self) -> int:
        return len(self._images)

    def take(self, which: Tensor, mirrored: Tensor) -> list[Tensor]:
        """The model's input for some images, of those that are marked for their mirror image."""
        if self._described is not None:
            return [self._described[mirrored.long(), which]]
        return [
            _pixels(taken) if part == _IMAGE else taken
            for part, taken in ((part, self._take(part, which, mirrored)) for part in self._parts)
        ]

    def augmented(self, which: Tensor, *, mirror: bool) -> list[Tensor]:
        """The input for training: half of it mirrored, and pictures at another contrast.

        Neither changes the class. The contrast between elements depends on the detector's angles,
        by powers of the atomic number.
        """
        taken = self.take(which, torch.rand(len(which)) < (0.5 if mirror else 0.0))
        if self._described is not None:
            return taken
        return [
            one ** (_CONTRAST ** (2 * torch.rand(len(which), 1, 1, 1) - 1))
            if part == _IMAGE
            else one
            for part, one in zip(self._parts, taken, strict=True)
        ]

    def _take(self, part: str, which: Tensor, mirrored: Tensor) -> Tensor:
        return torch.from_numpy(self._images.take(part, which.numpy(), mirrored.numpy()))

    def _described_by(self, model: Describing, which: Tensor) -> Tensor:
        """What a model makes of images and of their mirror images, float32[2, n, ...]."""
        images = self._take(_IMAGE, which, torch.zeros(len(which), dtype=torch.bool))
        described = model.describe(images)
        return torch.stack([described, _describe_mirror(model, images, described)])


def _pixels(images: Tensor) -> Tensor:
    return images[:, None].float() / 255


def parts_of(model: nn.Module) -> tuple[str, ...]:
    """Parts of the description that a model is given, or makes its own description of."""
    return (_IMAGE,) if isinstance(model, Describing) else reads_of(model)


def reads_of(model: nn.Module) -> tuple[str, ...]:
    """Parts of the description that a model reads; the image if it names none."""
    return model.reads if isinstance(model, Reading) else (_IMAGE,)


def examples_for(
    reads: Sequence[str], count: int, generator: torch.Generator | None = None
) -> tuple[Tensor, ...]:
    """Made-up parts of a description, float32[n, ...] each: zeros, or numbers of a generator."""
    shapes = [(count, *SHAPES[part]) for part in reads]
    if generator is None:
        return tuple(torch.zeros(shape) for shape in shapes)
    return tuple(torch.rand(shape, generator=generator) for shape in shapes)


@contextmanager
def suited_threads(model: nn.Module) -> Iterator[None]:
    """Have torch compute meanwhile with one thread where a model reads vectors alone.

    Its steps are so short that threads would wait for each other longer than they work, on a busy
    machine many times longer; and with one the result is the same on any number of cores.
    """
    vectors = all(len(SHAPES[part]) == 1 for part in parts_of(model))
    with _one_thread() if vectors else nullcontext():
        yield


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _describe_mirror(model: Describing, images: Tensor, described: Tensor) -> Tensor:
    if isinstance(model, Mirroring):
        return model.mirror(described)
    return model.describe(_mirror(images))


def _mirror(images: Tensor) -> Tensor:
    """Reflect along x, which takes gamma to 180 degrees - gamma and keeps the Bravais class."""
    return images.flip(-2)


def logits_of(model: nn.Module, views: Views, which: Tensor | None = None) -> Tensor:
    """Logits of images and of their mirror images, float32[2, N, classes] on the CPU.

    Args:
        model: As for `fit`, on the device to compute on.
        views: Of the images.
        which: Their numbers, int64[N]; all of them if None.
    """
    device = next(model.parameters()).device
    rows = torch.arange(len(views)) if which is None else which
    model.eval()

    def logits(mirrored: bool) -> Tensor:
        taken = (
            views.take(batch, torch.full(batch.shape, mirrored))
            for batch in rows.split(_PREDICTION_BATCH)
        )
        return torch.cat([logits_of_batch(model, batch, device) for batch in taken]).cpu()

    with torch.no_grad():
        return torch.stack([logits(False), logits(True)])


def cross_entropy(predicted: Tensor, classes: Tensor) -> float:
    """Mean cross-entropy of probabilities float32[N, classes] against classes int64[N]."""
    return functional.nll_loss(predicted.clamp(min=1e-12).log(), classes).item()


def logits_of_batch(model: nn.Module, taken: Sequence[Tensor], device: torch.device) -> Tensor:
    """Logits float32[N, classes] of a model's input, in bfloat16 where the device has it."""
    with torch.autocast(device.type, torch.bfloat16, enabled=computes_bfloat16(device)):
        logits: Tensor = model(*(one.to(device) for one in taken))
    return logits.float()
