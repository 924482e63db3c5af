"""Start a contribution: a folder that trains at once, to be made into your own."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from jarvis_stem import cli
from jarvis_stem.formats.metadata import METADATA, REQUIRED_TEXT
from jarvis_stem.submission.starter import create
from jarvis_stem.utils import terminal
from jarvis_stem.utils.files import read_json_object

_EPILOG = """\
written to contributions/NAME, all of it or nothing:
  model.py       a small convolutional network and the recipe of its training
  run.sh         trains it; arguments go to jarvis_stem.train
  metadata.json  what describes it, filled in as far as git knows name, e-mail and origin
  README.md      what to fill in and how to go on

exit status:
  0    written
  1    the name cannot be used or is taken, or the folder cannot be written
  2    wrong arguments
  130  interrupted

examples:
  jarvis-stem new my_model
  bash contributions/my_model/run.sh --benchmark stem_2d_proto
"""
_CONTRIBUTIONS = Path("contributions")


@click.command(cls=cli.Command, name="new", epilog=_EPILOG)
@click.argument("name", metavar="NAME")
@cli.folder_option("contributions", "Folder to write it to.", _CONTRIBUTIONS)
@cli.quiet_option
def main(name: str, contributions: Path) -> int:
    """Start a contribution: a folder that trains at once.

    NAME is that of the contribution and of its folder, to be made into your own.
    """
    folder = create(name, contributions)
    if not terminal.is_quiet():
        print(_next_steps(folder, contributions))
    return 0


def _next_steps(folder: Path, contributions: Path) -> str:
    metadata = read_json_object(folder / METADATA)
    empty = [key for key in REQUIRED_TEXT if not metadata[key]]
    where = shlex.quote(str(folder))
    elsewhere = ""  # run.sh and submit look in contributions/
    if contributions != _CONTRIBUTIONS:
        elsewhere = f" --contributions {shlex.quote(str(contributions.resolve()))}"
    return "\n".join(
        [
            f"wrote {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}",
            *([f"fill in {folder / METADATA}: {', '.join(empty)}"] if empty else []),
            "next:",
            f"  bash {where}/run.sh --benchmark stem_2d_proto{elsewhere}",
            f"  jarvis-stem check {where}",
            f"  jarvis-stem submit {folder.name} --dry-run{elsewhere}",
        ]
    )


if __name__ == "__main__":
    sys.exit(cli.run(main))
