"""Check a contribution as the leaderboard and a pull request will."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from jarvis_stem import cli
from jarvis_stem.cli import report_checklist
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text
from jarvis_stem.utils.messages import quote, some

if TYPE_CHECKING:
    from jarvis_stem.formats.names import ResultName
    from jarvis_stem.scoring.checklist import CheckLine

_ROUNDING = 0.01  # share of predictions that may be another machine's arithmetic

_EPILOG = """\
exit status:
  0    nothing failed
  1    something failed, or there is no such contribution
  2    wrong arguments
  130  interrupted

examples:
  jarvis-stem check contributions/my_model
  jarvis-stem check contributions/my_model --reproduce
  jarvis-stem check contributions/my_model --json | jq '.lines[].status'
  jarvis-stem check --schema > docs/metadata.schema.json
"""


def _complete(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete a contribution's folder, or any folder where none is meant."""
    paths = [str(folder) for folder in cli.contributions(context)]
    found = [CompletionItem(path) for path in paths if path.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="dir")]


@click.command(cls=cli.Command, name="check", epilog=_EPILOG)
@click.argument(
    "contribution", type=cli.Folder(), required=False, metavar="FOLDER", shell_complete=_complete
)
@click.option(
    "--schema", is_flag=True, help="Print the JSON Schema of metadata.json; takes no FOLDER."
)
@click.option(
    "--reproduce",
    is_flag=True,
    help="Predict anew by the stored models and say how many predictions differ.",
)
@cli.folder_option("benchmarks", "Folder of benchmarks.")
@cli.data_option
@cli.json_option
@cli.quiet_option
def main(
    contribution: Path | None, schema: bool, reproduce: bool, benchmarks: Path, data: str | None
) -> int:
    """Check a contribution as the leaderboard and a pull request will.

    FOLDER is the contribution's, for example contributions/my_model. With --quiet only what failed
    is printed, on stderr. No code of the contribution is run.
    """
    cli.refuse_together("contribution", "schema")
    cli.refuse_together("reproduce", "schema")
    # Imported here, so that --help need not wait.
    from jarvis_stem.formats.metadata import Metadata
    from jarvis_stem.formats.project_metadata import listed_benchmarks
    from jarvis_stem.scoring.checklist import check

    if schema:
        print(json_text(Metadata.model_json_schema()), end="")
        return 0
    if contribution is None:
        raise click.UsageError("Missing argument 'FOLDER', or --schema in its place.")
    checklist = check(contribution, benchmarks, listed_benchmarks(benchmarks.parent))
    if reproduce:
        lines = [_reproduced(contribution, name, benchmarks, data) for name in checklist.recorded]
        checklist = replace(checklist, lines=[*checklist.lines, *lines])
    report_checklist(checklist, checklist.as_json())
    return 0 if checklist.ok else 1


def _reproduced(folder: Path, name: ResultName, benchmarks: Path, data: str | None) -> CheckLine:
    """How many predictions differ from what the stored model gives."""
    from jarvis_stem.prediction.reproduction import differing_ids
    from jarvis_stem.scoring.checklist import CheckLine

    what = f"{name.model_name} gives its predictions"
    try:
        differ, n = differing_ids(folder.resolve(), name, benchmarks, data)
    except StemError as error:
        return CheckLine("fail", what, [str(error)])
    named = f": {some(list(map(quote, differ)))}" if differ else ""
    detail = f"{len(differ)} of {n} predictions differ{named}"
    return CheckLine("fail" if len(differ) > _ROUNDING * n else "pass", what, [detail])


if __name__ == "__main__":
    sys.exit(cli.run(main))
