"""The Bravais lattice of anybody's image, by the stored model of a contribution.

The model's probabilities are the pipeline's. An answer's are mixed with equal ones by how far the
image can be trusted to be what the model was trained on; that leaves its class as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging import lattice_errors, measurement
from jarvis_stem.imaging.picture import Picture
from jarvis_stem.imaging.stem import IMAGE_SIZE
from jarvis_stem.prediction.answer import Answer, MeasuredLattice, class_name
from jarvis_stem.utils.errors import StemError

_GOOD_QUALITY = 0.5  # 1 in 500 renders is below; noise, photographs and liquids stay below 0.1
_DARKEST_SKEWNESS = -0.4  # no render of the training split is below
_DOUBTED = 0.5  # weight of the model's word for each doubt about the image


class Network(Protocol):
    """What a `Predictor` asks: a trained network, in whatever form it is stored."""

    @property
    def classes(self) -> list[int | str]:
        """The benchmark's classes, in the order of the probabilities."""
        ...

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities float32[N, classes] of images uint8[N, 256, 256], rows summing to 1."""
        ...


@dataclass(frozen=True)
class Predictor:
    """A network's answers, with doubts about what it was not trained on.

    `predict`, `predict_proba` and ``classes_`` are what scikit-learn's classifiers have.

    Attributes:
        network: Gives the probabilities.
    """

    network: Network

    @property
    def classes_(self) -> NDArray[Any]:
        """The benchmark's classes, in the order of the probabilities."""
        return np.array(self.network.classes)

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
        return self.network.probabilities(images)

    def predict(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """The model's class of each image; see `predict_proba`."""
        return self.classes_[self.predict_proba(images).argmax(axis=1)]

    def answer(self, shown: Sequence[Picture]) -> list[Answer]:
        """Say of each picture what its lattice is, and how far that is to be trusted."""
        images = np.array([picture.pixels for picture in shown], np.uint8)
        images = images.reshape(-1, IMAGE_SIZE, IMAGE_SIZE)
        probabilities = self.predict_proba(images)
        lattices = measurement.measure(images)
        errors = lattice_errors.standard_errors(images, lattices.vectors)
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
            class_name=class_name(classes[best]),
            probabilities=dict(zip(classes, mixed.tolist(), strict=True)),
            confidence=float(mixed[best]),
            lattice=lattice,
            quality=quality,
            pixel_size=picture.pixel_size,
            pixel_size_from=picture.pixel_size_from,
            frame=picture.frame,
            structure=picture.structure,
            reasons=[*_lattice_reasons(picture.pixels, quality), *doubts],
        )


def _lattice(
    lattices: measurement.Lattices, errors: NDArray[np.float64], n: int
) -> MeasuredLattice | None:
    if lattices.quality[n] == 0:
        return None
    a, b = lattices.lengths[n].tolist()
    first, second = map(tuple, lattices.vectors[n].tolist())
    known = (error if math.isfinite(error) else None for error in errors[n].tolist())
    a_error, b_error, gamma_error = known
    gamma = float(lattices.gamma[n])
    return MeasuredLattice(a, b, gamma, a_error, b_error, gamma_error, (first, second))


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
