#!/usr/bin/env bash
# rosettasciio 0.15.0: a picture whose axes are in metres, saved as TIFF and read back by it.
#
# One would guess the same scale, to the precision of a TIFF's fraction or better: the file has it
# in double precision, too, in DigitalMicrograph's tags, and float units are usual in metres (Velox
# and TIA have them in their files).
# Seen: 19 nm a pixel comes back as 10 nm, without a warning: the writer cuts scale * 1e8 off to
# an integer for the TIFF's resolution, and the reader then prefers that to the exact number in the
# tags. Below 10 nm a pixel, as in any picture of atoms, writing raises ZeroDivisionError.
#
# Fails if that changes. Needs a package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet rosettasciio==0.15.0 tifffile==2026.3.3 \
  numpy==2.4.6
cat >"$folder/metres.py" <<'PYTHON'
import numpy as np
import tifffile
from rsciio.tiff import file_reader, file_writer


def round_trip(scale, unit):
    axis = {"size": 64, "scale": scale, "offset": 0.0, "units": unit, "navigate": False}
    signal = {
        "data": np.zeros((64, 64), np.uint8),
        "axes": [{"name": name, **axis} for name in "yx"],
        "metadata": {"General": {"title": ""}},
        "original_metadata": {},
    }
    try:
        file_writer("x.tif", signal)
    except ZeroDivisionError as error:
        print(f"{scale} {unit}: ZeroDivisionError: {error}")
        return None
    with tifffile.TiffFile("x.tif") as file:
        exact = file.pages[0].tags[65009].value
    read = file_reader("x.tif")[0]["axes"][0]
    print(f"{scale} {unit}: read as {read['scale']} {read['units']}; tag 65009 has {exact}")
    assert exact == scale
    return read["scale"]


assert round_trip(0.02, "nm") == 0.02
assert round_trip(1.9e-8, "m") == 1e-8
assert round_trip(2e-11, "m") is None
PYTHON
cd "$folder" && venv/bin/python metres.py
