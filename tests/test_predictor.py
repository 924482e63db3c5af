"""Stored models on anybody's image: what the pipeline says, and doubts where they are due."""

from __future__ import annotations

import json
import math
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import REPOSITORY, run_record
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from sklearn.datasets import load_sample_images

from jarvis_stem import models, prototypes, stem, training, weights
from jarvis_stem.benchmark import ResultName
from jarvis_stem.errors import StemError
from jarvis_stem.predictor import Answer, Predictor

NAME = ResultName.parse("AI-ImageClass-bravais_class-stem_2d_proto-test-acc")
TEMPERATURE = 0.7
MODEL = """
import torch
from torch import nn
from jarvis_stem.models import Recipe

RECIPE = Recipe(epochs=1)


def build(classes, pretrained):
    cnn = (nn.Conv2d(1, 4, 9, 8), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(4))
    return nn.Sequential(*cnn, nn.Flatten(), nn.Linear(64, classes))
"""
STORED = sorted(REPOSITORY.glob("contributions/*/*.safetensors"))
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def renders() -> Pixels:
    chosen = list(prototypes.structures().values())[::120]
    return stem.to_uint8(stem.simulate(chosen))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A contribution whose model is sure of rectangles, whatever it sees."""
    folder = tmp_path_factory.mktemp("contributions") / "tiny"
    folder.mkdir()
    (folder / "model.py").write_text(MODEL)
    torch.manual_seed(0)
    model = models.load(folder).build(5, False)
    with torch.no_grad():
        model[-1].weight *= 10
        model[-1].bias[2] += 12
    store(folder, model)
    return folder


def store(folder: Path, model: torch.nn.Module) -> None:
    recorded = weights.save(folder / NAME.weights_name, model, temperature=TEMPERATURE)
    record = {**run_record(0.5), "weights": recorded}
    (folder / NAME.run_record_name).write_text(json.dumps(record))


def load(folder: Path) -> Predictor:
    return Predictor.load(folder, NAME.dataset, REPOSITORY / "benchmarks")


@pytest.fixture(scope="module")
def predictor(folder: Path) -> Predictor:
    return load(folder)


def files_of(images: Pixels, folder: Path, suffix: str = "png") -> list[Path]:
    paths = [folder / f"{n}.{suffix}" for n in range(len(images))]
    for image, path in zip(images, paths, strict=True):
        Image.fromarray(image).save(path)
    return paths


def assert_as_pipeline(
    contribution: Path, name: ResultName, renders: Pixels, predictor: Predictor, work: Path
) -> None:
    """A stored model must say the same of PNGs, of arrays, and in a training run."""
    record = json.loads((contribution / name.run_record_name).read_text())
    model = models.load(contribution).build(len(predictor.classes), False)
    path, sha256 = contribution / name.weights_name, record["weights"]["sha256"]
    temperature = weights.load(path, model, sha256=sha256)
    pipeline = training.predict(model, torch.from_numpy(renders), temperature=temperature).numpy()
    assert np.array_equal(predictor.probabilities(renders), pipeline)
    answers = predictor.predict_files(files_of(renders, work))
    assert [a.bravais_class for a in answers] == [
        predictor.classes[n] for n in pipeline.argmax(axis=1)
    ]
    trusted = [n for n, answer in enumerate(answers) if not answer.reasons]
    assert len(trusted) > len(renders) / 2
    got = np.array([list(answers[n].probabilities.values()) for n in trusted])
    assert np.array_equal(got.astype(np.float32), pipeline[trusted])


def test_files_and_arrays_alone_give_what_the_pipeline_gives(
    folder: Path, predictor: Predictor, renders: Pixels, tmp_path: Path
) -> None:
    assert predictor.temperature == TEMPERATURE
    assert len(np.unique(predictor.probabilities(renders), axis=0)) > len(renders) / 2
    assert_as_pipeline(folder, NAME, renders, predictor, tmp_path)


@pytest.mark.skipif(not STORED, reason="no contribution has stored weights")
@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name} {path.name}")
def test_so_do_the_committed_models(path: Path, renders: Pixels, tmp_path: Path) -> None:
    name = ResultName.parse(path.name.removesuffix(".safetensors"))
    predictor = Predictor.load(path.parent, name.dataset)
    assert_as_pipeline(path.parent, name, renders, predictor, tmp_path)


def test_one_image_gets_what_it_gets_among_others(predictor: Predictor, renders: Pixels) -> None:
    together = predictor.probabilities(renders)
    alone = np.concatenate([predictor.probabilities(image[None]) for image in renders])
    assert np.allclose(together, alone, atol=1e-5)
    assert predictor.probabilities(renders[:0]).shape == (0, 5)
    assert predictor.predict(renders[:0]) == []


def test_an_answer_of_a_render(predictor: Predictor) -> None:
    graphene = next(s for i, s in prototypes.structures().items() if set(s.elements) == {"C"})
    (answer,) = predictor.predict(stem.to_uint8(stem.simulate([graphene])))
    assert answer.reasons == []
    assert (answer.bravais_class, answer.class_name) == (2, "rectangle")
    assert answer.confidence == max(answer.probabilities.values()) > 0.9
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert answer.lattice is not None
    assert (answer.lattice.a, answer.lattice.b) == pytest.approx(graphene.lattice.abc[:2], abs=1e-3)
    assert answer.lattice.gamma == pytest.approx(60, abs=1e-2)
    data = json.loads(json.dumps(answer.as_json(), allow_nan=False))
    assert data["class"] == 2
    assert data["lattice"]["gamma"] == answer.lattice.gamma


def photograph() -> Pixels:
    return load_sample_images().images[0][40:340, 100:400]


def blurred(sigma: float) -> Pixels:
    noise = np.random.default_rng(0).normal(size=(1, 256, 256))
    return stem.to_uint8(ndimage.gaussian_filter(noise, (0, sigma, sigma)))[0]


def random_atoms() -> Pixels:
    atoms = (np.random.default_rng(0).random((1, 256, 256)) < 0.003).astype(float)
    return stem.to_uint8(ndimage.gaussian_filter(atoms, (0, 2, 2)))[0]


NO_LATTICE: dict[str, Callable[[], Pixels]] = {
    "black": lambda: np.zeros((256, 256), np.uint8),
    "grey": lambda: np.full((256, 256), 127, np.uint8),
    "white noise": lambda: np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8),
    "blurred noise": lambda: blurred(2),
    "photograph": photograph,
    "gradient": lambda: np.tile(np.arange(256, dtype=np.uint8), (256, 1)),
    "stripes": lambda: np.tile((127 + 99 * np.sin(np.arange(256) / 3)).astype(np.uint8), (256, 1)),
    "one pixel": lambda: np.pad(np.full((1, 1), 255, np.uint8), (100, 155)),
    "atoms anywhere": random_atoms,
    "white margin alone but for a dot": lambda: np.pad(
        np.zeros((70, 70), np.uint8), 99, constant_values=255
    ),
}


@pytest.mark.parametrize("kind", NO_LATTICE)
def test_no_lattice_no_confidence(kind: str, predictor: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(NO_LATTICE[kind]()).save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (answer,) = predictor.predict_files([path])
    assert answer.reasons
    assert answer.confidence < 0.4
    assert_sound(answer)


def assert_sound(answer: Answer) -> None:
    numbers = [*answer.probabilities.values(), answer.confidence, answer.quality]
    if answer.lattice:
        numbers += [answer.lattice.a, answer.lattice.b, answer.lattice.gamma]
    assert all(map(math.isfinite, numbers))
    assert sum(answer.probabilities.values()) == pytest.approx(1)


def test_negatives_are_doubted_and_renders_are_not(predictor: Predictor, renders: Pixels) -> None:
    positives = predictor.predict(renders)
    negatives = predictor.predict(np.uint8(255) - renders)
    assert not any("dark on bright" in " ".join(answer.reasons) for answer in positives)
    told = [answer for answer in negatives if "dark on bright" in " ".join(answer.reasons)]
    assert len(told) > 0.9 * len(negatives)
    assert all(answer.confidence < 0.61 for answer in told)


def test_what_is_doubted_in_reading_is_doubted_in_the_answer(
    predictor: Predictor, renders: Pixels, tmp_path: Path
) -> None:
    (path,) = files_of(np.hstack([renders[0], renders[0]])[None, :, :400], tmp_path)
    (answer,) = predictor.predict_files([path])
    assert answer.reasons[0].startswith("not square: the middle 256x256 of 400x256 px")
    assert answer.confidence < 0.61
    (answer,) = predictor.predict_files([path], pixel_size=0.2)
    assert not any("square" in reason for reason in answer.reasons)


def test_a_small_picture_is_refused_by_name(predictor: Predictor, tmp_path: Path) -> None:
    (path,) = files_of(np.zeros((1, 63, 63), np.uint8), tmp_path)
    with pytest.raises(StemError, match=r"0\.png: 63x63 px; expected at least 64x64"):
        predictor.predict_files([path])


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 256, 256), np.float32),
        np.zeros((1, 256, 256), np.uint16),
        np.zeros((1, 128, 128), np.uint8),
        np.zeros((256, 256), np.uint8),
        np.zeros((1, 1, 256, 256), np.uint8),
    ],
    ids=lambda images: f"{images.dtype}{images.shape}",
)
def test_arrays_of_another_form_are_refused(
    images: NDArray[np.generic], predictor: Predictor
) -> None:
    with pytest.raises(StemError, match=r"expected uint8\[N, 256, 256\], got"):
        predictor.predict(images)  # type: ignore[arg-type]


def test_views_and_turned_arrays_are_taken(predictor: Predictor, renders: Pixels) -> None:
    turned = renders.transpose(0, 2, 1)
    assert np.array_equal(
        predictor.probabilities(turned), predictor.probabilities(np.ascontiguousarray(turned))
    )
    readonly = renders[:2].copy()
    readonly.flags.writeable = False
    predictor.predict(readonly)


@pytest.fixture
def spoiled(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "tiny"))


def refused(folder: Path, expected: str) -> None:
    with pytest.raises(StemError, match=expected):
        load(folder)


def test_other_weights_are_refused(spoiled: Path) -> None:
    path = spoiled / NAME.weights_name
    path.write_bytes(path.read_bytes() + b"x")
    refused(spoiled, r"\.safetensors: expected SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}")
    path.unlink()
    refused(spoiled, r"\.safetensors: no such file")


def test_weights_of_another_model_are_refused(spoiled: Path) -> None:
    (spoiled / "model.py").write_text(MODEL.replace("nn.Conv2d(1, 4, 9, 8)", "nn.Conv2d(1,4,5,8)"))
    refused(spoiled, r"not the weights of this model: '0.weight': expected \(4, 1, 5, 5\), got")


def test_a_contribution_without_stored_weights_says_what_to_do(spoiled: Path) -> None:
    record = spoiled / NAME.run_record_name
    record.write_text(json.dumps(run_record(0.5)))
    refused(spoiled, "records no weights; train the model: python -m jarvis_stem.train tiny")
    record.write_text("{}")
    refused(spoiled, r"run\.json: expected a key 'command'")
    record.unlink()
    refused(spoiled, r"run\.json: no such file; train the model")
    with pytest.raises(StemError, match="no such benchmark"):
        Predictor.load(spoiled, "stem_9d", REPOSITORY / "benchmarks")
    refused(spoiled.parent / "nowhere", "no such contribution")
