"""List the models that ``jarvis-stem predict --model`` takes."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from jarvis_stem import cli

_EPILOG = """\
where a model is:
  here      on this disk
  release   at the repository; downloaded when it is first used, and its SHA-256 checked
  weights   on this disk, without a graph: predict --trust-code executes its model.py

exit status:
  0    listed
  1    no such folder
  2    wrong arguments
  130  interrupted

examples:
  jarvis-stem models
  jarvis-stem models --json | jq -r '.[].name'
"""


@click.command(cls=cli.Command, name="models", epilog=_EPILOG)
@click.option(
    "--contributions",
    type=cli.Folder(),
    metavar="DIR",
    help="Folder of contributions; default: the repository's, or what this package has and knows.",
)
@cli.json_option
@cli.quiet_option
def main(contributions: Path | None) -> int:
    """List the models that jarvis-stem predict --model takes."""
    from jarvis_stem.prediction.models import known_models

    models = known_models(contributions)
    rows = [
        (one.name, one.benchmark, f"{one.accuracy:.4f}", f"{one.bytes / 1e6:.1f} MB", one.place)
        for one in models
    ]
    names = ("model", "benchmark", "accuracy", "size", "where")
    text = cli.table([names, *rows], ("model", "benchmark", "where"))
    cli.answer(text if rows else "no models", [one.as_json() for one in models])
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
