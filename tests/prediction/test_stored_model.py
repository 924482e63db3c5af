"""Stored models as they are run: batches, numbers that are none, models that need their code."""

from __future__ import annotations

import builtins
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graphs import endless, recorded, store_graph, tiny_graph
from helpers import PROTO, TINY_MODEL, command, run_record
from onnx import ModelProto, helper

from jarvis_stem.api import list_models, load_model
from jarvis_stem.prediction.stored_model import StoredModel
from jarvis_stem.utils.errors import StemError

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 256, 256), dtype=np.uint8)


def load(folder: Path, content: bytes) -> StoredModel:
    path = folder / "model.onnx"
    path.write_bytes(content)
    return StoredModel.load(path, recorded(content)["sha256"])


def test_an_image_is_answered_the_same_alone_and_in_another_process(tmp_path: Path) -> None:
    model = load(tmp_path, tiny_graph())
    together = model.probabilities(IMAGES)
    assert together.shape == (40, 5)
    assert np.allclose(together.sum(axis=1), 1)
    assert np.allclose(model.probabilities(IMAGES[33:34]), together[33], atol=1e-6)
    assert np.allclose(model.probabilities(IMAGES[:, ::-1]), together, atol=1e-5)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301 - as processes pass it on
    assert np.array_equal(again.probabilities(IMAGES), together)


def test_numbers_that_are_none_are_no_answer(tmp_path: Path) -> None:
    model = load(tmp_path, tiny_graph(endless))
    with pytest.raises(StemError, match=r"model\.onnx: expected finite logits \[16, 5\], got"):
        model.probabilities(IMAGES)


def test_a_temperature_too_low_for_the_logits_is_no_answer(tmp_path: Path) -> None:
    model = load(tmp_path, tiny_graph(temperature="2e-38"))
    with pytest.raises(StemError, match=r"model\.onnx: logits too large for its temperature"):
        model.probabilities(IMAGES)


def test_what_onnxruntime_refuses_is_one_line(tmp_path: Path) -> None:
    def unread(model: ModelProto) -> None:
        model.graph.node.insert(0, helper.make_node("Relu", ["nowhere"], ["more"]))

    with pytest.raises(StemError) as caught:
        load(tmp_path, tiny_graph(unread))
    assert "\n" not in str(caught.value)


def test_nothing_is_kept_for_its_maker(tmp_path: Path) -> None:
    """Nor a device id, nor events, nor a session, which onnxruntime writes by itself."""
    model = load(tmp_path, tiny_graph())
    folders = {name: str(tmp_path / name) for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR")}
    for folder in folders.values():
        Path(folder).mkdir()
    program = (
        "import sys; from pathlib import Path;"
        "from jarvis_stem.prediction.stored_model import StoredModel;"
        "StoredModel.load(Path(sys.argv[1]), sys.argv[2])"
    )
    sha256 = recorded(model.path.read_bytes())["sha256"]
    unset = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    subprocess.run(
        [sys.executable, "-c", program, model.path, sha256], env=unset | folders, check=True
    )
    assert [path for folder in folders.values() for path in Path(folder).rglob("*")] == []


def test_without_onnxruntime_there_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "onnxruntime":
            raise ModuleNotFoundError("No module named 'onnxruntime'", name="onnxruntime")
        return whole(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(StemError, match="onnxruntime is not installed"):
        load(tmp_path, tiny_graph())


def weights_alone(folder: Path) -> None:
    """A contribution of old, whose model.py leaves a mark when it is executed."""
    import torch

    from jarvis_stem.training import architecture, stored_weights

    folder.mkdir(parents=True)
    mark = "from pathlib import Path\nPath(__file__).with_name('executed').touch()\n"
    (folder / "model.py").write_text(mark + TINY_MODEL)
    torch.manual_seed(0)
    module = architecture.load(folder).build(5)
    weights = stored_weights.save(folder / PROTO.weights_name, module, temperature=1)
    record = {**run_record(0.5), "weights": weights}
    (folder / PROTO.run_record_name).write_text(json.dumps(record))
    (folder / "executed").unlink()


def test_weights_alone_are_run_by_their_code_where_it_is_trusted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], repository: Path
) -> None:
    root = tmp_path / "contributions"
    (tmp_path / "benchmarks").symlink_to(repository / "benchmarks")
    weights_alone(root / "old")
    with pytest.raises(StemError, match=r"model\.py runs; .*--trust-code.*jarvis-stem convert old"):
        load_model("old", PROTO.dataset, root)
    assert not (root / "old" / "executed").exists()
    trusted = load_model("old", PROTO.dataset, root, trust_code=True)
    assert (root / "old" / "executed").exists()
    assert f"executing {root / 'old' / 'model.py'}" in capsys.readouterr().err
    assert trusted.predict_proba(IMAGES[:2]).shape == (2, 5)
    (one,) = list_models(root)
    assert (one.name, one.benchmark, one.place) == ("old", PROTO.dataset, "weights")


@pytest.mark.training
def test_weights_are_converted_to_the_same_answers(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jarvis_stem.training import inference

    monkeypatch.setattr(inference, "computes_bfloat16", lambda _: False)
    root = tmp_path / "contributions"
    weights_alone(root / "old")
    (tmp_path / "benchmarks").symlink_to(repository / "benchmarks")
    before = load_model("old", PROTO.dataset, root, trust_code=True).predict_proba(IMAGES[:9])
    done = command("convert", "old", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"wrote contributions/old/{PROTO.model_name}\n"
    assert not (root / "old" / PROTO.weights_name).exists()
    after = load_model("old", PROTO.dataset, root).predict_proba(IMAGES[:9])
    assert np.allclose(after, before, atol=1e-5)
    assert command("convert", "old", cwd=tmp_path).stdout == "nothing to convert\n"


def test_models_are_listed(tmp_path: Path) -> None:
    store_graph(tmp_path / "one", PROTO, tiny_graph(), accuracy=0.75)
    (tmp_path / "two").mkdir()
    (one,) = list_models(tmp_path)
    assert one.as_json() == {
        "name": "one",
        "benchmark": "stem_2d_proto",
        "place": "here",
        "bytes": len(tiny_graph()),
        "accuracy": 0.75,
    }
    done = command("models", "--contributions", tmp_path)
    assert done.stdout.splitlines()[1].split()[:3] == ["one", "stem_2d_proto", "0.7500"]
    assert "robust_lattice_cnn_model" in {model.name for model in list_models()}


def test_nothing_is_printed_of_a_damaged_model(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # With a name that is no text onnxruntime would print, and try the same again.
    content = tiny_graph().replace(b"means", b"me\xffns", 1)
    with pytest.raises(StemError) as caught:
        load(tmp_path, content)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
