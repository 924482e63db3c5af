"""What every command is made of, and how it ends: an exit status, a message, no traceback."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from jarvis_stem.errors import StemError

USAGE = 2  # as click and argparse have it
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
BROKEN_PIPE = 141  # 128 + SIGPIPE


class Command(click.Command):
    """A command that a program calls as the shell does, and that prints its epilog as it is."""

    def __call__(self, arguments: Sequence[str] | None = None) -> int:
        """Run the command.

        Args:
            arguments: Those of the command line if None.

        Returns:
            Its exit status.

        Raises:
            click.UsageError: Wrong arguments.
            StemError: See the command.
        """
        given = sys.argv[1:] if arguments is None else list(arguments)
        try:
            with self.make_context(_program(self), given) as context:
                return int(self.invoke(context) or 0)
        except click.exceptions.Exit as end:  # after --help or --version
            return end.exit_code

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the epilog, of which click would join the lines."""
        if self.epilog:
            formatter.write(f"\n{self.epilog.rstrip()}\n")


class Folder(click.Path):
    """A folder's path; whether it is there is for the command to say."""

    name = "DIR"

    def __init__(self) -> None:
        """Make the type."""
        super().__init__(path_type=Path)


def folder_option(name: str, what: str) -> Callable[[Any], Any]:
    """Make an option that names a folder, by default the one of the option's name.

    Args:
        name: For example ``contributions``.
        what: What the folder holds.
    """
    return click.option(
        f"--{name}", type=Folder(), default=Path(name), show_default=True, metavar="DIR", help=what
    )


def run(main: Callable[[], int]) -> int:
    """Run a command and turn what it raises into a message on stderr and an exit status.

    Args:
        main: The command; it returns its own exit status.

    Returns:
        That status; 1 after a `StemError` or `OSError`, 2 after wrong arguments, 130 after Ctrl-C,
        141 when the reader of the output has gone.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an ASCII terminal is no reason to fail
    try:
        status = main()
        sys.stdout.flush()  # here, where a full disk can still be reported
        return status
    except (KeyboardInterrupt, click.Abort):
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        status = BROKEN_PIPE
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except StemError as error:
        _complain(str(error))
        status = 1
    except OSError as error:
        _complain(f"{error.filename or 'output'}: {error.strerror or error}")
        status = 1
    _flush_or_discard()
    return status


def _complain(message: str) -> None:
    click.echo(f"{click.style('error:', fg='red')} {message}", err=True)  # coloured on a terminal


def _program(command: click.Command) -> str:
    """The command's name as it was typed: ``python -m jarvis_stem.score`` or ``jarvis-stem``."""
    main = sys.modules["__main__"]
    module = getattr(main, "__spec__", None)
    if module is None:
        return Path(sys.argv[0]).name or str(command.name)
    return f"python -m {module.name.removesuffix('.__main__')}"


def _flush_or_discard() -> None:
    """Keep Python from flushing into a closed pipe or a full disk once more as it exits."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
