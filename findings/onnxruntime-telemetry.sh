#!/usr/bin/env bash
# onnxruntime 1.32.0 on Linux: what importing it leaves in the home folder.
#
# One would guess that the wheels of PyPI record nothing about their users on Linux (the
# documentation has long said that of all but Windows), and that disable_telemetry_events() turns off
# what there is.
# Seen: with nothing but `import onnxruntime` a new home has, below .cache/Microsoft/DeveloperTools,
# an identifier of the device and a database with a table of events; the library holds the address
# https://mobile.events.data.microsoft.com. disable_telemetry_events() comes too late: both are
# there. ORT_DISABLE_TELEMETRY=1, set before the import, keeps it from writing either.
#
# Fails if that changes. Needs a package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
left() { # what a program leaves in a new home
  rm -rf home && mkdir home
  env -u XDG_CACHE_HOME HOME="$folder/home" "${@:2}" venv/bin/python -c "$1"
  (cd home && find . -type f | sort)
}
both="./.cache/Microsoft/DeveloperTools/.onnxruntime/deviceid
./.cache/Microsoft/DeveloperTools/.onnxruntime/onnxruntime.db"
seen=$(left "import onnxruntime")
printf 'import alone leaves:\n%s\n' "$seen"
[ "$seen" = "$both" ]
grep --quiet --text "CREATE TABLE events" home/.cache/Microsoft/DeveloperTools/.onnxruntime/*.db
echo "the database has a table of events"
seen=$(left "import onnxruntime; onnxruntime.disable_telemetry_events()")
printf 'with disable_telemetry_events():\n%s\n' "$seen"
[ "$seen" = "$both" ]
seen=$(left "import onnxruntime" ORT_DISABLE_TELEMETRY=1)
printf 'with ORT_DISABLE_TELEMETRY=1: %s\n' "${seen:-nothing}"
[ -z "$seen" ]
grep --quiet --text --recursive mobile.events.data.microsoft.com venv/lib/python3*/site-packages/onnxruntime/capi
echo "the address is in the library"
