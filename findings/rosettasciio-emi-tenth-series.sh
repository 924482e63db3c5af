#!/usr/bin/env bash
# rosettasciio 0.15.0: which series of an .emi are read: scan.emi beside scan_1.ser … scan_11.ser.
#
# One would guess all eleven: TIA writes one .ser for each image of an acquisition, numbered so.
# Seen: nine signals; the tenth and eleventh series are left out without a warning, even where
# .ser files are the only place of their images. If the name has a bracket in it, scan[2].emi, the
# list is empty, and again nothing is said: the name goes into a pattern of glob as it is.
#
# Fails if that changes. Needs a package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet rosettasciio==0.15.0 numpy==2.4.6
cat >"$folder/series.py" <<'PYTHON'
import struct
import warnings
from pathlib import Path

import numpy as np
from rsciio.tia import file_reader

SIDE = 16


def series():
    """The bytes of a .ser with one image of SIDE x SIDE pixels of 20 pm."""
    dimension = struct.pack("<IddIII", 1, 0, 1, 0, 0, 0)
    start = 30 + len(dimension)
    size = 50 + 2 * SIDE * SIDE
    head = struct.pack("<HHHIIIIII", 0x4949, 0x197, 0x210, 0x4122, 0x4152, 1, 1, start, 1)
    offsets = struct.pack("<II", start + 8, start + 8 + size)
    image = struct.pack("<ddIddIHII", 0, 2e-11, 0, 0, 2e-11, 0, 2, SIDE, SIDE)
    tag = struct.pack("<HHI", 0x4152, 0, 0)
    return head + dimension + offsets + image + np.ones((SIDE, SIDE), "<u2").tobytes() + tag


def read(name, number):
    about = " <ObjectInfo><Uuid>0</Uuid></ObjectInfo>" * number
    Path(f"{name}.emi").write_text(about, encoding="utf-8")
    for one in range(1, number + 1):
        Path(f"{name}_{one}.ser").write_bytes(series())
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        signals = file_reader(f"{name}.emi")
    left_out = [str(one.message) for one in said if "unit" not in str(one.message)]
    print(f"{name}.emi with {number} series: {len(signals)} signals, warnings: {left_out}")
    return len(signals), left_out


assert read("few", 3) == (3, [])
assert read("scan", 11) == (9, [])
assert read("scan[2]", 3) == (0, [])
PYTHON
cd "$folder" && venv/bin/python series.py
