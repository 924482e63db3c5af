"""Draw the README's picture: what `jarvis-stem predict` answers for a noisy, turned MoS2.

python perf/answer.py
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from PIL import Image

from jarvis_stem import cli
from jarvis_stem.imaging import prototypes, stem
from jarvis_stem.imaging.conditions import Conditions
from jarvis_stem.predict import main as predict

_ROOT = Path(__file__).resolve().parents[1]
_ID = "proto-1H-MoS2.jpg"
_CONDITIONS = Conditions(dose=1e4, rotation=12)
_COLOURS = 128  # in a palette: a quarter of the bytes
_METHOD = Image.Quantize.MAXCOVERAGE  # keeps the few pixels of the arrows in their colours


def main() -> int:
    """Draw the picture and print the answer."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output", type=Path, default=_ROOT / "docs/images/answer.png", metavar="FILE"
    )
    options = parser.parse_args()
    drawn = stem.simulate([prototypes.structures()[_ID]], _CONDITIONS, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        picture, plot = Path(folder) / "picture.png", Path(folder) / "plot.png"
        Image.fromarray(stem.to_uint8(drawn)[0]).save(picture)
        status = predict([str(picture), "--pixel-size", "0.2", "--plot", str(plot)])
        with Image.open(plot) as large:
            few = large.convert("RGB").quantize(_COLOURS, _METHOD, dither=Image.Dither.NONE)
        few.save(options.output, optimize=True)
    return status


if __name__ == "__main__":
    sys.exit(cli.run(main))
