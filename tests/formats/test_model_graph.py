"""Stored models as data: what is refused before anything of them runs, and in what words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graphs import METADATA, recorded, store_graph, tiny_graph
from helpers import PROTO
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper

from jarvis_stem.formats import model_graph
from jarvis_stem.formats.weights_file import LIMIT
from jarvis_stem.utils.errors import StemError


def test_what_is_read_of_a_model(tmp_path: Path) -> None:
    content = tiny_graph()
    path = store_graph(tmp_path, PROTO, content)
    read = model_graph.read(path, sha256=recorded(content)["sha256"])
    assert (read.reads, read.classes, read.temperature) == (("image",), [0, 1, 2, 3, 4], 0.7)


def node(model: ModelProto, kind: str, *inputs: str, **attributes: Any) -> None:
    """Put a node at the end, whose value nobody reads."""
    model.graph.node.append(helper.make_node(kind, list(inputs), [f"more of {kind}"], **attributes))


def weight(model: ModelProto, value: np.ndarray, name: str = "more") -> None:
    model.graph.initializer.append(numpy_helper.from_array(value, name))


def elsewhere(model: ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def looped(model: ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("Loop", ["", ""], ["more"], body=body))


def plain_loop(model: ModelProto) -> None:
    """A known operator with a graph where a number is expected."""
    body = helper.make_graph([], "body", [], [])
    node(model, "Flatten", "image", axis=body)


def doubled(model: ModelProto) -> None:
    """A few nodes whose values would fill any memory."""
    name = "image"
    for n in range(40):
        model.graph.node.append(helper.make_node("Concat", [name, name], [f"d{n}"], axis=1))
        name = f"d{n}"


def product(model: ModelProto) -> None:
    weight(model, np.array([-1, 1], np.int64), "column")
    weight(model, np.array([1, -1], np.int64), "row")
    node(model, "Reshape", "image", "column")
    model.graph.node.append(helper.make_node("Reshape", ["image", "row"], ["turned"]))
    node(model, "MatMul", "more of Reshape", "turned")


def divided(model: ModelProto) -> None:
    """By numbers that are not known before."""
    node(model, "Shape", "image")
    node(model, "Div", "more of Shape", "more of Shape")


def divided_by(*divisor: int) -> Callable[[ModelProto], None]:
    def change(model: ModelProto) -> None:
        weight(model, np.array([6], np.int64), "six")
        weight(model, np.array(divisor, np.int64), "divisor")
        node(model, "Div", "six", "divisor")

    return change


def emptied(model: ModelProto) -> None:
    """None of an image's rows."""
    for name, value in (("start", 0), ("axis", 2)):
        weight(model, np.array([value], np.int64), name)
    node(model, "Slice", "image", "start", "start", "axis")


def twice(model: ModelProto) -> None:
    model.graph.initializer[0].float_data.append(1.0)


def numbers(value: float, kind: type = np.float32) -> Callable[[ModelProto], None]:
    return lambda model: weight(model, np.array([[1, value]], kind))


def cut(model: ModelProto) -> None:
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]


def renamed(model: ModelProto) -> None:
    model.graph.input[0].name = "picture"


def resized(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 128


def retyped(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE


def fixed(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def custom(model: ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    node(model, "Relu", "image", domain="com.example")


def function(model: ModelProto) -> None:
    made = helper.make_function("", "Mine", ["x"], ["y"], [], [helper.make_opsetid("", 20)])
    model.functions.append(made)


def opset(version: int) -> Callable[[ModelProto], None]:
    return lambda model: setattr(model.opset_import[0], "version", version)


def ir_version(version: int) -> Callable[[ModelProto], None]:
    return lambda model: setattr(model, "ir_version", version)


BAD: dict[str, tuple[Callable[[ModelProto], Any], str]] = {
    "custom operators": (custom, "with its own operators alone, got"),
    "unknown operator": (lambda m: node(m, "NonZero", "image"), "not run: 'NonZero'"),
    "a variant of an operator": (
        lambda m: setattr(m.graph.node[0], "overload", "x"),
        "operators that are not run",
    ),
    "metadata twice": (
        lambda m: m.metadata_props.add(key="temperature", value="9"),
        "a key twice in its metadata",
    ),
    "another loop": (looped, "operators that are not run: 'Loop'"),
    "a graph inside": (plain_loop, "operators that are not run: 'Flatten'"),
    "weights elsewhere": (elsewhere, "weights 'weights': in another file"),
    "NaN": (numbers(np.nan), "weights 'more': not all are finite"),
    "infinite in half": (numbers(np.inf, np.float16), "weights 'more': not all are finite"),
    "double": (numbers(1, np.float64), "expected float32, float16 or int64, got ONNX type 11"),
    "cut weights": (cut, r"expected 1280 bytes for float32\[64, 5\], got 1276"),
    "two of one name": (lambda m: weight(m, np.ones(1), "bias"), "two weights or inputs of one"),
    "another input": (renamed, "reads 'picture': expected a part of the description: image, lat"),
    "another size": (resized, r"input image: expected float32\['N', 1, 256, 256\], got"),
    "another type": (retyped, r"got ONNX type 11\['N', 1, 256, 256\]"),
    "one image alone": (fixed, r"got ONNX type 1\[1, 1, 256, 256\]"),
    "text": (lambda m: node(m, "Cast", "image", to=TensorProto.STRING), "not run: 'Cast'"),
    "doubles": (lambda m: node(m, "Cast", "image", to=TensorProto.DOUBLE), "not run: 'Cast'"),
    "a size beyond memory": (
        lambda m: node(m, "Split", "image", axis=2, num_outputs=2**20 + 1),
        "not run: 'Split'",
    ),
    "a huge stride": (
        lambda m: node(m, "MaxPool", "image", kernel_shape=[3, 3], strides=[2**20 + 1, 1]),
        "not run: 'MaxPool'",
    ),
    "no rows": (emptied, "Slice 'more of Slice': of no numbers"),
    "no weights": (lambda m: weight(m, np.ones((0, 5), np.float32)), "'more': there are none"),
    "division of whole numbers": (divided, "Div 'more of Div': whole numbers by others than"),
    "division by -2": (divided_by(-2), "Div 'more of Div': whole numbers by others than"),
    "weights twice": (twice, "weights 'weights': expected them once, got float_data, too"),
    "functions": (function, "expected a plain graph, got functions"),
    "old opset": (opset(9), "expected opset 17 to 20, got 9"),
    "new opset": (opset(99), "expected opset 17 to 20, got 99"),
    "new version": (ir_version(99), "expected ONNX of IR version 8 to 10"),
    "memory": (doubled, "shapes do not fit|numbers in .* steps for 16 images, more than"),
    "time": (product, "numbers in .* steps for 16 images, more than|do not fit"),
    "many nodes": (
        lambda m: m.graph.node.extend([helper.make_node("Relu", ["image"], ["r"])] * 5001),
        "5004 nodes are more than the 5000 that are run",
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_what_is_no_plain_classifier_is_refused(fault: str) -> None:
    change, expected = BAD[fault]
    with pytest.raises(StemError, match=expected) as caught:
        model_graph.parse(tiny_graph(change))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"description_version": "0"}, "reads version '0' of the description, this program makes"),
        ({"temperature": "0"}, "a positive temperature in its metadata"),
        ({"temperature": "nan"}, "a positive temperature in its metadata"),
        ({"temperature": "5e-324"}, "a positive temperature in its metadata"),
        ({"temperature": "1e39"}, "a positive temperature in its metadata"),
        ({"classes": '[0, 1, 2, 3, "\\u001b[2J"]'}, "expected a list of classes"),
        ({"classes": f'[0, 1, 2, 3, "{"x" * 101}"]'}, "expected a list of classes"),
        ({"classes": f"[0, 1, 2, 3, {10**18}]"}, "expected a list of classes"),
        ({"temperature": "warm"}, "a positive temperature in its metadata"),
        ({"classes": "[0, 1, 2, 3]"}, r"expected logits float32\[N, 4\], one for each class, got"),
        ({"classes": "[0, 1, 2, 3, 3]"}, "expected a list of classes"),
        ({"classes": "[0, 1, 2, 3, null]"}, "expected a list of classes"),
        ({"classes": "[" * 9999}, "expected a list of classes"),
    ],
)
def test_metadata_that_makes_no_sense_is_refused(metadata: dict[str, Any], expected: str) -> None:
    with pytest.raises(StemError, match=expected):
        model_graph.parse(tiny_graph(**metadata))


def test_whole_numbers_are_divided_by_positive_weights() -> None:
    model_graph.parse(tiny_graph(divided_by(2, 1)))


def test_metadata_must_be_there() -> None:
    for key in METADATA:

        def forget(model: ModelProto, key: str = key) -> None:
            kept = {p.key: p.value for p in model.metadata_props if p.key != key}
            del model.metadata_props[:]
            helper.set_model_props(model, kept)

        with pytest.raises(StemError, match=r"metadata|version None"):
            model_graph.parse(tiny_graph(forget))


def test_a_file_of_another_size_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    with path.open("wb") as stream:
        stream.truncate(2 * 10**9)
    with pytest.raises(StemError, match=f"2000000000 bytes are more than the {LIMIT}"):
        model_graph.read(path, sha256="0" * 64)


@given(st.data())
def test_damaged_models_are_refused_or_sound(data: st.DataObject) -> None:
    """Whatever bytes change, there is a model that was checked, or one line."""
    content = bytearray(tiny_graph())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1) | st.integers(0, 400))
        content[place] = data.draw(st.integers(0, 255))
    end = data.draw(st.just(len(content)) | st.integers(0, len(content)))
    try:
        read = model_graph.parse(bytes(content[:end]))
    except StemError as error:
        assert "\n" not in str(error)
    else:
        assert read.reads == ("image",)
