"""A trained model's weights beside its predictions, in a file of safetensors.

The file holds tensors and one line of text, no code; it is read only if its SHA-256 is the one in
the run's record. Checking that needs no torch.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_stem.formats.weights_file import LIMIT, MEND, read, temperature_of
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import write_bytes
from jarvis_stem.utils.messages import quote, some

if TYPE_CHECKING:
    from torch import Tensor, nn
_TEMPERATURE = "temperature"


def save(path: Path, model: nn.Module, *, temperature: float) -> dict[str, Any]:
    """Write a model's weights, whole or not at all; the same weights give the same bytes.

    Tensors of two or more dimensions are kept in half precision where all of their values are
    finite in it; the rest, small and more delicate, as they are.

    Args:
        path: The file.
        model: The model.
        temperature: What the model's logits are divided by.

    Returns:
        What the run's record says of the file: ``{"sha256": str, "bytes": int}``.

    Raises:
        StemError: They take more than `LIMIT`; nothing is written.
        OSError: The file cannot be written.
    """
    from safetensors.torch import save as encode

    state = sorted(model.state_dict().items())
    tensors = {name: _compact(tensor) for name, tensor in state}
    content = encode(tensors, {_TEMPERATURE: repr(float(temperature))})
    if len(content) > LIMIT:
        raise StemError(
            f"{path}: {len(content)} bytes of weights are more than the {LIMIT} that are stored; "
            "make the model smaller"
        )
    write_bytes(path, content)
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def load(path: Path, model: nn.Module, *, sha256: str) -> float:
    """Load weights into a model, in the precision that the model has.

    Args:
        path: A file that `save` wrote.
        model: A model of the same architecture; with an error it stays as it is.
        sha256: The checksum in the run's record.

    Returns:
        The temperature.

    Raises:
        StemError: See `read`; or not a file of safetensors, tensors of other names or shapes than
            the model's, or no temperature.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as decode

    content = read(path, sha256=sha256)
    try:
        tensors = decode(content)
    except SafetensorError as error:
        raise StemError(f"{path}: not a file of safetensors ({error}); {MEND}") from None
    if differences := _differences(model.state_dict(), tensors):
        raise StemError(
            f"{path}: not the weights of this model: {some(differences)}; restore the model.py "
            "that they were trained with, or train anew"
        )
    temperature = _temperature(path, content)
    model.load_state_dict(tensors)
    return temperature


def _compact(tensor: Tensor) -> Tensor:
    """A copy, in half precision where that is fine."""
    import torch

    whole = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
    if whole.ndim < 2 or not whole.is_floating_point():
        return whole
    half = whole.half()
    return half if half.isfinite().all() else whole


def _differences(expected: dict[str, Tensor], got: dict[str, Tensor]) -> list[str]:
    shapes = [{name: tuple(t.shape) for name, t in state.items()} for state in (expected, got)]
    return [
        f"{quote(name)}: expected {shapes[0].get(name, 'none')}, got {shapes[1].get(name, 'none')}"
        for name in sorted(shapes[0].keys() | shapes[1].keys())
        if shapes[0].get(name) != shapes[1].get(name)
    ]


def _temperature(path: Path, content: bytes) -> float:
    """The temperature in a header that was decoded before: its length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    text = json.loads(content[8 : 8 + length]).get("__metadata__", {}).get(_TEMPERATURE)
    try:
        return temperature_of(text)
    except ValueError:
        raise StemError(
            f"{path}: expected a positive {_TEMPERATURE} in its metadata, got {quote(text)}"
        ) from None
