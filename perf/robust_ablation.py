"""What robust_lattice_cnn_model learns from each new condition: trained without one, validated.

python perf/robust_ablation.py --data ../shared/jarvis_data

The first row is the committed model. Every other one is trained as it is, but that one of the
conditions is the benchmark's in all drawings.
Accuracy is that on the validation part's structures, drawn under one condition at a time. Results
go to docs/robust_ablation.json, where rows that are there already are kept (--row NAME measures one
anew), and as a table into the model's README.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import torch
from sklearn.model_selection import train_test_split
from torch import nn

from jarvis_stem import cli
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import conditions, image_set
from jarvis_stem.imaging.conditions import CLEAN, Conditions
from jarvis_stem.training import architecture, dataset, inference, loop, machine
from jarvis_stem.training.architecture import Architecture, Recipe
from jarvis_stem.training.stored_model import StoredModel
from jarvis_stem.utils.files import json_text, read_json_object, write_text

_ROOT = Path(__file__).resolve().parents[1]
_MODEL = "robust_lattice_cnn_model"
_README = _ROOT / "contributions" / _MODEL / "README.md"
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rows that are asked for and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="DIR", help="JARVIS databases")
    parser.add_argument("--row", action="append", choices=[*_WITHOUT], help="only this one")
    parser.add_argument("--benchmark", default="stem_2d_image", metavar="DATASET")
    parser.add_argument("--epochs", type=int, metavar="N", help="for a quick look: not the model's")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs", metavar="DIR")
    parser.add_argument("--readme", type=Path, default=_README, metavar="FILE")
    options = parser.parse_args(arguments)
    path = options.output / "robust_ablation.json"
    known = read_json_object(path)["rows"] if path.exists() else {}
    for name in options.row or [name for name in _WITHOUT if name not in known]:
        print(f"{name}:", file=sys.stderr)
        known[name] = _row(_WITHOUT[name], options)
        content = {
            "command": shlex.join(["python", "perf/robust_ablation.py", *sys.argv[1:]]),
            **machine.environment(torch.device("cpu")),
            "rows": known,
        }
        write_text(path, json_text(content))
    table = _table(known)
    print(table)
    before, _, rest = options.readme.read_text().partition(_BEGIN)
    write_text(options.readme, f"{before}{_BEGIN}\n\n{table}\n{_END}{rest.partition(_END)[2]}")
    return 0


def _row(left_out: Sequence[str], options: argparse.Namespace) -> dict[str, float]:
    """Train without some conditions; accuracy under each, on the validation part."""
    benchmark = Benchmark.read(_ROOT / "benchmarks", bravais_result(options.benchmark))
    asked = dataset.Options(
        model=_MODEL, command="", benchmark=options.benchmark, data=options.data
    )
    sources = dataset.find_structures(asked, benchmark, ("train",))
    assert sources is not None  # noqa: S101 - as no images are read
    found = architecture.load(_ROOT / "contributions" / _MODEL)
    recipe = replace(found.recipe, epochs=options.epochs or found.recipe.epochs)
    copies = recipe.noisy_copies if left_out else 0
    with mock.patch.object(conditions, "draw", _drawing(left_out)):
        sets = dataset.load_images(asked, benchmark, "train", sources, copies)
    if left_out:
        model = _trained(found, recipe, *dataset.part(sets, benchmark, asked.seed))
    else:
        stored = _ROOT / "contributions" / _MODEL
        model = StoredModel.load(stored, options.benchmark, _ROOT / "benchmarks").module
    positions = dataset.positions_of(sets[0], benchmark, "train")
    # The parts that `dataset.part` makes.
    _, chosen, _, classes = train_test_split(
        sets[0].ids, positions, test_size=0.1, random_state=asked.seed, stratify=positions
    )
    accuracy = {}
    for name, one in _UNDER.items():
        drawn = torch.from_numpy(image_set.render(sources, chosen, one, seed=_SEED).images)
        right = inference.predict(model, drawn).argmax(dim=1) == classes
        accuracy[name] = round(float(right.double().mean()), 4)
    return accuracy


def _trained(
    found: Architecture, recipe: Recipe, learn: loop.Split, choose: loop.Split
) -> nn.Module:
    """The model as `jarvis_stem.train` trains it with seed 0."""
    torch.manual_seed(0)
    model = found.build(int(learn.classes.max()) + 1)
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
    return model


def _drawing(left_out: Sequence[str]) -> Callable[..., list[Conditions]]:
    """As `conditions.draw`, but for some conditions."""
    draw = conditions.draw
    clean = {name: getattr(CLEAN, name) for name in left_out}
    return lambda count, *, seed: [replace(one, **clean) for one in draw(count, seed=seed)]


def _table(rows: Mapping[str, Mapping[str, float]]) -> str:
    lines = [f"| trained with | {' | '.join(_UNDER)} |", f"| --- |{' ---: |' * len(_UNDER)}"]
    for name in (name for name in _WITHOUT if name in rows):
        lines.append(f"| {name} | {' | '.join(f'{rows[name][one]:.3f}' for one in _UNDER)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(cli.run(main))
