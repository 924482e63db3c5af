#!/usr/bin/env bash
# Train densenet_model and write its predictions here; arguments go to jarvis_stem.train (see --help).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if [ -f setup.sh ]; then source ./setup.sh; install; PATH="$PWD/.venv/bin:$PATH"; fi
exec python -m jarvis_stem.train densenet_model "$@"
