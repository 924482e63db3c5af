"""The Bravais lattice of anybody's image, by the stored model of a contribution.

The model's probabilities are the pipeline's. An answer's are mixed with equal ones by how far the
image can be trusted to be what the model was trained on; that leaves its class as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from jarvis_stem import geometry, models, pictures, training, weights
from jarvis_stem.benchmark import Benchmark, ResultName
from jarvis_stem.errors import StemError
from jarvis_stem.lattice import CLASS_NAMES
from jarvis_stem.run_record import read_run_record
from jarvis_stem.stem import IMAGE_SIZE

_GOOD_QUALITY = 0.5  # 1 in 500 renders is below; noise, photographs and liquids stay below 0.1
_DARKEST_SKEWNESS = -0.4  # no render of the training split is below
_DOUBTED = 0.5  # weight of the model's word for each doubt about the image


@dataclass(frozen=True)
class MeasuredLattice:
    """The primitive lattice that an image shows; lengths in Å if the image's scale is right.

    Attributes:
        a: Length of the shortest vector, Å.
        b: Length of the shortest vector in another direction, Å.
        gamma: Angle between them, 60 to 90 degrees.
    """

    a: float
    b: float
    gamma: float


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
        reasons: Why the answer is not to be trusted; empty if nothing speaks against it.
    """

    bravais_class: int | str
    class_name: str
    probabilities: dict[int | str, float]
    confidence: float
    lattice: MeasuredLattice | None
    quality: float
    reasons: list[str]

    def as_json(self) -> dict[str, Any]:
        """The same as a dictionary; the class is under ``class``."""
        data = asdict(self)
        return {"class": data.pop("bravais_class"), **data}


@dataclass(frozen=True)
class Predictor:
    """A contribution's model with its stored weights.

    Attributes:
        model: Ready to predict.
        classes: The benchmark's.
        temperature: What the model's logits are divided by.
    """

    model: nn.Module
    classes: list[int | str]
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
                f"model: python -m jarvis_stem.train {folder.name} --benchmark {benchmark}"
            )
        model = architecture.build(len(classes), False)
        sha256 = run.weights.sha256
        temperature = weights.load(folder / name.weights_name, model, sha256=sha256)
        return cls(model.eval(), classes, temperature)

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
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
                f"{images.dtype}{list(images.shape)}; read files with pictures.read"
            )
        if len(images) == 0:
            return np.empty((0, len(self.classes)), np.float32)
        pixels = torch.from_numpy(images.copy())  # torch wants no array that is read-only
        return training.predict(self.model, pixels, temperature=self.temperature).numpy()

    def predict(
        self, images: NDArray[np.uint8], doubts: Sequence[Sequence[str]] | None = None
    ) -> list[Answer]:
        """Answer for each image.

        Args:
            images: uint8[N, 256, 256], x along rows.
            doubts: What is known to be wrong with each image; see `pictures.Picture`.

        Raises:
            StemError: An array of another type or shape.
        """
        probabilities = self.probabilities(images)
        lattices = geometry.measure(images.copy())
        return [
            self._answer(image, own, lattice, quality, known)
            for image, own, lattice, quality, known in zip(
                images,
                probabilities,
                zip(*lattices.lengths.T, lattices.gamma, strict=True),
                lattices.quality,
                doubts or [()] * len(images),
                strict=True,
            )
        ]

    def predict_files(self, paths: Iterable[Path], pixel_size: float | None = None) -> list[Answer]:
        """Answer for each picture.

        Args:
            paths: See `pictures.read`.
            pixel_size: Å per pixel of the files, where it is known.

        Raises:
            StemError: A picture that cannot be read; it is named.
        """
        read = [pictures.read(path, pixel_size) for path in paths]
        images = np.array([picture.pixels for picture in read], np.uint8)
        images = images.reshape(-1, IMAGE_SIZE, IMAGE_SIZE)
        return self.predict(images, [picture.doubts for picture in read])

    def _answer(
        self,
        image: NDArray[np.uint8],
        probabilities: NDArray[np.float32],
        lattice: tuple[float, ...],
        quality: float,
        doubts: Sequence[str],
    ) -> Answer:
        doubts = [*doubts, *_contrast_doubts(image)]
        # The model's word counts as far as it sees a lattice; for the rest any class is as likely.
        trust = min(1, quality / _GOOD_QUALITY) * _DOUBTED ** len(doubts)
        mixed = trust * probabilities.astype(float) + (1 - trust) / len(self.classes)
        best = int(probabilities.argmax())
        return Answer(
            bravais_class=self.classes[best],
            class_name=_class_name(self.classes[best]),
            probabilities=dict(zip(self.classes, mixed.tolist(), strict=True)),
            confidence=float(mixed[best]),
            lattice=MeasuredLattice(*map(float, lattice)) if quality > 0 else None,
            quality=float(quality),
            reasons=[*_lattice_reasons(image, quality), *doubts],
        )


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
