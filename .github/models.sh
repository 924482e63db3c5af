#!/usr/bin/env bash
# Copy every contribution's stored models to the folder $1 under the names that are downloaded:
# <contribution>-<benchmark>.onnx.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p "$1"
for path in contributions/*/*.onnx; do
  file=${path##*/}
  IFS=- read -r _ _ _ benchmark _ <<<"$file"
  folder=${path%/*}
  cp "$path" "$1/${folder##*/}-$benchmark.onnx"
done
