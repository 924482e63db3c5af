"""Check a contribution, score it, and make a pull request of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import click

from jarvis_stem import cli, pull_request
from jarvis_stem.check import coloured, report_checklist
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
  jarvis-stem submit my_model --remote fork

exit status:
  0    pushed (with --dry-run: could be)
  1    a check failed, or the commit or the push did; nothing is pushed
  2    wrong arguments
  130  interrupted

examples:
  jarvis-stem submit my_model --dry-run
  jarvis-stem submit my_model
  jarvis-stem submit my_model --update      # after a review
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

    def as_json(self) -> dict[str, Any]:
        """The same for a program."""
        return {
            "benchmark": self.board.name,
            "accuracy": self.result.score,
            "n_correct": self.result.n_correct,
            "n_test": self.board.n_test,
            "interval": list(self.result.interval),
            "rank": self.result.rank,
            "same_predictions_as": list(self.result.same_predictions_as),
        }


class Opened(NamedTuple):
    """What has become of the pull request.

    Attributes:
        text: For a person.
        address: Its address, if it was opened.
        link: Where a person opens it, if it was not and there is such a page.
    """

    text: str
    address: str | None = None
    link: str | None = None


@click.command(cls=cli.Command, name="submit", epilog=_EPILOG)
@click.argument("name", metavar="NAME", shell_complete=cli.complete_contribution)
@cli.folder_option("contributions", "Folder of contribution folders.")
@cli.folder_option("benchmarks", "Folder of benchmarks.")
@click.option("--remote", default="origin", show_default=True, metavar="NAME", help="Your fork.")
@click.option("--branch", metavar="NAME", help="Branch to push; default: contribution/NAME.")
@click.option(
    "--base", metavar="REF", help="Commit to build on; default: the project's main branch."
)
@click.option("--update", is_flag=True, help="Add a commit to the branch that is on the fork.")
@click.option("--dry-run", is_flag=True, help="Show what would be pushed, and change nothing.")
@cli.json_option
@cli.quiet_option
def main(
    name: str,
    contributions: Path,
    benchmarks: Path,
    remote: str,
    branch: str | None,
    base: str | None,
    update: bool,
    dry_run: bool,
) -> int:
    """Check a contribution, score it, and make a pull request of it.

    NAME is the contribution's, that of its folder. With --quiet only the pull request's address is
    printed, or the link that opens it.
    """
    cli.refuse_together("base", "update")
    folder = _folder(contributions, name)
    project = Project.read(Path("metadata.json"))

    checklist = check(folder, benchmarks, project.benchmarks)
    data: dict[str, Any] = {"contribution": name, "checklist": checklist.as_json(), "pushed": False}
    if not checklist.ok:
        report_checklist(checklist, data)
        raise StemError(f"{folder}: not submitted, a check failed")
    cli.say(coloured(checklist))

    leaderboard = build(contributions, benchmarks, project.benchmarks)
    standings = _standings(leaderboard, name)
    data["standings"] = [standing.as_json() for standing in standings]
    cli.say("\n".join(["", *map(_line, standings), *_notices(standings)]))

    title = f"Contribution {name}"
    body = _body(standings, checklist)
    with pull_request.clone_of(folder, keep_objects=not dry_run) as clone:
        target = pull_request.find_branch(
            clone, branch or f"contribution/{name}", remote=remote, base=base, update=update
        )
        message = "\n".join([title, "", *map(_line, standings)])
        commit = pull_request.commit(clone, target, message)
        data |= {
            "branch": target.name,
            "parent": target.parent,
            "remote": target.remote,
            "address": target.address,
            "changes": commit.changes,
            "title": title,
            "body": body,
        }
        cli.say(f"\n{_summary(target, commit.changes)}")
        if dry_run:
            end = "dry run: nothing was written or pushed"
            cli.report("\n".join(["", title, "", body, "", end]), data)
            return 0
    pull_request.push(Clone(folder), target, commit)
    cli.say(f"pushed {commit.id[:12]} to {target.name} of {target.remote}")
    opened = _open(project.repository_url, target, title, body)
    data |= {"pushed": True, "commit": commit.id, "pull_request": opened.address}
    cli.answer(opened.text, {**data, "open_at": opened.link})
    return 0


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


def _open(repository_url: str, branch: Branch, title: str, body: str) -> Opened:
    """Open the pull request if that can be done here, and say what has become of it."""
    project, fork = Repository.parse(repository_url), Repository.parse(branch.address)
    if project is None or fork is None:
        return Opened(
            f"open a pull request from {branch.name} of {branch.address} to {repository_url}"
        )
    try:
        address = pull_request.open_with_gh(project, fork, branch.name, title, body)
        return Opened(address, address=address)
    except StemError as error:
        link = pull_request.compare_link(project, fork, branch.name)
        return Opened(f"{error}; open the pull request here:\n{link}", link=link)


if __name__ == "__main__":
    sys.exit(cli.run(main))
