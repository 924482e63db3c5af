"""The committed contributions that have a stored model."""

from __future__ import annotations

from pathlib import Path

from jarvis_stem.api import list_models, load_model
from jarvis_stem.prediction.predictor import Predictor
from jarvis_stem.utils.errors import StemError


def predictors(contributions: Path, benchmark: str) -> dict[str, Predictor]:
    """Load every contribution's stored model.

    Args:
        contributions: Folder of contribution folders.
        benchmark: Dataset that they were trained on.

    Returns:
        Predictors by contribution.

    Raises:
        StemError: None has a stored model, or some cannot be loaded.
    """
    names = [one.name for one in list_models(contributions) if one.benchmark == benchmark]
    if not names:
        raise StemError(f"{contributions}: no contribution has a stored model for {benchmark}")
    return {name: load_model(name, benchmark, contributions) for name in names}
