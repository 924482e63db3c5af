"""Stored models on anybody's image: what the pipeline says, and doubts where they are due."""

from __future__ import annotations

import json
import pickle
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from graphs import store_graph, tiny_graph
from helpers import PROTO, REPOSITORY, python, run_record
from jarvis.io.vasp.inputs import Poscar
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from sklearn.datasets import load_sample_images

from jarvis_stem.api import load_model, predict
from jarvis_stem.formats.names import ResultName
from jarvis_stem.imaging import picture, prototypes, stem
from jarvis_stem.imaging.bravais import CLASS_NAMES
from jarvis_stem.imaging.conditions import Conditions
from jarvis_stem.prediction.answer import Answer, MeasuredLattice
from jarvis_stem.prediction.predictor import Predictor
from jarvis_stem.prediction.stored_model import DefaultModel, StoredModel
from jarvis_stem.utils.errors import StemError

TEMPERATURE = 0.7
STORED = sorted(REPOSITORY.glob("contributions/*/*-stem_2d_image-*.onnx"))
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def renders() -> Pixels:
    chosen = list(prototypes.structures().values())[::120]
    return stem.to_uint8(stem.simulate(chosen))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A contribution whose model is sure of rectangles, whatever it sees."""
    folder = tmp_path_factory.mktemp("contributions") / "tiny"
    store_graph(
        folder, PROTO, tiny_graph(scale=1, bias=(0, 0, 12, 0, 0), temperature=str(TEMPERATURE))
    )
    return folder


def load(folder: Path) -> Predictor:
    return load_model(folder.name, PROTO.dataset, folder.parent)


@pytest.fixture(scope="module")
def predictor(folder: Path) -> Predictor:
    return load(folder)


def files_of(images: Pixels, folder: Path, suffix: str = "png") -> list[Path]:
    paths = [folder / f"{n}.{suffix}" for n in range(len(images))]
    for image, path in zip(images, paths, strict=True):
        Image.fromarray(image).save(path)
    return paths


def assert_as_arrays(renders: Pixels, predictor: Predictor, work: Path) -> None:
    """A stored model must say the same of PNGs and of arrays."""
    of_arrays = predictor.predict_proba(renders)
    assert np.allclose(of_arrays.sum(axis=1), 1)
    assert np.array_equal(predictor.predict(renders), predictor.classes_[of_arrays.argmax(axis=1)])
    answers = predict(files_of(renders, work), model=predictor, distortion=0)
    assert [a.bravais_class for a in answers] == predictor.predict(renders).tolist()
    trusted = [n for n, answer in enumerate(answers) if not answer.reasons]
    assert len(trusted) > len(renders) / 2
    got = np.array([list(answers[n].probabilities.values()) for n in trusted])
    assert np.allclose(got, of_arrays[trusted], atol=1e-6)


def test_files_and_arrays_give_the_same(
    predictor: Predictor, renders: Pixels, tmp_path: Path
) -> None:
    assert isinstance(predictor.network, StoredModel)
    assert predictor.network.temperature == TEMPERATURE
    assert len(np.unique(predictor.predict_proba(renders), axis=0)) > len(renders) / 2
    assert_as_arrays(renders, predictor, tmp_path)


@pytest.mark.skipif(not STORED, reason="no contribution has a stored model")
@pytest.mark.parametrize("path", STORED, ids=lambda path: path.parent.name)
def test_so_do_the_committed_models(path: Path, renders: Pixels, tmp_path: Path) -> None:
    name = ResultName.parse(path.name.removesuffix(".onnx"))
    predictor = load_model(path.parent.name, name.dataset)
    assert_as_arrays(renders[::3], predictor, tmp_path)


def test_one_image_gets_what_it_gets_among_others(predictor: Predictor, renders: Pixels) -> None:
    together = predictor.predict_proba(renders)
    alone = np.concatenate([predictor.predict_proba(image[None]) for image in renders])
    assert np.allclose(together, alone, atol=1e-5)
    assert predictor.predict_proba(renders[:0]).shape == (0, 5)
    assert predictor.predict(renders[:0]).shape == (0,)
    assert predictor.answer([]) == []


def test_an_answer_of_a_render(predictor: Predictor) -> None:
    graphene = next(s for i, s in prototypes.structures().items() if set(s.elements) == {"C"})
    (answer,) = predictor.answer([picture.of_structure(graphene)])
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
    assert list(data["probabilities"]) == list(CLASS_NAMES)
    assert data["probabilities"]["rectangle"] == answer.confidence
    assert (answer.pixel_size, data["pixel_size"]) == (0.2, 0.2)


def test_the_lattice_has_errors_and_a_direction(predictor: Predictor) -> None:
    graphene = next(s for i, s in prototypes.structures().items() if set(s.elements) == {"C"})
    noisy = stem.to_uint8(stem.simulate([graphene], Conditions(dose=1e4, rotation=20)))
    (answer,) = predict(noisy, 0.2, predictor, distortion=0)
    lattice = answer.lattice
    assert lattice is not None and lattice.unit == "Å" and lattice.tiles == ()
    assert lattice.a_error is not None and lattice.b_error is not None
    assert 1e-4 < lattice.a_error < 2e-3
    assert 1e-4 < lattice.b_error < 2e-3
    assert lattice.gamma_error is not None and 3e-3 < lattice.gamma_error < 0.1
    lengths = np.linalg.norm(lattice.vectors, axis=1)
    assert lengths == pytest.approx([lattice.a, lattice.b])
    true = graphene.lattice_mat[0][:2] @ Conditions(rotation=20).distortion
    turns = [np.array(lattice.vectors).T @ [h, k] for h, k in ((1, 0), (0, 1), (1, -1))]
    turns += [-turn for turn in turns]
    assert min(np.linalg.norm(turn - true) for turn in turns) < 0.01


@pytest.mark.parametrize(
    ("value", "error", "expected"),
    [
        (3.19012, 0.0021, "3.190(2)"),
        (3.19012, 0.0019, "3.1901(19)"),
        (3.19, 2.4e-9, "3.19000(1)"),
        (90, 0.31, "90.0(3)"),
        (90, 3.1, "90(3)"),
        (90, 31, "90(31)"),
        (3.19, None, "3.19"),
        (3.19, 0.0, "3.19"),
    ],
)
def test_errors_are_written_in_units_of_the_last_digit(
    value: float, error: float | None, expected: str
) -> None:
    lattice = MeasuredLattice(value, 4.0, 90.0, error, None, None, ((1.0, 0.0), (0.0, 1.0)))
    assert str(lattice) == f"a {expected} Å, b 4.00 Å, gamma 90.00°"


def microscope(distorted: bool = True, size: float = 0.2) -> NDArray[np.float32]:
    """MoS2 as a microscope shows it; the network of these tests is sure of rectangles."""
    atoms = prototypes.structures()["proto-1H-MoS2.jpg"]
    drift = 0.03 if distorted else 0.0
    conditions = Conditions(dose=3e4, shear=drift, pixel_size=size, background=1, rotation=9)
    return stem.simulate([atoms], conditions)[0]


def test_a_microscopes_picture_is_measured_in_its_parts(predictor: Predictor) -> None:
    (answer,) = predict(microscope(), 0.2, predictor)
    assert (answer.bravais_class, answer.class_name, answer.lattice_name) == (
        *(0, "hexagonal", "hexagonal"),
    )
    assert 0.7 < answer.confidence < 0.97
    lattice, symmetric = answer.lattice, answer.symmetric
    assert lattice is not None and symmetric is not None
    assert len(lattice.tiles) > 6 and lattice.unit == symmetric.unit == "Å"
    assert lattice.b / lattice.a > 1.005  # it stays what the picture shows
    assert symmetric.a == pytest.approx(symmetric.b) == pytest.approx(3.16, abs=0.05)
    assert symmetric.gamma == pytest.approx(60)
    assert symmetric.strain == pytest.approx(0.03, abs=0.01)
    assert_sound(answer)


def test_without_a_pixel_size_lengths_are_in_pixels(predictor: Predictor) -> None:
    for shown in (microscope(), microscope(distorted=False).round(6)):
        (unknown,), (known,) = (predict(shown, size, predictor) for size in (None, 0.2))
        assert unknown.lattice is not None and known.lattice is not None
        assert (unknown.lattice.unit, known.lattice.unit) == ("px", "Å")
        assert unknown.lattice.a * 0.2 == pytest.approx(known.lattice.a, rel=0.01)
        assert " px, b " in str(unknown.lattice)


def test_a_pixel_size_that_makes_no_crystal_is_not_believed(predictor: Predictor) -> None:
    (right,), (wrong,) = (predict(microscope(), size, predictor) for size in (0.2, 0.03))
    assert (wrong.class_name, wrong.pixel_size) == (right.class_name, None)
    assert wrong.lattice is not None and wrong.lattice.unit == "px"
    (reason,) = wrong.reasons
    assert reason.startswith("0.03 Å a pixel (given) would make a 0.469 Å: expected 1 to 25")


def test_a_cell_smaller_than_any_is_doubted(predictor: Predictor) -> None:
    (right,), (small,) = (predict(microscope(), size, predictor) for size in (0.2, 0.13))
    assert small.class_name == right.class_name
    assert small.confidence < right.confidence / 1.3
    assert any("the cell has 3.7 Å²: expected at least 4.8" in one for one in small.reasons)


def test_without_distortion_the_network_answers(predictor: Predictor) -> None:
    (answer,) = predict(microscope(), 0.2, predictor, distortion=0)
    assert (answer.class_name, answer.symmetric) == ("rectangle", None)
    (clean,) = predict(
        stem.simulate([prototypes.structures()["proto-1H-MoS2.jpg"]])[0], 0.2, predictor
    )
    assert (clean.class_name, clean.symmetric) == ("rectangle", None)  # as regular as a drawing


def test_more_distortion_makes_more_hexagonal(predictor: Predictor) -> None:
    stretched = microscope()
    shares = [
        predict(stretched, 0.2, predictor, distortion=one)[0].probabilities[0]
        for one in (0.002, 0.03)
    ]
    assert shares[0] < 0.5 < shares[1]
    (doubted,) = predict(stretched, 0.2, predictor, distortion=0.01)
    assert any("takes a strain of" in reason for reason in doubted.reasons) or (
        doubted.class_name != "hexagonal"
    )


def test_grains_and_their_turn(predictor: Predictor) -> None:
    atoms = prototypes.structures()["proto-1H-MoS2.jpg"]
    turned = [Conditions(dose=1e5, rotation=angle, pixel_size=0.3) for angle in (0, 19)]
    left, right = stem.simulate([atoms, atoms], turned)
    (answer,) = predict(np.hstack([left[:, :128], right[:, 128:]]), 0.3, predictor)
    assert len(answer.further) == 1
    assert answer.grains.startswith("2 grains: the other one a 3.")
    assert float(answer.grains.split()[-1].rstrip("°")) == pytest.approx(19, abs=1.5)
    assert_sound(answer)
    (alone,) = predict(left, 0.3, predictor)
    assert (alone.further, alone.grains) == ((), "")
    (layers,) = predict(left + right, 0.3, predictor)
    assert layers.grains.startswith("2 lattices together: the other one a 3.16")
    assert float(layers.grains.split()[-1].rstrip("°")) == pytest.approx(19, abs=0.5)


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
        (answer,) = predict(path, model=predictor)
    assert answer.reasons
    assert (answer.bravais_class, answer.class_name, answer.lattice_name) == (None, "none", "none")
    assert answer.title == "no lattice"
    assert answer.lattice is None
    assert answer.confidence < 0.6
    assert_sound(answer)


def assert_sound(answer: Answer) -> None:
    json.dumps(answer.as_json(), allow_nan=False)
    assert sum(answer.probabilities.values()) == pytest.approx(1)


def test_negatives_are_doubted_and_renders_are_not(predictor: Predictor, renders: Pixels) -> None:
    positives = predict(renders, model=predictor, distortion=0)
    negatives = predict(np.uint8(255) - renders, model=predictor, distortion=0)
    assert not any("dark on bright" in " ".join(answer.reasons) for answer in positives)
    told = [answer for answer in negatives if "dark on bright" in " ".join(answer.reasons)]
    assert len(told) > 0.9 * len(negatives)
    assert all(answer.confidence < 0.61 for answer in told)


def test_what_is_doubted_in_reading_is_doubted_in_the_answer(
    predictor: Predictor, renders: Pixels, tmp_path: Path
) -> None:
    (path,) = files_of(np.hstack([renders[0], renders[0]])[None, :, :400], tmp_path)
    (answer,) = predict(path, model=predictor, distortion=0)
    assert answer.reasons[0].startswith("not square: the middle 256x256 of 400x256 px")
    assert answer.confidence < 0.61
    (answer,) = predict(path, 0.2, predictor)
    assert not any("square" in reason for reason in answer.reasons)


def test_a_small_picture_is_refused_by_name(predictor: Predictor, tmp_path: Path) -> None:
    (path,) = files_of(np.zeros((1, 63, 63), np.uint8), tmp_path)
    with pytest.raises(StemError, match=r"0\.png: 63x63 px; expected at least 64x64"):
        predict(path, model=predictor)


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
        predictor.predict_proba(images)  # type: ignore[arg-type]


def test_views_and_turned_arrays_are_taken(predictor: Predictor, renders: Pixels) -> None:
    turned = renders.transpose(0, 2, 1)
    assert np.array_equal(
        predictor.predict_proba(turned), predictor.predict_proba(np.ascontiguousarray(turned))
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


def test_another_model_than_the_recorded_is_refused(spoiled: Path) -> None:
    path = spoiled / PROTO.model_name
    path.write_bytes(path.read_bytes() + b"x")
    refused(spoiled, r"\.onnx: expected SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}")
    path.unlink()
    refused(spoiled, r"\.onnx: no such file")


def test_a_contribution_without_a_stored_model_says_what_to_do(spoiled: Path) -> None:
    record = spoiled / PROTO.run_record_name
    record.write_text(json.dumps(run_record(0.5)))
    refused(spoiled, "records no model; train the model: jarvis-stem train tiny")
    record.write_text("{}")
    refused(spoiled, r"run\.json: expected a key 'command'")
    record.unlink()
    refused(spoiled, r"run\.json: no such file; train the model")
    refused(spoiled.parent / "nowhere", "no such contribution")


def assert_same(found: list[Answer], expected: list[Answer]) -> None:
    """But for rounding, which depends on where in memory an image lies."""
    for one, other in zip(found, expected, strict=True):
        assert one.lattice is not None and other.lattice is not None
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
        numbers = [(x.a, x.b, x.gamma, x.a_error, x.b_error) for x in (one.lattice, other.lattice)]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-5)
        rest = [(x.bravais_class, x.pixel_size, x.reasons) for x in (one, other)]
        assert rest[0] == rest[1]


def test_what_can_be_predicted(predictor: Predictor, renders: Pixels, tmp_path: Path) -> None:
    paths = files_of(renders[:2], tmp_path)
    (tmp_path / "POSCAR").write_text(str(Poscar(list(prototypes.structures().values())[120])))
    expected = predictor.answer([picture.of_array(image) for image in renders[:2]])
    for shown in (paths, list(map(str, paths)), renders[:2], list(renders[:2]), tuple(paths)):
        assert_same(predict(shown, model=predictor), expected)
    assert_same(predict(renders[0], model=predictor), expected[:1])
    assert_same(predict(str(paths[1]), model=predictor), expected[1:])
    mixed = predict([tmp_path / "POSCAR", renders[0]], model=predictor)
    assert [answer.pixel_size for answer in mixed] == [0.2, None]
    assert mixed[0].bravais_class == expected[1].bravais_class
    assert predict([], model=predictor) == []
    assert predict(renders.astype(np.uint16) * 99, 0.2, predictor)[0].pixel_size == 0.2


def test_an_array_of_another_form_is_no_picture(predictor: Predictor) -> None:
    with pytest.raises(StemError, match=r"array: expected real numbers \[H, W\], got float64\[9\]"):
        predict(np.zeros(9), model=predictor)
    with pytest.raises(
        StemError, match=r"array: expected real numbers \[H, W\], got float64\[64, 64, 3"
    ):
        predict(np.zeros((2, 64, 64, 3)), model=predictor)


def test_a_model_is_loaded_from_any_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renders: Pixels
) -> None:
    monkeypatch.chdir(tmp_path)
    model = load_model()
    assert model.classes_.tolist() == [0, 1, 2, 3, 4]
    assert predict(renders[:3]) == predict(renders[:3], model=model)
    with pytest.raises(StemError, match=r"no such contribution; with a model: .*_cnn_model"):
        load_model("no_model")
    shutil.copytree(folder, tmp_path / "contributions" / "mine")
    mine = load_model("mine", PROTO.dataset, Path("contributions"))
    assert isinstance(mine.network, StoredModel)
    assert mine.network.temperature == TEMPERATURE


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StemError, match="nowhere: no such folder of contributions"):
        load_model(contributions=tmp_path / "nowhere")


def test_the_package_offers_it_and_scoring_does_without(tmp_path: Path) -> None:
    program = """
import sys
import jarvis_stem, jarvis_stem.score, jarvis_stem.cli
assert "torch" not in sys.modules and "matplotlib" not in sys.modules
from jarvis_stem import load_model, predict
assert callable(load_model)
import jarvis_stem.predict
assert "predict" in jarvis_stem.__all__ and not hasattr(jarvis_stem, "nothing")
from jarvis_stem import predict as again
import numpy
rows, columns = numpy.indices((256, 256))
picture = (127 + 60 * numpy.cos(rows / 3) + 60 * numpy.cos(columns / 4)).astype("uint8")
assert again([]) == predict([]) == []
assert predict([picture])[0].lattice is not None
assert not {"jarvis", "sklearn", "torch", "matplotlib"} & {*sys.modules}  # no image needs them
"""
    done = python("-c", program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_default_model_is_read_when_it_is_asked(renders: Pixels, tmp_path: Path) -> None:
    model = load_model()
    network = model.network
    assert isinstance(network, DefaultModel)
    (answer,) = predict(microscope(), 0.2, model)
    assert answer.class_name == "hexagonal"
    assert "_model" not in vars(network)
    eager = StoredModel.load(network.path, network.sha256)
    assert np.array_equal(model.predict_proba(renders[:2]), eager.probabilities(renders[:2]))
    elsewhere = pickle.loads(pickle.dumps(network))  # noqa: S301 - where its file need not be
    assert np.array_equal(elsewhere.probabilities(renders[:2]), eager.probabilities(renders[:2]))
    assert isinstance(elsewhere, StoredModel)
    shutil.copytree(network.folder, tmp_path / "changed")
    (changed,) = (tmp_path / "changed").glob(network.path.name)
    changed.write_bytes(changed.read_bytes()[:-1])
    with pytest.raises(StemError, match=f"expected SHA-256 {network.sha256}"):
        Predictor(DefaultModel(changed.parent)).predict_proba(renders[:2])
