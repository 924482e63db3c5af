"""Answer public microscope pictures whose plane lattice is known, and say how often that is right.

python perf/real_pictures.py --images ../shared/real_images --before DIR

Writes docs/real_pictures.json and .md. The folder has a table.tsv of files, classes, pixel sizes
and lattices that an independent Fourier transform of each picture shows. --before names the
checkout of an earlier build with a .venv, which answers the same pictures.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from jarvis_stem import cli
from jarvis_stem.api import load_model
from jarvis_stem.imaging import contrast, domains, picture
from jarvis_stem.prediction.answer import DISTORTION
from jarvis_stem.prediction.predictor import Predictor
from jarvis_stem.scoring.significance import wilson_interval
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, write_text
from jarvis_stem.utils.progress import track

_ROOT = Path(__file__).resolve().parents[1]
_NEAR = 0.02  # of a and b: how far a correct lattice may be off
_NONE = "none"
_LARGEST = 1024  # pixels a side of a whole picture, at the scale at which tiles are measured
_BINS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.97, 1.01)

Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--before", type=Path, metavar="DIR", help="checkout of an earlier build")
    parser.add_argument("--no-ablation", action="store_true")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs", metavar="DIR")
    options = parser.parse_args(arguments)
    table = read_table(options.images)
    model = load_model()
    rows = answered(table, options.images, model)
    found: Row = {"pictures": rows, "now": summary(rows)}
    if options.before:
        earlier = answered_before(table, options.images, options.before)
        for row, before in zip(rows, earlier, strict=True):
            row["before"] = before["answer"], before["confidence"]
        found["before"] = summary(earlier)
    if not options.no_ablation:
        found["ablation"] = ablation(table, options.images, model)
    write_text(options.output / "real_pictures.json", json_text(found))
    page = _page(found, shlex.join(sys.argv))
    write_text(options.output / "real_pictures.md", page)
    print(page)
    return 0


def read_table(images: Path) -> list[dict[str, str]]:
    """The pictures that are there, and what is known of them.

    Args:
        images: Folder with pictures and table.tsv.

    Raises:
        StemError: There is no such table, or none of its pictures.
    """
    path = images / "table.tsv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except OSError as error:
        raise StemError(f"{path}: cannot be read ({error.strerror})") from None
    there = [row for row in rows if (images / row["file"]).exists()]
    if not there:
        raise StemError(f"{path}: none of its {len(rows)} pictures is in {images}")
    return there


def answered(
    table: Sequence[Mapping[str, str]],
    images: Path,
    model: Predictor,
    distortion: float = DISTORTION,
) -> list[Row]:
    """What the package answers, with the pixel size of the table."""
    rows = []
    for known in track(table, "Answering"):
        start = time.perf_counter()
        size = float(known["pixel_size"]) if known["pixel_size"] else None
        shown = picture.read_picture(images / known["file"], size)
        (answer,) = model.answer([shown], distortion)
        lattice = answer.lattice
        lengths = (lattice.a, lattice.b) if lattice and lattice.unit == "Å" else None
        rows.append(
            {
                **_known(known),
                "answer": answer.class_name,
                "lattice": str(lattice) if lattice else "",
                "confidence": round(answer.confidence, 3),
                "near": _is_near(lengths, known),
                "grains": answer.grains,
                "reasons": answer.reasons,
                "seconds": round(time.perf_counter() - start, 2),
            }
        )
    return rows


def _known(known: Mapping[str, str]) -> Row:
    return {key: known[key] for key in ("file", "material", "kind", "class", "source")}


def _is_near(lengths: Sequence[float] | None, known: Mapping[str, str]) -> bool | None:
    """Whether a and b are what the picture shows; None where that is not known."""
    if not known["picture_a"]:
        return None
    shown = float(known["picture_a"]), float(known["picture_b"])
    return lengths is not None and all(
        abs(one / other - 1) < _NEAR for one, other in zip(lengths, shown, strict=True)
    )


_EARLIER = """
import json, sys
from pathlib import Path
from jarvis_stem import cli
from jarvis_stem.api import load_model, predict
model, rows = load_model(), []
for name, size in json.load(sys.stdin):
    try:
        (answer,) = predict(Path(name), float(size) if size else None, model)
    except Exception as error:
        rows.append([None, 0, None, [str(error)]])
        continue
    lattice = answer.lattice and [answer.lattice.a, answer.lattice.b]
    rows.append([answer.class_name, answer.confidence, lattice, answer.reasons])
json.dump(rows, sys.stdout)
"""


def answered_before(table: Sequence[Mapping[str, str]], images: Path, checkout: Path) -> list[Row]:
    """What an earlier build answers, run in its own checkout.

    Raises:
        StemError: It cannot be run.
    """
    asked = [(str((images / one["file"]).resolve()), one["pixel_size"]) for one in table]
    done = subprocess.run(
        [checkout.resolve() / ".venv/bin/python", "-c", _EARLIER],
        input=json.dumps(asked),
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StemError(f"{checkout}: {done.stderr.strip().splitlines()[-1]}")
    return [
        {
            **_known(known),
            "answer": name or "not read",
            "confidence": round(confidence, 3),
            "near": _is_near(lengths, known),
            "reasons": reasons,
        }
        for known, (name, confidence, lengths, reasons) in zip(
            table, json.loads(done.stdout), strict=True
        )
    ]


def is_right(row: Row) -> bool | None:
    """Whether the class is one that is correct; None where none is known."""
    return row["answer"] in row["class"].split("|") if row["class"] else None


def summary(rows: Sequence[Row]) -> Row:
    """Shares with 95% intervals, and whether confidence tells right from wrong."""
    named = [row for row in rows if row["class"] not in ("", _NONE)]
    right = np.array([is_right(row) for row in named], bool)
    classes = np.array([row["class"].partition("|")[0] for row in named])
    kinds = np.array([row["kind"] for row in named])
    near = np.array([row["near"] for row in rows if row["near"] is not None], bool)
    confidence = np.array([row["confidence"] for row in named])
    empty = [row for row in rows if row["class"] == _NONE]
    of_classes = {str(name): _share(right[classes == name]) for name in np.unique(classes)}
    return {
        "class": _share(right),
        "classes": of_classes,
        "averaged": float(np.mean([one["share"] for one in of_classes.values()])),
        "kinds": {str(kind): _share(right[kinds == kind]) for kind in np.unique(kinds)},
        "lattice": _share(near),
        "none": _share(np.array([is_right(row) for row in empty], bool)),
        "auroc": float(roc_auc_score(right, confidence)) if 0 < right.mean() < 1 else None,
        "reliability": [
            {"from": low, "to": min(high, 1.0), **_share(right[within])}
            for low, high in itertools.pairwise(_BINS)
            if (within := (confidence >= low) & (confidence < high)).any()
        ],
        "reasons": {
            name: _share(~right[[name in " ".join(row["reasons"]) for row in named]])
            for name in (
                "parts of the picture",
                "takes a strain",
                "no lattice",
                "is not understood",
            )
        },
    }


def _share(right: np.ndarray[Any, Any]) -> Row:
    n = len(right)
    count = int(right.sum())
    low, high = wilson_interval(np.array(count), n) if n else (np.nan, np.nan)
    if n == 0:
        return {"right": 0, "of": 0, "share": None, "interval": None}
    return {"right": count, "of": n, "share": count / n, "interval": [float(low), float(high)]}


def ablation(table: Sequence[Mapping[str, str]], images: Path, model: Predictor) -> dict[str, Row]:
    """The same without one part each."""
    rows = {"without distortion: the network alone": summary(answered(table, images, model, 0))}
    for name, changes in _WITHOUT.items():
        kept = [getattr(module, attribute) for module, attribute, _ in changes]
        for module, attribute, value in changes:
            setattr(module, attribute, value)
        try:
            rows[name] = summary(answered(table, images, model))
        finally:
            for (module, attribute, _), value in zip(changes, kept, strict=True):
                setattr(module, attribute, value)
    return rows


def _whole(shape: tuple[int, ...], width: float) -> np.ndarray[Any, Any]:
    """The middle as one tile, counted as often as tiles have to agree."""
    side = min(*shape, round(_LARGEST * width / 10))
    corner = ((n - side) // 2 for n in shape)
    return np.array([(*corner, side, side)] * 3)


def _as_they_are(
    parts: np.ndarray[Any, Any], width: float, left_out: float
) -> np.ndarray[Any, Any]:
    return np.array([contrast.stretched(part, left_out) for part in parts])


_WITHOUT: Mapping[str, Sequence[tuple[Any, str, Any]]] = {
    "without evening the contrast": [(domains, "evened_and_stretched", _as_they_are)],
    # Identical tiles look like a drawing, which the network would be asked about.
    "the whole picture as one tile": [(domains, "_boxes", _whole), (domains, "_WHOLE", 1.0)],
}


def _page(found: Row, command: str) -> str:
    now, before = found["now"], found.get("before")
    columns = {"now": now, **({"before": before} if before else {}), **found.get("ablation", {})}
    lines = [
        "# Real pictures",
        "",
        f"Written by `{Path(command.split()[0]).name}`. Shares have Wilson's 95% intervals.",
        "",
        "| | " + " | ".join(columns) + " |",
        "| --- |" + " --- |" * len(columns),
    ]

    def line(what: str, value: Callable[[Row], str]) -> None:
        lines.append(f"| {what} | " + " | ".join(value(one) for one in columns.values()) + " |")

    line("class right", lambda one: _text(one["class"]))
    line("averaged over classes", lambda one: f"{one['averaged']:.0%}")
    for name in now["classes"]:
        line(name, lambda one, name=name: _text(one["classes"][name]))  # type: ignore[misc]
    line("a and b within 2% of the picture's", lambda one: _text(one["lattice"]))
    line("no lattice, and none found", lambda one: _text(one["none"]))
    line("AUROC of confidence", lambda one: f"{one['auroc']:.2f}" if one["auroc"] else "–")
    for kind in now["kinds"]:
        line(f"kind: {kind}", lambda one, kind=kind: _text(one["kinds"][kind]))  # type: ignore[misc]
    lines += ["", "## Confidence", "", "| confidence | right |", "| --- | --- |"]
    lines += [f"| {one['from']:g} to {one['to']:g} | {_text(one)} |" for one in now["reliability"]]
    lines += ["", "## Reasons", "", "| reason given | wrong answers |", "| --- | --- |"]
    lines += [f"| … {name} … | {_text(one)} |" for name, one in now["reasons"].items()]
    lines += ["", "## Pictures", ""]
    lines += ["| file | class | answer | confidence | lattice | reasons | s |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
    lines += [_line(row) for row in found["pictures"]]
    return "\n".join(lines) + "\n"


def _text(share: Row) -> str:
    if not share["of"]:
        return "–"
    low, high = share["interval"]
    return f"{share['right']} of {share['of']} ({low:.0%} to {high:.0%})"


def _line(row: Row) -> str:
    mark = {True: "", False: "**wrong** ", None: ""}[is_right(row)]
    near = {True: "", False: " (off)", None: ""}[row["near"]]
    remarks = "; ".join([*([row["grains"]] if row["grains"] else []), *row["reasons"]])
    cells = [
        f"`{row['file']}`",
        row["class"].replace("|", " or ") or "?",
        f"{mark}{row['answer']}",
        f"{row['confidence']:.2f}",
        f"{row['lattice']}{near}",
        remarks,
        f"{row['seconds']:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(cli.run(main))
