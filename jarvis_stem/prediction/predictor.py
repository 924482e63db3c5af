"""The Bravais lattice of anybody's picture, by measurement or the stored model of a contribution.

The model's probabilities are the pipeline's. An answer's are mixed with equal ones by how far the
image can be trusted to be what the model was trained on; that leaves its class as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging import lattice_errors, measurement
from jarvis_stem.imaging.picture import Picture
from jarvis_stem.imaging.stem import IMAGE_SIZE
from jarvis_stem.prediction import crystal
from jarvis_stem.prediction.answer import (
    DISTORTION,
    Answer,
    MeasuredLattice,
    class_name,
    lattice_name,
    unit_of,
)
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.threads import in_threads

_GOOD_QUALITY = 0.5  # 1 in 500 renders is below
_LEAST_QUALITY = 0.1  # noise, photographs and liquids stay below
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

    def answer(self, shown: Sequence[Picture], distortion: float = DISTORTION) -> list[Answer]:
        """Say of each picture what its lattice is, and how far that is to be trusted.

        Microscopes' pictures are answered by `crystal`. The network answers what is drawn, what is
        as regular as a drawing, and what `crystal` finds no lattice in.

        Args:
            shown: The pictures.
            distortion: Standard deviation of the stretch that microscopes' pictures have; 0 asks
                the network alone.
        """
        measured = in_threads(partial(self._measured, distortion=distortion), shown, "Measuring")
        pairs = zip(shown, measured, strict=True)
        others = self._by_network([one for one, answer in pairs if not answer], distortion)
        return [answer or next(others) for answer in measured]

    def _measured(self, picture: Picture, distortion: float) -> Answer | None:
        if _is_exact(picture, distortion) or self.network.classes != list(range(5)):
            return None
        return crystal.answer(picture, distortion)

    def _by_network(self, shown: Sequence[Picture], distortion: float) -> Iterator[Answer]:
        images = np.array([picture.pixels for picture in shown], np.uint8)
        images = images.reshape(-1, IMAGE_SIZE, IMAGE_SIZE)
        probabilities = self.predict_proba(images)

        def work(n: int) -> Answer:
            # Where its parts agree on none, a picture has to show its lattice all over.
            least = _LEAST_QUALITY if _is_exact(shown[n], distortion) else _GOOD_QUALITY
            return self._answer(shown[n], probabilities[n], *_measure(shown[n], least))

        return iter(in_threads(work, range(len(shown)), "Measuring"))

    def _answer(
        self,
        picture: Picture,
        probabilities: NDArray[np.float32],
        lattice: MeasuredLattice | None,
        quality: float,
    ) -> Answer:
        doubts = [*picture.doubts, *picture.view.doubts, *_contrast_doubts(picture.pixels)]
        # The model's word counts as far as it sees a lattice; for the rest any class is as likely.
        trust = min(1, quality / _GOOD_QUALITY) * _DOUBTED ** len(doubts)
        mixed = trust * probabilities.astype(float) + (1 - trust) / len(self.classes_)
        classes = self.classes_.tolist()
        best = classes[int(probabilities.argmax())] if lattice else None
        return Answer(
            bravais_class=best,
            class_name=class_name(best),
            lattice_name=lattice_name(best),
            probabilities=dict(zip(classes, mixed.tolist(), strict=True)),
            confidence=float(mixed.max()),
            lattice=lattice,
            symmetric=None,
            further=(),
            quality=quality,
            pixel_size=picture.pixel_size,
            pixel_size_from=picture.pixel_size_from,
            frame=picture.frame,
            structure=picture.structure,
            reasons=[*_lattice_reasons(picture.pixels, lattice, quality), *doubts],
        )


def _is_exact(picture: Picture, distortion: float) -> bool:
    return distortion == 0 or picture.pixel_size_from == "drawn"


def _measure(picture: Picture, least: float) -> tuple[MeasuredLattice | None, float]:
    """The lattice in the middle of a picture, of the least quality at least, and its quality."""
    edge = (IMAGE_SIZE - picture.view.inside) // 2
    inside = slice(edge, edge + picture.view.inside)
    image = picture.pixels[None, inside, inside]
    lattices = measurement.measure(image)
    quality = float(lattices.quality[0])
    if quality < least:
        return None, quality
    errors = lattice_errors.standard_errors(image, lattices.vectors)[0]
    scale = picture.scale
    a_error, b_error = (error * scale if math.isfinite(error) else None for error in errors[:2])
    a, b = (lattices.lengths[0] * scale).tolist()
    first, second = map(tuple, (lattices.vectors[0] * scale).tolist())
    gamma, gamma_error = float(lattices.gamma[0]), float(errors[2])
    return MeasuredLattice(
        *(a, b, gamma, a_error, b_error, gamma_error if math.isfinite(gamma_error) else None),
        (first, second),
        unit_of(picture.pixel_size),
    ), quality


def _lattice_reasons(
    image: NDArray[np.uint8], lattice: MeasuredLattice | None, quality: float
) -> list[str]:
    """Why the image is not one of a lattice; all that a model says of it is then chance."""
    if image.min() == image.max():
        return ["all pixels are the same"]
    if lattice is None:
        return ["no lattice found"]
    if quality < _GOOD_QUALITY:
        return [f"the lattice found explains only {quality:.0%} of the image's peaks"]
    return []


def _contrast_doubts(image: NDArray[np.uint8]) -> list[str]:
    """Whether atoms are dark: they are bright in the annular dark field that models know."""
    from_mean = image - image.mean()
    squares = np.square(from_mean)
    variance = float(squares.mean())
    if variance == 0:
        return []
    skewness = float((squares * from_mean).mean()) / variance**1.5
    if skewness >= _DARKEST_SKEWNESS:
        return []
    return [
        f"dark on bright ground (skewness {skewness:.1f}): expected bright atoms; invert the image"
    ]
