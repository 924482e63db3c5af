"""Show what a stored model gets wrong: confusion matrix, and its most confident errors as pictures.

python perf/errors.py lattice_cnn_model --data ../shared/jarvis_data

Prints the matrix and what the wrong ones have in common, and writes docs/errors_<model>.png.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jarvis.core.atoms import Atoms
from matplotlib.figure import Figure
from numpy.typing import NDArray
from projection import projected_lattice

from jarvis_stem import cli
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import image_set, measurement, structures
from jarvis_stem.imaging.bravais import CLASS_NAMES
from jarvis_stem.prediction.predictor import Predictor
from jarvis_stem.scoring.metrics import confusion_matrix
from jarvis_stem.training.stored_model import StoredModel
from jarvis_stem.utils.files import write_bytes

_ROOT = Path(__file__).resolve().parents[1]
_NAME = bravais_result("stem_2d_image")
_SHOWN = (3, 6)  # rows and columns of pictures


def main() -> int:
    """Predict the test images with the stored weights and show the errors."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a contribution with stored weights")
    parser.add_argument("--data", metavar="DIR", help="JARVIS databases")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs", metavar="DIR")
    options = parser.parse_args()

    truth = Benchmark.read(_ROOT / "benchmarks", _NAME).split("test")
    found = structures.for_dataset(_NAME.dataset, truth, data=options.data)
    rendered = image_set.render(found, list(truth))
    probabilities = Predictor(
        StoredModel.load(_ROOT / "contributions" / options.model)
    ).predict_proba(rendered.images)
    classes = np.array([int(truth[i]) for i in rendered.ids])
    predicted = probabilities.argmax(axis=1)
    matrix = confusion_matrix(classes, predicted, len(CLASS_NAMES))
    print(pd.DataFrame(matrix, index=CLASS_NAMES, columns=CLASS_NAMES).to_string())
    wrong = np.flatnonzero(predicted != classes)
    print(f"\n{len(wrong)} of {len(classes)} wrong")
    _kinds(found, rendered, wrong)
    order = wrong[np.argsort(-probabilities.max(axis=1)[wrong], kind="stable")]
    path = options.output / f"errors_{options.model}.png"
    shown = order[: _SHOWN[0] * _SHOWN[1]]
    print(f"\nthe {len(shown)} most confident errors: a, b in Å and gamma in degrees\n")
    print(_lattices(found, rendered, shown))
    write_bytes(path, _picture(rendered, shown, classes, predicted, probabilities))
    print(f"wrote {path}")
    return 0


def _kinds(found: Any, rendered: image_set.ImageSet, wrong: NDArray[np.intp]) -> None:
    """Count what could explain an error; one image can be of several kinds."""
    atoms = [found[i] for i in rendered.ids]
    true = np.array([measurement.reduce(projected_lattice(one)) for one in atoms])
    measured = measurement.measure(rendered.images)
    ratio = np.abs(np.linalg.det(measured.vectors) / np.linalg.det(true))
    kinds = {
        "measured another lattice than the projection's": np.abs(ratio - 1) > 0.02,
        "quality of the lattice below 0.9": measured.quality < 0.9,
        "a supercell: its cell is larger than what repeats in the image": np.array(
            [_area(one) for one in atoms]
        )
        > 1.5 * np.abs(np.linalg.det(true)),
        "a or b leaves the image's plane by more than 0.1 Å": np.array(
            [np.abs(np.asarray(one.lattice_mat)[:2, 2]).max() > 0.1 for one in atoms]
        ),
    }
    for what, of in kinds.items():
        print(
            f"{what}: {of[wrong].sum()} of the {len(wrong)} wrong, {of.sum()} of all {len(of)}; "
            f"accuracy on these {1 - of[wrong].sum() / of.sum():.3f}, "
            f"on the rest {1 - (~of)[wrong].sum() / (~of).sum():.3f}"
        )


def _lattices(found: Any, rendered: image_set.ImageSet, shown: NDArray[np.intp]) -> str:
    """The database's cell, the primitive lattice of its projection, and the measured one."""
    atoms = [found[rendered.ids[n]] for n in shown]
    projected = np.array([measurement.reduce(projected_lattice(one)) for one in atoms])
    rows = pd.DataFrame(
        {
            "cell": [_three([*one.lattice.abc[:2], one.lattice.angles[2]]) for one in atoms],
            "projection": _all(measurement.Lattices(projected, np.ones(len(shown)))),
            "measured": _all(measurement.measure(rendered.images[shown])),
        },
        index=[rendered.ids[n].removesuffix(".jpg") for n in shown],
    )
    return str(rows.to_string())


def _all(lattices: measurement.Lattices) -> list[str]:
    return [
        _three([*lengths, gamma])
        for lengths, gamma in zip(lattices.lengths, lattices.gamma, strict=True)
    ]


def _three(cell: Sequence[float]) -> str:
    a, b, gamma = cell
    return f"{a:7.3f} {b:7.3f} {gamma:8.3f}"


def _area(atoms: Atoms) -> float:
    return float(abs(np.linalg.det(np.asarray(atoms.lattice_mat)[:2, :2])))


def _picture(
    rendered: image_set.ImageSet,
    shown: NDArray[np.intp],
    classes: NDArray[np.int64],
    predicted: NDArray[np.intp],
    probabilities: Sequence[Any] | NDArray[np.float32],
) -> bytes:
    figure = Figure(figsize=(13, 7.6), layout="constrained")
    panels = figure.subplots(*_SHOWN).flat
    for panel, n in zip(panels, shown, strict=False):
        panel.imshow(rendered.images[n], cmap="gray")
        said = f"{CLASS_NAMES[predicted[n]]} {probabilities[n].max():.2f}"
        panel.set_title(
            f"{rendered.ids[n].removesuffix('.jpg')}\nis {CLASS_NAMES[classes[n]]}\nsaid {said}",
            fontsize=8,
        )
    for panel in figure.axes:
        panel.set_axis_off()
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=80, metadata={"Software": None})
    return drawn.getvalue()


if __name__ == "__main__":
    sys.exit(cli.run(main))
