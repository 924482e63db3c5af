#!/usr/bin/env bash
# Lint the JavaScript files that are named with the Biome of package-lock.json.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
npm ci --silent --prefer-offline --ignore-scripts --prefix "$here"
exec "$here/node_modules/.bin/biome" lint --error-on-warnings "$@"
