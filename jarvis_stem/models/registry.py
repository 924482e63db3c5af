"""The table of models: what builds each and how it is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from jarvis_stem.errors import StemError


@dataclass(frozen=True)
class Recipe:
    """How a model is trained: AdamW under a one-cycle schedule on cross-entropy.

    Attributes:
        epochs: Passes over the training part.
        batch_size: Images a step.
        learning_rate: Peak of the schedule.
        weight_decay: Decoupled, on weights of two dimensions or more.
        label_smoothing: Share of the probability spread over all classes.
    """

    epochs: int
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.0


# Called with the number of classes and whether to start from ImageNet weights. The module maps
# images float32[N, 1, 256, 256] in 0..1 to logits float32[N, classes].
Builder = Callable[[int, bool], nn.Module]


@dataclass(frozen=True)
class Architecture:
    """A registered model.

    Attributes:
        name: Its name, which is also its contribution folder's.
        build: See `Builder`.
        recipe: How it is trained unless the command line says otherwise.
    """

    name: str
    build: Builder
    recipe: Recipe


_architectures: dict[str, Architecture] = {}


def register(name: str, recipe: Recipe) -> Callable[[Builder], Builder]:
    """Register a builder, as a decorator.

    Args:
        name: Name for the command line and for the contribution folder.
        recipe: How to train it.
    """

    def decorate(build: Builder) -> Builder:
        _architectures[name] = Architecture(name, build, recipe)
        return build

    return decorate


def find(name: str) -> Architecture:
    """Look a model up by name.

    Raises:
        StemError: No such model; the message lists those there are.
    """
    if name not in _architectures:
        raise StemError(f"unknown model {name!r}; known: {', '.join(sorted(_architectures))}")
    return _architectures[name]
