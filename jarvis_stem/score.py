"""Score contributions and write the leaderboard and its pages."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import zip_longest
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

# In the order of the table; without --wide those with the highest weight that fit are shown.
_COLUMNS = {
    "rank": 9,
    "contribution": 9,
    "accuracy": 9,
    "95% interval": 8,
    "correct": 7,
    "balanced accuracy": 3,
    "macro F1": 2,
    "MCC": 2,
    "with structure": 3,
    "time": 6,
    "parameters": 4,
    "date": 5,
}
_MORE = ("without structure", "CPU time", "memory", "epochs", "hardware", "team")
_TEXT = ("contribution", "date", "hardware", "team")
_PIPED = 80  # columns of characters where there is no terminal

_EPILOG = """\
written to the output folder:
  <CAT>/<SUBCAT>/<dataset>_<prop>.md  the page, as JARVIS-Leaderboard publishes it
  leaderboard.json                    all of it as data
written to the site's folder, for a browser without a network:
  index.html                          the benchmarks
  benchmarks/<dataset>_<prop>.html    table, charts, any two models side by side
  submit.html, faq.html, about.html   how to submit, questions, citation; feed.xml: new results
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
  jarvis-stem score --columns accuracy,time,memory
  jarvis-stem score --json | jq '.benchmarks[].results[0]'
"""


def _chosen(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> list[str] | None:
    """The columns that were named."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    known = (*_COLUMNS, *_MORE)
    for name in names:
        if name not in known:
            raise click.BadParameter(
                f"{name!r}: expected names of {', '.join(known)}", context, parameter
            )
    return list(dict.fromkeys(["contribution", *names]))


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
@click.option("--wide", is_flag=True, help="Show every column, however long the lines become.")
@click.option(
    "--columns",
    callback=_chosen,
    metavar="NAME,…",
    help=f"Show these beside the contribution: {', '.join([*_COLUMNS, *_MORE])}. Default: those "
    "that fit the terminal, or 80 characters.",
)
@cli.json_option
@cli.quiet_option
def main(
    contributions: Path,
    benchmarks: Path,
    output: Path,
    site: Path,
    repository_url: str | None,
    wide: bool,
    columns: list[str] | None,
) -> int:
    """Score contributions and write the leaderboard and its pages."""
    cli.refuse_together("wide", "columns")
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
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPED
    shown = columns or (list(_COLUMNS) if wide else None)
    texts = [
        _text(board, page, shown, width)
        for board, page in zip_longest(leaderboard.benchmarks, pages)
    ]
    text = "\n".join([*texts, *(line for note in notes for line in _wrapped(note, width))])
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
    from jarvis_stem.web.content import ROBUSTNESS, UNSEEN, Content, board_page, read_measured

    content = Content(
        leaderboard,
        project,
        contributions,
        robustness=read_measured(ROBUSTNESS),
        unseen=read_measured(UNSEEN),
    )
    builder.build(content, site, builder.SCORES)
    return [site / board_page(board) for board in leaderboard.benchmarks]


def _text(board: Board, page: Path | None, columns: list[str] | None, width: int) -> str:
    """A board as aligned text, what to know of it, and where its page is.

    Args:
        board: What to show.
        page: Its page, if there is one.
        columns: What to show of it; what fits if None.
        width: Characters of a line.
    """
    notes = [RANK, *(f"note: {sentence}" for sentence in notices(board))]
    lines = [line for note in notes for line in _wrapped(note, width)]
    table = _table(board, columns) if columns else _fitting(board, width)
    return "\n".join([board.name, table, *lines, *([f"page: {page}"] if page else []), ""])


def _table(board: Board, columns: Sequence[str]) -> str:
    lines = [columns, *([row.cells.get(c) or "-" for c in columns] for row in rows(board))]
    return cli.table(lines, left=_TEXT)


def _fitting(board: Board, width: int) -> str:
    """The table with as many columns as fit, those of the highest weight."""
    shown = list(_COLUMNS)
    by_weight = sorted(_COLUMNS, key=_COLUMNS.__getitem__, reverse=True)
    while len(shown) > 3 and max(map(len, _table(board, shown).splitlines())) > width:
        shown.remove(by_weight.pop())
    return _table(board, shown)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False)


if __name__ == "__main__":
    sys.exit(cli.run(main))
