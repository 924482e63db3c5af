"""What robust_lattice_cnn_model learns from each new condition: trained without it, validated.

python perf/robust_ablation.py --data ../shared/jarvis_data

Every row is trained alike, but that no drawing has one of the conditions: another one of the
structure takes its place, or the clean image. Accuracy is that on the validation part's structures,
drawn under one condition at a time. Results go to docs/robust_ablation.json and as a table into the
model's README.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from remembered import remember
from sklearn.model_selection import train_test_split
from torch import nn

from jarvis_stem import cli
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import conditions, image_set, structures
from jarvis_stem.imaging.conditions import CLEAN, Conditions
from jarvis_stem.training import architecture, dataset, inference, loop, machine
from jarvis_stem.training.architecture import Recipe
from jarvis_stem.utils.array_cache import ArrayCache
from jarvis_stem.utils.files import json_text, write_text

_ROOT = Path(__file__).resolve().parents[1]
_MODEL = _ROOT / "contributions/robust_lattice_cnn_model"
_BEGIN, _END = "<!-- perf/robust_ablation.py writes from here -->", "<!-- to here -->"
_SEED = 4242  # of the noise on what is validated, which no training draws

_WITHOUT: Mapping[str, Sequence[str]] = {
    "all conditions": (),
    "without shear and stretch": ("shear", "stretch"),
    "without jumps": ("jump",),
    "without background": ("background",),
    "without contamination": ("contamination",),
}
_UNDER = {
    "clean": CLEAN,
    "dose 1e4 e/Å²": Conditions(dose=1e4),
    "shear, stretch 2%": Conditions(shear=0.02, stretch=0.02),
    "5%": Conditions(shear=0.05, stretch=0.05),
    "jumps 0.2 Å": Conditions(jump=0.2),
    "background 200%": Conditions(background=2),
    "contamination 30%": Conditions(contamination=0.3),
    "100%": Conditions(contamination=1),
}


@dataclass(frozen=True)
class Drawn:
    """Images as the model is trained on them.

    Attributes:
        parts: To learn from and to choose by, with all their drawings.
        conditions: Of each part's drawings, Conditions[D, N].
        validation: What is validated on, by name, of the structures to choose by.
        classes: Theirs.
    """

    parts: tuple[loop.Split, loop.Split]
    conditions: tuple[NDArray[np.object_], NDArray[np.object_]]
    validation: Mapping[str, torch.Tensor]
    classes: torch.Tensor


def main(arguments: Sequence[str] | None = None) -> int:
    """Train all rows and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="DIR", help="JARVIS databases")
    parser.add_argument("--benchmark", default="stem_2d_image", metavar="DATASET")
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="of so many one structure"
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="default: the model's")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs", metavar="DIR")
    parser.add_argument("--readme", type=Path, default=_MODEL / "README.md", metavar="FILE")
    options = parser.parse_args(arguments)
    found = architecture.load(_MODEL)
    recipe = replace(found.recipe, epochs=options.epochs or found.recipe.epochs)
    drawn = _drawn(options, recipe.noisy_copies)
    remember(*(one.numpy() for one in drawn.validation.values()))
    rows = {}
    for name, left_out in _WITHOUT.items():
        print(f"{name}:", file=sys.stderr)
        torch.manual_seed(0)
        model = found.build(int(drawn.classes.max()) + 1)
        _train(model, recipe, drawn, left_out)
        rows[name] = _validated(model, drawn)
    content = {
        "command": shlex.join(["python", "perf/robust_ablation.py", *sys.argv[1:]]),
        **machine.environment(torch.device("cpu")),
        "epochs": recipe.epochs,
        "validation": len(drawn.classes),
        "rows": rows,
    }
    write_text(options.output / "robust_ablation.json", json_text(content))
    table = _table(content)
    print(table)
    before, _, rest = options.readme.read_text().partition(_BEGIN)
    write_text(options.readme, f"{before}{_BEGIN}\n\n{table}\n{_END}{rest.partition(_END)[2]}")
    return 0


def _drawn(options: argparse.Namespace, copies: int) -> Drawn:
    """Draw all that is trained and validated on, as `jarvis_stem.train` does with seed 0."""
    benchmark = Benchmark.read(_ROOT / "benchmarks", bravais_result(options.benchmark))
    ids = list(benchmark.split("train"))[:: options.every]
    sources = structures.for_dataset(options.benchmark, ids, data=options.data)
    sets, every = [image_set.renders(sources, ids)], [[CLEAN] * len(sources)]
    have = sets[0].ids
    for copy in range(copies):
        every.append(conditions.draw(len(have), seed=copy))
        sets.append(image_set.renders(sources, have, every[-1], seed=copy))
    parts = dataset.part(sets, ArrayCache(None), benchmark, 0)
    positions = dataset.positions_of(have, benchmark, "train")
    # As `dataset.part` does it.
    learn, choose = train_test_split(
        np.arange(len(have)), test_size=0.1, random_state=0, stratify=positions
    )
    table = np.array(every, object)
    chosen = [have[n] for n in choose]
    validation = {
        name: torch.from_numpy(image_set.render(sources, chosen, one, seed=_SEED).images)
        for name, one in _UNDER.items()
    }
    return Drawn(parts, (table[:, learn], table[:, choose]), validation, positions[choose])


def _train(model: nn.Module, recipe: Recipe, drawn: Drawn, left_out: Sequence[str]) -> None:
    learn, choose = (
        replace(part, images=part.images.subset(_instead(table, left_out)))
        for part, table in zip(drawn.parts, drawn.conditions, strict=True)
    )
    with tempfile.TemporaryDirectory() as folder:
        loop.fit(
            model,
            learn,
            choose,
            recipe,
            seed=0,
            device=torch.device("cpu"),
            checkpoint=Path(folder) / "checkpoint.pt",
            identity={},
        )


def _instead(table: NDArray[np.object_], left_out: Sequence[str]) -> NDArray[np.int64]:
    """Places of the drawings that take the places of all: the next without what is left out."""
    clean = [getattr(CLEAN, name) for name in left_out]
    has = np.array(
        [[[getattr(one, name) for name in left_out] != clean for one in row] for row in table]
    )
    drawings, count = table.shape
    noisy = np.arange(1, drawings)
    instead = np.zeros((drawings, count), np.int64)  # the clean image
    for n in range(count):
        free = noisy[~has[1:, n]]
        for k in noisy if len(free) else ():
            instead[k, n] = free[(free < k).sum() % len(free)]
    return (instead * count + np.arange(count)).ravel()


def _validated(model: nn.Module, drawn: Drawn) -> dict[str, float]:
    right = {
        name: inference.predict(model, images).argmax(dim=1) == drawn.classes
        for name, images in drawn.validation.items()
    }
    return {name: round(float(one.double().mean()), 4) for name, one in right.items()}


def _table(content: Mapping[str, Any]) -> str:
    lines = [
        "## What learning from each condition is worth",
        "",
        f"`{content['command']}`: accuracy on the {content['validation']} structures of the "
        f"validation part after {content['epochs']} epochs.",
        "",
        f"| trained with | {' | '.join(_UNDER)} |",
        f"| --- |{' ---: |' * len(_UNDER)}",
    ]
    for name, row in content["rows"].items():
        lines.append(f"| {name} | {' | '.join(f'{row[one]:.3f}' for one in _UNDER)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(cli.run(main))
