"""Stored weights of contributions that were trained before models were stored as graphs."""

from __future__ import annotations

from pathlib import Path

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import WEIGHTS_SUFFIX, ResultName
from jarvis_stem.training.storing import store
from jarvis_stem.training.trusted_model import TrustedModel
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, read_json_object, write_text


def convert(folder: Path, benchmarks: Path) -> list[Path]:
    """Store as graphs what a contribution has as weights; this executes its model.py.

    Args:
        folder: The contribution.
        benchmarks: Folder of all benchmarks.

    Returns:
        The models that were written, in the place of the weights.

    Raises:
        StemError: See `TrustedModel.load`; or the model cannot be a graph, and stays as it is.
    """
    written = []
    for path in sorted(folder.glob(f"*{WEIGHTS_SUFFIX}")):
        name = ResultName.parse(path.name.removesuffix(WEIGHTS_SUFFIX))
        model = TrustedModel.load(folder, name.dataset, benchmarks)
        classes = Benchmark.read(benchmarks, name).classes
        stored = store(folder, name, model.module, classes, model.temperature)
        if "model" not in stored:
            raise StemError(f"{folder}: its model cannot be a graph; it predicts with --trust-code")
        record_path = folder / name.run_record_name
        record = read_json_object(record_path)
        # In the place of the weights, so that nothing else in the file moves.
        renamed = {("model" if key == "weights" else key): one for key, one in record.items()}
        write_text(record_path, json_text(renamed | stored))
        written.append(folder / name.model_name)
    return written
