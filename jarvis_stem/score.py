"""Score contributions and write the leaderboard and its pages."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from jarvis_stem import cli
from jarvis_stem.benchmark import ResultName
from jarvis_stem.files import json_text, write_text
from jarvis_stem.leaderboard import Board, Leaderboard, Rejection, build
from jarvis_stem.project import METADATA, About, Project, listed_benchmarks, web_address
from jarvis_stem.rows import RANK, rows, same_predictions

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
  <CAT>/<SUBCAT>/<dataset>_<prop>.md    the page, as JARVIS-Leaderboard publishes it
  <CAT>/<SUBCAT>/<dataset>_<prop>.html  the same for a browser, without a network
  index.html                            the list of these pages
  plotly.min.js                         what the .html draws its chart with
  leaderboard.json                      all of it as data

exit status:
  0    every contribution was scored
  1    something was rejected, and named on stderr (the others are scored and written),
       or nothing could be scored or written
  2    wrong arguments
  130  interrupted

examples:
  python -m jarvis_stem.score
  python -m jarvis_stem.score --output /tmp/docs
  python -m jarvis_stem.score --json | jq '.benchmarks[].results[0]'
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: Those of the command line if None.

    Returns:
        Exit status: 1 if something was rejected, else 0.

    Raises:
        StemError: A folder is missing, or a benchmark or the project's metadata is broken.
        OSError: The output cannot be written.
    """
    options = _parser().parse_args(arguments)
    project = _project(options.repository_url)
    leaderboard = build(options.contributions, options.benchmarks, project.benchmarks)
    text = json_text(leaderboard.as_json())
    for path, content in _pages(leaderboard, project).items():
        _write_if_changed(options.output / path, content)
    _write_if_changed(options.output / "leaderboard.json", text)
    if options.json:
        print(text, end="")
    else:
        for board in leaderboard.benchmarks:
            page = options.output / ResultName.parse(board.name).page_path(".html")
            print(_table(board), f"page: {page}", sep="\n", end="\n\n")
    for rejection in leaderboard.all_rejected:
        print(_reasons(rejection), file=sys.stderr)
    return 1 if leaderboard.all_rejected else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jarvis_stem.score",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, what in (
        ("contributions", "folder of contribution folders"),
        ("benchmarks", "folder of benchmarks"),
        ("output", "folder to write the pages and leaderboard.json to"),
    ):
        default = Path("docs" if name == "output" else name)
        parser.add_argument(
            f"--{name}",
            type=Path,
            default=default,
            metavar="DIR",
            help=f"{what} (default: {default})",
        )
    parser.add_argument(
        "--repository-url",
        metavar="URL",
        help="web address that the pages link to (default: repository_url in ./metadata.json)",
    )
    parser.add_argument("--json", action="store_true", help="print leaderboard.json, nothing else")
    return parser


def _project(repository_url: str | None) -> Project:
    """What ./metadata.json says; it may be missing where the address is given."""
    if repository_url is None:
        return Project.read(Path(METADATA))
    return Project(web_address(repository_url), listed_benchmarks(Path()))


def _pages(leaderboard: Leaderboard, project: Project) -> dict[Path, str]:
    """Every page's text by its path below the output folder."""
    # Plotly takes most of the command's time; --help and faults need not wait for it.
    from plotly.offline import get_plotlyjs

    from jarvis_stem import page

    boards = [
        (board, project.benchmarks.get(ResultName.parse(board.name), About(title=board.name)))
        for board in leaderboard.benchmarks
    ]
    pages = {Path(page.PLOTLY_SCRIPT): get_plotlyjs(), Path("index.html"): page.index(boards)}
    for board, about in boards:
        name = ResultName.parse(board.name)
        pages[name.page_path(".md")] = page.markdown(board, about, project.repository_url)
        pages[name.page_path(".html")] = page.html(board, about, project.repository_url)
    return pages


def _write_if_changed(path: Path, content: str) -> None:
    if not (path.is_file() and path.read_bytes() == content.encode()):
        write_text(path, content)


def _table(board: Board) -> str:
    """A board as aligned text, and what to know of it."""
    table = [_COLUMNS, *([row.cells.get(c) or "-" for c in _COLUMNS] for row in rows(board))]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if column in ("contribution", "date") else cell.rjust(width)
            for column, cell, width in zip(_COLUMNS, line, widths, strict=True)
        ).rstrip()
        for line in table
    ]
    notes = [f"note: {sentence}" for sentence in same_predictions(board)]
    return "\n".join([board.name, *lines, RANK, *notes])


def _reasons(rejection: Rejection) -> str:
    return "\n".join(
        f"rejected: {rejection.contribution}/{rejection.file}: {problem}"
        for problem in rejection.problems
    )


if __name__ == "__main__":
    sys.exit(cli.run(main))
