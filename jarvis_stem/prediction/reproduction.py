"""Whether a stored model gives the predictions that lie beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.predictions import read_predictions
from jarvis_stem.imaging import image_set, structures
from jarvis_stem.prediction import models
from jarvis_stem.prediction.stored_model import StoredModel
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.progress import track

_CHUNK = 256  # images that are predicted at a time


def differing_ids(
    folder: Path, name: ResultName, benchmarks: Path, data: str | None = None
) -> tuple[list[str], int]:
    """Predict a benchmark anew by a contribution's stored model; none of its code is run.

    Args:
        folder: The contribution.
        name: The result whose predictions are compared.
        benchmarks: Folder of all benchmarks.
        data: Folder of the JARVIS databases; see `imaging.store.store_directory`.

    Returns:
        Ids that the model gives another class than the file of predictions, and the number of ids
        that have a structure at hand and were compared.

    Raises:
        StemError: No stored model, faulty predictions, or no structures at hand.
    """
    benchmark = Benchmark.read(benchmarks, name)
    if benchmark.sources:
        raise StemError(f"{name}: its pictures are for jarvis-stem predict --benchmark")
    path = folder / name.predictions_name
    predicted, problems = read_predictions(path, name, benchmark)
    if problems:
        raise StemError(f"{path}: {'; '.join(problems)}")
    record = models.recorded(folder, name.dataset)
    if record.model is None:
        raise StemError(f"{folder / name.run_record_name}: records no model; train it anew")
    model = StoredModel.load(folder / name.model_name, record.model.sha256)
    ids = list(benchmark.split(name.split))
    images = image_set.render(structures.for_dataset(name.dataset, ids, data=data), ids)
    if not images.ids:
        raise StemError(f"{name}: none of its {len(ids)} test ids has a structure at hand")
    starts = range(0, len(images.ids), _CHUNK)
    parts = [
        model.probabilities(images.images[start : start + _CHUNK]).argmax(axis=1)
        for start in track(starts, folder.name)
    ]
    stated = dict(zip(ids, predicted.tolist(), strict=True))
    again = np.concatenate(parts).tolist()
    differ = [id for id, c in zip(images.ids, again, strict=True) if stated[id] != c]
    return differ, len(images.ids)
