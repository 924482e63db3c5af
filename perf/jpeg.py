"""Compare published JPEGs with renders of the same structures: lattices, and models' predictions.

python perf/jpeg.py --data ../shared/jarvis_data --jpegs ../shared/atomvision_sample

Agreement is the share of structures whose JPEG and render get the same class by a contribution's
stored weights. How many of these are correct is in docs/unseen.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from stored import predictors
from tabulate import tabulate

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import image_set, measurement
from jarvis_stem.imaging.bravais import CLASS_NAMES
from jarvis_stem.imaging.image_set import ImageSet
from jarvis_stem.imaging.structures import for_dataset
from jarvis_stem.prediction.predictor import Predictor

_NAME = bravais_result("stem_2d_image")
_ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run the comparison and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="DIR", help="JARVIS databases")
    parser.add_argument("--jpegs", type=Path, required=True, metavar="DIR", help="<class>/<id>.jpg")
    options = parser.parse_args()

    benchmark = Benchmark.read(_ROOT / "benchmarks", _NAME)
    classes = {path.name: int(path.parent.name) for path in options.jpegs.glob("*/*.jpg")}
    found = for_dataset(_NAME.dataset, classes, data=options.data)
    renders = image_set.render(found, sorted(classes))
    drawn = {i: classes[i] for i in renders.ids}
    jpegs = image_set.read_folder(options.jpegs, drawn, benchmark.classes)
    print(f"{len(classes)} JPEGs, {len(drawn)} with a structure\n")
    _print_lattices(jpegs, renders)
    models = predictors(_ROOT / "contributions", _NAME.dataset)
    print(f"\n{_agreement(models, jpegs, renders, np.array(list(drawn.values())))}")


def _print_lattices(jpegs: ImageSet, renders: ImageSet) -> None:
    published, own = (measurement.measure(one.images) for one in (jpegs, renders))
    print("| JPEG against render | median | 90% | largest |\n| --- | ---: | ---: | ---: |")
    for what, differences in (
        ("a, Å", published.lengths[:, 0] - own.lengths[:, 0]),
        ("b, Å", published.lengths[:, 1] - own.lengths[:, 1]),
        ("gamma, degree", published.gamma - own.gamma),
        ("quality", published.quality - own.quality),
        ("grey of 255, mean over the pixels", _greys(jpegs) - _greys(renders)),
    ):
        apart = np.abs(differences).reshape(len(own.quality), -1).mean(axis=1)
        cells = (f"{figure:.1e}" for figure in (*np.percentile(apart, [50, 90]), apart.max()))
        print(f"| {what} | {' | '.join(cells)} |")


def _greys(found: ImageSet) -> NDArray[np.float32]:
    return found.images.astype(np.float32)


def _agreement(
    models: Mapping[str, Predictor], jpegs: ImageSet, renders: ImageSet, truth: NDArray[np.int64]
) -> str:
    """How many of all images and of each class get the same prediction, a row for each model."""
    rows = []
    for model, predictor in models.items():
        same = predictor.predict(jpegs.images) == predictor.predict(renders.images)
        of_class = {name: _count(same[truth == c]) for c, name in enumerate(CLASS_NAMES)}
        rows.append({"model": model, "agreement": _count(same), **of_class})
    return str(tabulate(rows, headers="keys", tablefmt="github"))


def _count(same: NDArray[np.bool_]) -> str:
    return f"{np.count_nonzero(same)} of {len(same)}"


if __name__ == "__main__":
    main()
