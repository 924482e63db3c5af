#!/usr/bin/env bash
# CPython 3.11 to 3.13: signals that are blocked when a process or shared memory is first made.
#
# To keep Ctrl-C from the processes that one is about to start, one blocks SIGINT in the thread that
# starts them (signal.pthread_sigmask): children inherit what is blocked. The documentation of
# multiprocessing says of its resource tracker that there is one, and nothing of signals. One would
# guess that the mask is then as it was.
# Seen: the first process of the kind spawn or forkserver, or SharedMemory, starts the tracker, which
# blocks SIGINT and SIGTERM meanwhile and then unblocks both instead of restoring the mask. So the
# first child is started with SIGINT unblocked, whatever was blocked before, and this thread has
# it unblocked, too; once the tracker runs the same code keeps the mask.
# multiprocessing.resource_tracker.ensure_running() before blocking avoids it.
#
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/mask.py" <<'PYTHON'
import multiprocessing
import signal
import sys


def blocked():
    return sorted(one.name for one in signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def say(pipe):
    pipe.send(blocked())


if __name__ == "__main__":
    spawning = multiprocessing.get_context("spawn")
    seen = []
    for _ in range(2):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        here, there = spawning.Pipe()
        child = spawning.Process(target=say, args=(there,))
        child.start()
        seen.append((here.recv(), blocked()))
        child.join()
    print(f"Python {sys.version.split()[0]}, SIGINT blocked; blocked then in the child and here:", seen)
    assert seen == [([], []), (["SIGINT"], ["SIGINT"])], seen
PYTHON
"${PYTHON:-python3}" "$folder/mask.py"
