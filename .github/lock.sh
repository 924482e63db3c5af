#!/usr/bin/env bash
# Write what the workflows install: .github/NAME.lock has the versions of constraints.txt with the SHA-256
# of all their files on PyPI, for every system and Python. Run it after a change of constraints.txt,
# setup.py or .github/*.txt; it needs uv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
lock() {
  local name=$1
  shift
  uv pip compile --quiet --no-config --default-index https://pypi.org/simple --universal \
    --python-version 3.11.5 --constraint constraints.txt --generate-hashes --no-annotate \
    --strip-extras --custom-compile-command "bash .github/lock.sh" \
    --output-file ".github/$name.lock" "$@"
}
lock all setup.py --all-extras
lock core setup.py
for name in hooks release requirements wheels; do lock "$name" ".github/$name.txt"; done
