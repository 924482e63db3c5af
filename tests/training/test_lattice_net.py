"""What models are told of an image's lattice, and the network that listens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from jarvis.core.atoms import Atoms
from torch import nn

from jarvis_stem.imaging import lattice_errors, measurement, stem
from jarvis_stem.imaging.bravais import bravais_class
from jarvis_stem.imaging.harmonics import harmonics
from jarvis_stem.training import inference, loop
from jarvis_stem.training.architecture import Describing, Recipe
from jarvis_stem.training.description import Measured, describe, mirror, only
from jarvis_stem.training.lattice_encoding import LatticeEncoding, _along_x, _Cell
from jarvis_stem.training.lattice_net import LatticeNet, spectrum_cnn, unit_cell
from jarvis_stem.training.loop import Split
from jarvis_stem.training.spectrum import log_power


def crystal(a: float, b: float, gamma: float = 90.0) -> Atoms:
    angle = np.radians(gamma)
    return Atoms(
        lattice_mat=[[a, 0, 0], [b * np.cos(angle), b * np.sin(angle), 0], [0, 0, 20]],
        coords=[[0, 0, 0.5], [0.31, 0.42, 0.5]],
        elements=["Mo", "S"],
        cartesian=False,
    )


def drawn(*structures: Atoms) -> torch.Tensor:
    return torch.from_numpy(stem.to_uint8(stem.simulate(structures)))


PICTURES = drawn(crystal(3.31, 4.43), crystal(3.6, 3.6), crystal(4.07, 5.2, 71.0))


def test_a_description_has_what_the_geometry_measures() -> None:
    measured = Measured(describe(PICTURES, spectrum=True))
    lattices = measurement.measure(PICTURES.numpy())
    amplitudes = harmonics(PICTURES.numpy(), lattices.vectors, 6)
    assert np.allclose(measured.vectors, lattices.vectors, atol=1e-6)
    grey = PICTURES.flatten(1).double() / 255
    brightness = torch.stack((grey.mean(dim=1), grey.std(dim=1)), dim=1).float()
    assert np.allclose(measured.scalars[:, 0], lattices.quality)
    assert torch.allclose(measured.scalars[:, 1:], brightness)
    assert np.allclose(measured.harmonics, amplitudes, atol=1e-6)
    assert torch.equal(measured.spectrum, log_power(PICTURES))


def test_the_spectrum_is_left_out_where_it_is_not_wanted() -> None:
    without, with_it = (describe(PICTURES, spectrum=wanted) for wanted in (False, True))
    assert torch.equal(without, with_it[:, : without.shape[1]])
    assert Measured(without).spectrum.numel() == 0


@pytest.mark.parametrize("spectrum", [False, True])
def test_standard_errors_are_described_where_they_are_wanted(spectrum: bool) -> None:
    without = Measured(describe(PICTURES, spectrum=spectrum))
    with_them = Measured(describe(PICTURES, spectrum=spectrum, errors=True))
    expected = lattice_errors.standard_errors(PICTURES.numpy(), with_them.vectors.double().numpy())
    assert without.errors.shape == (3, 0)
    assert np.allclose(with_them.errors, expected, rtol=1e-2)
    assert torch.equal(with_them.vectors, without.vectors)
    assert torch.equal(with_them.harmonics, without.harmonics)
    assert torch.equal(with_them.spectrum, without.spectrum)


@pytest.mark.parametrize("spectrum", [False, True])
@pytest.mark.parametrize("errors", [False, True])
def test_a_mirror_image_is_described_without_looking_at_it(spectrum: bool, errors: bool) -> None:
    everything = describe(PICTURES, spectrum=True, errors=True)
    own = only(everything, spectrum=spectrum, errors=errors)
    assert torch.equal(own, describe(PICTURES, spectrum=spectrum, errors=errors))
    looked_at = Measured(describe(PICTURES.flip(-2), spectrum=spectrum, errors=errors))
    known = Measured(mirror(own))
    assert torch.allclose(known.vectors, looked_at.vectors, atol=1e-4)
    assert torch.allclose(known.scalars, looked_at.scalars, atol=1e-5)
    assert torch.allclose(known.harmonics, looked_at.harmonics, atol=1e-4)
    assert torch.allclose(known.errors, looked_at.errors, rtol=0.05)
    assert torch.allclose(known.spectrum, looked_at.spectrum, atol=1e-3)


def test_an_image_without_lattice_is_described_in_finite_numbers() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    flat = torch.zeros(1, 256, 256, dtype=torch.uint8)
    pictures = torch.cat((flat, torch.from_numpy(noise)[None]))
    assert describe(pictures, spectrum=True, errors=True).isfinite().all()
    torch.manual_seed(0)
    model = LatticeNet(5, errors=True, cell=(4,), spectrum=spectrum_cnn())
    probabilities = inference.predict(model, pictures)
    assert probabilities.isfinite().all()
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(2))


def test_the_unit_cell_is_the_average_over_the_image() -> None:
    picture = PICTURES[:1]
    measured = Measured(describe(picture, spectrum=False))
    cell = unit_cell(measured.harmonics)[0].numpy()
    places = np.moveaxis(np.indices((256, 256)), 0, -1).reshape(-1, 2) - 127.5
    fractions = (places * stem.PIXEL_SIZE) @ np.linalg.inv(measured.vectors[0].numpy())
    row, column = (np.round(fractions * 16).astype(int) % 16).T
    sums = np.zeros((16, 16))
    counts = np.zeros((16, 16))
    np.add.at(sums, (row, column), picture.numpy().ravel().astype(float))
    np.add.at(counts, (row, column), 1)
    average = sums / counts
    assert np.corrcoef(cell.ravel(), average.ravel())[0, 1] > 0.99


ENCODE, ENCODE_WITH_ERRORS = (LatticeEncoding(errors=errors).eval() for errors in (False, True))


@given(st.floats(2.5, 9), st.floats(0.004, 1))
def test_the_encoding_tells_nearly_equal_lengths_from_equal_ones(a: float, more: float) -> None:
    square = torch.tensor([[[a, 0], [0, a]], [[a, 0], [0, a + more]]])
    description = torch.cat((square.flatten(1), torch.ones(2, 3), torch.zeros(2, 168)), dim=1)
    one, other = ENCODE(Measured(description))
    assert (one - other).abs().max() > 0.5


@given(st.floats(2.5, 9), st.floats(1e-4, 3e-2))
def test_the_encoding_tells_a_difference_from_one_that_noise_explains(
    a: float, more: float
) -> None:
    lattice = torch.tensor([[a, 0, 0, a + more]]).expand(2, -1)
    errors = torch.tensor([[more / 30] * 3, [more * 3] * 3])
    description = torch.cat((lattice, torch.ones(2, 3), torch.zeros(2, 168), errors), dim=1)
    certain, noisy = ENCODE_WITH_ERRORS(Measured(description))
    assert (certain - noisy).abs().max() > 0.5


@pytest.mark.parametrize(
    "branches",
    [
        {},
        {"errors": True},
        {"cell": (4, 8)},
        {"spectrum": True},
        {"encoding": False, "cell": (4,)},
        {"encoding": False, "spectrum": True},
        {"cell": (4, 8), "spectrum": True},
    ],
)
def test_every_choice_of_branches_gives_logits_and_learns(branches: dict[str, object]) -> None:
    torch.manual_seed(0)
    wanted = {**branches, **({"spectrum": spectrum_cnn()} if "spectrum" in branches else {})}
    model = LatticeNet(5, **wanted)  # type: ignore[arg-type]
    assert isinstance(model, Describing)
    logits = model(model.describe(PICTURES))
    assert logits.shape == (3, 5)
    logits.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_cnns_are_silent_in_training_only_and_not_alone() -> None:
    torch.manual_seed(0)
    several = LatticeNet(5, cell=(4,), spectrum=spectrum_cnn()[:-1], dropout=0.0, absent=0.5)
    description = several.describe(PICTURES[:1]).expand(64, -1)
    for module in several.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.eval()  # statistics of the batch would differ too
    assert several(description).unique(dim=0).shape[0] == 4  # both, either, none
    several.eval()
    assert several(description).unique(dim=0).shape[0] == 1
    alone = LatticeNet(5, encoding=False, cell=(4,), dropout=0.0, absent=1.0)
    for module in alone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    pictures = alone(alone.describe(PICTURES))
    assert pictures.unique(dim=0).shape[0] == 3


class Counting(LatticeNet):
    """Counts the images that it is asked to describe."""

    described = 0

    def describe(self, images: torch.Tensor) -> torch.Tensor:
        self.described += len(images)
        return super().describe(images)


def test_training_describes_each_image_once(tmp_path: Path) -> None:
    sides = [(3.3, 3.3), (3.3, 4.4), (3.5, 3.5), (3.5, 4.6), (3.8, 3.8), (3.8, 5.1)]
    pictures = drawn(*(crystal(*pair) for pair in sides))
    split = Split(pictures, torch.tensor([0, 1] * 3))
    torch.manual_seed(0)
    model = Counting(2)
    model.described = 0
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
    assert model.described == 2 * len(split)  # it learns from them and chooses by them
    assert history[-1].validation_accuracy == 1
    alone = torch.cat([inference.predict(model, picture[None]) for picture in pictures])
    assert torch.allclose(alone, inference.predict(model, pictures), atol=1e-5)
    assert torch.allclose(alone, inference.predict(model, pictures.flip(-2)), atol=1e-3)


def cell_of(a: float, b: float, gamma: float) -> torch.Tensor:
    angle = np.radians(gamma)
    return torch.tensor([[a, 0.0], [b * np.cos(angle), b * np.sin(angle)]]).float()


@given(
    st.floats(2.5, 9.0),
    st.floats(1.0, 1.9),
    st.floats(62.0, 118.0),
    st.integers(-3, 3),
    st.booleans(),
)
def test_of_any_basis_the_cell_along_x_is_the_one_that_was_drawn(
    a: float, ratio: float, gamma: float, moved: int, swapped: bool
) -> None:
    cell = cell_of(a, a * ratio, gamma)
    share = cell[1, 0] / a
    assume(abs(abs(share) - 0.5) > 1e-3)  # a tie is not the cell's choice
    cell[1] -= torch.round(share) * cell[0]
    other = cell.clone()
    other[1] += moved * other[0]
    if swapped:
        other = -other.flip(0)
    first, second, step = _along_x(other[None])
    assert torch.allclose(torch.stack((first[0], second[0])), cell, atol=1e-4)
    assert step.item() == 0


@pytest.mark.parametrize("gamma", [60.0, 120.0])
def test_of_two_shortest_vectors_it_is_always_the_same_whatever_the_error(gamma: float) -> None:
    chosen = [_along_x(cell_of(3, 3 + error, gamma)[None])[1] for error in (-1e-6, 0.0, 1e-6)]
    assert all(torch.allclose(b, cell_of(3, 3, 60)[1:], atol=1e-5) for b in chosen)


def test_a_sheared_cell_is_found_a_little_off_x() -> None:
    strained = cell_of(3.2, 5.1, 90) @ torch.tensor([[1.0, 0.02], [0.02, 1.0]])
    a, b, step = _along_x(strained[None])
    assert torch.allclose(torch.stack((a[0], b[0])), strained)
    assert step.item() == 3  # 1.1 degrees


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ((3.0, 3.0, 120.0), 0),
        ((3.0, 3.004, 90.0), 1),
        ((3.0, 3.006, 90.0), 2),
        ((3.0, 3.0, 90.1), 3),
        ((3.0, 3.5, 100.0), 4),
    ],
)
def test_the_encoding_applies_the_label_rule(cell: tuple[float, float, float], rule: int) -> None:
    angle = np.radians(cell[2])
    row = [cell[1] * np.cos(angle), cell[1] * np.sin(angle), 0]
    lattice = [[cell[0], 0, 0], row, [0, 0, 20]]
    assert bravais_class(Atoms(lattice_mat=lattice, coords=[[0, 0, 0]], elements=["C"])) == rule
    encoded = _Cell(*cell_of(*cell)[:, None]).numbers()[0, -5:]
    assert encoded.tolist() == [float(i == rule) for i in range(5)]


def test_mixed_precision_leaves_the_encoding_as_it_is() -> None:
    encoding = LatticeEncoding().eval()
    measured = Measured(describe(PICTURES, spectrum=False))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = encoding(measured)
    assert torch.equal(mixed, encoding(measured))
