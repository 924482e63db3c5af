#!/usr/bin/env bash
# tifffile 2026.3.3: an ImageJ stack whose file ends early, as a copy that was broken off leaves it.
#
# One would guess an error, or the frames that are whole: ImageJ's description says images=20, and
# the frames lie one after the other, 12 of them complete.
# Seen: the file is a single image of one page, which is read without an error; but for a line in
# the log it is as a file that holds one picture. tifffile's own stacks (shaped metadata) that end early keep
# their shape, and fail when they are read.
#
# Fails if that changes. Needs a package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet tifffile==2026.3.3 numpy==2.4.6
cat >"$folder/cut.py" <<'PYTHON'
from pathlib import Path

import numpy as np
import tifffile

frames = np.random.default_rng(0).integers(0, 255, (20, 128, 128)).astype(np.uint8)


def cut_off(name, **options):
    path = Path(name)
    tifffile.imwrite(path, frames, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with tifffile.TiffFile(path) as file:
        (series,) = file.series
        print(name, "pages", len(file.pages), "series", series.shape, file.imagej_metadata)
        return series.shape, file.imagej_metadata


shape, metadata = cut_off("imagej.tif", imagej=True)
assert shape == (128, 128) and metadata["images"] == 20
read = tifffile.imread("imagej.tif")
assert np.array_equal(read, frames[0])
print("imread: the first frame, and no error")
shape, _ = cut_off("plain.tif")
assert shape == frames.shape
try:
    tifffile.imread("plain.tif")
except ValueError as error:
    print(f"plain.tif: {error}")
else:
    raise AssertionError("the stack that was cut off was read")
PYTHON
cd "$folder" && venv/bin/python cut.py
