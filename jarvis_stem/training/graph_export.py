"""A trained module as a graph that runs without its code: see `formats.model_graph`."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Sequence
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from jarvis_stem.formats import model_graph
from jarvis_stem.formats.description import SHAPES, VERSION
from jarvis_stem.training.architecture import Describing
from jarvis_stem.training.inference import reads_of
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.messages import quote

if TYPE_CHECKING:
    from onnx import ModelProto

_OPSET = 20
_EXAMPLES = 2  # images; of one the exporter would take the number to be always 1


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
    model = _exported(module.to("cpu", **contiguous).eval())
    _halve(model)
    _label(model, classes, temperature)
    content = model.SerializeToString(deterministic=True)
    model_graph.parse(content)
    return content


def _exported(module: nn.Module) -> ModelProto:
    """The module's operators and weights, as they are: nothing is merged, constants are folded."""
    import onnx_ir
    from onnx_ir.passes import common
    from onnxscript import optimizer, rewriter
    from onnxscript.rewriter.rules.common import materialize_reshape_shape_rule

    reads = reads_of(module)
    examples = tuple(torch.zeros(_EXAMPLES, *SHAPES[part]) for part in reads)
    try:
        with warnings.catch_warnings():  # of a library about its own parts
            warnings.simplefilter("ignore")
            logging.getLogger("torch.onnx").setLevel(logging.ERROR)
            program = torch.onnx.export(
                module,
                examples,
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
