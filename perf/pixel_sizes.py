"""What it is worth to know the size of a pixel: accuracy and confidence with and without it.

python perf/pixel_sizes.py --data ../shared/jarvis_data

Test structures are drawn without noise at several pixel sizes and numbers of pixels, and answered
by the network with the pixel size and without. Writes docs/pixel_sizes.md and .json.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jarvis_stem import cli
from jarvis_stem.api import load_model
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.imaging import picture, stem, structures
from jarvis_stem.imaging.conditions import CLEAN, Conditions
from jarvis_stem.prediction.predictor import Predictor
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, write_text
from jarvis_stem.utils.progress import track

_ROOT = Path(__file__).resolve().parents[1]
_SIZES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4)  # Å
_PIXELS = (96, 128, 256, 512, 1024)
_COUNT = 150


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="DIR", help="JARVIS databases")
    parser.add_argument("--count", type=int, default=_COUNT, help="structures")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs", metavar="DIR")
    options = parser.parse_args(arguments)
    benchmark = Benchmark.read(_ROOT / "benchmarks", bravais_result("stem_2d_image"))
    known = benchmark.splits["test"]
    ids = sorted(known)[:: max(1, len(known) // options.count)][: options.count]
    found = structures.for_dataset("stem_2d_image", ids, data=options.data)
    model = load_model()
    cells = [(size, pixels) for size in _SIZES for pixels in _PIXELS]
    rows = [_measured(model, found, known, *cell) for cell in track(cells, "Answering")]
    write_text(options.output / "pixel_sizes.json", json_text(rows))
    page = _page(rows, len(found))
    write_text(options.output / "pixel_sizes.md", page)
    print(page)
    return 0


def _measured(
    model: Predictor,
    found: Mapping[str, Any],
    known: Mapping[str, int | str],
    size: float,
    pixels: int,
) -> dict[str, Any]:
    row: dict[str, Any] = {"pixel_size": size, "pixels": pixels}
    drawn = {i: draw(atoms, size, pixels) for i, atoms in found.items()}
    for name, given in (("with", size), ("without", None)):
        try:
            shown = [picture.of_array(values, given) for values in drawn.values()]
        except StemError as error:
            row[name] = {"refused": str(error)}
            continue
        answers = model.answer(shown, distortion=0)
        right = [one.bravais_class == known[i] for i, one in zip(drawn, answers, strict=True)]
        confidence = float(np.mean([one.confidence for one in answers]))
        row[name] = {"accuracy": float(np.mean(right)), "confidence": confidence}
    return row


def draw(atoms: Any, size: float, pixels: int) -> NDArray[np.float32]:
    """A structure as so many pixels a side of a size, Å; the benchmark's atoms at its own."""
    kept = stem.IMAGE_SIZE
    stem.IMAGE_SIZE = max(pixels, kept if size == CLEAN.pixel_size else pixels)
    try:
        (image,) = stem.simulate([atoms], Conditions(pixel_size=size))
    finally:
        stem.IMAGE_SIZE = kept
    edge = (len(image) - pixels) // 2
    return image[edge : edge + pixels, edge : edge + pixels]


def _page(rows: Sequence[Mapping[str, Any]], count: int) -> str:
    lines = [
        "# Pixel sizes",
        "",
        f"Accuracy and mean confidence of the default model on {count} test structures, drawn "
        "without",
        "noise and answered with their pixel size and without it. Views under 6.4 Å are refused "
        "with it.",
        "",
        "| Å a pixel | pixels a side | view, Å | with | without |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        cells = [
            f"{row['pixel_size']:g}",
            str(row["pixels"]),
            f"{row['pixel_size'] * row['pixels']:.1f}",
            *(_text(row[name]) for name in ("with", "without")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _text(found: Mapping[str, Any]) -> str:
    if "refused" in found:
        return "refused"
    return f"{found['accuracy']:.3f}, {found['confidence']:.2f}"


if __name__ == "__main__":
    sys.exit(cli.run(main))
