"""The committed contributions that have stored weights."""

from __future__ import annotations

from pathlib import Path

from jarvis_stem.prediction.predictor import Predictor
from jarvis_stem.training.stored_model import StoredModel
from jarvis_stem.utils.errors import StemError


def predictors(contributions: Path, benchmark: str, benchmarks: Path) -> dict[str, Predictor]:
    """Load every contribution's stored model; this executes their model.py.

    Args:
        contributions: Folder of contribution folders.
        benchmark: Dataset that they were trained on.
        benchmarks: Folder of all benchmarks.

    Returns:
        Predictors by contribution.

    Raises:
        StemError: None has stored weights, or some cannot be loaded.
    """
    folders = sorted(p.parent for p in contributions.glob(f"*/*-{benchmark}-*.safetensors"))
    if not folders:
        raise StemError(f"{contributions}: no contribution has stored weights for {benchmark}")
    return {f.name: Predictor(StoredModel.load(f, benchmark, benchmarks)) for f in folders}
