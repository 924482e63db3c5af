#!/usr/bin/env bash
# Set up and run the whole loop offline on the built-in benchmark: train lattice_cnn_model, score
# it beside the committed contributions, write the site's pages. Nothing committed is changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source ./setup.sh
install

board=runs/quickstart
mkdir -p "$board"
rm -rf "$board/contributions"
cp -R contributions "$board/contributions"
bash contributions/lattice_cnn_model/run.sh \
  --benchmark stem_2d_proto --contributions "$board/contributions" "$@"
.venv/bin/python -m jarvis_stem.score --contributions "$board/contributions" --output "$board/docs"
echo "The page: site/benchmarks/stem_2d_proto_bravais_class.html"
