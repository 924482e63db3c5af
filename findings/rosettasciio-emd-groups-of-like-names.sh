#!/usr/bin/env bash
# rosettasciio 0.15.0: an EMD (Berkeley) with two images, in the groups "scan" and "scan_BF".
#
# One would guess two signals, as for the groups "HAADF" and "BF". Stacking is documented for groups
# with a common name and a number: group0000, group0001.
# Seen: one signal, a stack [2, H, W] named "scan", of two detectors' images, because one name begins
# with the other; there is no warning. If the images differ in size, reading fails with numpy's "all
# input arrays must have the same shape", and neither can be read. stack_group=False avoids it.
#
# Fails if that changes. Needs a package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet rosettasciio==0.15.0 h5py==3.16.0 numpy==2.4.6
cat >"$folder/groups.py" <<'PYTHON'
import h5py
import numpy as np
from rsciio.emd import file_reader


def write(path, images):
    with h5py.File(path, "w") as file:
        file.attrs.update(version_major=0, version_minor=2)
        for name, image in images.items():
            group = file.create_group(f"data/{name}")
            group.attrs["emd_group_type"] = 1
            group["data"] = image
            for number, length in enumerate(image.shape, 1):
                group[f"dim{number}"] = np.arange(length) * 0.02
                group[f"dim{number}"].attrs.update(name="xy"[number - 1], units="[n_m]")
    return path


def seen(path, **options):
    try:
        signals = file_reader(path, **options)
    except ValueError as error:
        return str(error)
    return [(s["metadata"]["General"]["title"], s["data"].shape) for s in signals]


annular, bright = np.zeros((64, 64)), np.ones((64, 64))
apart = seen(write("apart.emd", {"HAADF": annular, "BF": bright}))
alike = write("alike.emd", {"scan": annular, "scan_BF": bright})
sizes = write("sizes.emd", {"scan": annular, "scan_BF": np.ones((32, 32))})
print("groups HAADF and BF:", apart)
print("groups scan and scan_BF:", seen(alike))
print("the same of two sizes:", seen(sizes))
print("with stack_group=False:", seen(alike, stack_group=False))
assert apart == [("BF", (64, 64)), ("HAADF", (64, 64))]
assert seen(alike) == [("scan", (2, 64, 64))]
assert "same shape" in seen(sizes)
assert seen(alike, stack_group=False) == [("scan", (64, 64)), ("scan_BF", (64, 64))]
PYTHON
cd "$folder" && venv/bin/python groups.py
