#!/usr/bin/env bash
# Judge pull request number $PULL_REQUEST with the code that is checked out, which is the base's.
# The pull request arrives as objects in git's store; no file of it is checked out, imported or run.
# The findings are appended to the file $GITHUB_STEP_SUMMARY; the exit status is the judgement's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [[ ! $PULL_REQUEST =~ ^[0-9]+$ ]]; then
  echo "error: PULL_REQUEST: expected a number" >&2
  exit 2
fi
git fetch --quiet --no-tags --no-recurse-submodules \
  origin "+refs/pull/$PULL_REQUEST/head:refs/judge/head"
exec python -m jarvis_stem.judge \
  --base HEAD --head refs/judge/head --summary "$GITHUB_STEP_SUMMARY"
