#!/usr/bin/env bash
# Pillow 13.0.0: a grey TIFF in which 0 is white (PhotometricInterpretation 0), of 8 and of 16 bits.
#
# One would guess that Pillow, which turns the 8-bit one round so that 255 is white, does so with 16
# bits, too; or that it refuses what it does not support.
# Seen: 8 bits come inverted, 16 bits come as they are stored, both without a word. The same picture
# saved in the two depths by another program is therefore read as itself and as its negative.
# (tifffile inverts neither, which it documents.)
#
# Fails if that changes. Needs a package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6
cat >"$folder/white.py" <<'PYTHON'
import numpy as np
import tifffile
from PIL import Image

dark_to_light = np.linspace(255, 0, 256).round()[None].repeat(8, 0)  # as stored: 0 is white
seen = {}
for dtype, factor in ((np.uint8, 1), (np.uint16, 257)):
    stored = (dark_to_light * factor).astype(dtype)
    tifffile.imwrite("x.tif", stored, photometric="miniswhite")
    with Image.open("x.tif") as image:
        row = np.asarray(image)[0]
        seen[image.mode] = bool(row[0] < row[-1])
        print(f"{dtype.__name__}, mode {image.mode}: the darkest pixel is read as {row[0]}, "
              f"the lightest as {row[-1]}")
assert seen == {"L": True, "I;16": False}, seen
PYTHON
cd "$folder" && venv/bin/python white.py
