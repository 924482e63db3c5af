"""Measure every contribution's accuracy by class and by the orientation of the structure's cell.

python perf/errors.py --data ../shared/jarvis_data
python perf/errors.py --data ../shared/jarvis_data lattice_cnn_model

Writes docs/errors.json and docs/errors.md from the committed predictions. Of a contribution that is
named, its stored model predicts the test images: prints the confusion matrix and what the wrong
ones have in common, and writes docs/errors_<model>.png, its most confident errors as pictures.
"""

from __future__ import annotations

import argparse
import io
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cells import GROUPS, groups, is_rotated, is_tilted
from jarvis.core.atoms import Atoms
from matplotlib.figure import Figure
from numpy.typing import NDArray
from shares import by_class, interval_text, share
from tabulate import tabulate

from jarvis_stem import cli
from jarvis_stem.api import load_model
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.formats.predictions import read_predictions
from jarvis_stem.formats.published import Reference
from jarvis_stem.imaging import image_set, measurement, structures
from jarvis_stem.imaging.bravais import CLASS_NAMES
from jarvis_stem.imaging.projection import projected_lattice
from jarvis_stem.scoring.metrics import confusion_matrix
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, write_bytes, write_text

_ROOT = Path(__file__).resolve().parents[1]
_NAME = bravais_result("stem_2d_image")
_SHOWN = (3, 6)  # rows and columns of pictures


def main(arguments: list[str] | None = None) -> int:
    """Write the report, and show the errors of a contribution that is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", help="a contribution with a stored model")
    parser.add_argument("--data", metavar="DIR", help="JARVIS databases")
    parser.add_argument("--contributions", type=Path, default=_ROOT / "contributions")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs", metavar="DIR")
    options = parser.parse_args(arguments)

    benchmark = Benchmark.read(_ROOT / "benchmarks", _NAME)
    truth = {i: int(c) for i, c in benchmark.split("test").items()}
    found = structures.for_dataset(_NAME.dataset, truth, data=options.data)
    if options.model:
        _show(options.contributions / options.model, truth, found, options.output)
        return 0
    typed = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "perf/errors.py", *map(str, typed)])
    correct = _correct(options.contributions, benchmark)
    content = {"command": command, **report(truth, found, correct)}
    write_text(options.output / "errors.json", json_text(content))
    write_text(options.output / "errors.md", page(content))
    print(page(content), end="")
    return 0


def _correct(contributions: Path, benchmark: Benchmark) -> dict[str, NDArray[np.bool_]]:
    """Which test ids every contribution and every published result has right, the best first."""
    targets = list(benchmark.split("test").values())
    correct = {
        f"published {name}": one.correct(len(targets))
        for name, one in Reference.read(_ROOT / "benchmarks", _NAME).published.items()
    }
    for path in sorted(contributions.glob(f"*/{_NAME.predictions_name}")):
        predictions, problems = read_predictions(path, _NAME, benchmark)
        if problems:
            raise StemError(f"{path}: {'; '.join(problems)}")
        pairs = zip(predictions, targets, strict=True)
        correct[path.parent.name] = np.array([p == t for p, t in pairs])
    return dict(sorted(correct.items(), key=lambda pair: -int(pair[1].sum())))


def report(
    truth: Mapping[str, int],
    found: Mapping[str, Atoms],
    correct: Mapping[str, NDArray[np.bool_]],
) -> dict[str, Any]:
    """Count what is correct of each class and of each group of cells.

    Args:
        truth: Classes, 0 to 4, by the N test ids.
        found: Structures by id.
        correct: Of each model, whether its prediction is correct, bool[N].

    Returns:
        The ``groups`` with their definition and ids by class; and of each of the ``models`` its
        share correct, that of each of the ``classes``, and of each of the ``groups`` both.
    """
    classes = np.array(list(truth.values()), np.intp)
    members = groups(list(truth), found)
    return {
        "groups": {
            name: {
                "definition": GROUPS[name],
                "n": int(of.sum()),
                "classes": _numbers(classes[of]),
            }
            for name, of in members.items()
        },
        "classes": _numbers(classes),
        "models": {
            model: {
                **_figures(classes, right),
                "groups": {name: _figures(classes[of], right[of]) for name, of in members.items()},
            }
            for model, right in correct.items()
        },
    }


def _numbers(classes: NDArray[np.intp]) -> dict[str, int]:
    counts = np.bincount(classes, minlength=len(CLASS_NAMES)).tolist()
    return dict(zip(CLASS_NAMES, counts, strict=True))


def _figures(classes: NDArray[np.intp], correct: NDArray[np.bool_]) -> dict[str, Any]:
    return {**share(correct), "classes": by_class(classes, correct)}


def page(content: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    of_class = {f"{name}: {n}": name for name, n in content["classes"].items()}
    of_group = {f"{name}: {group['n']}": name for name, group in content["groups"].items()}
    measured = content["models"].items()
    by_class = [
        {"model": model, "all": interval_text(figures)}
        | {head: interval_text(figures["classes"][name]) for head, name in of_class.items()}
        for model, figures in measured
    ]
    by_group = [
        {"model": model}
        | {head: interval_text(figures["groups"][name]) for head, name in of_group.items()}
        for model, figures in measured
    ]
    definitions = [
        f"- {name}: {group['definition']}. {_listed(group['classes'])}."
        for name, group in content["groups"].items()
    ]
    return "\n".join(
        [
            "# Test accuracy by class and by the orientation of the cell",
            "",
            f"`{content['command']}`: accuracy of the committed predictions on the test split of "
            f"`{_NAME.dataset}` with Wilson's 95% interval; behind each column's name is how many "
            "ids it has.",
            "",
            *("## By class", "", _table(by_class)),
            "",
            *("## By the orientation of the cell", "", *definitions, "", _table(by_group)),
            "",
        ]
    )


def _listed(classes: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in classes.items() if n) or "none"


def _table(rows: list[dict[str, str]]) -> str:
    return str(tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True))


def _show(folder: Path, truth: Mapping[str, int], found: Mapping[str, Atoms], output: Path) -> None:
    """Predict the test images with a contribution's stored model and show the errors."""
    rendered = image_set.render(found, list(truth))
    probabilities = load_model(folder.name, contributions=folder.parent).predict_proba(
        rendered.images
    )
    classes = np.array([truth[i] for i in rendered.ids])
    predicted = probabilities.argmax(axis=1)
    matrix = confusion_matrix(classes, predicted, len(CLASS_NAMES))
    print(pd.DataFrame(matrix, index=CLASS_NAMES, columns=CLASS_NAMES).to_string())
    wrong = np.flatnonzero(predicted != classes)
    print(f"\n{len(wrong)} of {len(classes)} wrong")
    _kinds(found, rendered, wrong)
    order = wrong[np.argsort(-probabilities.max(axis=1)[wrong], kind="stable")]
    path = output / f"errors_{folder.name}.png"
    shown = order[: _SHOWN[0] * _SHOWN[1]]
    print(f"\nthe {len(shown)} most confident errors: a, b in Å and gamma in degrees\n")
    print(_lattices(found, rendered, shown))
    write_bytes(path, _picture(rendered, shown, classes, predicted, probabilities))
    print(f"wrote {path}")


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
        "rotated": np.array([is_rotated(i, found[i]) for i in rendered.ids]),
        "tilted": np.array([is_tilted(one) for one in atoms]),
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
        heading = (
            rendered.ids[n].removesuffix(".jpg"),
            f"is {CLASS_NAMES[classes[n]]}",
            f"predicted {CLASS_NAMES[predicted[n]]} {probabilities[n].max():.2f}",
        )
        panel.set_title("\n".join(heading), fontsize=8)
    for panel in figure.axes:
        panel.set_axis_off()
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=80, metadata={"Software": None})
    return drawn.getvalue()


if __name__ == "__main__":
    sys.exit(cli.run(main))
