"""The spectral input measures what it says, and contributions' models load and are trainable."""

from __future__ import annotations

import math
import sys
import urllib.error
from pathlib import Path
from typing import Any

import pytest
import torch

from jarvis_stem.training import architecture
from jarvis_stem.training.spectrum import LatticeSpectrum
from jarvis_stem.utils.errors import StemError

REPOSITORY = Path(__file__).parents[2]
FOLDERS = sorted(path.parent for path in REPOSITORY.glob("contributions/*/model.py"))
RECIPE = "from jarvis_stem.training import Recipe\nRECIPE = Recipe(epochs=3)\n"
BUILD = "def build(classes, pretrained):\n    return None\n"


def wave(along_rows: float, along_columns: float) -> torch.Tensor:
    """An image [1, 1, 256, 256] of one plane wave; periods per image."""
    p = torch.arange(256.0) * (2 * math.pi / 256)
    phase = along_rows * p[:, None] + along_columns * p[None, :]
    return (0.5 + 0.5 * phase.cos())[None, None]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_model_maps_images_to_trainable_logits(folder: Path) -> None:
    model = architecture.load(folder).build(5, False)
    pictures = torch.randint(0, 256, (2, 256, 256), dtype=torch.uint8)
    described = isinstance(model, architecture.Describing)
    logits = model(model.describe(pictures) if described else pictures[:, None].float() / 255)
    assert logits.shape == (2, 5)
    logits.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_pretrained_without_network_shows_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: Any, **_options: Any) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(StemError, match=r"--pretrained: cannot .*train without --pretrained"):
        architecture.load(REPOSITORY / "contributions" / "resnet_model").build(5, True)


@pytest.mark.parametrize(
    "folder", [f for f in FOLDERS if f.name != "resnet_model"], ids=lambda f: f.name
)
def test_model_without_pretrained_weights_says_so(folder: Path) -> None:
    message = f"--pretrained: {folder.name} has no such weights; train without it"
    with pytest.raises(StemError, match=message):
        architecture.load(folder).build(5, True)


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
    one = write_model(tmp_path / "one", f"{text}def build(classes, pretrained): return Size(1)\n")
    two = write_model(tmp_path / "two", f"{text}def build(classes, pretrained): return Size(2)\n")
    path_before = list(sys.path)
    first, second = architecture.load(one), architecture.load(two)
    assert (first.name, second.name) == ("one", "two")
    assert first.recipe == architecture.Recipe(epochs=3)
    assert [vars(a.build(5, False)) for a in (first, second)] == [{"n": 1}, {"n": 2}]
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


@pytest.mark.parametrize("peak", [(20.3, 17.8), (-31.7, 9.1), (40.0, 0.4), (0.2, 33.33)])
def test_offsets_lead_to_the_exact_peak(peak: tuple[float, float]) -> None:
    spectrum = LatticeSpectrum().eval()
    channels = spectrum(wave(*peak))[0]
    row, column = divmod(int(channels[0].argmax()), channels.shape[2])
    found = torch.stack(
        (
            spectrum.rows[row] + spectrum.step * channels[4, row, column],
            spectrum.columns[column] + spectrum.step * channels[5, row, column],
        )
    )
    # f and -f are one peak.
    assert min((found - sign * torch.tensor(peak)).abs().max() for sign in (1, -1)) < 0.02


def test_symmetry_channels_vanish_on_symmetric_lattices_only() -> None:
    spectrum = LatticeSpectrum().eval()
    square = (wave(17.4, 0) + wave(0, 17.4)) / 2
    rectangle = (wave(17.4, 0) + wave(0, 21.8)) / 2
    oblique = (wave(17.4, 0) + wave(4.2, 21.8)) / 2
    mirror, turn = (
        [float(spectrum(image)[0, n].abs().max()) for image in (square, rectangle, oblique)]
        for n in (6, 7)
    )
    assert mirror[0] < 0.2 > mirror[1]
    assert mirror[2] > 1
    assert turn[0] < 0.2
    assert turn[1] > 1 < turn[2]


def test_translation_leaves_the_log_power_as_it_is() -> None:
    spectrum = LatticeSpectrum().eval()
    here = wave(20.3, 17.8)
    p = torch.arange(256.0) * (2 * math.pi / 256)
    there = (0.5 + 0.5 * (20.3 * p[:, None] + 17.8 * p[None] + 2.0).cos())[None, None]
    strong = spectrum(here)[0, 0] > 0
    assert torch.allclose(spectrum(here)[0, 0][strong], spectrum(there)[0, 0][strong], atol=0.01)


def test_training_scales_images_and_evaluation_does_not() -> None:
    spectrum = LatticeSpectrum(zoom=0.1)
    image = wave(20.3, 17.8)
    torch.manual_seed(1)
    one, other = spectrum(image), spectrum(image)
    assert not torch.equal(one, other)
    spectrum.eval()
    assert torch.equal(spectrum(image), spectrum(image))
