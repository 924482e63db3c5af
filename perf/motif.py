"""Whether the network's word helps where a microscope's picture has a measured lattice.

python perf/motif.py --data ../shared/jarvis_data --images ../shared/real_images

Draws structures of the validation part as microscopes may show them (microscope_like.py), and asks
the network about up to three parts of each that show its lattice, at 0.2 Å a pixel and with evened
contrast; an unknown scale is one by which the cell is 4 Å wide. Its probabilities, those of the
measured lattice and both by logistic regression, cross-validated, name the class. The regressions
also name the real pictures, from which nothing is learned.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import microscope_like
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from real_pictures import read_table
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split

from jarvis_stem import cli
from jarvis_stem.api import load_model
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import continuation, domains, picture, stem, structures, symmetry
from jarvis_stem.imaging.bravais import CLASS_NAMES
from jarvis_stem.imaging.contrast import evened
from jarvis_stem.imaging.domains import Domain
from jarvis_stem.prediction.answer import DISTORTION
from jarvis_stem.prediction.predictor import Predictor
from jarvis_stem.utils.progress import track

_ROOT = Path(__file__).resolve().parents[1]
_CELL = 4.0  # Å, of a picture whose scale is not known
_PARTS = 3
_SMALLEST = 48  # pixels of a part
_LEAST = 1e-4  # probability
_AMBIGUOUS = (1, 2)  # square and rectangular: lattices that distortion turns into each other


@dataclass(frozen=True)
class Asked:
    """Log probabilities float64[N, 5] by the lattice and by the network, and correct classes."""

    lattice: NDArray[np.float64]
    network: NDArray[np.float64]
    classes: list[tuple[int, ...]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="DIR", help="JARVIS databases")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--count", type=int, default=686, metavar="N", help="renders at most")
    options = parser.parse_args(arguments)
    model = load_model()
    drawn = _asked(model, _renders(options.data, options.count))
    real = _asked(model, _pictures(options.images))
    print(f"{len(drawn.classes)} renders, {len(real.classes)} pictures with a lattice")
    for name in ("lattice", "network"):
        _print(name, getattr(drawn, name), getattr(real, name), drawn, real)
    truth = [classes[0] for classes in drawn.classes]
    for name in ("lattice", "both"):
        features, others = (
            one.lattice if name == "lattice" else np.hstack([one.lattice, one.network])
            for one in (drawn, real)
        )
        regression = LogisticRegression(C=0.1, max_iter=2000)
        parts = StratifiedKFold(10, shuffle=True, random_state=0)
        likely = cross_val_predict(regression, features, truth, cv=parts, method="predict_proba")
        regression.fit(features, truth)
        _print(f"regression, {name}", likely, regression.predict_proba(others), drawn, real)
    return 0


def _print(
    name: str, likely: NDArray[np.float64], of_real: NDArray[np.float64], drawn: Asked, real: Asked
) -> None:
    right, known = _right(likely, drawn), _right(of_real, real)
    ambiguous = np.array([classes[0] in _AMBIGUOUS for classes in drawn.classes])
    print(
        f"{name:20} renders {right.mean():.3f}, square or rectangular {right[ambiguous].mean():.3f}"
        f", pictures {known.sum()} of {len(known)}"
    )


def _right(likely: NDArray[np.float64], asked: Asked) -> NDArray[np.bool_]:
    pairs = zip(likely.argmax(axis=1), asked.classes, strict=True)
    return np.array([best in classes for best, classes in pairs])


Known = tuple[NDArray[np.float32], float | None, tuple[int, ...]]
"""A picture, Å a pixel, and the classes that are correct."""


def _renders(data: str | None, count: int) -> Iterator[Known]:
    """Every other one with its scale."""
    benchmark = Benchmark.read(_ROOT / "benchmarks", bravais_result("stem_2d_image"))
    truth = benchmark.split("train")
    found = structures.for_dataset("stem_2d_image", list(truth), data=data)
    ids = [one for one in truth if one in found]
    # The part that no model has learned from: `training.dataset.part`.
    _, chosen = train_test_split(
        ids, test_size=0.1, random_state=0, stratify=[truth[one] for one in ids]
    )
    samples = microscope_like.draw({one: found[one] for one in chosen[:count]}, seed=11)
    for n, sample in enumerate(samples):
        if sample.bravais_class is not None:
            yield sample.values, sample.pixel_size if n % 2 else None, (sample.bravais_class,)


def _pictures(images: Path) -> Iterator[Known]:
    for row in read_table(images):
        size = float(row["pixel_size"]) if row["pixel_size"] else None
        classes = tuple(k for k in range(5) if CLASS_NAMES[k] in row["class"].split("|"))
        if classes:
            shown = picture.read_picture(images / row["file"], size)
            yield shown.values, shown.pixel_size, classes


def _asked(model: Predictor, every: Iterator[Known]) -> Asked:
    lattice, network, correct = [], [], []
    for values, size, classes in track(list(every), "Asking"):
        found = domains.find_domains(values, size)
        parts = _parts(values, size, found[0]) if found else []
        if parts:
            width = math.hypot(DISTORTION, found[0].variation)
            lattice.append(np.log(symmetry.probabilities(found[0].vectors, width) + _LEAST))
            seen = np.log(model.predict_proba(np.array(parts)).astype(float) + _LEAST)
            network.append(seen.mean(axis=0))
            correct.append(classes)
    return Asked(np.array(lattice), np.array(network), correct)


def _parts(
    values: NDArray[np.float32], size: float | None, domain: Domain
) -> list[NDArray[np.uint8]]:
    """Parts of a picture around some tiles of a domain, as the network takes them."""
    width = math.sqrt(abs(float(np.linalg.det(domain.vectors))))
    scale = (size or _CELL / width) / stem.PIXEL_SIZE
    side = min(int(stem.IMAGE_SIZE / scale), *values.shape)
    pixels = min(stem.IMAGE_SIZE, round(side * scale))
    if pixels < _SMALLEST:
        return []
    which = np.linspace(0, len(domain.tiles) - 1, min(_PARTS, len(domain.tiles))).round()
    parts = []
    for top, left, height, across in domain.tiles[which.astype(int)]:
        row, column = (
            int(np.clip(start + (extent - side) // 2, 0, n - side))
            for start, extent, n in zip((top, left), (height, across), values.shape, strict=True)
        )
        part = Image.fromarray(values[row : row + side, column : column + side].copy())
        scaled = np.asarray(part.resize((pixels, pixels), Image.Resampling.BICUBIC), np.float32)
        parts.append(_as_drawn(evened(scaled, 10)))
    return parts


def _as_drawn(even: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A part continued, or filled up with its mean where it shows no lattice, as grey levels."""
    even = np.clip(even, *np.percentile(even, (0.1, 99.9)))
    missing = stem.IMAGE_SIZE - len(even)
    if missing:
        whole = continuation.continued(even, stem.IMAGE_SIZE)
        around = (missing // 2, missing - missing // 2)
        even = np.pad(even, around, constant_values=even.mean()) if whole is None else whole
    return stem.to_uint8(even[None])[0]


if __name__ == "__main__":
    sys.exit(cli.run(main))
