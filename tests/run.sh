#!/usr/bin/env bash
# Set up and run all checks: format, lint, spelling, types, imports, tests. Arguments go to pytest:
# -m "not browser and not training" leaves out what takes longest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source ./setup.sh
install "[test,dev,docs]"
install_browser
unset INSTALL_LOCK # it is this installation's, not that of clones which tests set up

.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/clang-format --dry-run --Werror jarvis_stem/imaging/kernels/*
.venv/bin/codespell
.venv/bin/mypy
.venv/bin/lint-imports
# Each of pytest's workers has a core; more threads than cores wait for each other.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
.venv/bin/python -m pytest --numprocesses auto --dist worksteal --durations 25 "$@"
