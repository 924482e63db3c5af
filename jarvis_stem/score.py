"""Score contributions and write the leaderboard and its pages."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from itertools import starmap, zip_longest
from pathlib import Path

import click

from jarvis_stem import cli
from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.project_metadata import METADATA, About, Project, listed_benchmarks
from jarvis_stem.formats.schema import web_address
from jarvis_stem.scoring.board import Board, Leaderboard
from jarvis_stem.scoring.leaderboard import build
from jarvis_stem.scoring.table import RANK, notices, rows
from jarvis_stem.utils import terminal
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.extras import missing
from jarvis_stem.utils.files import json_text, write_if_changed

_COLUMNS = (
    "rank",
    "contribution",
    "accuracy",
    "95% interval",
    "correct",
    "balanced accuracy",
    "macro F1",
    "MCC",
    "with structure",
    "time",
    "parameters",
    "date",
)

_EPILOG = """\
written to the output folder:
  <CAT>/<SUBCAT>/<dataset>_<prop>.md  the page, as JARVIS-Leaderboard publishes it
  leaderboard.json                    all of it as data
written to the site's folder, for a browser without a network:
  index.html                          the benchmarks
  benchmarks/<dataset>_<prop>.html    table, charts, any two models side by side
  assets/                             styles, scripts
`jarvis-stem site` adds cards and images; what it made stays.

exit status:
  0    every contribution was scored; results of other metrics are counted and left out
  1    something was rejected, or a benchmark has a fault, and is named on stderr (the others
       are scored and written), or nothing could be scored or written, as after a change of a
       benchmark that SHA256SUMS lists
  2    wrong arguments
  130  interrupted

examples:
  jarvis-stem score
  jarvis-stem score --output /tmp/docs
  jarvis-stem score --json | jq '.benchmarks[].results[0]'
"""


@click.command(cls=cli.Command, name="score", epilog=_EPILOG)
@cli.folder_option("contributions", "Folder of contribution folders.")
@cli.folder_option("benchmarks", "Folder of benchmarks.")
@cli.folder_option("output", "Folder to write leaderboard.json and JARVIS' pages to.", Path("docs"))
@cli.folder_option("site", "Folder to write the pages for a browser to.")
@click.option(
    "--repository-url",
    metavar="URL",
    help="Web address that the pages link to; default: repository_url in ./metadata.json.",
)
@cli.json_option
@cli.quiet_option
def main(
    contributions: Path, benchmarks: Path, output: Path, site: Path, repository_url: str | None
) -> int:
    """Score contributions and write the leaderboard and its pages."""
    project = _project(repository_url)
    leaderboard = build(contributions, benchmarks, project.benchmarks)
    data = leaderboard.as_json()
    if without := [name for name in ("itables", "plotly") if find_spec(name) is None]:
        terminal.note(f"no pages are written: {missing(without[0])}")
        pages: list[Path] = []
    else:
        pages = _build_site(leaderboard, project, contributions, site)  # first, for it may refuse
        for path, text in _jarvis_pages(leaderboard, project).items():
            write_if_changed(output / path, text.encode())
    write_if_changed(output / "leaderboard.json", json_text(data).encode())
    notes = [f"note: {leaderboard.left_out_note}"] if leaderboard.left_out else []
    text = "\n".join([*starmap(_text, zip_longest(leaderboard.benchmarks, pages)), *notes])
    cli.report(text, data)
    cli.report_rejected(leaderboard)
    return 1 if leaderboard.incomplete else 0


def _project(repository_url: str | None) -> Project:
    """What ./metadata.json says; it may be missing where the address is given."""
    if repository_url is None:
        return Project.read(Path(METADATA))
    try:
        address = web_address(repository_url)
    except ValueError as error:
        raise StemError(f"{repository_url!r}: {error}") from None
    return Project(address, listed_benchmarks(Path()))


def _jarvis_pages(leaderboard: Leaderboard, project: Project) -> dict[Path, str]:
    """JARVIS' pages by path below the output folder."""
    # Plotly takes most of the command's time; --help and faults need not wait for it.
    from jarvis_stem.scoring.jarvis_page import page_markdown

    pages = {}
    for board in leaderboard.benchmarks:
        name = ResultName.parse(board.name)
        about = project.benchmarks.get(name, About(title=board.name))
        pages[name.page_path(".md")] = page_markdown(board, about, project.repository_url)
    return pages


def _build_site(
    leaderboard: Leaderboard, project: Project, contributions: Path, site: Path
) -> list[Path]:
    """Write the pages that show scores; where each board's is."""
    from jarvis_stem.web import builder
    from jarvis_stem.web.content import ROBUSTNESS, Content, board_page, read_measured

    content = Content(leaderboard, project, contributions, read_measured(ROBUSTNESS))
    builder.build(content, site, builder.SCORES)
    return [site / board_page(board) for board in leaderboard.benchmarks]


def _text(board: Board, page: Path | None) -> str:
    """A board as aligned text, what to know of it, and where its page is if it has one."""
    lines = [_COLUMNS, *([row.cells.get(c) or "-" for c in _COLUMNS] for row in rows(board))]
    notes = [f"note: {sentence}" for sentence in notices(board)]
    table = cli.table(lines, left=("contribution", "date"))
    return "\n".join([board.name, table, RANK, *notes, *([f"page: {page}"] if page else []), ""])


if __name__ == "__main__":
    sys.exit(cli.run(main))
