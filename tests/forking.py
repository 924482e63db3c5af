"""Commands that start at once: each in a copy of a process that has imported what they need.

``python tests/forking.py`` reads from standard input, a line of JSON each, what ``jarvis-stem`` is
to be given; it says the number of the process that runs it, then how that ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

from helpers import REPOSITORY


class Forking:
    """Starts commands, one at a time, that write what they say into a file."""

    def __init__(self, folder: Path) -> None:
        """Have everything imported.

        Args:
            folder: Where they run, and what they say is: ``said.txt``.
        """
        self._said = folder / "said.txt"
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": f"{Path(__file__).parent}:{REPOSITORY}",
                "OMP_NUM_THREADS": "1",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Forking:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def start(self, *arguments: str) -> int:
        """Start a command; the number of its process."""
        assert self._process.stdin
        print(json.dumps(arguments), file=self._process.stdin, flush=True)
        return int(self._line())

    def ended(self) -> tuple[int, str]:
        """Wait for the command; its exit status as `subprocess` has it, and what it has said."""
        status = int(self._line())
        return status, self._said.read_text(encoding="utf-8")

    def _line(self) -> Any:
        assert self._process.stdout
        return self._process.stdout.readline()


def _serve() -> None:
    from jarvis_stem import predict  # noqa: F401 - imported for all copies, as what follows
    from jarvis_stem.api import load_model
    from jarvis_stem.prediction import archiving, cluster  # noqa: F401

    load_model()
    for line in sys.stdin:
        number = os.fork()
        if number == 0:
            _be(json.loads(line))
        print(number, flush=True)
        _, status = os.waitpid(number, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _be(arguments: list[str]) -> NoReturn:
    """Run a command in this process."""
    from jarvis_stem.__main__ import entry

    os.setsid()  # so that all it starts can be killed with it
    said = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(said, 1)
    os.dup2(said, 2)
    sys.argv = ["jarvis-stem", *arguments]
    sys.exit(entry())


if __name__ == "__main__":
    _serve()
