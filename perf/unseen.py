r"""Measure every stored model on structures that it was not trained on and on published JPEGs.

python perf/unseen.py --data ../shared/jarvis_data --structures ../shared/unseen_structures \
  --jpegs ../shared/atomvision_sample

Writes docs/unseen.json and docs/unseen.md; the models' cards take their figures from the former.
Nothing is chosen by it.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jarvis.core.atoms import Atoms
from numpy.typing import NDArray
from remembered import remember
from shares import by_class, interval_text, share
from stored import predictors
from tabulate import tabulate

from jarvis_stem import cli
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import ResultName, bravais_result
from jarvis_stem.formats.run_record import read_run_record
from jarvis_stem.imaging import image_set, measurement, structure_files, structures
from jarvis_stem.imaging.bravais import CLASS_NAMES
from jarvis_stem.imaging.projection import projected_lattice
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, read_zip, write_text

_ROOT = Path(__file__).resolve().parents[1]
_DATASET = "stem_2d_image"


@dataclass(frozen=True)
class Source:
    """Images with known classes.

    Attributes:
        name: What the tables call it.
        images: uint8[N, 256, 256].
        classes: Their classes, 0 to 4, [N].
    """

    name: str
    images: NDArray[np.uint8]
    classes: NDArray[np.intp]


def main(arguments: list[str] | None = None) -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--structures", type=Path, required=True, metavar="DIR", help="[{id, atoms, label}] zips"
    )
    parser.add_argument("--jpegs", type=Path, required=True, metavar="DIR", help="<class>/<id>.jpg")
    parser.add_argument("--data", metavar="DIR", help="JARVIS databases")
    parser.add_argument("--contributions", type=Path, default=_ROOT / "contributions")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs", metavar="DIR")
    options = parser.parse_args(arguments)

    name = bravais_result(_DATASET)
    benchmark = Benchmark.read(_ROOT / "benchmarks", name)
    zips = _zips(options.structures)
    train = structures.for_dataset(_DATASET, benchmark.split("train"), data=options.data)
    sources = [source for path in zips for source in _of_structures(path, train)]
    sources += _of_jpegs(options.jpegs, benchmark)
    sources = [source for source in sources if len(source.classes)]
    models = predictors(options.contributions, _DATASET)
    remember(*(source.images for source in sources))
    typed = sys.argv[1:] if arguments is None else arguments
    content = {
        "command": shlex.join(["python", "perf/unseen.py", *map(str, typed)]),
        "benchmark": _DATASET,
        "sources": [_described(source) for source in sources],
        "models": {
            model: {
                "sha256": _sha256(options.contributions / model, name),
                "sources": {s.name: _figures(s, predictor.predict(s.images)) for s in sources},
            }
            for model, predictor in models.items()
        },
    }
    write_text(options.output / "unseen.json", json_text(content))
    write_text(options.output / "unseen.md", page(content))
    print(page(content), end="")
    return 0


def _zips(folder: Path) -> list[Path]:
    zips = sorted(folder.glob("*.json.zip"))
    if not zips:
        raise StemError(f"{folder}: no .json.zip of structures in it")
    return zips


def _of_structures(path: Path, train: Mapping[str, Atoms]) -> list[Source]:
    """The images of a zip's structures: all of them, and those that are new."""
    found = structure_files.read_files(path)
    labels = {f"{row['id']}.jpg": row["label"] for row in json.loads(read_zip(path, path.stem))}
    rendered = image_set.render(found, list(found))
    classes = np.array([labels[i] for i in rendered.ids], np.intp)
    new = without_look_alike([found[i] for i in rendered.ids], list(train.values()))
    name = path.name.removesuffix(".json.zip")
    return [
        Source(name, rendered.images, classes),
        Source(f"{name}, new", rendered.images[new], classes[new]),
    ]


def without_look_alike(found: Sequence[Atoms], train: Sequence[Atoms]) -> NDArray[np.bool_]:
    """Find the structures that none of train looks like.

    A look-alike has the same composition and, in projection, the same primitive lattice to 1% of
    its lengths and to 1 degree; its cell can be another one.

    Args:
        found: N structures.
        train: Those that models learned from.

    Returns:
        Whether a structure is without a look-alike, bool[N].
    """
    known: dict[Any, list[NDArray[np.float64]]] = {_composition(atoms): [] for atoms in found}
    for atoms in train:
        if (composition := _composition(atoms)) in known:
            known[composition].append(_lattice(atoms))
    return np.array([not _is_alike(_lattice(atoms), known[_composition(atoms)]) for atoms in found])


def _is_alike(lattice: NDArray[np.float64], others: Sequence[NDArray[np.float64]]) -> bool:
    return any(
        np.all(np.abs(lattice - other) <= (0.01 * other[0], 0.01 * other[1], 1)) for other in others
    )


def _composition(atoms: Atoms) -> frozenset[tuple[str, int]]:
    counts = Counter(atoms.elements)
    divisor = math.gcd(*counts.values())
    return frozenset((element, n // divisor) for element, n in counts.items())


def _lattice(atoms: Atoms) -> NDArray[np.float64]:
    """Lengths, Å, and angle, degrees, of the primitive lattice in projection, float64[3]."""
    reduced = measurement.Lattices(measurement.reduce(projected_lattice(atoms))[None], np.ones(1))
    return np.array([*reduced.lengths[0], reduced.gamma[0]])


def _of_jpegs(folder: Path, benchmark: Benchmark) -> list[Source]:
    """Published images: all of them, and those that are in no training split."""
    known = {path.name: int(path.parent.name) for path in sorted(folder.glob("*/*.jpg"))}
    found = image_set.read_folder(folder, known, benchmark.classes)
    classes = np.array(list(known.values()), np.intp)
    new = np.array([i not in benchmark.split("train") for i in found.ids])
    return [
        Source("published JPEGs", found.images, classes),
        Source("published JPEGs, new", found.images[new], classes[new]),
    ]


def _described(source: Source) -> dict[str, Any]:
    counts = np.bincount(source.classes, minlength=len(CLASS_NAMES)).tolist()
    return {
        "name": source.name,
        "n": len(source.classes),
        "classes": dict(zip(CLASS_NAMES, counts, strict=True)),
    }


def _sha256(folder: Path, name: ResultName) -> str | None:
    record, _ = read_run_record(folder / name.run_record_name)
    return record.stored.sha256 if record and record.stored else None


def _figures(source: Source, predicted: NDArray[Any]) -> dict[str, Any]:
    correct = predicted == source.classes
    return {**share(correct), "classes": by_class(source.classes, correct)}


def page(content: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "# Structures that no model was trained on, and published JPEGs",
        "",
        f"`{content['command']}`: accuracy of the stored weights of `{content['benchmark']}`, with "
        "Wilson's 95% interval, and recall of each class. Structures of other databases than the "
        "benchmark's are drawn as its images are. Of them those are new that have no look-alike in "
        "train: a structure of the same composition that, in projection, has the same primitive "
        "lattice to 1% and 1 degree. The JPEGs are images of the benchmark as they were published; "
        "new are those that are not in train.",
    ]
    for source in content["sources"]:
        rows = [
            {
                "model": model,
                "correct": figures["correct"],
                "accuracy": interval_text(figures),
                **{f"{c} ({n})": _recall(figures, c) for c, n in source["classes"].items()},
            }
            for model, measured in content["models"].items()
            for figures in [measured["sources"][source["name"]]]
        ]
        table = tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True)
        lines += ["", f"## {source['name']}: {source['n']}", "", table]
    return "\n".join(lines) + "\n"


def _recall(figures: Mapping[str, Any], class_name: str) -> str:
    counts = figures["classes"][class_name]
    return f"{counts['accuracy']:.3f}" if counts["n"] else "-"


if __name__ == "__main__":
    sys.exit(cli.run(main))
