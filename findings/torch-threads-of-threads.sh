#!/usr/bin/env bash
# torch 2.13.0 (CPU build): whom torch.set_num_threads, called in one thread, is for.
#
# The documentation says that it sets the number of threads for intra-op parallelism on CPU. One
# would guess that it is for the whole process, or else for the calling thread alone.
# Seen: neither. A thread that has asked or computed before keeps its number; every thread that
# begins later starts with the number that any thread set last; and so does a thread that set a
# number itself but had not computed or asked since: its setting is lost without a word. A library
# that limits its workers and never touches the main thread therefore still changes others, and
# torch.get_num_threads() in a main thread that asked before does not show it.
#
# Fails if that changes. Needs a package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet torch==2.13.0 numpy==2.4.6
cat >"$folder/threads.py" <<'PYTHON'
import sys
import threading

import torch

seen = []


def in_a_thread(number=None):
    def look():
        seen.append(torch.get_num_threads())
        if number is not None:
            torch.set_num_threads(number)
            seen.append(torch.get_num_threads())

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()


torch.set_num_threads(3)
if sys.argv[1] == "asked":
    assert torch.get_num_threads() == 3
in_a_thread(1)
seen.append(torch.get_num_threads())
in_a_thread()
print(
    f"torch {torch.__version__}, main thread set 3 and {sys.argv[1]}: a worker begins with "
    "{}, sets 1 and has {}; the main thread then has {}; a thread begun later has {}".format(*seen)
)
expected = [3, 1, 3 if sys.argv[1] == "asked" else 1, 1]
assert seen == expected, f"expected {expected}"
PYTHON
"$folder/venv/bin/python" "$folder/threads.py" asked
"$folder/venv/bin/python" "$folder/threads.py" "never asked"
