"""Contributions' models load and are trainable, and a faulty one is refused with its place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from jarvis_stem.formats.description import SHAPES
from jarvis_stem.training import architecture, inference
from jarvis_stem.utils.errors import StemError

REPOSITORY = Path(__file__).parents[2]
FOLDERS = sorted(path.parent for path in REPOSITORY.glob("contributions/*/model.py"))
RECIPE = "from jarvis_stem.training import Recipe\nRECIPE = Recipe(epochs=3)\n"
BUILD = "def build(classes):\n    return None\n"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_model_maps_images_to_trainable_logits(folder: Path) -> None:
    model = architecture.load(folder).build(5)
    logits = model(*(torch.rand(2, *SHAPES[part]) for part in inference.reads_of(model)))
    assert logits.shape == (2, 5)
    logits.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def write_model(folder: Path, text: str | bytes) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def test_models_of_two_folders_are_apart_and_leave_no_trace(tmp_path: Path) -> None:
    # A dataclass looks its module up by name, which fails where the module is not to be found.
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        f"@dataclass\nclass Size:\n    n: int\n{RECIPE}"
    )
    one = write_model(tmp_path / "one", f"{text}def build(classes): return Size(1)\n")
    two = write_model(tmp_path / "two", f"{text}def build(classes): return Size(2)\n")
    path_before = list(sys.path)
    first, second = architecture.load(one), architecture.load(two)
    assert (first.name, second.name) == ("one", "two")
    assert first.recipe == architecture.Recipe(epochs=3)
    assert [vars(a.build(5)) for a in (first, second)] == [{"n": 1}, {"n": 2}]
    assert sys.path == path_before
    assert "model" not in sys.modules
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["model.py", "model.py", "one", "two"]


def test_changed_model_is_loaded_anew(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "mine", RECIPE + BUILD)
    before = architecture.load(folder)
    (folder / "model.py").write_text((RECIPE + BUILD).replace("3", "4"))  # of the same size and age
    after = architecture.load(folder)
    assert (before.recipe.epochs, after.recipe.epochs) == (3, 4)
    assert before.digest != after.digest


def test_unknown_model_lists_the_known(tmp_path: Path) -> None:
    for name in ("b", "a", ".hidden", "_private"):
        write_model(tmp_path / name, RECIPE + BUILD)
    (tmp_path / "without").mkdir()
    with pytest.raises(
        StemError, match=r"vgg: no such contribution; with a model: a, b; to start .*new vgg$"
    ):
        architecture.load(tmp_path / "vgg")
    with pytest.raises(StemError, match=r"vgg: no such contribution; with a model: none; to start"):
        architecture.load(tmp_path / "nowhere" / "vgg")
    with pytest.raises(StemError, match=r"without/model.py: no such file; expected .* RECIPE and"):
        architecture.load(tmp_path / "without")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ndef build(:\n", r"model\.py:2: SyntaxError: "),
        (b"x = 1\0\n", r"model\.py: SyntaxError: .*null bytes"),
        (b"x = '\xff'\n", r"model\.py(:1)?: SyntaxError: .*utf-8"),
        ("import torch\n\nimport nothing_of_that_name\n", r"model\.py:3: ModuleNotFoundError: No"),
        ("def f():\n    return 1 / 0\nf()\n", r"model\.py:2: ZeroDivisionError: division by zero"),
        ("import torch\ntorch.zeros(-1)\n", r"model\.py:2: RuntimeError: "),  # deeper than here
        ("raise SystemExit(0)\n", r"model\.py:1: SystemExit: 0"),
        (BUILD, r"model\.py: expected RECIPE = Recipe\(\.\.\.\) .* got None"),
        (BUILD + "RECIPE = {'epochs': 3}\n", r"expected RECIPE .* got \{'epochs': 3\}"),
        (RECIPE.replace("(epochs=3)", "") + BUILD, r"expected RECIPE .* got <class '.*Recipe'>"),
        (RECIPE, r"model\.py: expected a function build\(.*got None"),
        (
            f"{RECIPE}def build(classes, pretrained):\n    return None\n",
            r"expected a function build\(classes: int\) .*got build\(classes, pretrained\)",
        ),
        (RECIPE + "build = 5\n", r"model\.py: expected a function build\(.*got 5"),
    ],
)
def test_faulty_model_is_refused_with_its_place(
    text: str | bytes, message: str, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "mine", text)
    with pytest.raises(StemError, match=message):
        architecture.load(folder)


def test_interruption_while_loading_is_no_fault_of_the_model(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "mine", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        architecture.load(folder)
