"""Turn a contribution's stored weights into a model that runs without its code."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from jarvis_stem import cli

_EPILOG = """\
For contributions whose weights were stored as .safetensors, before there were stored models. Their
model.py is executed: only for contributions that you trust.

exit status:
  0    converted, or there was nothing to convert
  1    something is wrong with the contribution, or its model cannot be a graph
  2    wrong arguments
  130  interrupted

examples:
  jarvis-stem convert my_model
"""


@click.command(cls=cli.Command, name="convert", epilog=_EPILOG)
@click.argument("name", metavar="NAME", shell_complete=cli.complete_contribution)
@cli.folder_option("contributions", "Where NAME's folder is.")
@cli.folder_option("benchmarks", "Folder of benchmarks.")
@cli.json_option
@cli.quiet_option
def main(name: str, contributions: Path, benchmarks: Path) -> int:
    """Turn a contribution's stored weights into a model that runs without its code.

    Executes its model.py; trains and predicts nothing.
    """
    from jarvis_stem.training.conversion import convert

    written = convert(contributions / name, benchmarks)
    text = "\n".join(f"wrote {path}" for path in written) or "nothing to convert"
    cli.report(text, [str(path) for path in written])
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
