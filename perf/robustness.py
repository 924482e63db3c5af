"""Measure every stored model under worse and worse imaging, on test structures.

python perf/robustness.py --data ../shared/jarvis_data

Writes docs/robustness.json, .md and .svg. One condition is changed at a time, all else is as in the
benchmark; the structures are the same for all models and conditions. Nothing is chosen by it.
"""

from __future__ import annotations

import argparse
import io
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from remembered import remember
from stored import predictors

from jarvis_stem import cli
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import image_set, structures
from jarvis_stem.imaging.conditions import Conditions
from jarvis_stem.prediction.predictor import Predictor
from jarvis_stem.scoring.metrics import calibration_error
from jarvis_stem.training import machine
from jarvis_stem.utils.files import json_text, read_json_object, write_bytes, write_text
from jarvis_stem.utils.progress import track

_ROOT = Path(__file__).resolve().parents[1]
_FIGURES = ("accuracy", "calibration_error")


@dataclass(frozen=True)
class Series:
    """One condition that is changed, and to what.

    Attributes:
        what: The condition and its unit.
        values: What it is set to.
        conditions: The conditions for each value.
    """

    what: str
    values: list[float]
    conditions: list[Conditions]


def _series() -> list[Series]:
    return [
        _of("dose, e/Å²", ("dose",), (1e2, 1e3, 1e4, 1e5, 1e6)),
        _of("rotation, degrees", ("rotation",), (0.0, 5.0, 15.0, 30.0, 45.0)),
        _of("pixel size, Å", ("pixel_size",), (0.16, 0.18, 0.2, 0.22, 0.24)),
        _of(
            "shear and stretch, share of the frame",
            ("shear", "stretch"),
            (0.0, 0.005, 0.01, 0.02, 0.05),
        ),
        _of("jumps between lines, Å", ("jump",), (0.0, 0.1, 0.2, 0.3)),
        _of("background, share of the mean", ("background",), (0.0, 0.2, 1.0, 2.0)),
        _of("contamination, share of the mean", ("contamination",), (0.0, 0.1, 0.3, 1.0)),
    ]


def _of(what: str, names: Sequence[str], values: Sequence[float]) -> Series:
    return Series(what, list(values), [Conditions(**dict.fromkeys(names, v)) for v in values])


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="DIR", help="JARVIS databases")
    parser.add_argument("--benchmark", default="stem_2d_image", metavar="DATASET")
    parser.add_argument("--count", type=int, default=500, metavar="N", help="images, at random")
    parser.add_argument("--contributions", type=Path, default=_ROOT / "contributions")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs", metavar="DIR")
    options = parser.parse_args()

    models = predictors(options.contributions, options.benchmark)
    name = bravais_result(options.benchmark)
    truth = Benchmark.read(_ROOT / "benchmarks", name).split("test")
    found = structures.for_dataset(options.benchmark, truth, data=options.data)
    ids = np.random.default_rng(0).permutation(sorted(found))[: options.count].tolist()
    series = _series()
    every = [conditions for one in series for conditions in one.conditions]
    measured: dict[Conditions, dict[str, dict[str, float]]] = {}
    for conditions in track(every, "Conditions"):
        if conditions not in measured:
            pictures = image_set.render(found, ids, conditions).images
            remember(pictures)
            measured[conditions] = {
                model: _measured(predictor, pictures, [truth[i] for i in ids])
                for model, predictor in models.items()
            }
    content = {
        "command": shlex.join(["python", "perf/robustness.py", *sys.argv[1:]]),
        "hardware": machine.hardware(torch.device("cpu")),
        "benchmark": options.benchmark,
        "images": len(ids),
        "series": [_figures(one, measured) for one in series],
    }
    write_text(options.output / "robustness.json", json_text(content))
    content = read_json_object(options.output / "robustness.json")
    write_bytes(options.output / "robustness.svg", _picture(content))
    write_text(options.output / "robustness.md", _table(content))
    print(_table(content))
    return 0


def _figures(
    series: Series, measured: Mapping[Conditions, Mapping[str, Mapping[str, float]]]
) -> dict[str, Any]:
    """One series as data: each figure by model, in the order of the values."""
    results = [measured[conditions] for conditions in series.conditions]
    by_model = {
        figure: {model: [result[model][figure] for result in results] for model in results[0]}
        for figure in _FIGURES
    }
    return {"what": series.what, "values": series.values, **by_model}


def _measured(predictor: Predictor, pictures: Any, truth: list[int | str]) -> dict[str, float]:
    """The figures of one model under one set of conditions."""
    probabilities = predictor.predict_proba(pictures)
    right = predictor.classes_[probabilities.argmax(axis=1)] == truth
    calibration = calibration_error(probabilities.max(axis=1), right)
    figures = (float(np.mean(right)), calibration)
    return {name: round(value, 4) for name, value in zip(_FIGURES, figures, strict=True)}


def _table(content: Mapping[str, Any]) -> str:
    lines = [
        "# Accuracy under worse imaging",
        "",
        f"`{content['command']}` on {content['hardware']}: {content['images']} test structures of "
        f"`{content['benchmark']}`, drawn once for each condition. What the conditions mean is in "
        "`jarvis_stem/imaging/conditions.py`; the calibration error is the expected one of the "
        "probabilities.",
        "",
        "![Accuracy against each condition](robustness.svg)",
    ]
    for series in content["series"]:
        lines += ["", f"## {series['what'][0].upper()}{series['what'][1:]}"]
        for figure in _FIGURES:
            heads = [f"{value:g}" for value in series["values"]]
            lines += ["", f"| {figure.replace('_', ' ')} | {' | '.join(heads)} |"]
            lines.append(f"| --- |{' ---: |' * len(heads)}")
            for model, values in series[figure].items():
                lines.append(f"| {model} | {' | '.join(f'{value:.3f}' for value in values)} |")
    return "\n".join(lines) + "\n"


def _picture(content: Mapping[str, Any]) -> bytes:
    figure = Figure(figsize=(15, 6.5), layout="constrained")
    *panels, spare = figure.subplots(2, 4, sharey=True).flat
    spare.set_axis_off()
    for panel, series in zip(panels, content["series"], strict=True):
        for model, values in series["accuracy"].items():
            panel.plot(series["values"], values, marker="o", markersize=4, label=model)
        panel.set(xlabel=series["what"], ylabel="accuracy", ylim=(0, 1))
        panel.grid(alpha=0.3)
        if series["values"][-1] > 1e3 * series["values"][0] > 0:
            panel.set_xscale("log")
    spare.legend(*panels[0].get_legend_handles_labels(), loc="center")
    drawn = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "robustness", "svg.fonttype": "none"}):
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue()


if __name__ == "__main__":
    sys.exit(cli.run(main))
