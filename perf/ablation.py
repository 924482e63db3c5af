"""Measure what each part of lattice_cnn_model is worth, on validation and once on test.

python perf/ablation.py --data ../shared/jarvis_data

Every row is trained on the same nine tenths of train with three seeds; mean and deviation are over
the seeds, on the tenth that is left. Then the seeds' models predict the test split once. Results
go to docs/ablation.json, where rows that are there already are kept (--row NAME measures one anew),
and as a table into the README of lattice_cnn_model.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from remembered import remember
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from jarvis_stem import cli
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.description import SHAPES
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import image_set, structures
from jarvis_stem.imaging.described_images import DescribedImages
from jarvis_stem.imaging.description import describe
from jarvis_stem.imaging.lattice_numbers import reduced_numbers
from jarvis_stem.training import architecture, inference, loop, machine
from jarvis_stem.training.architecture import Recipe
from jarvis_stem.training.lattice_net import LatticeNet, spectrum_cnn
from jarvis_stem.utils.files import json_text, read_json_object, write_text

_NAME = bravais_result("stem_2d_image")
_ROOT = Path(__file__).resolve().parents[1]
_SEEDS = (0, 1, 2)
_README = _ROOT / "contributions/lattice_cnn_model/README.md"
_BEGIN, _END = "<!-- perf/ablation.py writes from here -->", "<!-- to here -->"
_CROP = 128  # pixels that the real-space CNN sees, each way

_joined = architecture.load(_ROOT / "contributions/lattice_cnn_model")
_alone = architecture.load(_ROOT / "contributions/lattice_model")
_CELL = (16, 32, 64)
_REDUCED = reduced_numbers(np.ones((1, 2, 2), np.float32)).shape[1]
_SCALARS = 3  # after the lattice's numbers: its quality, the image's brightness and contrast


def _pixel_cnn(classes: int) -> nn.Module:
    """The CNN that lattice_cnn_model has for the spectrum, for the image itself."""
    cnn = spectrum_cnn()
    cnn[0] = nn.Conv2d(1, 32, 4, 4, bias=False)
    return nn.Sequential(cnn, nn.Linear(128, classes))


class _ReducedAlone(LatticeNet):
    """A LatticeNet that is not told the cell along x, whose numbers come after the reduced ones."""

    def forward(self, *parts: Tensor) -> Tensor:
        lattice, *others = parts
        known = torch.ones(lattice.shape[1])
        known[_REDUCED : SHAPES["lattice"][0] - _SCALARS] = 0
        return super().forward(lattice * known, *others)


@dataclass(frozen=True)
class Row:
    """One row of the table: a model and how it is trained."""

    what: str
    build: Callable[[int], nn.Module]
    recipe: Recipe
    cropped: bool = False


ROWS = {
    "spectrum": Row(
        "CNN on the spectrum",
        lambda n: LatticeNet(n, encoding=False, spectrum=spectrum_cnn()),
        _joined.recipe,
    ),
    "cell": Row(
        "CNN on the unit cell",
        lambda n: LatticeNet(n, encoding=False, cell=_CELL),
        _joined.recipe,
    ),
    "lattice": Row("lattice (lattice_model)", lambda n: _alone.build(n), _alone.recipe),
    "reduced": Row(
        "lattice, its reduced cell alone",
        lambda n: _ReducedAlone(n),
        _alone.recipe,
    ),
    "lattice+cell": Row(
        "lattice and CNN on the unit cell", lambda n: LatticeNet(n, cell=_CELL), _joined.recipe
    ),
    "lattice+spectrum": Row(
        "lattice and CNN on the spectrum",
        lambda n: LatticeNet(n, spectrum=spectrum_cnn()),
        _joined.recipe,
    ),
    "all": Row("all three (lattice_cnn_model)", lambda n: _joined.build(n), _joined.recipe),
    "lattice, not mirrored": Row(
        "lattice, trained without mirror images",
        lambda n: _alone.build(n),
        replace(_alone.recipe, mirror=False),
    ),
    "pixels": Row(
        f"CNN on the image (middle {_CROP} x {_CROP})",
        _pixel_cnn,
        replace(_joined.recipe, epochs=8),
        cropped=True,
    ),
}
_BOOSTED, _JOINED = "boosted", "joined"
_ROUNDS = 200  # of boosting
_ENSEMBLE_OF = "all"


class Part(NamedTuple):
    """Images that are learned from, chosen by or tested on: uint8[N, H, W]; classes int64[N]."""

    images: Tensor
    classes: Tensor

    @property
    def split(self) -> loop.Split:
        """As `loop.fit` takes it."""
        return loop.Split(DescribedImages.of(self.images.numpy()), self.classes)


def main() -> int:
    """Run the rows that are asked for and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="DIR", help="JARVIS databases")
    parser.add_argument("--row", action="append", choices=[*ROWS, _BOOSTED], help="only this one")
    parser.add_argument("--benchmark", default=_NAME.dataset, metavar="DATASET")
    parser.add_argument("--epochs", type=int, metavar="N", help="for a quick look: not the models'")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs", metavar="DIR")
    parser.add_argument("--readme", type=Path, default=_README, metavar="FILE")
    options = parser.parse_args()
    path = options.output / "ablation.json"
    page = options.readme
    known = read_json_object(path)["rows"] if path.exists() else {}
    wanted = options.row or [row for row in (*ROWS, _BOOSTED) if row not in known]
    if wanted:
        train, validation, test = _data(options)
        remember(*(part.images.numpy() for part in (train, validation, test)))
    for name in wanted:
        print(f"{name}:", file=sys.stderr)
        if name == _BOOSTED:
            known.update(_boosted(train, validation, test))
        else:
            known.update(_row(name, train, validation, test, options.epochs))
        content = {
            "command": shlex.join(["python", "perf/ablation.py", *sys.argv[1:]]),
            **machine.environment(torch.device("cpu")),
            "seeds": _SEEDS,
            "validation": len(validation.classes),
            "test": len(test.classes),
            "rows": known,
        }
        write_text(path, json_text(content))
    table = _table(read_json_object(path))
    print(table)
    before, _, rest = page.read_text().partition(_BEGIN)
    write_text(page, f"{before}{_BEGIN}\n\n{table}\n{_END}{rest.partition(_END)[2]}")
    return 0


def _data(options: argparse.Namespace) -> tuple[Part, Part, Part]:
    name = replace(_NAME, dataset=options.benchmark)
    benchmark = Benchmark.read(_ROOT / "benchmarks", name)
    position = {c: n for n, c in enumerate(benchmark.classes)}
    splits = {}
    for split in ("train", "test"):
        ids = benchmark.split(split)
        found = structures.for_dataset(options.benchmark, ids, data=options.data)
        rendered = image_set.render(found, list(ids))
        classes = torch.tensor([position[ids[i]] for i in rendered.ids])
        splits[split] = Part(torch.from_numpy(rendered.images), classes)
    train, test = splits["train"], splits["test"]
    # The parts that seed 0 trains on and chooses by in `jarvis_stem.train`.
    learn, choose = train_test_split(
        np.arange(len(train.classes)), test_size=0.1, random_state=0, stratify=train.classes
    )
    parts = [Part(train.images[part], train.classes[part]) for part in (learn, choose)]
    return parts[0], parts[1], test


def _row(
    name: str, train: Part, validation: Part, test: Part, epochs: int | None
) -> dict[str, Any]:
    row = ROWS[name]
    recipe = row.recipe if epochs is None else replace(row.recipe, epochs=epochs)
    if row.cropped:
        train, validation, test = (_middle(part) for part in (train, validation, test))
    probabilities: list[tuple[Tensor, Tensor]] = []
    start = time.perf_counter()
    for seed in _SEEDS:
        model = _fitted(row.build, recipe, seed, train, validation)
        probabilities.append(
            (inference.predict(model, validation.images), inference.predict(model, test.images))
        )
    seconds = (time.perf_counter() - start) / len(_SEEDS)
    parameters = sum(p.numel() for p in model.parameters())
    rows = {name: _result(row.what, probabilities, validation, test, seconds, parameters)}
    if name == _ENSEMBLE_OF:
        mean = [
            (
                torch.stack([v for v, _ in probabilities]).mean(0),
                torch.stack([t for _, t in probabilities]).mean(0),
            )
        ]
        what = f"mean of the {len(_SEEDS)} of them"
        cost = seconds * len(_SEEDS), parameters * len(_SEEDS)
        rows["ensemble"] = _result(what, mean, validation, test, *cost)
    return rows


def _fitted(
    build: Callable[[int], nn.Module], recipe: Recipe, seed: int, train: Part, validation: Part
) -> nn.Module:
    torch.manual_seed(seed)
    model = build(int(train.classes.max()) + 1)
    with tempfile.TemporaryDirectory() as folder:
        loop.fit(
            model,
            train.split,
            validation.split,
            recipe,
            seed=seed,
            device=torch.device("cpu"),
            checkpoint=Path(folder) / "checkpoint.pt",
            identity={},
        )
    return model


def _middle(part: Part) -> Part:
    start = (part.images.shape[1] - _CROP) // 2
    inside = slice(start, start + _CROP)
    return Part(part.images[:, inside, inside].contiguous(), part.classes)


def _boosted(train: Part, validation: Part, test: Part) -> dict[str, Any]:
    """Gradient boosting on the numbers of LatticeNet's encoding, alone and with lattice_model.

    The trees see both what is measured and its mirror image, as the network does.
    """
    networks = [_fitted(_alone.build, _alone.recipe, seed, train, validation) for seed in _SEEDS]

    def numbers(part: Part, *, mirrored: bool = False) -> Any:
        both = describe(part.images.numpy(), ("lattice", "harmonics"))
        return np.concatenate(both[mirrored], axis=1)

    learn = np.concatenate([numbers(train), numbers(train, mirrored=True)])
    classes = np.tile(train.classes, 2)
    alone, joined, start = [], [], time.perf_counter()
    for seed, network in zip(_SEEDS, networks, strict=True):
        trees = HistGradientBoostingClassifier(
            max_iter=_ROUNDS,
            learning_rate=0.05,
            max_leaf_nodes=15,
            l2_regularization=1.0,
            max_features=0.3,
            early_stopping=False,
            random_state=seed,
        ).fit(learn, classes)
        found = [torch.from_numpy(trees.predict_proba(numbers(p))) for p in (validation, test)]
        both = [inference.predict(network, p.images) for p in (validation, test)]
        alone.append(found)
        joined.append([(one + other) / 2 for one, other in zip(found, both, strict=True)])
    seconds = (time.perf_counter() - start) / len(_SEEDS)
    boosted = f"lattice, {_ROUNDS} rounds of gradient boosting"
    with_network = "mean of lattice_model and gradient boosting"
    return {
        _BOOSTED: _result(boosted, alone, validation, test, seconds, None),
        _JOINED: _result(with_network, joined, validation, test, seconds, None),
    }


def _result(
    what: str,
    probabilities: list[Any],
    validation: Part,
    test: Part,
    seconds: float,
    parameters: int | None,
) -> dict[str, Any]:
    def accuracies(position: int, part: Part) -> list[float]:
        right = [(p[position].argmax(1) == part.classes).double().mean() for p in probabilities]
        return [round(float(r), 4) for r in right]

    return {
        "what": what,
        "validation": accuracies(0, validation),
        "test": accuracies(1, test),
        "seconds": round(seconds, 1),
        "parameters": parameters,
    }


def _table(content: Mapping[str, Any]) -> str:
    order = ["pixels", "spectrum", "cell", _BOOSTED, "reduced", "lattice, not mirrored", "lattice"]
    order += ["lattice+cell", "lattice+spectrum", "all", "ensemble", _JOINED]
    lines = [
        f"`{content['command']}` on {content['hardware']}: {content['validation']} validation and "
        f"{content['test']} test images, mean and deviation over seeds "
        f"{', '.join(map(str, content['seeds']))}.",
        "",
        "| model | validation | test | parameters | training |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name in order:
        if name in content["rows"]:
            row = content["rows"][name]
            size = f"{row['parameters'] / 1e6:.2f} M" if row["parameters"] else "-"
            lines.append(
                f"| {row['what']} | {_spread(row['validation'])} | {_spread(row['test'])} | {size} "
                f"| {row['seconds']:.0f} s |"
            )
    return "\n".join(lines) + "\n"


def _spread(values: list[float]) -> str:
    mean = f"{np.mean(values):.4f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.4f}"


if __name__ == "__main__":
    sys.exit(cli.run(main))
