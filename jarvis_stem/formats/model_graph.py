"""A stored model: a graph of known operators with its weights, read as data before anything runs.

The file is ONNX. Its inputs are named after the parts of an image's description that the network
reads, float32[N, ...]; its one output is ``logits``, float32[N, classes]. Metadata has the version
of the description, the classes and the temperature.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_stem.formats import weights_file
from jarvis_stem.formats.description import SHAPES, VERSION
from jarvis_stem.formats.weights_file import temperature_of
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.messages import quote, some

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

BATCH = 16  # images that a graph is given at once
OUTPUT = "logits"
DESCRIPTION, CLASSES, TEMPERATURE = "description_version", "classes", "temperature"  # metadata
_OPERATORS = """
    Add AveragePool BatchNormalization Cast Clip Concat Conv Div Elu Erf Exp Flatten Gather Gelu
    Gemm GlobalAveragePool GlobalMaxPool GroupNormalization HardSigmoid HardSwish Identity
    InstanceNormalization LayerNormalization LeakyRelu Log LogSoftmax MatMul Max MaxPool Min Mul
    Neg PRelu Pad Pow Reciprocal ReduceMax ReduceMean ReduceSum Relu Reshape Selu Shape Sigmoid
    Slice Softmax Softplus Split Sqrt Squeeze Sub Tanh Transpose Unsqueeze
"""
OPERATORS = frozenset(_OPERATORS.split())
_IR_VERSIONS, _OPSETS = range(8, 11), range(17, 21)
_MOST_NODES = 5000
_MOST_VALUES = 2**29  # numbers that the values of all nodes hold for a batch
_MOST_PRODUCTS = BATCH * 10**10  # a large ResNet takes half
_MOST_CLASSES = 1000
_LONGEST_CLASS = 100  # characters
_LARGEST = 2**20  # of the whole numbers that operators are told: more sizes no operator asks for
_CAST_TO = (1, 6, 7, 9, 10)  # float32, int32, int64, bool, float16: text takes any memory
_FLOATING = (1, 10, 11)
_TENSOR_FIELDS = {"data_location", "data_type", "dims", "doc_string", "name", "raw_data"}


@dataclass(frozen=True)
class ModelGraph:
    """A graph that was checked.

    Attributes:
        content: As onnxruntime takes it.
        reads: Parts of the description, in the order of the graph's inputs.
        classes: The benchmark's classes, in the order of the logits.
        temperature: What the logits are divided by.
    """

    content: bytes
    reads: tuple[str, ...]
    classes: list[int | str]
    temperature: float


def read(path: Path, *, sha256: str) -> ModelGraph:
    """Read a stored model if it is the one that was recorded; nothing in it is executed.

    Args:
        path: The file.
        sha256: The recorded checksum, 64 hexadecimal digits.

    Raises:
        StemError: See `weights_file.read` and `parse`.
    """
    content = weights_file.read(path, sha256=sha256)
    try:
        return parse(content)
    except StemError as error:
        raise StemError(f"{path}: {error}") from None


def parse(content: bytes) -> ModelGraph:
    """Check the bytes of a stored model.

    Args:
        content: Of the file.

    Raises:
        StemError: Not ONNX, another version of it or of the description, an operator that is not
            of `OPERATORS`, data in other files, inputs or weights of other types or shapes than
            expected, numbers that are not finite, or more to compute than a classifier needs.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return _checked(onnx.load_model_from_string(content))
    except (DecodeError, ValueError) as error:  # also of names that are no text, wherever they are
        raise StemError(f"not an ONNX model ({_first_line(error)}); {weights_file.MEND}") from None


def _checked(model: ModelProto) -> ModelGraph:
    graph = model.graph
    _check_versions(model)
    _check_nodes(graph)
    _check_weights(graph)
    reads = tuple(_part(value) for value in graph.input)
    if not reads or len({*reads}) < len(reads) or [one.name for one in graph.output] != [OUTPUT]:
        raise StemError(
            f"expected parts of the description as inputs, each once, and the one output {OUTPUT}, "
            f"got {quote(list(reads))} and {quote([one.name for one in graph.output])}"
        )
    classes, temperature = _metadata(model)
    _check_sizes(model, len(classes))
    return ModelGraph(model.SerializeToString(deterministic=True), reads, classes, temperature)


def _check_versions(model: ModelProto) -> None:
    got = [(one.domain, one.version) for one in model.opset_import]
    if model.ir_version not in _IR_VERSIONS or len(got) != 1 or got[0][0] not in ("", "ai.onnx"):
        raise StemError(
            f"expected ONNX of IR version {_IR_VERSIONS[0]} to {_IR_VERSIONS[-1]} with its own "
            f"operators alone, got IR version {model.ir_version} with {quote(got)}"
        )
    if got[0][1] not in _OPSETS:
        raise StemError(f"expected opset {_OPSETS[0]} to {_OPSETS[-1]}, got {got[0][1]}")
    if model.functions or model.training_info or model.graph.sparse_initializer:
        raise StemError("expected a plain graph, got functions, training or sparse weights in it")


def _check_nodes(graph: GraphProto) -> None:
    if len(graph.node) > _MOST_NODES:
        raise StemError(f"{len(graph.node)} nodes are more than the {_MOST_NODES} that are run")
    unknown = {f"{n.domain}:{n.op_type}".lstrip(":") for n in graph.node if not _is_known(n)}
    if unknown:
        raise StemError(
            f"operators that are not run: {quote(some(sorted(unknown)))}; those that are: "
            f"formats/model_graph.py"
        )


def _is_known(node: NodeProto) -> bool:
    plain = all(_is_plain(attribute) for attribute in node.attribute)
    plain = plain and not node.overload
    if node.op_type == "Cast":
        plain = plain and all(a.i in _CAST_TO for a in node.attribute if a.name == "to")
    return node.domain in ("", "ai.onnx") and node.op_type in OPERATORS and plain


def _is_plain(attribute: AttributeProto) -> bool:
    """Whether an attribute is numbers, none of them huge, or text, and no graph or tensor."""
    kinds = (attribute.FLOAT, attribute.INT, attribute.STRING, attribute.FLOATS, attribute.INTS)
    small = all(abs(number) <= _LARGEST for number in (attribute.i, *attribute.ints))
    return attribute.type in kinds and small and not attribute.ref_attr_name


def _check_weights(graph: GraphProto) -> None:
    names = [tensor.name for tensor in graph.initializer]
    if len({*names, *(value.name for value in graph.input)}) < len(names) + len(graph.input):
        raise StemError("two weights or inputs of one name")
    for tensor in graph.initializer:
        _check_tensor(tensor)


def _check_tensor(tensor: TensorProto) -> None:
    types = {int(tensor.FLOAT): "<f4", int(tensor.FLOAT16): "<f2", int(tensor.INT64): "<i8"}
    name = quote(tensor.name)
    if tensor.data_location != tensor.DEFAULT or tensor.external_data:
        raise StemError(f"weights {name}: in another file; expected all in this one")
    if more := {field.name for field, _ in tensor.ListFields()} - _TENSOR_FIELDS:
        raise StemError(f"weights {name}: expected them once, got {', '.join(sorted(more))}, too")
    if tensor.data_type not in types:
        raise StemError(
            f"weights {name}: expected float32, float16 or int64, got ONNX type {tensor.data_type}"
        )
    kind = np.dtype(types[tensor.data_type])
    expected = math.prod(tensor.dims) * kind.itemsize
    if min(tensor.dims, default=0) < 0 or len(tensor.raw_data) != expected:
        raise StemError(
            f"weights {name}: expected {expected} bytes for {kind.name}{list(tensor.dims)}, got "
            f"{len(tensor.raw_data)}"
        )
    if kind.kind == "f" and expected == 0:
        raise StemError(f"weights {name}: there are none; train anew")
    if kind.kind == "f" and not np.isfinite(np.frombuffer(tensor.raw_data, kind)).all():
        raise StemError(f"weights {name}: not all are finite; train anew")


def _part(value: ValueInfoProto) -> str:
    """Name of the part of the description that an input is."""
    kind = value.type.tensor_type
    got = [d.dim_value if d.HasField("dim_value") else "N" for d in kind.shape.dim]
    if value.name not in SHAPES:
        raise StemError(
            f"reads {quote(value.name)}: expected a part of the description: {', '.join(SHAPES)}"
        )
    expected = ["N", *SHAPES[value.name]]
    if kind.elem_type != 1 or got != expected:  # TensorProto.FLOAT
        raise StemError(
            f"input {value.name}: expected float32{expected}, got ONNX type {kind.elem_type}"
            f"{quote(got)}"
        )
    return value.name


def _metadata(model: ModelProto) -> tuple[list[int | str], float]:
    found = {entry.key: entry.value for entry in model.metadata_props}
    if len(found) < len(model.metadata_props):  # which of them counts, readers disagree on
        raise StemError("a key twice in its metadata; train anew")
    if found.get(DESCRIPTION) != str(VERSION):
        raise StemError(
            f"reads version {quote(found.get(DESCRIPTION))} of the description, this program makes "
            f"version {VERSION}; train the model anew, or use the program that it was trained with"
        )
    try:
        classes, temperature = json.loads(found[CLASSES]), temperature_of(found[TEMPERATURE])
        if not _are_classes(classes):
            raise ValueError
    except (KeyError, ValueError, RecursionError):
        got = {key: found.get(key) for key in (CLASSES, TEMPERATURE)}
        raise StemError(
            f"expected a list of classes and a positive {TEMPERATURE} in its metadata, got "
            f"{quote(got)}"
        ) from None
    return classes, temperature


def _are_classes(value: Any) -> bool:
    if not isinstance(value, list) or not 1 < len(value) <= _MOST_CLASSES:
        return False
    return all(map(_is_class, value)) and len({*value}) == len(value)


def _is_class(value: Any) -> bool:
    """Whether it is a number or text that a terminal shows as it is."""
    if type(value) is str:
        return value.isprintable() and len(value) <= _LONGEST_CLASS
    return type(value) is int and abs(value) < 10**18


def _check_sizes(model: ModelProto, n_classes: int) -> None:
    """Bound what a batch takes, by the shapes of all values."""
    from onnx.shape_inference import InferenceError, infer_shapes

    sized = type(model)()
    sized.CopyFrom(model)
    del sized.graph.value_info[:]
    for value in sized.graph.input:
        value.type.tensor_type.shape.dim[0].dim_value = BATCH
    for value in sized.graph.output:
        value.type.tensor_type.ClearField("shape")  # that is inferred
    try:
        inferred = infer_shapes(sized, strict_mode=True, data_prop=True).graph
    except (InferenceError, RuntimeError, MemoryError) as error:
        raise StemError(f"shapes do not fit together ({_first_line(error)})") from None
    shapes = dict(_shapes(inferred))
    if shapes.get(OUTPUT) != (BATCH, n_classes):
        raise StemError(
            f"expected {OUTPUT} float32[N, {n_classes}], one for each class, got "
            f"{quote(shapes.get(OUTPUT))} for {BATCH} images"
        )
    _check_divisions(inferred)
    n_values = n_products = 0
    for node in model.graph.node:
        for name in filter(None, node.output):
            if name not in shapes:
                raise StemError(f"{node.op_type} {quote(name)}: of no shape that is known before")
            if 0 in shapes[name]:  # which may end the process
                raise StemError(f"{node.op_type} {quote(name)}: of no numbers")
            n_values += math.prod(shapes[name])
            n_products += math.prod(shapes[name]) * _products(node, shapes)
    if n_values > _MOST_VALUES or n_products > _MOST_PRODUCTS:
        raise StemError(
            f"computes {n_values:.2g} numbers in {n_products:.2g} steps for {BATCH} images, more "
            f"than the {_MOST_VALUES:.2g} in {_MOST_PRODUCTS:.2g} that are run"
        )


def _check_divisions(graph: GraphProto) -> None:
    """Refuse whole numbers divided by others than positive weights, which may end the process."""
    values = (*graph.input, *graph.value_info, *graph.output)
    kinds = {value.name: value.type.tensor_type.elem_type for value in values}
    positive = {t.name for t in graph.initializer if t.data_type == t.INT64 and _all_positive(t)}
    for node in graph.node:
        floating = all(kinds.get(name) in _FLOATING for name in node.output)
        if node.op_type == "Div" and not floating and node.input[1] not in positive:
            raise StemError(
                f"Div {quote(node.output[0])}: whole numbers by others than positive weights"
            )


def _all_positive(tensor: TensorProto) -> bool:
    return bool((np.frombuffer(tensor.raw_data, "<i8") > 0).all())


def _shapes(graph: GraphProto) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Shapes of values by name; of those that are known to the last number."""
    for tensor in graph.initializer:
        yield tensor.name, tuple(tensor.dims)
    for value in (*graph.input, *graph.value_info, *graph.output):
        dimensions = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(
            d.HasField("dim_value") for d in dimensions
        ):
            yield value.name, tuple(d.dim_value for d in dimensions)


def _products(node: NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    """How many numbers each number of a node's value is made of, about."""
    of_inputs = [shapes.get(name, ()) for name in node.input]
    if node.op_type == "Conv":
        return math.prod(of_inputs[1][1:]) if len(of_inputs) > 1 else 1
    if node.op_type in ("MatMul", "Gemm"):
        return max((n for shape in of_inputs for n in shape), default=1)
    for attribute in node.attribute:
        if attribute.name == "kernel_shape":
            return math.prod(attribute.ints)
    return 1


def _first_line(error: Exception) -> str:
    return quote((str(error).splitlines() or [""])[0])[1:-1]
