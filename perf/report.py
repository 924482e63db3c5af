"""The report of perf/performance.py: Markdown and pictures from its results alone."""

from __future__ import annotations

import io
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aims
import matplotlib as mpl
import pandas as pd
import score
from aims import ratio
from builds import BEFORE, NOW
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

    parts = ["# Performance", aims.line(stages), _head(stages)]
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
            stage["before"] or "",
            f"{stage['seconds']:.0f} s" + (", **quick**" if stage["quick"] else ""),
        )
        for name, stage in stages.items()
    ]
    header = (
        *("stage", "machine", "cores (load)", "benchmark", "date"),
        *("commit: now", "before", "took"),
    )
    commands: dict[str, list[str]] = {}
    for name, stage in stages.items():
        commands.setdefault(stage["command"], []).append(name)
    lines = [
        "`python perf/performance.py --help` says how to measure one stage anew. Ratios are "
        "between figures of one run, taken by turns, and are medians over the turns; before is an "
        "earlier build. Load is the machine's just before the first stage of its run; well above "
        "0, other work was in the way.",
        _table(header, rows, left=len(header)),
        "\n".join(f"- {', '.join(names)}: `{line}`" for line, names in commands.items()),
        f"Versions: {_versions(stages)}.",
    ]
    if any(stage["quick"] for stage in stages.values()):
        lines.append(
            "**Stages marked quick ran with few repetitions, to see that they work: their figures "
            "mean little.**"
        )
    return "\n\n".join(lines)


def _versions(stages: Mapping[str, Stage]) -> str:
    """What was installed, of each package the version or those that the stages differ in."""
    found: dict[str, list[str]] = {}
    for stage in stages.values():
        for name, version in {"Python": stage["python"], **stage["packages"]}.items():
            found.setdefault(name, []).append(version)
    return ", ".join(
        f"{name} {' and '.join(dict.fromkeys(which))}" for name, which in found.items()
    )


def _rendering(result: Any, _stages: Any, picture: _Picture) -> list[str]:
    rounds = result["rounds"]
    theirs = [row["stemconv"] for row in rounds]
    rows = [("JARVIS-Tools' `STEMConv`", f"{_median(theirs):.2f}", "1")]
    for build in _builds(rounds[0]):
        drawn = [row[build]["simulate"] for row in rounds]
        whole = [sum(row[build].values()) for row in rounds]
        for what, column in (("`stem.simulate`", drawn), ("and to 8 bits, `to_uint8`", whole)):
            ratios = [a / b for a, b in zip(theirs, column, strict=True)]
            times = f"{_median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
            rows.append((f"{what}, {build}", f"{_median(column):.2f}", times))
    figure = Figure(figsize=(6, 0.6 + 0.25 * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.barh([row[0].replace("`", "") for row in rows], [float(row[1]) for row in rows])
    axes.invert_yaxis()
    axes.set(xlabel="ms an image, one thread")
    differences = result["differences"]
    largest = ", ".join(f"{differences[b]:.1e} {b}" for b in _builds(differences))
    whole = result["whole"]
    paired = set(_builds(whole[0])) == {BEFORE, NOW}
    steps = {
        "reading the structures, s": "reading_s",
        "rendering, s": "rendering_s",
        "rendering, s of CPU": "rendering_cpu_s",
    }
    cells = [(text, *_cells(whole, step, ".1f", paired)) for text, step in steps.items()]
    return [
        f"One thread each, {result['sample']} structures, medians of {len(rounds)} paired rounds "
        "(in brackets the least and the most of them).",
        _table(("", "ms an image", "times as fast"), rows),
        picture("rendering", figure),
        f"The images differ from STEMConv's by so much of their maximum at most: {largest}.",
        f"The whole benchmark on all cores, {whole[0][NOW]['images']} images of "
        f"{whole[0][NOW]['ids']} ids:",
        _table(_heads([""], ["time"], paired), cells),
    ]


def _lattices(result: Any, _stages: Any, _picture: _Picture) -> list[str]:
    paired = BEFORE in result["accuracy"]
    figures = {
        "`measure`, ms an image": ("measure", ".2f"),
        "`harmonics`, ms an image": ("harmonics", ".2f"),
        "`measure` of one image alone, ms": ("alone", ".1f"),
    }
    rows = []
    threads = sorted({row["threads"] for row in result["rounds"]})
    for number in threads:
        of = [row for row in result["rounds"] if row["threads"] == number]
        for text, (figure, form) in figures.items():
            rows.append((text, str(number), *_cells(of, figure, form, paired)))
    accuracy = "; ".join(
        f"{build} {of['same']:.1%}, |a| off by {of['a_error']:.1e} Å in the median"
        for build in _builds(result["accuracy"])
        for of in [result["accuracy"][build]]
    )
    return [
        f"{result['images']} train images, medians of {len(result['rounds']) // len(threads)} "
        "rounds.",
        _table(_heads(["", "threads"], [""], paired), rows),
        *(
            [f"The projection's primitive lattice is measured so often: {accuracy}."]
            * bool(accuracy)
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
        f"test evaluated after every epoch. Rounds: {len(rounds)}, each of {result['batches']} "
        "training batches, by turns with one epoch of each contribution on 576 images and its "
        "validation. Medians, images a second.",
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
        _table(("", "time", "how it is known", "accuracy, all test ids"), takes, left=4),
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
    for name, rounds in runs.items():
        seconds = _median(row[NOW]["command_s"] for row in rounds)
        points[name] = (seconds, rounds[0][NOW]["accuracy"])
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
    rows: list[tuple[str, ...]] = []
    for arguments, rounds in runs.items():
        rows += [
            (f"`{arguments}`, {build}", *_training_cells([row[build] for row in rounds]))
            for build in _builds(rounds[0])
        ]
        if BEFORE in rounds[0]:
            figures = ("command_s", "cpu_s", "megabytes")
            ratios = [f"{ratio(rounds, figure):.2f}" for figure in figures]
            rows.append(("now / before", "", *ratios, "", "", "", ""))
    seed = next(iter(runs.values()))[0][NOW]["seed"]
    return [
        "From raw structures to predictions: `python -m jarvis_stem.train` with these arguments, "
        f"seed {seed}, the whole command from its start to its exit, medians. The validation part "
        "of train alone says when it ends; the test split is predicted once, afterwards. The last "
        f"column is whether the published {PUBLISHED} is reached.",
        _table(
            (
                *("", "turns", "wall", "CPU", "peak memory", "epochs", "validation"),
                *("accuracy, all test ids", "reached"),
            ),
            rows,
        ),
    ]


def _training_cells(runs: Sequence[Mapping[str, float]]) -> tuple[str, ...]:
    """Of several runs of one build with one seed, which all come to the same accuracy."""
    run = runs[0]
    return (
        str(len(runs)),
        f"{_median(r['command_s'] for r in runs):.1f} s",
        f"{_median(r['cpu_s'] for r in runs):.1f} s",
        f"{_median(r['megabytes'] for r in runs) / 1024:.2f} GB",
        str(run["epochs"]),
        f"{run['validation']:.4f}",
        f"{_accuracy(run)} of {run['n']}",
        "yes" if run["accuracy"] >= PUBLISHED else "**no**",
    )


def _prediction(result: Any, stages: Mapping[str, Stage], _picture: _Picture) -> list[str]:
    rounds = result["rounds"]
    models = rounds[0]
    paired = any(of.get(BEFORE) for of in models.values())
    figures = {
        "one image, cold, ms": ("cold_ms", ".0f"),
        "one image, warm, ms": ("warm_ms", ".1f"),
        "images a second": ("images_per_s", ".0f"),
    }
    rows = []
    for model, builds in models.items():
        if builds[NOW] is None:
            rows.append((model, "no stored weights", *_cells([], "", "", paired)))
            continue
        of = [row[model] for row in rounds]
        rows += [
            (model, text, *_cells(of, figure, form, paired))
            for text, (figure, form) in figures.items()
        ]
    if training := stages.get("training"):
        rates = [row["atomvision"]["evaluate"] for row in training["result"]["rounds"]]
        cells = _cells([{NOW: {"rate": rate}} for rate in rates], "rate", ".1f", paired)
        rows.append(("AtomVision's recipe, from JPEGs", "images a second", *cells))
    return [
        "On the CPU with the stored weights. Cold is a new process from its start to its exit with "
        "the answer for one image; warm is one image in a process that has answered before. "
        f"Images a second are of {result['images']} images at once. Medians.",
        _table(_heads(["", ""], [""], paired), rows, left=2),
    ]


_STEPS = {
    "render": "rendering",
    "describe": "describing",
    "train": "one epoch, the whole command",
}


def _growth(result: Any, _stages: Any, picture: _Picture) -> list[str]:
    paired = BEFORE in result["rows"][0]
    rows = [
        (
            text,
            f"{row['count']:,}",
            *_growth_cells(row, step, "seconds", paired),
            *_growth_cells(row, step, "megabytes", paired),
        )
        for step, text in _STEPS.items()
        for row in result["rows"]
    ]
    limits = ", ".join(f"{seconds} s ({build})" for build, seconds in result["limits_s"].items())
    return [
        "The train structures repeated, each scaled at random by up to 1%; all cores; every cell "
        "is a process of its own, whose peak memory is that of the whole process. Describing is "
        "measuring the lattice and its harmonics. The last step is "
        "`python -m jarvis_stem.train --epochs 1` with a network that costs next to nothing: it "
        "reads the structures, renders, trains, validates and writes the contribution; in brackets "
        "the epoch alone.",
        _table(_heads(["", "images"], ["time", "peak memory"], paired), rows),
        f"A step that the two smaller counts say takes more than {limits} is extrapolated from "
        "them, in a line (hollow in the picture); its memory is not measured.",
        picture("growth", _growth_figure(result["rows"])),
    ]


def _growth_cells(row: Any, step: str, quantity: str, paired: bool) -> list[str]:
    """Cells of one count's step, of each build, and their ratio where both are measured."""
    cells = [_growth_cell(row[build][step], quantity) for build in _builds(row)]
    if not paired:
        return cells
    measured = all("extrapolated" not in row[build][step] for build in _builds(row))
    one = {build: row[build][step] for build in _builds(row)}
    return [*cells, f"{ratio([one], quantity):.2f}" if measured else ""]


def _growth_cell(step: Mapping[str, float], quantity: str) -> str:
    if quantity == "megabytes":
        return f"{step[quantity] / 1024:.2f} GB" if quantity in step else "not measured"
    if "extrapolated" in step:
        return f"{step['seconds']:.0f} s, **extrapolated**"
    return f"{step['seconds']:.1f} s" + (f" ({step['epoch_s']:.1f} s)" if "epoch_s" in step else "")


def _growth_figure(rows: Sequence[Any]) -> Figure:
    figure = Figure(figsize=(8, 3), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, quantity, scale in zip(panels, ("seconds", "megabytes"), (1, 1024), strict=True):
        for number, (step, text) in enumerate(_STEPS.items()):
            for build in _builds(rows[0]):
                known = [row for row in rows if quantity in row[build][step]]
                counts = [row["count"] for row in known]
                values = [row[build][step][quantity] / scale for row in known]
                line = "-" if build == NOW else ":"
                label = f"{text}, {build}"
                panel.plot(counts, values, line, color=f"C{number}", label=label)
                for row, value in zip(known, values, strict=True):
                    style = "none" if "extrapolated" in row[build][step] else "full"
                    panel.plot(row["count"], value, "o", color=f"C{number}", fillstyle=style)
        panel.set(xscale="log", yscale="log", xlabel="images")
    panels[0].set(ylabel="seconds")
    panels[1].set(ylabel="peak memory, GB")
    panels[0].legend(fontsize="x-small")
    return figure


def _scoring(result: Any, _stages: Any, _picture: _Picture) -> list[str]:
    return [
        "`python -m jarvis_stem.score` on synthetic contributions, pages and all, from start to "
        "exit, medians. One half is written as jarvis_stem writes it, the other deflated, rows "
        "shuffled, without targets. Builds are measured by turns.",
        score.table(result),
    ]


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


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Make a Markdown table of formatted cells: text in the first columns, then numbers."""
    align = [*["left"] * left, *["right"] * (len(header) - left)]
    table = pd.DataFrame([list(row) for row in rows], columns=list(header))
    return table.to_markdown(index=False, disable_numparse=True, colalign=align)


def _builds(of: Mapping[str, Any]) -> list[str]:
    """The builds that something was measured of, the earlier one first."""
    return [build for build in (BEFORE, NOW) if build in of]


def _heads(first: Sequence[str], figures: Sequence[str], paired: bool) -> list[str]:
    """Names of a table's columns: the first ones, and those that `_cells` makes of each figure."""
    columns = ("before", "now", "now / before") if paired else ("now",)
    return [*first, *(f"{of}, {name}" if of else name for of in figures for name in columns)]


def _cells(rounds: Sequence[Any], figure: str, form: str, paired: bool) -> list[str]:
    """A figure's medians over rounds, before and now, and of now / before; empty if not measured.

    Args:
        rounds: For each round the figures of each build, by build.
        figure: Its name.
        form: How a median is written.
        paired: Whether the table has columns for both builds.
    """
    of = {
        build: format(_median(row[build][figure] for row in rounds), form)
        for build in ((BEFORE, NOW) if paired else (NOW,))
        if rounds and rounds[0].get(build)
    }
    now = of.get(NOW, "")
    if not paired:
        return [now]
    return [of.get(BEFORE, ""), now, f"{ratio(rounds, figure):.2f}" if len(of) == 2 else ""]


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
