"""How a trained module is kept beside its predictions: as a graph, or else as weights."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.weights_file import LIMIT
from jarvis_stem.training import stored_weights
from jarvis_stem.training.graph_export import graph_of
from jarvis_stem.utils import terminal
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import write_bytes


def store(
    folder: Path,
    name: ResultName,
    module: nn.Module,
    classes: Sequence[int | str],
    temperature: float,
) -> dict[str, Any]:
    """Store a module, whole or not at all, in place of what an earlier run stored.

    It is a graph if it can be one; a module that cannot is kept as weights, for which its model.py
    is needed. Why, and why not even these are, is said on the terminal.

    Args:
        folder: Where to.
        name: The result.
        module: Trained.
        classes: In the order of its logits.
        temperature: What its logits are divided by.

    Returns:
        What the run's record says of the file: ``{"model": {"sha256": str, "bytes": int}}``, the
        same under ``weights``, or nothing.

    Raises:
        OSError: A file cannot be written.
    """
    graph, weights = folder / name.model_name, folder / name.weights_name
    try:
        content = graph_of(module, classes, temperature)
        if len(content) > LIMIT:
            raise StemError(f"{len(content)} bytes are more than the {LIMIT} that are stored")
        write_bytes(graph, content)
        weights.unlink(missing_ok=True)
        sha256 = hashlib.sha256(content).hexdigest()
        return {"model": {"sha256": sha256, "bytes": len(content)}}
    except StemError as error:
        terminal.note(f"not stored as a graph: {error}")
    graph.unlink(missing_ok=True)  # that of an earlier run would not be this one's
    try:
        stored = stored_weights.save(weights, module, temperature=temperature)
    except StemError as error:
        weights.unlink(missing_ok=True)
        terminal.note(f"weights not stored: {error}")
        return {}
    terminal.note("stored as weights, which predict with --trust-code alone")
    return {"weights": stored}
