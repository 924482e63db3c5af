"""How every command ends: with an exit status, and a message instead of a traceback."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable

from jarvis_stem.errors import StemError

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
BROKEN_PIPE = 141  # 128 + SIGPIPE


def run(main: Callable[[], int]) -> int:
    """Run a command and turn what it raises into a message on stderr and an exit status.

    Args:
        main: The command; it returns its own exit status.

    Returns:
        That status; 1 after a `StemError` or `OSError`, 130 after Ctrl-C, 141 when the reader of
        the output has gone.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an ASCII terminal is no reason to fail
    try:
        status = main()
        sys.stdout.flush()  # here, where a full disk can still be reported
        return status
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        status = BROKEN_PIPE
    except StemError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 1
    except OSError as error:
        print(f"error: {error.filename or 'output'}: {error.strerror or error}", file=sys.stderr)
        status = 1
    _flush_or_discard()
    return status


def _flush_or_discard() -> None:
    """Keep Python from flushing into a closed pipe or a full disk once more as it exits."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
