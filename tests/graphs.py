"""Stored models that tests build by hand, in a moment and without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from helpers import run_record
from onnx import ModelProto, TensorProto, helper, numpy_helper

from jarvis_stem.formats.description import VERSION
from jarvis_stem.formats.names import ResultName

METADATA = {"description_version": str(VERSION), "classes": "[0, 1, 2, 3, 4]", "temperature": "0.7"}


def tiny_graph(
    change: Callable[[ModelProto], Any] = lambda _: None,
    *,
    seed: int = 0,
    scale: float = 10.0,
    bias: Sequence[float] = (0, 0, 0, 0, 0),
    **metadata: Any,
) -> bytes:
    """Logits of the means of 8 x 8 parts of an image.

    Args:
        change: Spoils the model before it is written.
        seed: Of the weights.
        scale: Of the weights.
        bias: Of the logits, one for each class.
        metadata: In the place of `METADATA`'s.
    """
    weights = np.random.default_rng(seed).normal(0, scale, (64, len(bias))).astype(np.float32)
    tensors = {"weights": weights, "bias": np.array(bias, np.float32)}
    pool: dict[str, Any] = {"kernel_shape": [32, 32], "strides": [32, 32]}
    graph = helper.make_graph(
        [
            helper.make_node("AveragePool", ["image"], ["means"], **pool),
            helper.make_node("Flatten", ["means"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 256, 256])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", len(bias)])],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, METADATA | metadata)
    change(model)
    return bytes(model.SerializeToString())


def endless(model: ModelProto) -> None:
    """Have a model give logits that are no numbers, from weights that are."""
    model.graph.node[-1].output[0] = "linear"
    for kind, value, result in (("Exp", "linear", "large"), ("Log", "least", "logits")):
        model.graph.node.append(helper.make_node(kind, [value], [result]))
    model.graph.node.insert(-1, helper.make_node("Neg", ["large"], ["least"]))


def store_graph(folder: Path, name: ResultName, content: bytes, accuracy: float = 0.5) -> Path:
    """Put a model and the record of its run into a contribution; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name.model_name
    path.write_bytes(content)
    record = {**run_record(accuracy), "model": recorded(content)}
    (folder / name.run_record_name).write_text(json.dumps(record))
    return path


def recorded(content: bytes) -> dict[str, Any]:
    """What a run's record says of a model."""
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def parsed(content: bytes) -> ModelProto:
    """A model to look into."""
    return onnx.load_model_from_string(content)
