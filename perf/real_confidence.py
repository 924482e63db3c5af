"""How often the class of a microscope's picture is right, by what its parts say.

python perf/real_confidence.py --data ../shared/jarvis_data --images ../shared/real_images

Draws train structures as microscopes may show them (microscope_like.py), takes public pictures and
parts of them (picture_parts.py), names their lattices, and fits the logistic regression that
`prediction.crystal` has its weights from, both kinds counting alike. Writes and prints
docs/real_confidence.md: how many are right, the weights, and what the confidence comes to when it
is cross-validated, a picture and its parts being on the same side.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import microscope_like
import numpy as np
from numpy.typing import NDArray
from picture_parts import parts
from real_pictures import read_table
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from jarvis_stem import cli
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import domains, picture, structures
from jarvis_stem.imaging.bravais import CLASS_NAMES
from jarvis_stem.prediction import crystal
from jarvis_stem.prediction.answer import DISTORTION
from jarvis_stem.utils.files import write_text
from jarvis_stem.utils.progress import track

_ROOT = Path(__file__).resolve().parents[1]
_BINS = (0.0, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0)
_FOLDS = 10


@dataclass(frozen=True)
class Case:
    """A picture whose class is known.

    Attributes:
        kind: What is counted together.
        group: The picture that it is of.
        right: Classes that are right; none without a lattice.
        found: What names its class, and whether doubted; None where no lattice is found.
    """

    kind: str
    group: str
    right: tuple[int, ...]
    found: tuple[int, tuple[float, ...], bool] | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="DIR", help="JARVIS databases")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--count", type=int, default=800, help="structures")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs", metavar="DIR")
    options = parser.parse_args(arguments)
    cases = [*_public(options.images), *_drawn(options.data, options.count)]
    page = _page(cases)
    write_text(options.output / "real_confidence.md", page)
    print(page)
    return 0


def _page(cases: Sequence[Case]) -> str:
    lines = [
        "# Confidence on real pictures",
        "",
        "Written by `real_confidence.py`. Public pictures and what is made of them "
        "(`perf/picture_parts.py`), and",
        "train structures drawn as microscopes may show them (`perf/microscope_like.py`).",
        "",
        "| | class right | no lattice found | without a lattice, and one found |",
        "| --- | --- | --- | --- |",
    ]
    for kind in dict.fromkeys(case.kind for case in cases):
        lines.append(_row(kind, [case for case in cases if case.kind == kind]))
    return "\n".join([*lines, "", *_fit([case for case in cases if case.found])]) + "\n"


def _public(images: Path) -> Iterator[Case]:
    table = [row for row in read_table(images) if row["class"]]
    for row in track(table, "Public pictures"):
        size = float(row["pixel_size"]) if row["pixel_size"] else None
        shown = picture.read_picture(images / row["file"], size)
        right = tuple(CLASS_NAMES.index(one) for one in row["class"].split("|") if one != "none")
        for kind, values, known in parts(shown.values, shown.pixel_size, row["file"]):
            yield Case(kind, row["file"], right, _found(values, known))


def _drawn(data: str | None, count: int) -> Iterator[Case]:
    benchmark = Benchmark.read(_ROOT / "benchmarks", bravais_result("stem_2d_image"))
    shuffled = np.random.default_rng(1).permutation(sorted(benchmark.splits["train"]))
    found = structures.for_dataset("stem_2d_image", shuffled[:count].tolist(), data=data)
    for n, sample in enumerate(microscope_like.draw(found, seed=7)):
        right = () if sample.bravais_class is None else (sample.bravais_class,)
        size = sample.pixel_size if n % 2 else None
        yield Case("drawn", str(n), right, _found(sample.values, size))


def _found(
    values: NDArray[np.float32], size: float | None
) -> tuple[int, tuple[float, ...], bool] | None:
    lattices = domains.find_domains(values, size)
    if not lattices:
        return None
    first = lattices[0]
    named = crystal.name(first, DISTORTION)
    doubted = bool(crystal.doubts(first, size))
    return named.bravais_class, crystal.evidence(first, named, DISTORTION), doubted


def _row(kind: str, cases: Sequence[Case]) -> str:
    crystals = [case for case in cases if case.right]
    right = sum(case.found is not None and case.found[0] in case.right for case in crystals)
    missed = sum(case.found is None for case in crystals)
    false = sum(case.found is not None for case in cases if not case.right)
    others = len(cases) - len(crystals)
    return f"| {kind} | {right} of {len(crystals)} | {missed} | {false} of {others} |"


def _fit(cases: Sequence[Case]) -> Iterator[str]:
    found = [case.found for case in cases if case.found]
    features = np.array([one[1] for one in found])
    pairs = zip(cases, found, strict=True)
    right = np.array([one[0] in case.right for case, one in pairs])
    drawn = np.array([case.kind == "drawn" for case in cases])
    groups = np.unique([case.group for case in cases], return_inverse=True)[1]
    weights = np.where(drawn, 1.0, drawn.sum() / max((~drawn).sum(), 1))
    model = LogisticRegression(C=10, max_iter=1000)
    fitted = model.fit(features, right, sample_weight=weights)
    numbers = ", ".join(f"{one:.2f}" for one in (*fitted.coef_[0], *fitted.intercept_))
    yield f"Weights of log odds, strain, share, scales and 1: {numbers}."
    confidence = cross_val_predict(
        model,
        features,
        right,
        groups=groups,
        cv=GroupKFold(_FOLDS),
        params={"sample_weight": weights},
        method="predict_proba",
    )[:, 1]
    confidence *= np.where([one[2] for one in found], crystal.DOUBTED, 1)
    for name, of in (("Public pictures and parts of them", ~drawn), ("Drawn", drawn)):
        yield from _bins(name, confidence[of], right[of])


def _bins(name: str, confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> Iterator[str]:
    yield ""
    yield f"## {name}"
    yield ""
    area = roc_auc_score(right, confidence)
    yield f"Right {right.mean():.3f}, AUROC of the confidence {area:.3f}."
    yield ""
    yield "| confidence | right |"
    yield "| --- | --- |"
    for low, high in itertools.pairwise(_BINS):
        within = (confidence >= low) & (confidence < high)
        if within.any():
            yield f"| {low:g} to {high:g} | {right[within].sum()} of {within.sum()} |"


if __name__ == "__main__":
    sys.exit(cli.run(main))
