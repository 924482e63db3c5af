"""How often the class of a microscope's picture is right, by what its parts say.

python perf/real_confidence.py --data ../shared/jarvis_data

Draws train structures as microscopes may show them (microscope_like.py), names their lattices, and
prints the logistic regression that `prediction.crystal` has its weights from, with what it comes to
when it is cross-validated.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import microscope_like
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from jarvis_stem import cli
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import domains, structures, symmetry
from jarvis_stem.prediction.answer import DISTORTION

_ROOT = Path(__file__).resolve().parents[1]
_BINS = (0.0, 0.6, 0.7, 0.8, 0.85, 0.9, 1.0)
_SUREST = 5e-3


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="DIR", help="JARVIS databases")
    parser.add_argument("--count", type=int, default=400, help="structures")
    options = parser.parse_args(arguments)
    benchmark = Benchmark.read(_ROOT / "benchmarks", bravais_result("stem_2d_image"))
    shuffled = np.random.default_rng(1).permutation(sorted(benchmark.splits["train"]))
    ids = shuffled[: options.count].tolist()
    found = structures.for_dataset("stem_2d_image", ids, data=options.data)
    features, right, empty, missed = [], [], 0, 0
    for n, sample in enumerate(microscope_like.draw(found, seed=7)):
        lattices = domains.find_domains(sample.values, sample.pixel_size if n % 2 else None)
        if not lattices:
            empty += sample.bravais_class is None
            missed += sample.bravais_class is not None
            continue
        first = lattices[0]
        likely = symmetry.probabilities(first.vectors, math.hypot(DISTORTION, first.variation))
        surest = float(likely.max())
        odds = math.log(surest / max(1 - surest, _SUREST))
        features.append([odds, math.log(first.variation), first.weight])
        right.append(int(likely.argmax()) == sample.bravais_class)
    print(f"no lattice: in {missed} of crystals and {empty} of others; lattices {len(right)}")
    _print_fit(np.array(features), np.array(right))
    return 0


def _print_fit(features: NDArray[np.float64], right: NDArray[np.bool_]) -> None:
    model = LogisticRegression(C=10)
    fitted = model.fit(features, right)
    print("weights", fitted.coef_.round(2), fitted.intercept_.round(2))
    confidence = cross_val_predict(model, features, right, cv=10, method="predict_proba")[:, 1]
    print(f"right {right.mean():.3f}, AUROC {roc_auc_score(right, confidence):.3f}")
    for low, high in itertools.pairwise(_BINS):
        within = (confidence >= low) & (confidence < high)
        if within.any():
            print(f"{low:g} to {high:g}: {right[within].sum()} of {within.sum()} right")


if __name__ == "__main__":
    sys.exit(cli.run(main))
