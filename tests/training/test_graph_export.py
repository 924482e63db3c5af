"""Trained modules as graphs: the same answers without their code, the same bytes each time."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from graphs import parsed, recorded
from helpers import PROTO
from torch import Tensor, nn
from torch.nn import functional

from jarvis_stem.formats.description import SHAPES
from jarvis_stem.imaging import prototypes, stem
from jarvis_stem.prediction.stored_model import StoredModel
from jarvis_stem.training import inference
from jarvis_stem.training.graph_export import graph_of
from jarvis_stem.training.lattice_net import LatticeNet, spectrum_cnn
from jarvis_stem.training.storing import store
from jarvis_stem.utils.errors import StemError

CLASSES = [0, 1, 2, 3, 4]


def cnn() -> nn.Module:
    layers = (nn.Conv2d(1, 4, 9, 8), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(), nn.Linear(4, 5))


class Counting(nn.Module):
    """Asks how many images there are, which must not become a part of its graph."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(64, 5)

    def forward(self, images: Tensor) -> Tensor:
        means = functional.avg_pool2d(images, 32).reshape(len(images), 64)
        logits: Tensor = self.last(means)
        return logits


MODULES: dict[str, Callable[[], nn.Module]] = {
    "image": cnn,
    "count": Counting,
    "vectors": lambda: LatticeNet(5),
    "cell": lambda: LatticeNet(5, errors=True, cell=(4, 8)),
    "spectrum": lambda: LatticeNet(5, encoding=False, spectrum=spectrum_cnn()),
}


@pytest.mark.training
@pytest.mark.parametrize("kind", MODULES)
def test_a_graph_gives_what_its_module_gives(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "computes_bfloat16", lambda _: False)
    torch.manual_seed(0)
    module = MODULES[kind]()
    with torch.no_grad():
        for weights in module.parameters():
            weights.copy_(weights.half())  # as they are stored
    content = graph_of(module, CLASSES, 0.8)
    assert graph_of(module, CLASSES, 0.8) == content
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    model = StoredModel.load(path, recorded(content)["sha256"])
    assert (model.classes, model.temperature) == (CLASSES, 0.8)
    assert set(model.graph.reads) <= SHAPES.keys()
    images = stem.to_uint8(stem.simulate(list(prototypes.structures().values())[::45]))
    assert len(images) > 32  # more than are run at once
    expected = inference.predict(module, torch.from_numpy(images), temperature=0.8).numpy()
    assert np.allclose(model.probabilities(images), expected, atol=1e-5)


@pytest.mark.training
def test_a_graph_has_no_path_of_the_machine_and_nothing_beside_it(tmp_path: Path) -> None:
    stored = store(tmp_path, PROTO, cnn(), CLASSES, 1.0)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    assert stored == {"model": recorded(content)}
    assert b".py" not in content
    assert str(Path.home()).encode() not in content
    assert not any(node.doc_string or node.metadata_props for node in parsed(content).graph.node)


class OwnCode(nn.Module):
    """Describes images by code of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(1, 5)

    def describe(self, images: Tensor) -> Tensor:
        return images.float().mean(dim=(1, 2))[:, None]

    def forward(self, means: Tensor) -> Tensor:
        logits: Tensor = self.last(means)
        return logits


class Random(nn.Module):
    """Has an operator that is not run."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.randn(len(images), 5)


def test_code_of_ones_own_is_kept_as_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / PROTO.model_name).write_bytes(b"of an earlier run")
    stored = store(tmp_path, PROTO, OwnCode(), CLASSES, 1.0)
    assert [path.name for path in tmp_path.iterdir()] == [PROTO.weights_name]
    assert stored == {"weights": recorded((tmp_path / PROTO.weights_name).read_bytes())}
    said = capsys.readouterr().err
    assert "not stored as a graph: it describes images by code of its own" in said
    assert "--trust-code" in said


class Choosing(Counting):
    """Does one thing to some images and another to others, which a graph cannot."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images if images.mean() < 0.5 else 1 - images)


@pytest.mark.training
def test_what_depends_on_the_images_is_not_exported() -> None:
    with pytest.raises(StemError, match="TorchExportError"):
        graph_of(Choosing(), CLASSES, 1.0)


@pytest.mark.training
def test_a_trace_that_is_wrong_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    def graph(tracing: Callable[..., Any]) -> bytes:
        """What is stored if the module is traced so."""

        def export(module: nn.Module, *arguments: Any, dynamo: bool, **options: Any) -> Any:
            traced = module if dynamo else tracing(module)
            return whole(traced, *arguments, dynamo=dynamo, **options)

        with monkeypatch.context() as patch:
            patch.setattr(torch.onnx, "export", export)
            return graph_of(module, CLASSES, 1.0)

    def fails(_: nn.Module) -> nn.Module:
        raise RuntimeError

    def warns(module: nn.Module) -> nn.Module:
        warnings.warn("it depends", torch.jit.TracerWarning, stacklevel=1)  # type: ignore[attr-defined]
        return module

    whole = torch.onnx.export
    torch.manual_seed(0)
    module = cnn()
    exported = graph(fails)
    assert graph(lambda module: module) != exported
    assert graph(lambda _: cnn().eval()) == graph(warns) == exported


def test_a_perceptron_is_exported_without_torchs_compiler() -> None:
    program = """
import sys
from jarvis_stem.training.graph_export import graph_of
from jarvis_stem.training.lattice_net import LatticeNet
graph_of(LatticeNet(5), [0, 1, 2, 3, 4], 1.0)
sys.exit("torch._dynamo" in sys.modules)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


@pytest.mark.training
def test_what_is_not_run_is_not_exported() -> None:
    with pytest.raises(StemError, match=r"operators that are not run: .*RandomNormal"):
        graph_of(Random(), CLASSES, 1.0)
