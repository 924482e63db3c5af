"""Export contributions as JARVIS-Leaderboard takes them: ``jarvis-stem export``.

JARVIS-Leaderboard (https://github.com/usnistgov/jarvis_leaderboard) wants a folder of predictions,
metadata.json and run.sh per contribution. Its reader, pandas, takes some valid predictions
otherwise than they are meant (`tests/scoring/test_upstream.py` has cases), so the CSVs are written
anew: the benchmark's ids, order and targets, plain classes.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from jarvis_stem import cli
from jarvis_stem.formats.benchmark import Benchmarks
from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.project_metadata import METADATA, Project
from jarvis_stem.scoring.contribution import read_contribution
from jarvis_stem.submission.jarvis_export import (
    check_layout,
    choose_folders,
    export,
    notes_on,
    only_on,
    result_names,
)
from jarvis_stem.utils import terminal
from jarvis_stem.utils.errors import StemError

_PREFIX = re.compile(r"[A-Za-z0-9_+-]*")
_EPILOG = """\
written below DIR, which is new, empty, or the folder jarvis_leaderboard of a clone of
JARVIS-Leaderboard:
  contributions/<model>/*.csv.zip      id, target, prediction in the benchmark's order
  contributions/<model>/metadata.json  JARVIS' keys only
  contributions/<model>/run.sh         clones this repository and trains the model
  benchmarks/<CAT>/<SUBCAT>/*.json.zip benchmarks that JARVIS-Leaderboard has not
In the clone, python jarvis_leaderboard/rebuild.py then scores it; pull requests go to its
branch develop.

exit status:
  0    everything asked for was exported
  1    something was not, and is named on stderr (the others are exported)
  2    wrong arguments
  130  interrupted

examples:
  jarvis-stem export --jarvis /tmp/jarvis
  jarvis-stem export --jarvis jarvis_leaderboard/jarvis_leaderboard \\
    --benchmark stem_2d_image --prefix my_team_ my_model
"""


def _prefix(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise click.BadParameter(f"expected letters, digits, '_', '+', '-', got {text!r}")
    return text


@click.command(cls=cli.Command, name="export", epilog=_EPILOG)
@click.argument("models", nargs=-1, metavar="[MODEL]...", shell_complete=cli.complete_contribution)
@click.option(
    "--jarvis", type=cli.Folder(), required=True, metavar="DIR", help="Folder to write to."
)
@click.option(
    "--benchmark",
    metavar="DATASET",
    shell_complete=cli.complete_dataset,
    help="Only results on this one; default: all.",
)
@click.option(
    "--prefix",
    callback=_prefix,
    default="",
    metavar="TEXT",
    help="Put before the contributions' names in DIR.",
)
@cli.folder_option("contributions", "Folder of contribution folders.")
@cli.folder_option("benchmarks", "Folder of benchmarks.")
@cli.json_option
@cli.quiet_option
def main(
    models: tuple[str, ...],
    jarvis: Path,
    benchmark: str | None,
    prefix: str,
    contributions: Path,
    benchmarks: Path,
) -> int:
    """Export contributions as JARVIS-Leaderboard takes them.

    MODEL is a contribution's name; all are exported where none is named.
    """
    check_layout(jarvis)
    project = Project.read(benchmarks.parent / METADATA)
    known = Benchmarks(benchmarks, project.benchmarks)
    exported: dict[str, list[ResultName]] = {}  # by name in DIR
    failed: dict[str, list[str]] = {}
    for folder in choose_folders(contributions, models):
        contribution = only_on(read_contribution(folder, known), benchmark)
        if not contribution.submissions and not models:
            continue
        name = prefix + folder.name
        try:
            export(contribution, known, jarvis, name, project.repository_url)
        except StemError as error:
            failed[folder.name] = str(error).splitlines()
            continue
        exported[name] = result_names(contribution)
    if not exported and not failed:
        raise StemError(f"{contributions}: nothing to export")
    for name, problems in failed.items():
        for problem in problems:
            terminal.echo(f"not exported: {name}: {problem}", to_stderr=True)
    written = {str(jarvis / "contributions" / name): names for name, names in exported.items()}
    notes = notes_on(exported, known)
    cli.report(
        "\n".join(f"{folder}: {', '.join(map(str, names))}" for folder, names in written.items()),
        {
            "exported": {
                folder: [str(name) for name in names] for folder, names in written.items()
            },
            "not_exported": failed,
            "notes": notes,
        },
    )
    for text in notes:
        terminal.note(f"note: {text}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
