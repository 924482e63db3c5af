"""A contribution's model: what builds it and how it is trained, read from its model.py."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from inspect import isfunction, signature
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from jarvis_stem.utils.errors import StemError

_FILE = "model.py"
_LONGEST = 300  # characters of an exception's text


class ModelError(StemError):
    """An exception of a model's own code, which is its cause."""


@dataclass(frozen=True)
class Recipe:
    """How a model is trained: AdamW under a one-cycle schedule on cross-entropy.

    Attributes:
        epochs: Passes over the training part.
        batch_size: Images a step.
        learning_rate: Peak of the schedule.
        weight_decay: Decoupled, on weights of two dimensions or more.
        label_smoothing: Share of the probability spread over all classes.
        mirror: Whether half of the images a step are mirrored.
        noisy_copies: Drawings of each training structure under conditions drawn at random, beside
            the clean one. A pass has one drawing of each structure, half of the time the clean one.

    Examples:
        >>> Recipe(epochs=30, noisy_copies=1).learning_rate
        0.002
    """

    epochs: int
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.0
    mirror: bool = True
    noisy_copies: int = 0


@runtime_checkable
class Reading(Protocol):
    """A module that reads parts of an image's description in place of the image.

    Attributes:
        reads: Names of the parts, of `formats.description`; `forward` takes each, float32[N, ...].
    """

    reads: tuple[str, ...]


@runtime_checkable
class Describing(Protocol):
    """A module that learns from what it computes of each image once, before training.

    Its code is a part of it, so that it cannot be stored as a graph; see `Reading`.
    """

    def describe(self, images: Tensor) -> Tensor:
        """Describe images uint8[N, 256, 256] as float32[N, ...], which `forward` then takes."""
        ...


@runtime_checkable
class Mirroring(Describing, Protocol):
    """One that need not look at a mirror image to describe it."""

    def mirror(self, description: Tensor) -> Tensor:
        """Turn descriptions float32[N, ...] into those of the images reflected along x."""
        ...


# Called with the number of classes. The module maps images float32[N, 1, 256, 256] in 0..1, or the
# parts of their description if it is `Reading`, or what it makes of them if it is `Describing`, to
# logits float32[N, classes].
Builder = Callable[[int], nn.Module]


@dataclass(frozen=True)
class Architecture:
    """A contribution's model.

    Attributes:
        name: Its name, which is its contribution folder's.
        build: See `Builder`.
        recipe: How it is trained unless the command line says otherwise.
        digest: Of its model.py; another text is another model.
        path: Of its model.py.
    """

    name: str
    build: Builder
    recipe: Recipe
    digest: str
    path: Path


def load(folder: Path) -> Architecture:
    """Load the model of a contribution; this executes its model.py.

    Args:
        folder: The contribution; its model.py has ``RECIPE = Recipe(...)`` and
            ``def build(classes: int) -> nn.Module`` (see `Builder`).

    Raises:
        StemError: No such folder or file, a fault in executing it, or something else in place of
            RECIPE or build.
    """
    path = folder / _FILE
    if not folder.is_dir():
        raise StemError(
            f"{folder}: no such contribution; with a model: {_known(folder.parent)}; to start one: "
            f"python -m jarvis_stem.new {folder.name}"
        )
    if not path.is_file():
        raise StemError(
            f"{path}: no such file; expected the contribution's model there, with RECIPE and build"
        )
    module = _execute(path)
    recipe, build = (getattr(module, name, None) for name in ("RECIPE", "build"))
    if not isinstance(recipe, Recipe):
        raise StemError(
            f"{path}: expected RECIPE = Recipe(...) of jarvis_stem.training, got {recipe!r}"
        )
    if not callable(build) or not _takes_one(build):
        shown = f"build{signature(build)}" if isfunction(build) else repr(build)
        raise StemError(
            f"{path}: expected a function build(classes: int) -> nn.Module, got {shown}"
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return Architecture(folder.name, build, recipe, digest, path)


class _SourceLoader(SourceFileLoader):
    """Compiles the source each time, so that a contribution's folder gets no ``__pycache__``."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _execute(path: Path) -> ModuleType:
    name = f"{__name__} {path.resolve()}"  # no other module's: model.py is one name for many files
    loader = _SourceLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None  # noqa: S101 - a loader is given
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up there
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _fault(error, path) from error
    return module


@contextmanager
def blamed(path: Path, *, wholly: bool = False) -> Iterator[None]:
    """Name file and line of what a model's code raises.

    Args:
        path: Its model.py.
        wholly: Whether nothing else runs here: what torch raises in the model's layers is its, too.

    Raises:
        ModelError: In place of an exception that came through a line of that file.
    """
    try:
        yield
    except StemError:
        raise
    except Exception as error:
        if not (wholly or _lines(error, path)):
            raise
        raise _fault(error, path) from error


def check_logits(
    model: Any, logits: Callable[[nn.Module], Tensor], classes: int, path: Path
) -> None:
    """Check what ``build`` returned before it is trained, torch's generator left as it is.

    Args:
        model: What it returned.
        logits: The model's answer to a few images.
        classes: How many the benchmark has.
        path: The model.py.

    Raises:
        StemError: No module, or not one logit for each class.
        ModelError: It raises an exception.
    """
    if not isinstance(model, nn.Module):
        raise StemError(f"{path}: expected build to return a torch.nn.Module, got {model!r}")
    with torch.random.fork_rng(devices=[]), torch.no_grad(), blamed(path, wholly=True):
        found = logits(model)
    if found.ndim != 2 or found.shape[1] != classes:
        raise StemError(
            f"{path}: expected logits of shape (images, {classes}), one for each class of the "
            f"benchmark, got {tuple(found.shape)}; build is given the number of classes"
        )


def _fault(error: BaseException, path: Path) -> ModelError:
    """An exception on one line."""
    text = " ".join(str(error).split())
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return ModelError(f"{_place(error, path)}: {type(error).__name__}: {shown}")


def _takes_one(build: Callable[..., Any]) -> bool:
    """Whether a function can be called with one argument."""
    try:
        signature(build).bind(None)
    except TypeError:
        return False
    return True


def _place(error: BaseException, path: Path) -> str:
    """File and line of a fault: its own if it is one of syntax, else the last line of the model."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{error.filename}:{error.lineno}"
    lines = _lines(error, path)
    return f"{path}:{lines[-1]}" if lines else str(path)


def _lines(error: BaseException, path: Path) -> list[int | None]:
    """Lines of a file that an exception came through."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame.lineno for frame in frames if frame.filename == str(path)]


def _known(contributions: Path) -> str:
    names = sorted(path.parent.name for path in contributions.glob(f"[!._]*/{_FILE}"))
    return ", ".join(names) or "none"
