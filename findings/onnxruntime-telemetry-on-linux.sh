#!/usr/bin/env bash
# onnxruntime 1.32.0, the wheel of PyPI for Linux: what `import onnxruntime` leaves on a disk.
#
# One would guess nothing: telemetry is known of Windows' own builds, and nothing says otherwise when it
# is imported.
# Seen: it writes a device id and a database of events to ~/.cache/Microsoft/DeveloperTools/.onnxruntime,
# and .ses to the temporary folder; its library names mobile.events.data.microsoft.com. With the variable
# ORT_DISABLE_TELEMETRY=1, set before the import, there is nothing.
#
# Fails if that changes. Needs a package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet onnxruntime==1.32.0 numpy==2.4.6

# Imports it with a home and a temporary folder of its own; prints what is in them then.
left() {
  mkdir -p "$folder/$1/home" "$folder/$1/tmp"
  HOME="$folder/$1/home" XDG_CACHE_HOME="" TMPDIR="$folder/$1/tmp" ORT_DISABLE_TELEMETRY="$2" \
    "$folder/venv/bin/python" -c "import onnxruntime"
  (cd "$folder/$1" && find . -type f | sort)
}

by_default=$(left by_default "")
disabled=$(left disabled 1)
printf 'by default:\n%s\nwith ORT_DISABLE_TELEMETRY=1:\n%s\n' "$by_default" "$disabled"
grep -q '^\./home/\.cache/Microsoft/DeveloperTools/\.onnxruntime/deviceid$' <<<"$by_default"
grep -q '^\./tmp/\.ses$' <<<"$by_default"
grep -rqa 'mobile\.events\.data\.microsoft\.com' "$folder"/venv/lib/python*/site-packages/onnxruntime/capi
[ -z "$disabled" ]
