"""What a network says of images: logits, probabilities, temperature."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from jarvis_stem.imaging.description import describe
from jarvis_stem.training.architecture import Describing, Mirroring, Reading
from jarvis_stem.utils.errors import StemError

_PREDICTION_BATCH = 256
_CONTRAST = 1.5  # images are raised to powers between its inverse and itself in training


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
    from scipy import optimize  # half a second, which predicting need not cost

    def loss(log_temperature: float) -> float:
        return cross_entropy(probabilities(logits, math.exp(log_temperature)), classes)

    best = optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded")
    return round(math.exp(best.x), 4)


_IMAGE = "image"


class Views:
    """Images and their mirror images as a model takes them, described once."""

    def __init__(self, model: nn.Module, images: Tensor) -> None:
        """Describe images uint8[N, 256, 256] as the model wants them."""
        self._images = images
        reads = reads_of(model)
        self._parts: dict[str, Tensor] = dict.fromkeys(reads, images)
        if isinstance(model, Describing):
            described = model.describe(images)
            mirrored = _describe_mirror(model, images, described)
            self._parts = {"": torch.stack([described, mirrored])}
        elif computed := [part for part in reads if part != _IMAGE]:
            of_both = zip(*describe(images.numpy(), computed), strict=True)
            self._parts |= {
                part: torch.stack([torch.from_numpy(one.copy()) for one in both])
                for part, both in zip(computed, of_both, strict=True)
            }

    def __len__(self) -> int:
        return len(self._images)

    def take(self, which: Tensor, mirrored: Tensor) -> list[Tensor]:
        """The model's input for some images, of those that are marked for their mirror image."""
        return [
            self._pixels(which, mirrored) if part == _IMAGE else described[mirrored.long(), which]
            for part, described in self._parts.items()
        ]

    def augmented(self, which: Tensor, *, mirror: bool) -> list[Tensor]:
        """The input for training: half of it mirrored, and pictures at another contrast.

        Neither changes the class. The contrast between elements depends on the detector's angles,
        by powers of the atomic number.
        """
        taken = self.take(which, torch.rand(len(which)) < (0.5 if mirror else 0.0))
        return [
            one ** (_CONTRAST ** (2 * torch.rand(len(which), 1, 1, 1) - 1))
            if part == _IMAGE
            else one
            for part, one in zip(self._parts, taken, strict=True)
        ]

    def _pixels(self, which: Tensor, mirrored: Tensor) -> Tensor:
        images = self._images[which]
        images = torch.where(mirrored[:, None, None], _mirror(images), images)
        return images[:, None].float() / 255


def reads_of(model: nn.Module) -> tuple[str, ...]:
    """Parts of the description that a model reads; the image if it names none."""
    return model.reads if isinstance(model, Reading) else (_IMAGE,)


def _describe_mirror(model: Describing, images: Tensor, described: Tensor) -> Tensor:
    if isinstance(model, Mirroring):
        return model.mirror(described)
    return model.describe(_mirror(images))


def _mirror(images: Tensor) -> Tensor:
    """Reflect along x, which takes gamma to 180 degrees - gamma and keeps the Bravais class."""
    return images.flip(-2)


def logits_of(model: nn.Module, views: Views) -> Tensor:
    """Logits of all views' images and mirror images, float32[2, N, classes] on the CPU."""
    device = next(model.parameters()).device
    model.eval()
    with torch.no_grad():
        return torch.stack(
            [
                torch.cat(
                    [
                        logits_of_batch(
                            model, views.take(which, mirrored.expand(len(which))), device
                        )
                        for which in torch.arange(len(views)).split(_PREDICTION_BATCH)
                    ]
                ).cpu()
                for mirrored in (torch.tensor(False), torch.tensor(True))
            ]
        )


def cross_entropy(predicted: Tensor, classes: Tensor) -> float:
    """Mean cross-entropy of probabilities float32[N, classes] against classes int64[N]."""
    return functional.nll_loss(predicted.clamp(min=1e-12).log(), classes).item()


def logits_of_batch(model: nn.Module, taken: Sequence[Tensor], device: torch.device) -> Tensor:
    """Logits float32[N, classes] of a model's input, in bfloat16 where the device has it."""
    with torch.autocast(device.type, torch.bfloat16, enabled=computes_bfloat16(device)):
        logits: Tensor = model(*(one.to(device) for one in taken))
    return logits.float()
