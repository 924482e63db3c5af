#!/usr/bin/env bash
# ase 3.29.0: a POSCAR whose scale is negative, the cell's volume, and whose cell is left-handed.
#
# One would guess the same crystal as with the scale as a length: VASP takes the absolute value of
# the volume.
# Seen: the mirror image. The cell's determinant is negative, so the cube root of volume by
# determinant is, too, and all vectors are turned round: four atoms in general positions come back
# as their enantiomorph. pymatgen leaves them as they are.
#
# Fails if that changes. Needs a package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet ase==3.29.0 numpy==2.4.6
cat >"$folder/scale.py" <<'PYTHON'
import ase.io
import numpy as np

REST = """
0 4 0
3 0 0
0 0 20
C N O F
1 1 1 1
Direct
0 0 0
0.2 0.1 0
0.1 0.3 0.05
0.3 0.3 0.1
"""


def handedness(scale):
    with open("POSCAR", "w") as file:
        file.write("x\n" + scale + REST)
    atoms = ase.io.read("POSCAR")
    triple = np.linalg.det(np.diff(atoms.positions, axis=0))
    print(f"scale {scale}: volume {atoms.get_volume():.0f}, triple product {triple:+.3f}")
    return np.sign(triple)


assert handedness("1.0") == -handedness("-240.0")
PYTHON
cd "$folder" && venv/bin/python scale.py
