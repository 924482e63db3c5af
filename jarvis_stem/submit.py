"""Check a contribution, score it, and make a pull request of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from jarvis_stem import cli
from jarvis_stem.cli import coloured, report_checklist
from jarvis_stem.formats.folder import contribution_folders
from jarvis_stem.formats.project_metadata import METADATA, Project
from jarvis_stem.scoring.checklist import Checklist, check
from jarvis_stem.scoring.leaderboard import build
from jarvis_stem.submission import pull_request
from jarvis_stem.submission.github import Fork, open_pull_request
from jarvis_stem.submission.proposal import Proposal
from jarvis_stem.submission.pull_request import Branch, Clone, Commit
from jarvis_stem.utils.errors import StemError

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
    project = Project.read(benchmarks.parent / METADATA)
    checklist = _checked(folder, benchmarks, project)
    proposal = Proposal.of(name, checklist, build(contributions, benchmarks, project.benchmarks))
    cli.say(f"\n{proposal.summary}")
    with pull_request.clone_of(folder, keep_objects=not dry_run) as clone:
        target = pull_request.find_branch(
            clone, branch or f"contribution/{name}", remote=remote, base=base, update=update
        )
        commit = pull_request.commit(clone, target, proposal.message)
    cli.say(f"\n{_summary(target, commit)}")
    data = _data(proposal, target, commit)
    if dry_run:
        end = "dry run: nothing was written or pushed"
        cli.report("\n".join(["", proposal.title, "", proposal.body, "", end]), data)
        return 0
    pull_request.push(Clone(folder), target, commit)
    cli.say(f"pushed {commit.id[:12]} to {target.name} of {target.remote}")
    fork = Fork(target.address, target.name)
    opened = open_pull_request(project.repository_url, fork, proposal.title, proposal.body)
    pushed = {"pushed": True, "commit": commit.id, "pull_request": opened.address}
    cli.answer(opened.text, {**data, **pushed, "open_at": opened.link})
    return 0


def _folder(root: Path, name: str) -> Path:
    folders = {folder.name: folder for folder in contribution_folders(root)}
    if name not in folders:
        raise StemError(
            f"no contribution {name!r} in {root}; there is {', '.join(folders) or 'none'}"
        )
    return folders[name]


def _checked(folder: Path, benchmarks: Path, project: Project) -> Checklist:
    """The contribution's checklist, without failures."""
    checklist = check(folder, benchmarks, project.benchmarks)
    if not checklist.ok:
        report_checklist(
            checklist,
            {"contribution": folder.name, "checklist": checklist.as_json(), "pushed": False},
        )
        raise StemError(f"{folder}: not submitted, a check failed")
    cli.say(coloured(checklist))
    return checklist


def _data(proposal: Proposal, branch: Branch, commit: Commit) -> dict[str, Any]:
    """All of it for a program, as long as nothing is pushed."""
    return {
        "contribution": proposal.contribution,
        "checklist": proposal.checklist.as_json(),
        "pushed": False,
        "standings": proposal.standings_json(),
        "branch": branch.name,
        "parent": branch.parent,
        "remote": branch.remote,
        "address": branch.address,
        "changes": commit.changes,
        "title": proposal.title,
        "body": proposal.body,
    }


def _summary(branch: Branch, commit: Commit) -> str:
    return "\n".join(
        [
            f"branch: {branch.name}, on top of {branch.parent_name} ({branch.parent[:12]})",
            f"remote: {branch.remote} ({branch.address})",
            "commit:",
            *(f"  {change}" for change in commit.changes),
        ]
    )


if __name__ == "__main__":
    sys.exit(cli.run(main))
