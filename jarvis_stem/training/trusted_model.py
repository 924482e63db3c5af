"""A contribution's model.py with its stored weights, run by torch: code that has to be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import DEFAULT_BENCHMARK, bravais_result
from jarvis_stem.formats.run_record import read_run_record
from jarvis_stem.training import architecture, inference, stored_weights
from jarvis_stem.utils.errors import StemError


@dataclass(frozen=True)
class TrustedModel:
    """A contribution's model with its stored weights.

    Attributes:
        module: Ready to predict.
        classes: The benchmark's classes, in the order of the probabilities.
        temperature: What the module's logits are divided by.
    """

    module: nn.Module
    classes: list[int | str]
    temperature: float

    @classmethod
    def load(
        cls, folder: Path, benchmark: str = DEFAULT_BENCHMARK, benchmarks: Path | None = None
    ) -> TrustedModel:
        """Load a contribution's model; this executes its model.py.

        Args:
            folder: The contribution.
            benchmark: Data set that it was trained on.
            benchmarks: Folder of all benchmarks; by default that beside the folder of
                contributions.

        Raises:
            StemError: No such contribution, benchmark or stored weights, a faulty model.py, or
                weights that are not the recorded ones or another model's.
        """
        found = architecture.load(folder)
        name = bravais_result(benchmark)
        root = benchmarks or folder.resolve().parents[1] / "benchmarks"
        classes = Benchmark.read(root, name).classes
        path = folder / name.run_record_name
        run, problems = read_run_record(path)
        if problems:
            raise StemError(f"{folder}: {'; '.join(problems)}")
        if run is None or run.weights is None:
            raise StemError(
                f"{path}: {'no such file' if run is None else 'records no weights'}; train the "
                f"model: jarvis-stem train {folder.name} --benchmark {benchmark}"
            )
        module = found.build(len(classes))
        sha256 = run.weights.sha256
        temperature = stored_weights.load(folder / name.weights_name, module, sha256=sha256)
        return cls(module.eval(), classes, temperature)

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Predict as a training run does.

        Args:
            images: uint8[N, 256, 256], x along rows; N at least 1.

        Returns:
            float32[N, classes], rows summing to 1.
        """
        pixels = torch.from_numpy(images.copy())  # torch wants no array that is read-only
        return inference.predict(self.module, pixels, temperature=self.temperature).numpy()
