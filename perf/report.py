"""The report of perf/performance.py: Markdown and pictures from its results alone."""

from __future__ import annotations

import io
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import score
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jarvis_stem.utils.files import write_bytes, write_text

PUBLISHED = 0.8304  # accuracy of the published densenet_model on all 2,288 test ids

Stage = Mapping[str, Any]
_Picture = Callable[[str, Figure], str]
"""Writes a figure under a name and returns the Markdown that shows it."""


def write(output: Path, stages: Mapping[str, Stage], order: Sequence[str]) -> None:
    """Write the report and its pictures.

    Args:
        output: The Markdown file; pictures go to the folder of its name without ``.md``.
        stages: Results by stage, each with where, when and how it was measured.
        order: All stages; those without a result are named as such.
    """

    def picture(name: str, figure: Figure) -> str:
        path = output.with_suffix("") / f"{name}.svg"
        write_bytes(path, _svg(figure))
        return f"![{name}]({path.relative_to(output.parent).as_posix()})"

    parts = ["# Performance", _head(stages)]
    for stage in order:
        title, section = _SECTIONS[stage]
        parts.append(f"## {title}")
        if stage in stages:
            parts += section(stages[stage]["result"], stages, picture)
        else:
            parts.append(f"Not measured: `python perf/performance.py --only {stage}` does.")
    write_text(output, "\n\n".join(parts) + "\n")


def _head(stages: Mapping[str, Stage]) -> str:
    rows = [
        (
            name,
            stage["hardware"],
            f"{stage['cores']} ({stage['load']:.1f})",
            stage["benchmark"],
            stage["date"],
            stage["commit"],
            f"{stage['seconds']:.0f} s" + (", **quick**" if stage["quick"] else ""),
        )
        for name, stage in stages.items()
    ]
    header = ("stage", "machine", "cores (load)", "benchmark", "date", "commit", "took")
    commands: dict[str, list[str]] = {}
    for name, stage in stages.items():
        commands.setdefault(stage["command"], []).append(name)
    versions = sorted({_versions(stage) for stage in stages.values()})
    lines = [
        "`python perf/performance.py --help` says how to measure one stage anew. Ratios are "
        "between figures of one run, taken by turns. Load is the machine's just before the first "
        "stage of its run; well above 0, other work was in the way.",
        _table(header, rows, text=True),
        "\n".join(f"- {', '.join(names)}: `{line}`" for line, names in commands.items()),
        *(f"Versions: {text}." for text in versions),
    ]
    if any(stage["quick"] for stage in stages.values()):
        lines.append(
            "**Stages marked quick ran with few repetitions, to see that they work: their figures "
            "mean little.**"
        )
    return "\n\n".join(lines)


def _versions(stage: Stage) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in stage["packages"].items())
    return f"Python {stage['python']}, {packages}"


def _rendering(result: Any, _stages: Any, picture: _Picture) -> list[str]:
    rounds = result["rounds"]
    theirs = _median(row["stemconv"] for row in rounds)
    whole = [row["simulate"] + row["to_uint8"] for row in rounds]
    against = {
        "`stem.simulate`": [row["simulate"] for row in rounds],
        "and to 8 bits, `stem.to_uint8`": whole,
    }
    rows = [("JARVIS-Tools' `STEMConv`", f"{theirs:.2f}", "1")]
    for name, column in against.items():
        ratios = [row["stemconv"] / ms for row, ms in zip(rounds, column, strict=True)]
        times = f"{_median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
        rows.append((name, f"{_median(column):.2f}", times))
    figure = Figure(figsize=(6, 1.6), layout="constrained")
    axes = figure.subplots()
    names = ("STEMConv", "stem.simulate", "and to_uint8")
    axes.barh(names, [float(row[1]) for row in rows])
    axes.invert_yaxis()
    axes.set(xlabel="ms an image, one thread")
    return [
        f"One thread each, {result['sample']} structures, medians of {len(rounds)} paired rounds "
        "(in brackets the least and the most of them).",
        _table(("", "ms an image", "times as fast"), rows),
        picture("rendering", figure),
        f"The images differ by {result['largest_difference']:.1e} of their maximum at most.",
        f"The whole benchmark on all cores: {result['images']} images of {result['ids']} ids in "
        f"{result['rendering_s']:.1f} s ({result['rendering_cpu_s']:.1f} s of CPU), after "
        f"{result['reading_s']:.1f} s for reading the structures.",
    ]


def _lattices(result: Any, _stages: Any, _picture: _Picture) -> list[str]:
    rows = []
    for threads in sorted({row["threads"] for row in result["rounds"]}):
        of = [row for row in result["rounds"] if row["threads"] == threads]
        columns = ("measure", "harmonics", "alone")
        rows.append((str(threads), *(f"{_median(r[c] for r in of):.1f}" for c in columns)))
    n_rounds = len(result["rounds"]) // len(rows)
    return [
        f"{result['images']} train images, medians of {n_rounds} rounds, by turns. The last column "
        "is `measurement.measure` of a single image.",
        _table(
            ("threads", "`measure`, ms an image", "`harmonics`, ms an image", "one alone, ms"), rows
        ),
    ]


def _training(result: Any, stages: Mapping[str, Stage], picture: _Picture) -> list[str]:
    rounds, n_train, n_test = result["rounds"], result["n_train"], result["n_test"]
    theirs = [row["atomvision"] for row in rounds]
    epochs, hours = result["epochs"], [row["hours"] for row in theirs]
    whole = [n_train * epochs / h / 3600 for h in hours]
    rows = [
        (
            "AtomVision's recipe",
            f"{_median(r['train'] for r in theirs):.2f}",
            f"{_median(r['evaluate'] for r in theirs):.2f}",
            f"{_median(whole):.2f}",
            "1",
            "",
        )
    ]
    for name in rounds[0]["contributions"]:
        ours = [row["contributions"][name]["train"] for row in rounds]
        times = _median(a / b for a, b in zip(ours, whole, strict=True))
        command = _median(row["contributions"][name]["command_s"] for row in rounds)
        rows.append((name, "", "", f"{_median(ours):.1f}", f"{times:.0f}", f"{command:.0f} s"))
    takes = [
        (
            "AtomVision's recipe",
            f"{_median(hours):.0f} h",
            f"**extrapolated** to {epochs} epochs",
            f"{PUBLISHED} (published)",
        ),
        *(
            (name, _duration(run["seconds"]), f"its run.json, {run['hardware']}", _accuracy(run))
            for name, run in result["committed"].items()
        ),
    ]
    return [
        "AtomVision's recipe re-implemented as it stands (`perf/atomvision.py`): DenseNet-161, 224 "
        f"pixels, float32, batches of {result['batch']}, JPEGs decoded in every pass, train and "
        f"test evaluated after every epoch. {len(rounds)} rounds of {result['batches']} training "
        "batches, by turns with one epoch of each contribution on 576 images and its validation. "
        "Medians, images a second.",
        _table(
            (
                *("", "training step", "evaluation", "epoch with evaluation", "times as fast"),
                "the whole command",
            ),
            rows,
        ),
        "An epoch's time ends with its evaluation: of all train and test images there, of the "
        "validation part here. A model that is told the lattice has every image described once, "
        "before the first epoch; the whole command, from structures to predictions, holds that. "
        "On the whole benchmark it takes:",
        _table(("", "time", "how it is known", "accuracy, all test ids"), takes, text=True),
        f"Extrapolated: {n_train} images in training, {n_train + n_test} in evaluation, "
        f"{epochs} times, at the speeds above.",
        picture("training", _time_and_accuracy(_median(hours), result, stages)),
    ]


def _time_and_accuracy(hours: float, result: Any, stages: Mapping[str, Stage]) -> Figure:
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    _point(axes, "AtomVision's DenseNet, extrapolated", hours * 60, PUBLISHED, hollow=True)
    points = {name: (run["seconds"], run["accuracy"]) for name, run in result["committed"].items()}
    runs = stages.get("accuracy", {}).get("result", {}).get("runs", {})
    points |= {name: (run["command_s"], run["accuracy"]) for name, run in runs.items()}
    for name, (seconds, accuracy) in points.items():
        _point(axes, name, seconds / 60, accuracy)
    axes.set(xscale="log", xlabel="minutes to train", ylabel="accuracy, all test ids")
    axes.legend()
    return figure


def _point(axes: Axes, name: str, x: float, y: float, *, hollow: bool = False) -> None:
    axes.plot(x, y, "o", label=name, fillstyle="none" if hollow else "full")


def _to_accuracy(result: Any, _stages: Any, _picture: _Picture) -> list[str]:
    runs = result["runs"]
    if not runs:
        return [f"Not measured: there is no contribution {result['model']}."]
    rows = [
        (
            f"`{arguments}`",
            f"{run['command_s']:.0f} s",
            f"{run['cpu_s']:.0f} s",
            f"{run['megabytes'] / 1024:.1f} GB",
            str(run["epochs"]),
            f"{run['validation']:.4f}",
            f"{_accuracy(run)} of {run['n']}",
            "yes" if run["accuracy"] >= PUBLISHED else "**no**",
        )
        for arguments, run in runs.items()
    ]
    seed = next(iter(runs.values()))["seed"]
    columns = ("", "wall", "CPU", "peak memory", "epochs", "validation", "accuracy, all test ids")
    return [
        "From raw structures to predictions: `python -m jarvis_stem.train` with these arguments, "
        f"seed {seed}, the whole command from its start to "
        "its exit. The validation part of train alone says when it ends; the test split is "
        f"predicted once, afterwards. The last column is whether the published {PUBLISHED} is "
        "reached.",
        _table((*columns, "reached"), rows),
    ]


def _prediction(result: Any, stages: Mapping[str, Stage], _picture: _Picture) -> list[str]:
    rows = []
    for name, run in result["contributions"].items():
        if run is None:
            rows.append((name, "no stored weights", "", ""))
            continue
        alone = (f"{run['cold_ms']:.0f}", f"{run['warm_ms']:.1f}")
        rows.append((name, *alone, f"{run['images_per_s']:.0f}"))
    if training := stages.get("training"):
        rates = [row["atomvision"]["evaluate"] for row in training["result"]["rounds"]]
        rows.append(("AtomVision's recipe, from JPEGs", "", "", f"{_median(rates):.1f}"))
    return [
        "On the CPU with the stored weights. Cold is a new process from its start to its exit with "
        "the answer for one image; warm is one image in a process that has answered before. The "
        f"last column is of {result['images']} images at once. Medians.",
        _table(("", "one image, cold, ms", "one image, warm, ms", "images a second"), rows),
    ]


def _growth(result: Any, _stages: Any, picture: _Picture) -> list[str]:
    steps = {
        "render": "rendering",
        "describe": "describing",
        "train": "one epoch, the whole command",
    }
    header = ["images"]
    for text in steps.values():
        header += [text, "peak memory"]
    rows = []
    for row in result["rows"]:
        cells = [f"{row['count']:,}"]
        for step in steps:
            cells += _growth_cells(row[step])
        rows.append(cells)
    figure = Figure(figsize=(8, 3), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, quantity, scale in zip(panels, ("seconds", "megabytes"), (1, 1024), strict=True):
        for step, text in steps.items():
            known = [row for row in result["rows"] if quantity in row[step]]
            values = [row[step][quantity] / scale for row in known]
            (line,) = panel.plot([row["count"] for row in known], values, label=text)
            for row, value in zip(known, values, strict=True):
                style = "none" if "extrapolated" in row[step] else "full"
                panel.plot(row["count"], value, "o", color=line.get_color(), fillstyle=style)
        panel.set(xscale="log", yscale="log", xlabel="images")
    panels[0].set(ylabel="seconds")
    panels[1].set(ylabel="peak memory, GB")
    panels[0].legend()
    return [
        "The train structures repeated, each scaled at random by up to 1%; all cores; every cell "
        "is a process of its own, whose peak memory is that of the whole process. Describing is "
        "measuring the lattice and its harmonics. The last step is "
        "`python -m jarvis_stem.train --epochs 1` with a network that costs next to nothing: it "
        "reads the structures, renders, trains, validates and writes the contribution; in brackets "
        "the epoch alone.",
        _table(header, rows),
        f"A step that the two smaller counts say takes more than {result['limit_s']} s is "
        "extrapolated from them, in a line (hollow in the picture); its memory is not measured.",
        picture("growth", figure),
    ]


def _scoring(result: Any, _stages: Any, _picture: _Picture) -> list[str]:
    return [
        "`python -m jarvis_stem.score` on synthetic contributions, pages and all, from start to "
        "exit, medians. One half is written as jarvis_stem writes it, the other deflated, rows "
        "shuffled, without targets. Builds are measured by turns.",
        score.table(result),
    ]


def _growth_cells(step: Mapping[str, float]) -> tuple[str, str]:
    if "extrapolated" in step:
        return f"{step['seconds']:.0f} s, **extrapolated**", "not measured"
    epoch = f" ({step['epoch_s']:.1f} s)" if "epoch_s" in step else ""
    return f"{step['seconds']:.1f} s{epoch}", f"{step['megabytes'] / 1024:.1f} GB"


def _gpu(result: Any, _stages: Any, _picture: _Picture) -> list[str]:
    if result["gpu"] is None:
        return ["There is no GPU in this machine: nothing was measured on one."]
    theirs = result["atomvision"]
    rows = [("AtomVision's recipe", f"{theirs['train']:.0f}", f"{theirs['evaluate']:.0f}")]
    for name, run in result["contributions"].items():
        rows.append((name, f"{run['train']:.0f}", f"{run['predict']:.0f}"))
    return [
        f"{result['gpu']}; images a second. Training is an epoch over the train images at hand "
        "with its validation, and for AtomVision's recipe its training steps, JPEGs decoded.",
        _table(("", "training", "prediction"), rows),
    ]


_SECTIONS: dict[str, tuple[str, Callable[[Any, Any, _Picture], list[str]]]] = {
    "rendering": ("Rendering", _rendering),
    "lattices": ("Measuring lattices", _lattices),
    "training": ("Training", _training),
    "accuracy": ("Time to the published accuracy", _to_accuracy),
    "prediction": ("Prediction", _prediction),
    "growth": ("Growth", _growth),
    "scoring": ("Scoring", _scoring),
    "gpu": ("GPU", _gpu),
}


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], *, text: bool = False) -> str:
    """Make a Markdown table of formatted cells: numbers to the right, text to the left."""
    align = ("left", *["left" if text else "right"] * (len(header) - 1))
    table = pd.DataFrame([list(row) for row in rows], columns=list(header))
    return table.to_markdown(index=False, disable_numparse=True, colalign=align)


def _median(values: Any) -> float:
    return statistics.median(values)


def _accuracy(run: Mapping[str, float]) -> str:
    return f"{run['accuracy']:.4f}"


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.2f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


def _svg(figure: Figure) -> bytes:
    """The figure as SVG whose bytes depend on nothing but its content."""
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "performance", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
