#!/usr/bin/env bash
# ase 3.29.0: a .res file in which a coordinate is written with an exponent, 1.0E-05.
#
# One would guess that the atom is at 0.00001, or an error: the file says SFAC Mo S, three lines of
# atoms follow, and LATT -1 says that all of them are there.
# Seen: the atom is left out without a word, so MoS2 is read as MoS. Lines are matched by a pattern
# of digits, points and minus signs, and what does not match is passed over.
#
# Fails if that changes. Needs a package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet ase==3.29.0 numpy==2.4.6
cat >"$folder/exponents.py" <<'PYTHON'
import ase.io

HEAD = "TITL x\nCELL 1.54 3.18 3.18 20 90 90 120\nLATT -1\nSFAC Mo S\n"
ATOMS = "Mo 1 {} 0.666667 0.5 1\nS 2 0.666667 0.333333 0.5782 1\nS 2 0.666667 {} 0.4218 1\nEND\n"


def formula(first, last):
    with open("x.res", "w") as file:
        file.write(HEAD + ATOMS.format(first, last))
    read = ase.io.read("x.res").get_chemical_formula()
    print(first, last, read)
    return read


assert formula("0.333333", "0.00001") == "MoS2"
assert formula("0.333333", "1.0E-05") == "MoS"
PYTHON
cd "$folder" && venv/bin/python exponents.py
