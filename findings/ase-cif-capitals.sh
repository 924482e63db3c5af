#!/usr/bin/env bash
# ase 3.29.0: a CIF whose type symbols are in capitals, as GSAS writes them.
#
# One would guess the elements that the symbols are in any case, as gemmi and pymatgen read them, or
# an error.
# Seen: the first letter becomes the element and the second is dropped: NB and SE of NbSe2 are
# nitrogen and sulphur, IN of indium is iodine, without a warning.
#
# Fails if that changes. Needs a package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet ase==3.29.0 numpy==2.4.6
cat >"$folder/capitals.py" <<'PYTHON'
import ase
import ase.io

HEAD = """data_x
_cell_length_a 3.45
_cell_length_b 3.45
_cell_length_c 20
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_type_symbol
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
"""


def read(metal, other):
    with open("x.cif", "w") as file:
        file.write(HEAD)
        file.write(f"{metal} {metal}1 0.333333 0.666667 0.5\n")
        file.write(f"{other} {other}1 0.666667 0.333333 0.58\n")
        file.write(f"{other} {other}2 0.666667 0.333333 0.42\n")
    found = ase.io.read("x.cif").get_chemical_formula()
    print(f"{metal} and {other}: {found}")
    return found


print("ase", ase.__version__)
assert read("Nb", "Se") == "NbSe2"
assert read("NB", "SE") == "NS2"
assert read("IN", "SE") == "IS2"
PYTHON
cd "$folder" && venv/bin/python capitals.py
