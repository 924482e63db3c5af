"""The Bravais lattice of anybody's image, by the stored model of a contribution.

The model's probabilities are the pipeline's. An answer's are mixed with equal ones by how far the
image can be trusted to be what the model was trained on; that leaves its class as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from jarvis_stem import DEFAULT_MODEL, geometry, models, pictures, training, weights
from jarvis_stem.benchmark import Benchmark, ResultName
from jarvis_stem.errors import StemError
from jarvis_stem.lattice import CLASS_NAMES
from jarvis_stem.pictures import Picture
from jarvis_stem.run_record import read_run_record
from jarvis_stem.stem import IMAGE_SIZE

OnePicture = str | Path | NDArray[Any]
_CONTRIBUTIONS = Path(__file__).resolve().parents[1] / "contributions"
_GOOD_QUALITY = 0.5  # 1 in 500 renders is below; noise, photographs and liquids stay below 0.1
_DARKEST_SKEWNESS = -0.4  # no render of the training split is below
_MOST_DECIMALS = 5
_DOUBTED = 0.5  # weight of the model's word for each doubt about the image


@dataclass(frozen=True)
class MeasuredLattice:
    """The primitive lattice that an image shows; lengths in Å if the image's scale is right.

    The errors are standard errors; `geometry.standard_errors` says what they cover. None if they
    are not known.

    Attributes:
        a: Length of the shortest vector, Å.
        b: Length of the shortest vector in another direction, Å.
        gamma: Angle between them, 60 to 90 degrees.
        a_error: Of a, Å.
        b_error: Of b, Å.
        gamma_error: Of gamma, degrees.
        vectors: The two vectors, Å: x along the image's rows, y along its columns.
    """

    a: float
    b: float
    gamma: float
    a_error: float | None
    b_error: float | None
    gamma_error: float | None
    vectors: tuple[tuple[float, float], tuple[float, float]]

    def __str__(self) -> str:
        """The lattice with its errors in units of the last digit: ``a 3.190(2) Å, …``."""
        a, b = _with_error(self.a, self.a_error), _with_error(self.b, self.b_error)
        return f"a {a} Å, b {b} Å, gamma {_with_error(self.gamma, self.gamma_error)}°"


@dataclass(frozen=True)
class Answer:
    """What is said of an image.

    Attributes:
        bravais_class: The benchmark's class of the highest probability.
        class_name: Its name.
        probabilities: Of every class, in the order of the benchmark's, with 1 as sum.
        confidence: The highest of them.
        lattice: The lattice measured in the image, None where there is none to be found.
        quality: Share of the image's peaks that this lattice explains, 0..1.
        pixel_size: Å per pixel of the picture; None if unknown, see `pictures.Picture`.
        reasons: Why the answer is not to be trusted; empty if nothing speaks against it.
    """

    bravais_class: int | str
    class_name: str
    probabilities: dict[int | str, float]
    confidence: float
    lattice: MeasuredLattice | None
    quality: float
    pixel_size: float | None
    reasons: list[str]

    def as_json(self) -> dict[str, Any]:
        """The same as a dictionary: the class is under ``class``, probabilities by class name."""
        data = asdict(self)
        named = {_class_name(c): share for c, share in self.probabilities.items()}
        return {"class": data.pop("bravais_class"), **data, "probabilities": named}


@dataclass(frozen=True)
class Predictor:
    """A contribution's model with its stored weights.

    `predict`, `predict_proba` and ``classes_`` are what scikit-learn's classifiers have.

    Attributes:
        model: Ready to predict.
        classes_: The benchmark's classes, in the order of the probabilities.
        temperature: What the model's logits are divided by.
    """

    model: nn.Module
    classes_: NDArray[Any]
    temperature: float

    @classmethod
    def load(
        cls, folder: Path, benchmark: str = "stem_2d_image", benchmarks: Path | None = None
    ) -> Predictor:
        """Load a contribution's model; this executes its model.py.

        Args:
            folder: The contribution.
            benchmark: Data set that it was trained on.
            benchmarks: Folder of all benchmarks; by default that beside the folder of
                contributions.

        Raises:
            StemError: No such contribution, benchmark or stored weights, a faulty model.py, or
                weights that are not the recorded ones or another model's.
        """
        architecture = models.load(folder)
        name = ResultName("AI", "ImageClass", "bravais_class", benchmark, "test", "acc")
        root = benchmarks or folder.resolve().parents[1] / "benchmarks"
        classes = Benchmark.read(root, name).classes
        path = folder / name.run_record_name
        run, problems = read_run_record(path)
        if problems:
            raise StemError(f"{folder}: {'; '.join(problems)}")
        if run is None or run.weights is None:
            raise StemError(
                f"{path}: {'no such file' if run is None else 'records no weights'}; train the "
                f"model: jarvis-stem train {folder.name} --benchmark {benchmark}"
            )
        model = architecture.build(len(classes), False)
        sha256 = run.weights.sha256
        temperature = weights.load(folder / name.weights_name, model, sha256=sha256)
        return cls(model.eval(), np.array(classes), temperature)

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The model's probabilities, as a training run's predictions are made from them.

        Args:
            images: uint8[N, 256, 256], x along rows.

        Returns:
            float32[N, classes], rows summing to 1.

        Raises:
            StemError: An array of another type or shape.
        """
        if images.dtype != np.uint8 or images.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE):
            raise StemError(
                f"images: expected uint8[N, {IMAGE_SIZE}, {IMAGE_SIZE}], got "
                f"{images.dtype}{list(images.shape)}; jarvis_stem.predict takes any image"
            )
        if len(images) == 0:
            return np.empty((0, len(self.classes_)), np.float32)
        pixels = torch.from_numpy(images.copy())  # torch wants no array that is read-only
        return training.predict(self.model, pixels, temperature=self.temperature).numpy()

    def predict(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """The model's class of each image; see `predict_proba`."""
        return self.classes_[self.predict_proba(images).argmax(axis=1)]

    def answer(self, shown: Sequence[Picture]) -> list[Answer]:
        """Say of each picture what its lattice is, and how far that is to be trusted."""
        images = np.array([picture.pixels for picture in shown], np.uint8)
        images = images.reshape(-1, IMAGE_SIZE, IMAGE_SIZE)
        probabilities = self.predict_proba(images)
        lattices = geometry.measure(images)
        errors = geometry.standard_errors(images, lattices.vectors)
        return [
            self._answer(picture, probabilities[n], _lattice(lattices, errors, n), quality)
            for n, (picture, quality) in enumerate(
                zip(shown, lattices.quality.tolist(), strict=True)
            )
        ]

    def _answer(
        self,
        picture: Picture,
        probabilities: NDArray[np.float32],
        lattice: MeasuredLattice | None,
        quality: float,
    ) -> Answer:
        doubts = [*picture.doubts, *_contrast_doubts(picture.pixels)]
        # The model's word counts as far as it sees a lattice; for the rest any class is as likely.
        trust = min(1, quality / _GOOD_QUALITY) * _DOUBTED ** len(doubts)
        mixed = trust * probabilities.astype(float) + (1 - trust) / len(self.classes_)
        best = int(probabilities.argmax())
        classes = self.classes_.tolist()
        return Answer(
            bravais_class=classes[best],
            class_name=_class_name(classes[best]),
            probabilities=dict(zip(classes, mixed.tolist(), strict=True)),
            confidence=float(mixed[best]),
            lattice=lattice,
            quality=quality,
            pixel_size=picture.pixel_size,
            reasons=[*_lattice_reasons(picture.pixels, quality), *doubts],
        )


def load_model(
    name: str = DEFAULT_MODEL, benchmark: str = "stem_2d_image", contributions: Path | None = None
) -> Predictor:
    """Load a model with its stored weights.

    Args:
        name: Of its contribution.
        benchmark: Data set that it was trained on.
        contributions: Folder of contributions; by default the repository's, beside this package.

    Raises:
        StemError: No such folder, or see `Predictor.load`.
    """
    root = contributions or _CONTRIBUTIONS
    if not root.is_dir():
        raise StemError(
            f"{root}: no such folder of contributions, which have the models and their weights; "
            "install the package from a clone (pip install -e), or name the folder: "
            "--contributions DIR, load_model(contributions=...)"
        )
    return Predictor.load(root / name, benchmark)


def predict(
    shown: OnePicture | Sequence[OnePicture],
    pixel_size: float | None = None,
    model: Predictor | None = None,
) -> list[Answer]:
    """Name the Bravais lattice in pictures.

    Args:
        shown: One or several: a path to an image or to structures (see `pictures.of_path`), or an
            array [H, W], x along rows; an array [N, H, W] is N of them.
        pixel_size: Å per pixel of the images; by default what their files say.
        model: By default ``load_model()``.

    Returns:
        An answer for each picture, in their order.

    Raises:
        StemError: A picture that cannot be read, or no model.
    """
    read: list[Picture] = []
    for one in _separate(shown):
        if isinstance(one, str | Path):
            read += pictures.of_path(Path(one), pixel_size).values()
        else:
            read.append(pictures.of_array(one, pixel_size))
    return (model or load_model()).answer(read)


def _separate(shown: OnePicture | Sequence[OnePicture]) -> Iterable[OnePicture]:
    if isinstance(shown, str | Path) or (isinstance(shown, np.ndarray) and shown.ndim < 3):
        return [shown]
    return shown  # a sequence, as an array of images is


def _lattice(
    lattices: geometry.Lattices, errors: NDArray[np.float64], n: int
) -> MeasuredLattice | None:
    if lattices.quality[n] == 0:
        return None
    a, b = lattices.lengths[n].tolist()
    first, second = map(tuple, lattices.vectors[n].tolist())
    known = (error if math.isfinite(error) else None for error in errors[n].tolist())
    a_error, b_error, gamma_error = known
    gamma = float(lattices.gamma[n])
    return MeasuredLattice(a, b, gamma, a_error, b_error, gamma_error, (first, second))


def _with_error(value: float, error: float | None) -> str:
    if not error:
        return f"{value:.2f}"
    digit = math.floor(math.log10(error / 2))  # of 19 both are shown, of 2 it is enough
    decimals = min(max(0, -digit), _MOST_DECIMALS)
    return f"{value:.{decimals}f}({max(1, round(error * 10**decimals))})"


def _class_name(bravais_class: int | str) -> str:
    if isinstance(bravais_class, int) and 0 <= bravais_class < len(CLASS_NAMES):
        return CLASS_NAMES[bravais_class]
    return str(bravais_class)


def _lattice_reasons(image: NDArray[np.uint8], quality: float) -> list[str]:
    """Why the image is not one of a lattice; all that a model says of it is then chance."""
    if image.min() == image.max():
        return ["all pixels are the same"]
    if quality == 0:
        return ["no lattice found"]
    if quality < _GOOD_QUALITY:
        return [f"the lattice found explains only {quality:.0%} of the image's peaks"]
    return []


def _contrast_doubts(image: NDArray[np.uint8]) -> list[str]:
    """Whether atoms are dark: they are bright in the annular dark field that models know."""
    pixels = image.astype(np.float64)
    deviation = pixels.std()
    if deviation == 0:
        return []
    skewness = float((((pixels - pixels.mean()) / deviation) ** 3).mean())
    if skewness >= _DARKEST_SKEWNESS:
        return []
    return [
        f"dark on bright ground (skewness {skewness:.1f}): expected bright atoms; invert the image"
    ]
