#!/usr/bin/env bash
# numba 0.68.1: what a compiled function is compiled for when another one calls it with a constant.
#
# One would guess that an integer is an integer: documentation has literal types only where a function
# asks for them (numba.literally), and calls from Python with 1, 3 and 7 share one int64 version.
# Seen: called from compiled code with the constants 1 and 3 the function is compiled for each of them
# by itself, as Literal[int](1) and Literal[int](3), with all that it calls in turn; a call from Python
# adds the int64 version. np.int64(3), or a variable, as argument shares that one.
#
# Fails if that changes. Needs a package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet numba==0.68.1 numpy==2.4.6
cat >"$folder/program.py" <<'PROGRAM'
import numpy as np
from numba import njit


@njit
def inner(x, n):
    return x * n


@njit
def with_one(x):
    return inner(x, 1)


@njit
def with_three(x):
    return inner(x, 3)


@njit
def with_numpys(x):
    return inner(x, np.int64(3))


def versions():
    return sorted(str(n) for _, n in inner.signatures)


for n in (1, 3, 7):
    inner(2.0, n)
print("from Python:", versions())
assert versions() == ["int64"]
with_numpys(2.0)
assert versions() == ["int64"]
with_one(2.0), with_three(2.0)
print("and from compiled code:", versions())
assert versions() == ["Literal[int](1)", "Literal[int](3)", "int64"]
PROGRAM
"$folder/venv/bin/python" "$folder/program.py"
