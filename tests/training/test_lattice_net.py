"""The network that reads what is measured of an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from jarvis.core.atoms import Atoms
from layers import crystal
from torch import Tensor, nn

from jarvis_stem.imaging import description, stem
from jarvis_stem.imaging.described_images import DescribedImages
from jarvis_stem.imaging.description import describe, measure
from jarvis_stem.training import inference, loop
from jarvis_stem.training.architecture import Reading, Recipe
from jarvis_stem.training.lattice_net import Dropout, LatticeEncoding, LatticeNet, spectrum_cnn
from jarvis_stem.training.loop import Split


def drawn(*structures: Atoms) -> Tensor:
    return torch.from_numpy(stem.to_uint8(stem.simulate(structures)))


PICTURES = drawn(crystal(3.31, 4.43), crystal(3.6, 3.6), crystal(4.07, 5.2, 71.0))


def parts_of(model: LatticeNet, images: Tensor = PICTURES) -> list[Tensor]:
    return [torch.from_numpy(part) for part in describe(images.numpy(), model.reads)[0]]


@pytest.mark.parametrize(
    ("branches", "reads"),
    [
        ({}, ("lattice", "harmonics")),
        ({"errors": True}, ("lattice", "errors", "harmonics")),
        ({"cell": (4, 8)}, ("lattice", "harmonics", "cell")),
        ({"spectrum": True}, ("lattice", "harmonics", "spectrum")),
        ({"encoding": False, "cell": (4,)}, ("cell",)),
        ({"encoding": False, "spectrum": True}, ("spectrum",)),
        ({"cell": (4, 8), "spectrum": True}, ("lattice", "harmonics", "cell", "spectrum")),
    ],
)
def test_every_choice_of_branches_gives_logits_and_learns(
    branches: dict[str, object], reads: tuple[str, ...]
) -> None:
    torch.manual_seed(0)
    wanted = {**branches, **({"spectrum": spectrum_cnn()} if "spectrum" in branches else {})}
    model = LatticeNet(5, **wanted)  # type: ignore[arg-type]
    assert isinstance(model, Reading)
    assert model.reads == reads
    logits = model(*parts_of(model))
    assert logits.shape == (3, 5)
    logits.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(("branches", "threads"), [({"errors": True}, 1), ({"cell": (4,)}, 2)])
def test_vectors_alone_are_learned_from_in_one_thread(
    branches: dict[str, object], threads: int
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with inference.suited_threads(LatticeNet(5, **branches)):  # type: ignore[arg-type]
            assert torch.get_num_threads() == threads
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_cnns_are_silent_in_training_only_and_not_alone() -> None:
    torch.manual_seed(0)
    several = LatticeNet(5, cell=(4,), spectrum=spectrum_cnn()[:-1], dropout=0.0, absent=0.5)
    parts = [part.expand(64, *part.shape[1:]) for part in parts_of(several, PICTURES[:1])]
    several.train()
    for module in several.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.eval()  # statistics of the batch would differ too
    assert several(*parts).unique(dim=0).shape[0] == 4  # both, either, none
    several.eval()
    assert several(*parts).unique(dim=0).shape[0] == 1
    alone = LatticeNet(5, encoding=False, cell=(4,), dropout=0.0, absent=1.0)
    for module in alone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    assert alone(*parts_of(alone)).unique(dim=0).shape[0] == 3


def test_training_measures_each_image_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n_measured = []

    def counted(images: np.ndarray, parts: tuple[str, ...]) -> description.Measured:
        n_measured.append(len(images))
        return measure(images, parts)

    monkeypatch.setattr(description, "measure", counted)
    sides = [(3.3, 3.3), (3.3, 4.4), (3.5, 3.5), (3.5, 4.6), (3.8, 3.8), (3.8, 5.1)]
    pictures = drawn(*(crystal(*pair) for pair in sides))
    split = Split(DescribedImages.of(pictures.numpy()), torch.tensor([0, 1] * 3))
    torch.manual_seed(0)
    model = LatticeNet(2)
    history, _ = loop.fit(
        model,
        split,
        split,
        Recipe(epochs=12, batch_size=6, learning_rate=1e-2),
        seed=0,
        device=torch.device("cpu"),
        checkpoint=tmp_path / "checkpoint.pt",
        identity={},
    )
    assert sum(n_measured) == len(split)  # it learns from them and chooses by them
    assert history[-1].validation_accuracy == 1
    alone = torch.cat([inference.predict(model, picture[None]) for picture in pictures])
    assert torch.allclose(alone, inference.predict(model, pictures), atol=1e-5)
    assert torch.allclose(alone, inference.predict(model, pictures.flip(-2)), atol=1e-3)


def test_mixed_precision_leaves_the_encoding_as_it_is() -> None:
    model = LatticeNet(5).eval()
    parts = parts_of(model)
    encoding = LatticeEncoding().eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = encoding(*parts)
    assert torch.equal(mixed, encoding(*parts))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("share", [0.2, 0.4])
def test_dropout_leaves_out_its_share_and_keeps_the_mean(share: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    dropout, features = Dropout(share), torch.ones(999, 1001, dtype=dtype, requires_grad=True)
    dropped = dropout(features)
    kept = dropped != 0
    assert dropped.dtype == dtype
    assert kept.float().mean().item() == pytest.approx(1 - share, abs=0.002)
    assert kept.float().mean(dim=0).std().item() == pytest.approx(
        (share * (1 - share) / 999) ** 0.5, rel=0.1
    )  # each by itself
    assert torch.equal(dropped[kept], torch.full_like(dropped[kept], 1 / (1 - share)))
    dropped.sum().backward()
    assert features.grad is not None and torch.equal(features.grad, dropped.detach())
    assert not torch.equal(dropout(features), dropped)
    torch.manual_seed(0)
    assert torch.equal(dropout(features), dropped)


def test_dropout_leaves_out_nothing_else() -> None:
    features = torch.ones(3, 5)
    assert torch.equal(Dropout(0.4).eval()(features), features)
    assert torch.equal(Dropout(0.0)(features), features)
    assert torch.equal(Dropout(1.0)(features), torch.zeros(3, 5))
