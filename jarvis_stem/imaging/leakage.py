"""What a benchmark's split gives away: look-alikes of test images in train, and labels on edge.

All figures are rounded before anything is counted, and the arithmetic is in double precision, so
that another machine's linear algebra gives the same report.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jarvis.core.atoms import Atoms
from numpy.typing import NDArray
from scipy import fft

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.imaging import image_set
from jarvis_stem.imaging.bravais import CLASS_NAMES, bravais_class
from jarvis_stem.imaging.label_moves import MOVES, changes
from jarvis_stem.imaging.stem import IMAGE_SIZE
from jarvis_stem.utils import progress
from jarvis_stem.utils.errors import StemError

THRESHOLDS = (0.9999, 0.999, 0.99, 0.95)  # of the correlation, from which images count as alike
_BINS = (0.5, 0.6, 0.7, 0.8, 0.9, *reversed(THRESHOLDS))
_DIGITS = 6  # of a correlation
_TOP_PAIRS = 20
_HARMONICS = 64  # 1.25 per Å, where the probe lets through 0.014 of an amplitude
_TEST_BLOCK, _TRAIN_BLOCK = 1024, 256  # images in double precision at a time: 0.7 GB
_SPECTRUM_BLOCK = 64
_CLOSE_SPECTRUM = 0.999  # from which two spectra are looked into further
_SHIFT = 48  # pixels: half of a cell of 19 Å, in which all shifts of a pattern are
_MIDDLE = IMAGE_SIZE - 2 * _SHIFT
_SAME_PICTURE = 0.95  # half a pixel too few along x and y leaves 0.98


@dataclass(frozen=True)
class Side:
    """One side of the split: its ids with a structure, and what is known of them.

    Attributes:
        ids: The N ids.
        classes: Their classes by the benchmark.
        atoms: Their structures.
        images: uint8[N, 256, 256].
        n_ids: Number of ids with and without a structure.
    """

    ids: tuple[str, ...]
    classes: list[int]
    atoms: list[Atoms]
    images: NDArray[np.uint8]
    n_ids: int


def side(benchmark: Benchmark, split: str, structures: Mapping[str, Atoms]) -> Side:
    """Render one split, with a progress bar.

    Args:
        benchmark: The benchmark.
        split: Its train or test split.
        structures: Structures by image id; ids without one are left out.

    Raises:
        StemError: No such split, none of its ids has a structure, or its classes are not 0 to 4.
    """
    truth = benchmark.split(split)
    known = range(len(CLASS_NAMES))
    if strange := [c for c in benchmark.classes if c not in known]:
        raise StemError(f"{benchmark.path}: expected classes 0 to {known[-1]}, got {strange[0]!r}")
    rendered = image_set.render(structures, list(truth))
    if not rendered.ids:
        raise StemError(f"none of the {len(truth)} {split} ids of {benchmark.path} has a structure")
    return Side(
        ids=rendered.ids,
        classes=[int(truth[i]) for i in rendered.ids],
        atoms=[structures[i] for i in rendered.ids],
        images=rendered.images,
        n_ids=len(truth),
    )


def report(train: Side, test: Side) -> dict[str, Any]:
    """Compare every test id with every train id, and every label with the rule.

    Args:
        train: The training split.
        test: The test split.

    Returns:
        All figures, as JSON takes them; `jarvis_stem.audit` says what each means.
    """
    same_class = equal(test.classes, train.classes)
    same_formula = equal(_compositions(test), _compositions(train))
    identical = equal(_digests(test.images), _digests(train.images))
    by_pixels = correlations(test.images, train.images, "pixels")
    by_spectrum = correlations(spectra(test.images), spectra(train.images), "spectrum")
    return {
        "coverage": {
            name: {"ids": part.n_ids, "with_structure": len(part.ids)}
            for name, part in (("train", train), ("test", test))
        },
        "identical": _overlap(identical, same_class, same_formula),
        "alike": {
            name: _likeness(found, same_class, same_formula, train, test)
            for name, found in (("pixels", by_pixels), ("spectrum", by_spectrum))
        },
        "shifted": _shifted(by_spectrum, train.images, test.images),
        "formula": _overlap(same_formula, same_class, same_formula),
        "labels": {
            "against_the_rule": [*_against_rule("train", train), *_against_rule("test", test)],
            "moves": [
                {
                    "move": move,
                    "train": changes(train.atoms, move),
                    "test": changes(test.atoms, move),
                }
                for move in MOVES
            ],
        },
    }


def equal(test: Sequence[Hashable], train: Sequence[Hashable]) -> NDArray[np.bool_]:
    """Compare every value of one list with every value of another.

    Returns:
        bool[len(test), len(train)].
    """
    codes = {value: code for code, value in enumerate(dict.fromkeys([*test, *train]))}
    rows, columns = (np.array([codes[value] for value in values]) for values in (test, train))
    return rows[:, None] == columns[None, :]


def spectra(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Measure what of the images does not depend on the origin: their amplitude spectra.

    Args:
        pictures: uint8[N, 256, 256].

    Returns:
        float32[N, 128, 64], of the image less its mean, under a Hann window, up to 1.25 per Å. A
        copy that is shifted or turned by 180 degrees has the same spectrum. So can have another
        motif on the same lattice, as the phases are lost.
    """
    window = np.outer(*[np.hanning(IMAGE_SIZE)] * 2)
    found = np.empty((len(pictures), 2 * _HARMONICS, _HARMONICS), np.float32)
    blocks = list(_blocks(len(pictures), _SPECTRUM_BLOCK))
    for block in progress.track(blocks, "Spectra"):
        means = np.average(pictures[block], axis=(1, 2), weights=window)
        waves = fft.rfft2((pictures[block] - means[:, None, None]) * window)
        rows = np.r_[-_HARMONICS:_HARMONICS]
        found[block] = np.abs(waves[:, rows, :_HARMONICS])
    return found


def correlations(test: NDArray[Any], train: NDArray[Any], what: str) -> NDArray[np.float64]:
    """Correlate every test image with every train image (Pearson), with a progress bar.

    Args:
        test: Values of any kind [N, ...], none of them constant.
        train: Values [M, ...] of the same shape otherwise.
        what: What is compared, for the bar.

    Returns:
        float64[N, M], rounded to six digits.
    """
    found = np.empty((len(test), len(train)))
    with progress.bar() as bar:
        task = bar.add_task(f"Pairs by {what}", total=found.size)
        for rows in _blocks(len(test), _TEST_BLOCK):
            left = _unit_vectors(test[rows])
            for columns in _blocks(len(train), _TRAIN_BLOCK):
                tile = left @ _unit_vectors(train[columns]).T
                found[rows, columns] = tile.round(_DIGITS)
                bar.advance(task, tile.size)
    return found


def shifted_correlation(image: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Correlate the middle of an image with every part of another that is as large, either way up.

    Args:
        image: uint8[256, 256].
        other: uint8[256, 256].

    Returns:
        The highest Pearson correlation over all shifts of up to 48 pixels (9.6 Å) along x and y, by
        whole pixels, of the image as it is or turned by 180 degrees.
    """
    middle = _unit_vectors(image[None, _SHIFT:-_SHIFT, _SHIFT:-_SHIFT]).reshape(_MIDDLE, _MIDDLE)
    values = other.astype(np.float64)
    # Deviations of the part under the middle from its own mean, from sums over that part.
    total, squares = (_slide(v, np.ones_like(middle)) for v in (values, values**2))
    spread = np.sqrt(squares - total**2 / middle.size)
    return max(float((_slide(values, m) / spread).max()) for m in (middle, middle[::-1, ::-1]))


def _slide(values: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of products of the kernel with every part of the values that it fits into."""
    waves = fft.rfft2(values) * fft.rfft2(kernel, s=values.shape).conj()
    height, width = np.subtract(values.shape, kernel.shape) + 1
    return fft.irfft2(waves, s=values.shape)[:height, :width]


def _against_rule(split: str, part: Side) -> list[dict[str, Any]]:
    """Ids whose class in the benchmark is not the one that the rule gives."""
    return [
        {
            "split": split,
            "id": image_id,
            "class": CLASS_NAMES[given],
            "rule": CLASS_NAMES[bravais_class(atoms)],
            "a": atoms.lattice.abc[0],
            "b": atoms.lattice.abc[1],
            "gamma": atoms.lattice.angles[2],
        }
        for image_id, given, atoms in zip(part.ids, part.classes, part.atoms, strict=True)
        if bravais_class(atoms) != given
    ]


def _likeness(
    found: NDArray[np.float64],
    same_class: NDArray[np.bool_],
    same_formula: NDArray[np.bool_],
    train: Side,
    test: Side,
) -> dict[str, Any]:
    """What the correlations float64[N, M] of one kind say."""
    nearest, best = found.argmax(axis=1), found.max(axis=1)
    is_right = same_class[np.arange(len(nearest)), nearest]
    counts = np.bincount(np.digitize(best, _BINS), minlength=len(_BINS) + 1).tolist()
    return {
        "at_least": [
            {
                "correlation": threshold,
                **_overlap(found >= threshold, same_class, same_formula),
                "nearest_right": int(is_right[best >= threshold].sum()),
            }
            for threshold in THRESHOLDS
        ],
        "histogram": [
            {"from": low, "below": high, "test_ids": count}
            for low, high, count in zip((None, *_BINS), (*_BINS, None), counts, strict=True)
        ],
        "nearest_neighbour": {
            "correct": int(is_right.sum()),
            "accuracy": round(float(is_right.mean()), 4),
        },
        "top": [
            {
                "correlation": float(best[n]),
                **_describe("test", test, n),
                **_describe("train", train, int(nearest[n])),
            }
            for n in np.argsort(-best, kind="stable")[:_TOP_PAIRS].tolist()
        ],
    }


def _overlap(
    alike: NDArray[np.bool_], same_class: NDArray[np.bool_], same_formula: NDArray[np.bool_]
) -> dict[str, int]:
    """Count the test ids with a train id alike, by the classes of all train ids that are."""
    some_same, some_other = (alike & same_class).any(axis=1), (alike & ~same_class).any(axis=1)
    return {
        "test_ids": int((some_same | some_other).sum()),
        "only_same_class": int((some_same & ~some_other).sum()),
        "mixed_classes": int((some_same & some_other).sum()),
        "only_other_class": int((some_other & ~some_same).sum()),
        "same_formula": int((alike & same_formula).any(axis=1).sum()),
    }


def _shifted(
    by_spectrum: NDArray[np.float64], train: NDArray[np.uint8], test: NDArray[np.uint8]
) -> dict[str, Any]:
    """How many of the test images that are like a train image by spectrum show the same picture."""
    nearest = by_spectrum.argmax(axis=1)
    close = np.flatnonzero(by_spectrum.max(axis=1) >= _CLOSE_SPECTRUM).tolist()
    found = [
        shifted_correlation(test[n], train[nearest[n]])
        for n in progress.track(close, "Shifting pairs")
    ]
    return {
        "spectrum_at_least": _CLOSE_SPECTRUM,
        "test_ids": len(close),
        "pixels_at_least": _SAME_PICTURE,
        "same_picture": sum(round(value, _DIGITS) >= _SAME_PICTURE for value in found),
    }


def _describe(split: str, part: Side, n: int) -> dict[str, str]:
    return {
        split: part.ids[n],
        f"{split}_class": CLASS_NAMES[part.classes[n]],
        f"{split}_formula": part.atoms[n].composition.reduced_formula,
    }


def _compositions(part: Side) -> list[tuple[tuple[str, int], ...]]:
    """Reduced formulas whose order of elements is fixed: JARVIS' text has ties, as HPd and PdH."""
    return [tuple(sorted(atoms.composition.reduce()[0].items())) for atoms in part.atoms]


def _digests(pictures: NDArray[np.uint8]) -> list[bytes]:
    return [hashlib.sha256(picture.tobytes()).digest() for picture in pictures]


def _unit_vectors(values: NDArray[Any]) -> NDArray[np.float64]:
    """Values [N, ...] as vectors of mean zero and length one, whose products are correlations."""
    vectors = values.reshape(len(values), -1).astype(np.float64)
    vectors -= vectors.mean(axis=1, keepdims=True)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _blocks(length: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, length, size))
