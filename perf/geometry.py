"""Measure how well lattices are read off images, on train structures.

python perf/geometry.py --data ../shared/jarvis_data

The truth is the primitive lattice of the projected structure. "The same lattice" has its area
within 2%; errors are over those images. Noise is Poisson's, of so many counts in the mean pixel.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path
from runpy import run_path

import numpy as np
import torch
from jarvis.core.atoms import Atoms
from numpy.typing import NDArray

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import image_set, measurement, stem, structures
from jarvis_stem.imaging.measurement import Lattices
from jarvis_stem.training import machine

_NAME = bravais_result("stem_2d_image")
_ROOT = Path(__file__).resolve().parents[1]
# This build's, also where an earlier one is measured, which has none.
projected_lattice = run_path(str(_ROOT / "jarvis_stem/imaging/projection.py"))["projected_lattice"]
_BANDS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 1.0)
_COUNTS = (5, 20, 100)


def main() -> None:
    """Run the measurement and print its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="DIR", help="JARVIS databases")
    parser.add_argument("--count", type=int, default=500, metavar="N", help="images, at random")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    options = parser.parse_args()

    ids = Benchmark.read(_ROOT / "benchmarks", _NAME).split("train")
    found = structures.for_dataset(_NAME.dataset, ids, data=options.data)
    chosen = np.random.default_rng(options.seed).permutation(sorted(found))[: options.count]
    rendered = image_set.render(found, chosen.tolist())
    true = truth([found[id] for id in rendered.ids])
    print(f"{machine.hardware(torch.device('cpu'))}; {len(true)} images, seed {options.seed}\n")
    _print_accuracy(measurement.measure(rendered.images), true)
    for counts in _COUNTS:
        noisy = _noisy(rendered.images, counts, options.seed)
        same, *_ = _outcomes(measurement.measure(noisy), true)
        print(f"{counts:3d} counts a pixel   the same lattice {same.mean():.3f}")


def truth(structures: Sequence[Atoms]) -> NDArray[np.float64]:
    """The primitive lattices of structures' projections.

    Args:
        structures: N structures.

    Returns:
        Reduced vectors a and b in rows, Å, float64[N, 2, 2].
    """
    return measurement.reduce(np.array([projected_lattice(atoms) for atoms in structures]))


def accuracy(measured: Lattices, true: NDArray[np.float64]) -> dict[str, float]:
    """How many lattices are the same, and how well these are measured.

    Args:
        measured: N lattices.
        true: What `truth` returns, of the same images.

    Returns:
        ``same``, a share, and ``a_error``, the median error of a's length, Å.
    """
    same, *_ = _outcomes(measured, true)
    errors = np.abs(measured.lengths - np.linalg.norm(true, axis=2))[:, 0]
    return {"same": float(same.mean()), "a_error": float(np.median(errors[same]))}


def _outcomes(measured: Lattices, true: NDArray[np.float64]) -> list[NDArray[np.bool_]]:
    """Whether each lattice is the same, a finer one, a coarser one, none."""
    ratio = _areas(measured.vectors) / _areas(true)
    return [np.abs(ratio - 1) < 0.02, ratio <= 0.98, ratio >= 1.02, np.isnan(ratio)]


def _areas(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    (ax, ay), (bx, by) = vectors[:, 0].T, vectors[:, 1].T
    return np.abs(ax * by - ay * bx)


def _noisy(images: NDArray[np.uint8], counts: float, seed: int) -> NDArray[np.uint8]:
    means = images.mean(axis=(1, 2), keepdims=True)
    return stem.to_uint8(np.random.default_rng(seed).poisson(images / means * counts).astype(float))


def _print_accuracy(measured: Lattices, true: NDArray[np.float64]) -> None:
    outcomes = _outcomes(measured, true)
    for what, of in zip(
        ("the same lattice", "a finer one", "a coarser one", "none"), outcomes, strict=True
    ):
        print(f"{what:20s} {of.mean():.3f}")
    same = outcomes[0]
    band = np.digitize(measured.quality, _BANDS[1:-1])
    for n, (low, high) in enumerate(itertools.pairwise(_BANDS)):
        of = band == n
        share = f"{same[of].mean():.3f}" if of.any() else "-"
        print(f"quality {low:.2f} to {high:.2f} {of.sum():4d} images, the same lattice {share}")
    lattices = Lattices(true, np.ones(len(true)))
    for what, errors, unit in (
        ("|a|", np.abs(measured.lengths - lattices.lengths)[:, 0], "Å"),
        ("|b|", np.abs(measured.lengths - lattices.lengths)[:, 1], "Å"),
        ("gamma", np.abs(measured.gamma - lattices.gamma), "degree"),
    ):
        median, most = np.percentile(errors[same], [50, 90])
        print(f"error of {what:11s} median {median:.1e}, 90% {most:.1e} {unit}")


if __name__ == "__main__":
    main()
