"""Check a contribution, score it, and make a pull request of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jarvis_stem import cli, pull_request
from jarvis_stem.checklist import Checklist, check
from jarvis_stem.contribution import contribution_folders
from jarvis_stem.errors import StemError
from jarvis_stem.leaderboard import Board, Leaderboard, Result, build
from jarvis_stem.project import Project
from jarvis_stem.pull_request import Branch, Clone, Repository

_EPILOG = """\
Run it in the top folder of a clone of your fork. It
  1. checks the contribution and stops if anything fails;
  2. scores it among the others and shows the rank it would take;
  3. commits its folder, and nothing else, on top of the project's main branch: of the remote
     upstream if there is one, else of origin, else your own;
  4. pushes that commit to the fork;
  5. opens the pull request with gh, or prints the link that does.
Your files, your staged changes and the branch you are on stay as they are. Passwords are between
git and you. If git may not push to origin, fork the project on its web page and name the fork:
  git remote add fork ADDRESS
  python -m jarvis_stem.submit my_model --remote fork

exit status:
  0    pushed (with --dry-run: could be)
  1    a check failed, or the commit or the push did; nothing is pushed
  2    wrong arguments
  130  interrupted

examples:
  python -m jarvis_stem.submit my_model --dry-run
  python -m jarvis_stem.submit my_model
  python -m jarvis_stem.submit my_model --update      # after a review
"""


class Standing(NamedTuple):
    """A contribution's result and the board it stands on."""

    result: Result
    board: Board

    @property
    def accuracy(self) -> str:
        """Its accuracy, also as a count."""
        return f"{self.result.score:.4f} ({self.result.n_correct} of {self.board.n_test})"

    @property
    def interval(self) -> str:
        """The 95% interval of the accuracy."""
        low, high = self.result.interval
        return f"{low:.4f} to {high:.4f}"

    @property
    def rank(self) -> str:
        """Its rank group, and how many others are in it."""
        others = sum(other.rank == self.result.rank for other in self.board.results) - 1
        return f"{self.result.rank}" + (f", shared with {others} more" if others else "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: Those of the command line if None.

    Returns:
        Exit status: 1 if a check failed, else 0.

    Raises:
        StemError: Something is missing, or git refused.
    """
    options = _parser().parse_args(arguments)
    folder = _folder(options.contributions, options.name)
    project = Project.read(Path("metadata.json"))

    checklist = check(folder, options.benchmarks, project.benchmarks)
    print(checklist.text())
    if not checklist.ok:
        print(f"error: {folder}: not submitted, a check failed", file=sys.stderr)
        return 1

    leaderboard = build(options.contributions, options.benchmarks, project.benchmarks)
    standings = _standings(leaderboard, folder.name)
    print("", *map(_line, standings), *_notices(standings), sep="\n")

    title = f"Contribution {folder.name}"
    body = _body(standings, checklist)
    name = options.branch or f"contribution/{folder.name}"
    with pull_request.clone_of(folder, keep_objects=not options.dry_run) as clone:
        branch = pull_request.find_branch(
            clone, name, remote=options.remote, base=options.base, update=options.update
        )
        message = "\n".join([title, "", *map(_line, standings)])
        commit = pull_request.commit(clone, branch, message)
        print("", _summary(branch, commit.changes), sep="\n")
        if options.dry_run:
            print("", title, "", body, "", "dry run: nothing was written or pushed", sep="\n")
            return 0
    pull_request.push(Clone(folder), branch, commit)
    print(f"pushed {commit.id[:12]} to {branch.name} of {branch.remote}")
    print(_open(project.repository_url, branch, title, body))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jarvis_stem.submit",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("name", metavar="NAME", help="the contribution: its folder's name")
    for folder in ("contributions", "benchmarks"):
        add(
            f"--{folder}",
            type=Path,
            default=Path(folder),
            metavar="DIR",
            help=f"folder of {folder} (default: %(default)s)",
        )
    add("--remote", default="origin", metavar="NAME", help="your fork (default: %(default)s)")
    add("--branch", metavar="NAME", help="branch to push (default: contribution/NAME)")
    parent = parser.add_mutually_exclusive_group()
    parent.add_argument(
        "--base", metavar="REF", help="commit to build on (default: the project's main branch)"
    )
    parent.add_argument(
        "--update", action="store_true", help="add a commit to the branch that is on the fork"
    )
    add("--dry-run", action="store_true", help="show what would be pushed, and change nothing")
    return parser


def _folder(root: Path, name: str) -> Path:
    folders = {folder.name: folder for folder in contribution_folders(root)}
    if name not in folders:
        raise StemError(
            f"no contribution {name!r} in {root}; there is {', '.join(folders) or 'none'}"
        )
    return folders[name]


def _standings(leaderboard: Leaderboard, name: str) -> list[Standing]:
    for rejection in leaderboard.all_rejected:
        if rejection.contribution == name:
            raise StemError(f"{name}/{rejection.file}: {'; '.join(rejection.problems)}")
    return [
        Standing(result, board)
        for board in leaderboard.benchmarks
        for result in board.results
        if result.contribution == name
    ]


def _line(standing: Standing) -> str:
    return (
        f"{standing.board.name}: accuracy {standing.accuracy}, "
        f"95% interval {standing.interval}, rank {standing.rank}"
    )


def _notices(standings: list[Standing]) -> list[str]:
    return [
        f"notice: {board.name}: the same predictions as {', '.join(result.same_predictions_as)}"
        for result, board in standings
        if result.same_predictions_as
    ]


def _body(standings: list[Standing], checklist: Checklist) -> str:
    """The pull request's text, in Markdown."""
    rows = [
        f"| {standing.board.name} | {standing.accuracy} | {standing.interval} | {standing.rank} |"
        for standing in standings
    ]
    return "\n".join(
        [
            "| benchmark | accuracy | 95% interval | rank |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
            *(f"{notice}\n" for notice in _notices(standings)),
            f"Checklist: {checklist.summary}.",
        ]
    )


def _summary(branch: Branch, changes: list[str]) -> str:
    return "\n".join(
        [
            f"branch: {branch.name}, on top of {branch.parent_name} ({branch.parent[:12]})",
            f"remote: {branch.remote} ({branch.address})",
            "commit:",
            *(f"  {change}" for change in changes),
        ]
    )


def _open(repository_url: str, branch: Branch, title: str, body: str) -> str:
    """Open the pull request if that can be done here, and say what has become of it."""
    project, fork = Repository.parse(repository_url), Repository.parse(branch.address)
    if project is None or fork is None:
        return f"open a pull request from {branch.name} of {branch.address} to {repository_url}"
    try:
        return pull_request.open_with_gh(project, fork, branch.name, title, body)
    except StemError as error:
        link = pull_request.compare_link(project, fork, branch.name)
        return f"{error}; open the pull request here:\n{link}"


if __name__ == "__main__":
    sys.exit(cli.run(main))
