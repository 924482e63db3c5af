"""The command ``jarvis-stem``, and ``python -m jarvis_stem``: every command under one name."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click
from click.shell_completion import shell_complete

from jarvis_stem import __version__, cli

# In the order of the help; each is the ``main`` of the module of its name.
COMMANDS = (
    *("predict", "series", "app", "train", "score", "check", "new", "submit"),
    *("site", "data", "models", "convert", "audit", "export", "judge"),
)
_PROGRAM = "jarvis-stem"
_COMPLETE = "_JARVIS_STEM_COMPLETE"  # set by the shell when it asks for completions
_EPILOG = """\
exit status, of every command:
  0    done
  1    something is wrong with the input or the output; stderr names it
  2    wrong arguments
  130  interrupted
  141  the reader of the output has gone

examples:
  jarvis-stem predict picture.png
  jarvis-stem train lattice_cnn_model --benchmark stem_2d_proto
  jarvis-stem score --json | jq '.benchmarks[].results[0]'

completion of commands, options and names, for the shell's start file:
  eval "$(_JARVIS_STEM_COMPLETE=bash_source jarvis-stem)"  # ~/.bashrc
  eval "$(_JARVIS_STEM_COMPLETE=zsh_source jarvis-stem)"   # ~/.zshrc
  _JARVIS_STEM_COMPLETE=fish_source jarvis-stem | source   # ~/.config/fish/config.fish

Colours are for terminals, and not where NO_COLOR is set.
"""


class _Commands(cli.Group):
    """The commands, each imported when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"jarvis_stem.{cmd_name}").main
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=COMMANDS, ctx=ctx
            ) from None


@click.group(cls=_Commands, epilog=_EPILOG)
@click.version_option(__version__, prog_name=_PROGRAM, message="%(prog)s %(version)s")
def main() -> None:
    """Name the Bravais lattice of 2D materials in STEM images; train, score and compare models."""


def entry() -> int:
    """Run what the shell asked for; what setup.py names ``jarvis-stem``."""
    if instruction := os.environ.get(_COMPLETE):
        return shell_complete(main, {}, _PROGRAM, _COMPLETE, instruction)
    return cli.run(main)


if __name__ == "__main__":
    sys.exit(entry())
