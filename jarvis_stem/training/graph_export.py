"""A trained module as a graph that runs without its code: see `formats.model_graph`."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Sequence
from contextlib import suppress
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from jarvis_stem.formats import model_graph
from jarvis_stem.formats.description import VERSION
from jarvis_stem.formats.model_graph import ModelGraph
from jarvis_stem.prediction.stored_model import StoredModel
from jarvis_stem.training.architecture import Describing
from jarvis_stem.training.inference import examples_for, reads_of
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.messages import quote

if TYPE_CHECKING:
    from onnx import ModelProto

_OPSET = 20
_EXAMPLES = 2  # images; of one the exporter would take the number to be always 1
_ROUNDING = 0.02  # of a probability, by weights in half precision: a wrong graph is farther off


def graph_of(module: nn.Module, classes: Sequence[int | str], temperature: float) -> bytes:
    """Turn a module into the bytes of a stored model; the same weights give the same bytes.

    Weights of two or more dimensions are kept in half precision where all of them are finite in it;
    the rest, small and more delicate, as they are.

    Args:
        module: Not `Describing`, whose own code describes images.
        classes: In the order of its logits.
        temperature: What its logits are divided by.

    Raises:
        StemError: It cannot be exported, or what comes of it cannot be stored.
    """
    if isinstance(module, Describing):
        raise StemError("it describes images by code of its own")
    contiguous: Any = {"memory_format": torch.contiguous_format}  # torch's stub does not know it
    ready = module.to("cpu", **contiguous).eval()
    if model := _traced(ready):
        with suppress(StemError):
            content, graph = _stored(model, classes, temperature)
            if _agree(graph, ready):
                return content
    return _stored(_exported(ready), classes, temperature)[0]


def _stored(
    model: ModelProto, classes: Sequence[int | str], temperature: float
) -> tuple[bytes, ModelGraph]:
    """A graph as it is stored, and as it is read then."""
    _halve(model)
    _label(model, classes, temperature)
    content = model.SerializeToString(deterministic=True)
    return content, model_graph.parse(content)


def _traced(module: nn.Module) -> ModelProto | None:
    """What the module does to an example; None if it depends on it, or for whatever reason.

    Most modules do the same to any input. `_exported` is for all, but starts torch's compiler,
    which takes longer than a perceptron to learn.
    """
    import onnx

    reads = reads_of(module)
    stream: Any = io.BytesIO()  # torch's stub knows no streams
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            torch.onnx.export(
                module,
                examples_for(reads, _EXAMPLES),
                stream,
                dynamo=False,
                training=torch.onnx.TrainingMode.PRESERVE,  # as it is: nothing is merged
                opset_version=_OPSET,
                input_names=list(reads),
                output_names=[model_graph.OUTPUT],
                dynamic_axes={name: {0: "N"} for name in (*reads, model_graph.OUTPUT)},
            )
    except Exception:  # whatever a module leads it to
        return None
    if any(one.category.__name__ == "TracerWarning" for one in said):
        return None
    model = onnx.load_model_from_string(stream.getvalue())
    _lift_constants(model)
    return model


def _lift_constants(model: ModelProto) -> None:
    """Have constants among the weights, where a stored model has them."""
    constants = [node for node in model.graph.node if node.op_type == "Constant"]
    for node in constants:
        (value,) = node.attribute
        value.t.name = node.output[0]
        model.graph.initializer.append(value.t)
        model.graph.node.remove(node)


def _agree(graph: ModelGraph, module: nn.Module) -> bool:
    """Whether a graph gives what its module gives, but for the rounding of its weights."""
    parts = examples_for(graph.reads, _EXAMPLES + 1, torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = (module(*parts) / graph.temperature).softmax(dim=1).numpy()
    as_arrays = [part.numpy() for part in parts]
    got = StoredModel(Path("model"), graph).probabilities_of(as_arrays, as_arrays)
    return bool(np.abs(got - expected).max() < _ROUNDING)


def _exported(module: nn.Module) -> ModelProto:
    """The module's operators and weights, as they are: nothing is merged, constants are folded."""
    import onnx_ir
    from onnx_ir.passes import common
    from onnxscript import optimizer, rewriter
    from onnxscript.rewriter.rules.common import materialize_reshape_shape_rule

    reads = reads_of(module)
    try:
        with warnings.catch_warnings():  # of a library about its own parts
            warnings.simplefilter("ignore")
            logging.getLogger("torch.onnx").setLevel(logging.ERROR)
            program = torch.onnx.export(
                module,
                examples_for(reads, _EXAMPLES),
                dynamo=True,
                optimize=False,  # it would merge weights, which are then no longer exact in half
                verbose=False,
                opset_version=_OPSET,
                input_names=list(reads),
                output_names=[model_graph.OUTPUT],
                dynamic_shapes=_dynamic(module, len(reads)),
            )
    except Exception as error:  # whatever a module of somebody else leads the exporter to
        reason = (str(error).strip().splitlines() or [""])[0]
        raise StemError(f"{type(error).__name__}: {quote(reason)}") from None
    assert program is not None  # noqa: S101 - dynamo=True
    model: Any = program.model
    optimizer.fold_constants(model)
    rewriter.rewrite(model, [materialize_reshape_shape_rule])  # shapes that are known, in numbers
    onnx_ir.passes.Sequential(
        common.RemoveUnusedNodesPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.DeduplicateInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
        common.RemoveUnusedNodesPass(),
        common.NameFixPass(),
        common.ClearMetadataAndDocStringPass(),  # else each node has the paths of this machine
    )(model)
    return onnx_ir.to_proto(model)


def _dynamic(module: nn.Module, n_inputs: int) -> Any:
    """That the number of images is any; parts taken as ``*parts`` are one argument."""
    each = tuple({0: "N"} for _ in range(n_inputs))
    kinds = [one.kind for one in signature(module.forward).parameters.values()]
    return (each,) if kinds[:1] == [Parameter.VAR_POSITIONAL] else each


def _halve(model: ModelProto) -> None:
    """Keep large weights in half precision, and have the graph take them to single."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT:
            continue
        with np.errstate(over="ignore"):
            half = weights.astype(np.float16)
        if weights.ndim < 2 or not np.isfinite(half).all():
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _label(model: ModelProto, classes: Sequence[int | str], temperature: float) -> None:
    """Write what a reader has to know beside the graph, and no more."""
    from onnx import helper

    del model.graph.value_info[:]
    model.producer_name, model.producer_version = "jarvis_stem", ""
    helper.set_model_props(
        model,
        {
            model_graph.DESCRIPTION: str(VERSION),
            model_graph.CLASSES: json.dumps(list(classes)),
            model_graph.TEMPERATURE: repr(float(temperature)),
        },
    )
