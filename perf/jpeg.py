"""Compare published JPEGs with renders of the same structures: lattices, and what models say.

python perf/jpeg.py --data ../shared/jarvis_data --jpegs ../shared/atomvision_sample

Agreement is the share of structures whose JPEG and render get the same class. Only contributions
with stored weights are asked. Structures of the benchmark's training split are told apart from
those that no model has seen.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import image_set, measurement
from jarvis_stem.imaging.bravais import CLASS_NAMES
from jarvis_stem.imaging.image_set import ImageSet
from jarvis_stem.imaging.structures import for_dataset
from jarvis_stem.prediction.predictor import Predictor
from jarvis_stem.training.stored_model import StoredModel
from jarvis_stem.utils.errors import StemError

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
    own = {i: classes[i] for i in renders.ids}
    jpegs = image_set.read_folder(options.jpegs, own, benchmark.classes)
    truth = np.array(list(own.values()))
    print(f"{len(classes)} JPEGs, {len(truth)} with a structure\n")
    _print_lattices(jpegs, renders)
    seen = np.array([i in benchmark.split("train") for i in renders.ids])
    _print_header()
    for weights in sorted(_ROOT.glob(f"contributions/*/{_NAME.weights_name}")):
        _print_model(weights.parent, jpegs, renders, truth, seen)


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


def _print_header() -> None:
    columns = ["model", "of", "JPEGs right", "renders right", "agreement", *CLASS_NAMES]
    print(f"\n| {' | '.join(columns)} |")
    print(f"| --- | --- |{' ---: |' * (len(columns) - 2)}")


def _print_model(
    folder: Path,
    jpegs: ImageSet,
    renders: ImageSet,
    truth: NDArray[np.int64],
    seen: NDArray[np.bool_],
) -> None:
    """A model's rows: all, those of the training split, those of none."""
    try:
        predictor = Predictor(StoredModel.load(folder, _NAME.dataset))
    except StemError as error:
        print(f"| {folder.name} | {error} |")
        return
    said, drawn = (predictor.predict(one.images) for one in (jpegs, renders))
    for what, part in (("all", np.full(len(seen), True)), ("train", seen), ("no split", ~seen)):
        shares = [said == truth, drawn == truth, said == drawn]
        cells = [_share(right[part]) for right in shares]
        cells += [_share((said == drawn)[part & (truth == c)]) for c in predictor.classes_]
        print(f"| {folder.name} | {what} | {' | '.join(cells)} |")


def _share(right: NDArray[np.bool_]) -> str:
    return f"{right.mean():.3f} of {len(right)}" if len(right) else "-"


if __name__ == "__main__":
    main()
