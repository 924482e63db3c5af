"""A contribution's stored model, run by onnxruntime: nothing of the contribution is executed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.formats import model_graph
from jarvis_stem.formats.description import SHAPES
from jarvis_stem.formats.model_graph import BATCH, ModelGraph
from jarvis_stem.formats.names import DEFAULT_BENCHMARK, bravais_result
from jarvis_stem.imaging.bravais import CLASS_NAMES
from jarvis_stem.imaging.description import describe
from jarvis_stem.prediction import models
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.extras import missing
from jarvis_stem.utils.threads import n_threads

DESCRIBED = 256  # images at once, which bounds the memory


@dataclass(frozen=True)
class StoredModel:
    """A model that was read from its file and checked.

    Attributes:
        path: Of the file.
        graph: What was read.
    """

    path: Path
    graph: ModelGraph

    @classmethod
    def load(cls, path: Path, sha256: str) -> StoredModel:
        """Read a model's file and have onnxruntime prepare it.

        Args:
            path: The file.
            sha256: Its recorded checksum.

        Raises:
            StemError: See `model_graph.read`; or onnxruntime does not take it.
        """
        model = cls(path, model_graph.read(path, sha256=sha256))
        _ = model._session
        return model

    @property
    def classes(self) -> list[int | str]:
        """The benchmark's classes, in the order of the probabilities."""
        return self.graph.classes

    @property
    def sha256(self) -> str:
        """Checksum of what is run."""
        return hashlib.sha256(self.graph.content).hexdigest()

    @property
    def temperature(self) -> float:
        """What the logits are divided by."""
        return self.graph.temperature

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Class probabilities, averaged over each image and its mirror image.

        Args:
            images: uint8[N, 256, 256], x along rows; N at least 1.

        Returns:
            float32[N, classes], rows summing to 1.

        Raises:
            StemError: The model gives numbers that are not finite, or none for some images.
        """
        chunks = (images[n : n + DESCRIBED] for n in range(0, len(images), DESCRIBED))
        return np.concatenate(
            [self.probabilities_of(*describe(chunk, self.graph.reads)) for chunk in chunks]
        )

    def probabilities_of(
        self, plain: list[NDArray[np.float32]], mirrored: list[NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """The same of images that are described; a few at a time, which bounds the memory.

        Args:
            plain: The parts of the description that the model reads, each float32[N, ...].
            mirrored: Those of the images' reflections along x.

        Raises:
            StemError: See `probabilities`.
        """
        scaled = np.stack([self._logits(plain), self._logits(mirrored)])
        with np.errstate(over="ignore"):
            scaled /= np.float32(self.temperature)
        if not np.isfinite(scaled).all():
            raise StemError(f"{self.path}: logits too large for its temperature; train anew")
        shares = np.exp(scaled - scaled.max(axis=2, keepdims=True))
        mean: NDArray[np.float32] = (shares / shares.sum(axis=2, keepdims=True)).mean(axis=0)
        return mean

    def _logits(self, parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Logits of described images, float32[N, classes]."""
        feeds = [_checked(name, one) for name, one in zip(self.graph.reads, parts, strict=True)]
        return np.concatenate(list(self._batches(feeds)))

    def _batches(self, feeds: list[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        session = self._session
        for start in range(0, len(feeds[0]), BATCH):
            batch = [feed[start : start + BATCH] for feed in feeds]
            try:
                (logits,) = session.run(
                    [model_graph.OUTPUT], dict(zip(self.graph.reads, batch, strict=True))
                )
            except Exception as error:  # whatever a stranger's graph runs into
                raise StemError(f"{self.path}: {_reason(error)}") from None
            expected = (len(batch[0]), len(self.classes))
            if logits.shape != expected or not np.isfinite(logits).all():
                raise StemError(
                    f"{self.path}: expected finite logits {list(expected)}, got "
                    f"{list(logits.shape)} with {np.isfinite(logits).sum()} finite; train anew"
                )
            yield logits

    @cached_property
    def _session(self) -> Any:
        # Before the import, which else writes an identifier of the device and records of its use
        # into the user's cache, to be sent to its makers.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        try:
            import onnxruntime
        except ImportError as error:  # missing, or without a library of the system
            raise StemError(f"{missing('onnxruntime')} ({error})") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_threads()
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # it keeps what the largest batch took
        options.enable_mem_pattern = False
        options.log_severity_level = 4  # what matters is raised
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            return onnxruntime.InferenceSession(
                self.graph.content,
                options,
                providers=["CPUExecutionProvider"],
                enable_fallback=0,  # to that provider again, which it would print
            )
        except Exception as error:  # its own kinds, of which some are not in its interface
            raise StemError(f"{self.path}: {_reason(error)}") from None

    def __getstate__(self) -> dict[str, Any]:
        """All but the session, which another process makes for itself."""
        return {"path": self.path, "graph": self.graph}


@dataclass(frozen=True)
class DefaultModel:
    """The default model, read when it is first asked: a picture whose lattice is found needs none.

    Attributes:
        folder: Its contribution.
    """

    folder: Path

    @property
    def path(self) -> Path:
        """Of its file."""
        return self.folder / bravais_result(DEFAULT_BENCHMARK).model_name

    @cached_property
    def sha256(self) -> str:
        """Its recorded checksum."""
        return models.recorded_sha256(self.folder, DEFAULT_BENCHMARK)

    @property
    def classes(self) -> list[int | str]:
        """The Bravais classes, in the order of the probabilities."""
        return list(range(len(CLASS_NAMES)))

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `StoredModel.probabilities`, and `StoredModel.load` for what else it raises."""
        return self._model.probabilities(images)

    def __reduce__(self) -> tuple[type[StoredModel], tuple[Path, ModelGraph]]:
        """What was read of it: a process on another machine may not have the file."""
        return StoredModel, (self.path, self._model.graph)

    @cached_property
    def _model(self) -> StoredModel:
        model = StoredModel.load(self.path, self.sha256)
        if model.classes != self.classes:
            raise StemError(f"{self.path}: expected classes {self.classes}, got {model.classes}")
        return model


def _checked(name: str, part: NDArray[np.float32]) -> NDArray[np.float32]:
    """A part of the description as onnxruntime reads it right: native, contiguous, finite."""
    part = np.ascontiguousarray(part, np.float32)  # of other byte orders it would read the bytes
    if part.shape[1:] != SHAPES[name] or not np.isfinite(part).all():
        raise StemError(
            f"description {name}: expected finite float32[N, {SHAPES[name]}], got {part.shape}"
        )
    return part


def _reason(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"onnxruntime does not run it ({first[:200]})"
