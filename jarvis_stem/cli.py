"""What every command is made of, and how it ends: an exit status, a message, no traceback."""

from __future__ import annotations

import atexit
import gc
import io
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from jarvis_stem import cli
from jarvis_stem.formats.names import DEFAULT_BENCHMARK
from jarvis_stem.utils import terminal
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text
from jarvis_stem.utils.garbage import collect_seldom
from jarvis_stem.utils.terminal import QUIET, Coloured, echo, is_quiet, is_set, plain

if TYPE_CHECKING:
    from jarvis_stem.scoring.board import Leaderboard
    from jarvis_stem.scoring.checklist import Checklist

USAGE = 2  # as click and argparse have it
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
BROKEN_PIPE = 141  # 128 + SIGPIPE
_JSON = f"{__name__}.json"
_BENCHMARK = "_bravais_class.json.zip"


class Command(click.Command):
    """A command that a program calls as the shell does, and that prints its epilog as it is."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Make the command, with -h for --help."""
        super().__init__(*arguments, **options)
        self.context_settings.setdefault("help_option_names", ["--help", "-h"])

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
            with self.make_context(_program(), given) as context:
                return int(self.invoke(context) or 0)
        except click.exceptions.Exit as end:  # after --help or --version
            return end.exit_code

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the epilog, of which click would join the lines."""
        if self.epilog:
            formatter.write(f"\n{self.epilog.rstrip()}\n")


class Group(Command, click.Group):
    """Commands under one name."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands, in the order that they are defined in."""
        return list(self.commands)


class Folder(click.Path):
    """A folder's path; whether it is there is for the command to say."""

    name = "DIR"

    def __init__(self) -> None:
        """Make the type."""
        super().__init__(path_type=Path)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Have the shell complete it, with folders."""
        return [CompletionItem(incomplete, type="dir")]


def folder_option(name: str, what: str, default: Path | None = None) -> Callable[[Any], Any]:
    """Make an option that names a folder.

    Args:
        name: For example ``contributions``.
        what: What the folder holds.
        default: By default the folder of the option's name.
    """
    return click.option(
        f"--{name}",
        type=Folder(),
        default=default or Path(name),
        show_default=True,
        metavar="DIR",
        help=what,
    )


def contributions(context: click.Context) -> list[Path]:
    """Contribution folders to complete a name from: below --contributions; none where it is not."""
    from jarvis_stem.formats.folder import check_folder_name, contribution_folders

    try:
        found = contribution_folders(context.params.get("contributions") or Path("contributions"))
    except StemError:
        return []
    return [folder for folder in found if not check_folder_name(folder)]


def complete_contribution(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Complete a contribution's name."""
    names = (folder.name for folder in contributions(context))
    return [name for name in names if name.startswith(incomplete)]


def datasets(benchmarks: Path) -> list[str]:
    """Datasets that there is a benchmark of, sorted.

    Args:
        benchmarks: Folder of all benchmarks.
    """
    paths = benchmarks.glob(f"AI/ImageClass/*{_BENCHMARK}")
    return sorted(path.name.removesuffix(_BENCHMARK) for path in paths)


def complete_dataset(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Complete a dataset's name."""
    known = datasets(context.params.get("benchmarks") or Path("benchmarks"))
    return [name for name in known if name.startswith(incomplete)]


def _flag(key: str, *names: str, help: str) -> Callable[[Any], Any]:
    """A flag that is no parameter of the command's function but kept in the context."""

    def keep(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
        context.meta[key] = value

    return click.option(*names, is_flag=True, expose_value=False, callback=keep, help=help)


dataset_option = click.option(
    "--benchmark",
    default=DEFAULT_BENCHMARK,
    show_default=True,
    metavar="DATASET",
    shell_complete=complete_dataset,
    help="Which benchmark; stem_2d_proto is built in.",
)
data_option = click.option(
    "--data",
    metavar="DIR",
    shell_complete=Folder().shell_complete,
    help="JARVIS databases; default: JARVIS_STEM_DATA or their cache.",
)
cache_option = click.option(
    "--cache",
    type=Folder(),
    metavar="DIR",
    help="Drawn and described images; default: JARVIS_STEM_CACHE or this package's cache.",
)
refresh_option = click.option("--refresh", is_flag=True, help="Download the JARVIS databases anew.")
json_option = _flag(_JSON, "--json", help="Print the result as JSON, nothing else.")
quiet_option = _flag(
    QUIET,
    *("-q", "--quiet"),
    help="Print no progress and no report: only errors, and what --json asks for.",
)


def wants_json() -> bool:
    """Whether the command that runs was given --json."""
    return is_set(_JSON)


def refuse_together(*names: str) -> None:
    """Refuse arguments of the running command that exclude each other.

    Args:
        names: Of its function's parameters.

    Raises:
        click.UsageError: More than one of them was given.
    """
    context = click.get_current_context()
    given = [
        parameter.get_error_hint(context)
        for parameter in context.command.params
        if parameter.name in names
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} exclude each other.")


def answer(text: str, data: Any) -> None:
    """Print what a command was asked for.

    Args:
        text: For a person.
        data: For a program, printed in its place with --json.
    """
    if wants_json():
        print(json_text(data), end="")
    else:
        echo(text)


def report(text: str, data: Any) -> None:
    """Print what came of what a command did; see `answer`. With --quiet the text is left out."""
    if wants_json() or not is_quiet():
        answer(text, data)


def say(text: str) -> None:
    """Print a part of a report that is for a person only; not with --quiet or --json."""
    if not (is_quiet() or wants_json()):
        echo(text)


def table(lines: Sequence[Sequence[str]], left: Sequence[str]) -> str:
    """Align cells as text.

    Args:
        lines: Cells of each line, those of the first are the columns' names.
        left: Names of the columns whose cells are text; others are aligned at their right.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if name in left else cell.rjust(width)
            for name, cell, width in zip(lines[0], line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def typed() -> str:
    """The command line, as a shell takes it."""
    return f"{_program()} {shlex.join(sys.argv[1:])}"


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
    collect_seldom()
    atexit.register(gc.freeze)  # else the end of a process looks through all modules for garbage
    try:
        status = main()
        sys.stdout.flush()  # here, where a full disk can still be reported
        return status
    except (KeyboardInterrupt, click.Abort) as error:
        print("; ".join(["interrupted", *map(str, error.args)]), file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        status = BROKEN_PIPE
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        print(plain(shown.getvalue()), end="", file=sys.stderr)
        status = error.exit_code
    except StemError as error:
        complain(str(error))
        status = 1
    except OSError as error:
        complain(f"{error.filename or 'output'}: {error.strerror or error}")
        status = 1
    _flush_or_discard()
    return status


def complain(message: str) -> None:
    """Say on stderr that something is wrong."""
    echo(Coloured(f"{click.style('error:', fg='red')} {plain(message)}"), to_stderr=True)


def _program() -> str:
    """The command's name as it was typed: ``python -m jarvis_stem.score`` or ``jarvis-stem``."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    if module is None:
        return Path(sys.argv[0]).name
    return f"python -m {module.name.removesuffix('.__main__')}"


def _flush_or_discard() -> None:
    """Keep Python from flushing into a closed pipe or a full disk once more as it exits."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_COLOURS = {"pass": "green", "fail": "red", "skip": "yellow"}
_STATUS = re.compile(rf"^({'|'.join(_COLOURS)})(?=  )", re.MULTILINE)


def report_checklist(checklist: Checklist, data: Any) -> None:
    """Print a checklist; with --quiet what failed, on stderr.

    Args:
        checklist: For a person.
        data: For a program.
    """
    cli.report(coloured(checklist), data)
    if terminal.is_quiet():
        for failure in checklist.failures:
            terminal.echo(failure, to_stderr=True)


def report_rejected(leaderboard: Leaderboard) -> None:
    """Say on stderr what was not scored, a line for each reason."""
    for benchmark, fault in leaderboard.faults.items():
        terminal.echo(f"benchmark not scored: {benchmark}: {fault}", to_stderr=True)
    for rejection in leaderboard.all_rejected:
        for problem in rejection.problems:
            where = f"{rejection.contribution}/{rejection.file}"
            terminal.echo(f"rejected: {where}: {problem}", to_stderr=True)


def coloured(checklist: Checklist) -> Coloured:
    """The checklist for a terminal, each line's status in its colour."""
    text = plain(checklist.text())
    return Coloured(_STATUS.sub(lambda found: click.style(found[0], _COLOURS[found[0]]), text))
