"""The spectral input measures what it says, and every registered model is fit for training."""

from __future__ import annotations

import math
import urllib.error
from pathlib import Path
from typing import Any

import pytest
import torch

from jarvis_stem import models
from jarvis_stem.errors import StemError
from jarvis_stem.models import registry
from jarvis_stem.models.spectrum import LatticeSpectrum


def wave(along_rows: float, along_columns: float) -> torch.Tensor:
    """An image [1, 1, 256, 256] of one plane wave; periods per image."""
    p = torch.arange(256.0) * (2 * math.pi / 256)
    phase = along_rows * p[:, None] + along_columns * p[None, :]
    return (0.5 + 0.5 * phase.cos())[None, None]


@pytest.mark.parametrize("name", sorted(registry._architectures))
def test_model_maps_images_to_trainable_logits(name: str) -> None:
    model = models.find(name).build(5, False)
    logits = model(torch.rand(2, 1, 256, 256))
    assert logits.shape == (2, 5)
    logits.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_unknown_model_lists_the_known() -> None:
    with pytest.raises(
        StemError, match=r"unknown model 'vgg'; known: densenet_model, resnet_model"
    ):
        models.find("vgg")


@pytest.mark.parametrize("name", sorted(registry._architectures))
def test_pretrained_without_network_shows_the_way_out(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: Any, **_options: Any) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(StemError, match=r"--pretrained: cannot .*train without --pretrained"):
        models.find(name).build(5, True)


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
