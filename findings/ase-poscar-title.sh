#!/usr/bin/env bash
# ase 3.29.0: a POSCAR of VASP 4, which has no line of elements, under a title that is a sentence.
#
# One would guess an error that elements are missing, as for most titles: "made for a test" gives
# "Could not determine chemical symbols".
# Seen: words of the title that can be symbols become the elements and the others are dropped: a
# file with the title "In plane B" is read as one atom of indium and two of boron, without a
# warning.
#
# Fails if that changes. Needs a package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet ase==3.29.0 numpy==2.4.6
cat >"$folder/title.py" <<'PYTHON'
import ase.io
from ase.io import ParseError

REST = """
1.0
3.18 0 0
-1.59 2.753961 0
0 0 20
1 2
Direct
0.333333 0.666667 0.5
0.666667 0.333333 0.5782
0.666667 0.333333 0.4218
"""


def read(title):
    with open("POSCAR", "w") as file:
        file.write(title + REST)
    try:
        found = ase.io.read("POSCAR").get_chemical_formula()
    except ParseError as error:
        found = str(error).split(".")[0]
    print(f"{title!r}: {found}")
    return found


assert read("made for a test") == "Could not determine chemical symbols"
assert read("In plane B") == "B2In"
PYTHON
cd "$folder" && venv/bin/python title.py
