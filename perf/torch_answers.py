"""Compare what stored models answer with what torch computes with the same weights.

python perf/torch_answers.py

A training computes probabilities by torch, of descriptions in its chunks; an answer is computed by
onnxruntime from the stored model. Both are asked, in single precision, for drawings of built-in
structures. Weights are those of the stored model, which has most of them in half precision;
contributions' model.py is executed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import measuring
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from scale import cpu_name
from torch import nn

from jarvis_stem import cli
from jarvis_stem.api import list_models
from jarvis_stem.formats import model_graph
from jarvis_stem.formats.names import DEFAULT_BENCHMARK, bravais_result
from jarvis_stem.imaging import prototypes, stem
from jarvis_stem.prediction.stored_model import StoredModel
from jarvis_stem.training import architecture, inference

_BIAS = 2  # which input of a node it is, after what is weighted and the weight


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the largest differences of each contribution."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=500, metavar="N")
    parser.add_argument(
        "--contributions", type=Path, default=measuring.ROOT / "contributions", metavar="DIR"
    )
    options = parser.parse_args(arguments)
    images = drawings(options.images)
    print(f"{cpu_name()}, torch {torch.__version__}")
    for known in list_models(options.contributions):
        if known.benchmark != DEFAULT_BENCHMARK:
            continue
        answered, by_torch = both_answers(options.contributions / known.name, images)
        print(
            f"{known.name}: of {len(images)} drawings {differences(answered, by_torch)}", flush=True
        )
    return 0


def differences(answered: NDArray[np.float32], by_torch: NDArray[np.float32]) -> str:
    """How far probabilities [N, classes] are from others."""
    off = np.abs(answered - by_torch).max(axis=1)
    alike = np.mean(answered.argmax(axis=1) == by_torch.argmax(axis=1))
    return (
        f"probabilities differ by {off.max():.1e} at most, {np.mean(off < 1e-4):.1%} by less than "
        f"1e-4; the same class for {alike:.1%}"
    )


def drawings(count: int) -> NDArray[np.uint8]:
    """Draw built-in structures, evenly chosen, uint8[N, 256, 256] with N up to ``count``."""
    known = list(prototypes.structures().values())
    return stem.to_uint8(stem.simulate(known[:: max(len(known) // count, 1)][:count]))


def both_answers(
    folder: Path, images: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A contribution's probabilities, float32[N, 5], by its stored model and by its module.

    Args:
        folder: The contribution, whose model.py is executed.
        images: uint8[N, 256, 256].
    """
    path = folder / bravais_result(DEFAULT_BENCHMARK).model_name
    model = StoredModel(path, model_graph.parse(path.read_bytes()))
    module = architecture.load(folder).build(len(model.classes))
    load_weights(module, onnx.load_model_from_string(model.graph.content))
    with mock.patch.object(inference, "computes_bfloat16", return_value=False):
        pixels = torch.from_numpy(images)
        by_torch = inference.predict(module.eval(), pixels, temperature=model.temperature)
    return model.probabilities(images), by_torch.numpy()


def load_weights(module: nn.Module, model: onnx.ModelProto) -> None:
    """Load a stored model's weights into the module that it was made from."""
    tensors = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    known = {name.removesuffix(".half"): value for name, value in tensors.items()}
    inputs = {name: node.input for node in model.graph.node for name in node.input}
    state = module.state_dict()
    for name in state:
        if name.endswith(".num_batches_tracked"):  # of no meaning after training
            continue
        found = name
        if name not in known:  # biases with the same numbers are stored once
            found = inputs[name.removesuffix("bias") + "weight"][_BIAS]
        state[name] = torch.from_numpy(known[found].astype(np.float32))
    module.load_state_dict(state)


if __name__ == "__main__":
    sys.exit(cli.run(main))
