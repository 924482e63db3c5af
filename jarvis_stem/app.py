"""Name the Bravais lattice in pictures on a page: ``jarvis-stem app``."""

from __future__ import annotations

import sys
import webbrowser
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jarvis_stem import cli
from jarvis_stem.formats.names import DEFAULT_MODEL
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.extras import missing

if TYPE_CHECKING:
    from jarvis_stem.prediction.predictor import Predictor

_EPILOG = """\
The page is for this machine's browsers alone: it listens on 127.0.0.1, loads nothing from elsewhere
and sends nothing anywhere. Files that are dropped on it are copied to a temporary folder, which is
removed when the command ends.

exit status:
  0    ended by Ctrl-C
  1    the port is in use, there is no model, or the extra app is not installed
  2    wrong arguments
  130  interrupted before the page was there

examples:
  jarvis-stem app
  jarvis-stem app --pixel-size 0.15
  jarvis-stem app --port 0 --no-browser
"""


@click.command(cls=cli.Command, name="app", epilog=_EPILOG)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8750,
    show_default=True,
    help="Port of 127.0.0.1; 0 takes any that is free.",
)
@click.option("--no-browser", is_flag=True, help="Do not open the page; say where it is.")
@click.option(
    "--pixel-size",
    type=click.FloatRange(min=0, min_open=True),
    metavar="Å",
    help="Å per pixel that the page starts with; default: what the files say.",
)
@click.option(
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="NAME",
    shell_complete=cli.complete_contribution,
    help="A model; jarvis-stem models lists them.",
)
@click.option(
    "--contributions",
    type=cli.Folder(),
    metavar="DIR",
    help="Folder of contributions; default: the repository's.",
)
@cli.quiet_option
def main(
    port: int,
    no_browser: bool,
    pixel_size: float | None,
    model: str,
    contributions: Path | None,
) -> int:
    """Open a page on which pictures are dropped and their lattices seen.

    It shows class, probabilities, lattice, what they were seen in and why they are not to be
    trusted, walks through a folder, and gives plots, CSV and JSON to download.
    """
    if find_spec("nicegui") is None:
        raise StemError(missing("nicegui"))
    from jarvis_stem.web.app.server import Server
    from jarvis_stem.web.app.worker import Settings

    _load(model, contributions)  # what is wrong with it is said now, and not of every picture
    server = Server.on(port)
    cli.say(f"{server.url} (Ctrl-C ends)")
    if not no_browser:
        webbrowser.open(server.url)
    server.run(partial(_load, model, contributions), Settings(pixel_size))
    return 0


def _load(model: str, contributions: Path | None) -> Predictor:
    """Load the model, in the process that answers; the page's own needs none of its libraries."""
    from jarvis_stem.api import load_model

    return load_model(model, contributions=contributions)


if __name__ == "__main__":
    sys.exit(cli.run(main))
