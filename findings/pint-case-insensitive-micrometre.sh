#!/usr/bin/env bash
# pint 0.25.3: what "3 um" and "3 nm" are in a registry that ignores case.
#
# One would guess 3 micrometre and 3 nanometre, as with case: both are spelled exactly as pint
# defines them. Or, where letters without case are ambiguous, at least the same every time.
# Seen: whether "um" is a micrometre or a micromolar depends on the process: on Python's hash seed,
# which is chosen at random. "nm" is never a nanometre, but always a number_meter (Nm, of yarn).
# So a script that reads units from files in any case converts pixel sizes in one run and raises a
# DimensionalityError in the next. parse_units("um", case_sensitive=False) does the same.
#
# Fails if that changes. Needs a package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet pint==0.25.3
cat >"$folder/units.py" <<'PYTHON'
import pint

units = pint.UnitRegistry(case_sensitive=False)
print(units("3 um"), units("3 nm"), pint.UnitRegistry().parse_units("um", case_sensitive=False))
PYTHON
for seed in $(seq 0 15); do
  PYTHONHASHSEED=$seed "$folder/venv/bin/python" "$folder/units.py"
done | sort | uniq -c | tee "$folder/seen"
# Two kinds of lines, of which neither is what one would guess.
test "$(sed 's/^ *[0-9]* //' "$folder/seen")" = "3 micrometer 3 number_meter micrometer
3 micromolar 3 number_meter micromolar"
