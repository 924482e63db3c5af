"""The training loop: it learns, chooses its epoch on validation, and resumes to the same result."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from jarvis_stem.imaging.described_images import DescribedImages
from jarvis_stem.training import checkpoint, inference, loop
from jarvis_stem.training.architecture import Recipe
from jarvis_stem.training.checkpoint import Epoch
from jarvis_stem.training.loop import Split
from jarvis_stem.utils.errors import StemError

RECIPE = Recipe(epochs=4, batch_size=8, learning_rate=1e-2)
CPU = torch.device("cpu")


def stripes(n: int, seed: int) -> Split:
    """Images of narrow, middling and wide stripes: three classes that one glance tells apart."""
    generator = torch.Generator().manual_seed(seed)
    classes = torch.arange(n) % 3
    periods = torch.tensor([4, 16, 64])[classes]
    shift = torch.randint(0, 64, (n, 1), generator=generator)
    rows = ((torch.arange(256) + shift) // periods[:, None]) % 2 * 255
    pixels = rows[:, None, :].expand(n, 256, 256).to(torch.uint8)
    return Split(DescribedImages.of(pixels.numpy()), classes)


@pytest.mark.parametrize("drawings", [1, 2, 4])
def test_a_pass_has_one_drawing_of_each_structure(drawings: int) -> None:
    split = replace(stripes(400 * drawings, 0), drawings=drawings)
    torch.manual_seed(0)
    order = loop._order(split)
    assert sorted((order % 400).tolist()) == list(range(400))
    shown = torch.bincount(order // 400, minlength=drawings)
    assert len(shown) == drawings
    assert shown[0] == 400 if drawings == 1 else 150 < shown[0] < 250  # half, within 5 deviations
    assert (shown > 0).all()
    assert not torch.equal(order, loop._order(split))


def small_cnn() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=4),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 5, stride=4),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Flatten(),
        nn.LazyLinear(3),
    )


def fit(folder: Path, recipe: Recipe = RECIPE, **options: Any) -> tuple[nn.Module, list[Epoch]]:
    model = small_cnn()
    model(torch.zeros(1, 1, 256, 256))  # shapes the lazy layer
    defaults = {
        "seed": 1,
        "device": CPU,
        "checkpoint": folder / "checkpoint.pt",
        "identity": {"model": "small", "epochs": recipe.epochs},
    }
    validation = stripes(24, 1)
    options = {**defaults, **options}
    history, logits = loop.fit(model, stripes(48, 0), validation, recipe, **options)
    assert torch.equal(logits, inference.predict_logits(model, validation.images))
    return model, history


def without_times(history: list[Epoch]) -> list[Epoch]:
    return [replace(epoch, seconds=0, cpu_seconds=0) for epoch in history]


class StoppedError(Exception):
    """Stands for Ctrl-C or a kill at the end of an epoch."""


def stop_after(epochs: int) -> Any:
    def on_epoch(history: list[Epoch]) -> None:
        if len(history) == epochs:
            raise StoppedError

    return on_epoch


Whole = tuple[nn.Module, list[Epoch], Path]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """An uninterrupted run: model, history, folder with its checkpoint."""
    folder = tmp_path_factory.mktemp("whole")
    return *fit(folder), folder


def test_it_learns(whole: Whole) -> None:
    model, history, _ = whole
    probabilities = inference.predict(model, stripes(24, 2).images)
    assert probabilities.shape == (24, 3)
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(24))
    assert (probabilities.argmax(dim=1) == stripes(24, 2).classes).float().mean() > 0.9
    assert [epoch.epoch for epoch in history] == [1, 2, 3, 4]


def test_same_seed_same_run_other_seed_another(tmp_path: Path, whole: Whole) -> None:
    _, again = fit(tmp_path / "again")
    _, other = fit(tmp_path / "other", seed=2, until=0.0)  # its first epoch
    assert without_times(again) == without_times(whole[1])
    assert without_times(other) != without_times(whole[1][:1])


@pytest.mark.parametrize("epochs", [1, 3])
def test_resumed_run_equals_uninterrupted_run(epochs: int, tmp_path: Path, whole: Whole) -> None:
    with pytest.raises(StoppedError):
        fit(tmp_path, on_epoch=stop_after(epochs))
    model, resumed = fit(tmp_path, resume=True)
    assert without_times(resumed) == without_times(whole[1])
    for name, value in whole[0].state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_what_is_stopped_within_an_epoch_goes_on_from_the_one_before(
    tmp_path: Path, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = itertools.count(1)

    def augmented(views: inference.Views, *arguments: Any, **options: Any) -> Any:
        if next(steps) > 2.5 * 48 // RECIPE.batch_size:
            raise StoppedError
        return whole_step(views, *arguments, **options)

    whole_step = inference.Views.augmented
    monkeypatch.setattr(checkpoint, "_EVERY", 1e9)  # all but the first are written at the end
    with monkeypatch.context() as patch:
        patch.setattr(inference.Views, "augmented", augmented)
        with pytest.raises(StoppedError):
            fit(tmp_path)
    begun: list[int] = []
    model, resumed = fit(
        tmp_path, resume=True, on_epoch=lambda history: begun.append(history[-1].epoch)
    )
    assert begun == [3, 4]
    assert without_times(resumed) == without_times(whole[1])
    for name, value in whole[0].state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_resuming_a_finished_run_trains_no_more(whole: Whole) -> None:
    model, history, folder = whole
    again, same = fit(folder, resume=True)
    assert same == history
    assert torch.equal(model[0].weight, again[0].weight)  # type: ignore[index]


def test_it_ends_at_the_accuracy_asked_for_and_goes_on_from_there(
    tmp_path: Path, whole: Whole
) -> None:
    _, history, _ = whole
    wanted = history[0].validation_accuracy
    _, short = fit(tmp_path, until=wanted)
    assert without_times(short) == without_times(history[:1])
    _, ended = fit(tmp_path, until=wanted, resume=True)
    assert ended == short
    _, resumed = fit(tmp_path, resume=True)
    assert without_times(resumed) == without_times(history)


def test_resume_without_checkpoint_starts_anew(tmp_path: Path) -> None:
    _, history = fit(tmp_path, replace(RECIPE, epochs=1), resume=True)
    assert len(history) == 1


def test_checkpoint_of_another_run_is_refused(whole: Whole) -> None:
    with pytest.raises(StemError, match=r"of another run \(model: 'small' there, 'large' now\)"):
        fit(whole[2], resume=True, identity={"model": "large", "epochs": 4})


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut short"])
def test_damaged_checkpoint_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(StemError, match=r"checkpoint\.pt: not a checkpoint"):
        fit(tmp_path, resume=True)


def test_model_is_left_at_its_best_epoch(tmp_path: Path) -> None:
    model, history = fit(tmp_path, replace(RECIPE, epochs=6, learning_rate=0.3))
    validation = stripes(24, 1)
    right = inference.predict(model, validation.images).argmax(dim=1) == validation.classes
    best = max(epoch.validation_accuracy for epoch in history)
    assert right.float().mean().item() == best == loop.best_epoch(history).validation_accuracy


def test_of_equal_epochs_the_one_of_lower_loss_is_best() -> None:
    def epoch(number: int, loss: float, accuracy: float) -> Epoch:
        return Epoch(number, 0, 0, 0, loss, accuracy, 0, 0)

    history = [epoch(1, 0.5, 0.9), epoch(2, 0.4, 0.9), epoch(3, 0.1, 0.8)]
    assert loop.best_epoch(history).epoch == 2


def test_mirror_images_get_one_answer(whole: Whole) -> None:
    model = whole[0]
    some = torch.from_numpy(stripes(6, 5).images.drawn(6))
    some[:, :90] = 0
    assert torch.allclose(inference.predict(model, some), inference.predict(model, some.flip(1)))


def test_loss_that_diverges_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        StemError, match=r"^epoch 1, image 8: the loss is not finite; lower learning_rate .* inf$"
    ):
        fit(tmp_path, replace(RECIPE, learning_rate=float("inf")))


def test_fewer_images_than_a_batch_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StemError, match="48 training images are fewer than one batch, 64"):
        fit(tmp_path, replace(RECIPE, batch_size=64))


@pytest.mark.parametrize("name", ["cuda:9", "no-such-device", "meta-physical"])
def test_device_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(StemError, match=f"--device {name}: not available here"):
        inference.choose_device(name)


def test_automatic_device_is_one_that_works() -> None:
    assert torch.ones(2, device=inference.choose_device()).sum().item() == 2


class Overconfident(nn.Module):
    """Ten times the logits that its accuracy of three quarters calls for."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        says_one = images[:, 0, 0, 0] > 0.5
        return self.scale * torch.stack((~says_one, says_one), dim=1).float()


def test_the_temperature_makes_confidence_the_share_right() -> None:
    images = torch.zeros(400, 256, 256, dtype=torch.uint8)
    images[::2] = 255
    classes = (images[:, 0, 0] > 0).long()
    classes[:100] = 1 - classes[:100]  # wrong for a quarter
    model = Overconfident(10 * math.log(3))
    temperature = inference.calibrate(inference.predict_logits(model, images), classes)
    assert temperature == pytest.approx(10, rel=0.02)
    confidence = inference.predict(model, images, temperature=temperature).max(dim=1).values
    assert torch.allclose(confidence, torch.tensor(0.75), atol=0.01)


def test_images_are_mirrored_only_if_the_recipe_says_so(tmp_path: Path) -> None:
    seen: list[torch.Tensor] = []

    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2))

        def describe(self, images: torch.Tensor) -> torch.Tensor:
            return images[:, :1, 0].float()

        def forward(self, description: torch.Tensor) -> torch.Tensor:
            if self.training:
                seen.append(description)
            return description * self.weight

    images = torch.zeros(64, 256, 256, dtype=torch.uint8)
    images[:, 0] = 9  # the first row is bright, the last one is not
    split = Split(DescribedImages.of(images.numpy()), torch.arange(64) % 2)
    for mirror, expected in ((True, {0.0, 9.0}), (False, {9.0})):
        seen.clear()
        loop.fit(
            Watching(),
            split,
            split,
            Recipe(epochs=1, batch_size=32, mirror=mirror),
            seed=0,
            device=CPU,
            checkpoint=tmp_path / "checkpoint.pt",
            identity={},
        )
        assert set(torch.cat(seen).flatten().tolist()) == expected
