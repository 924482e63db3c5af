"""Judge a pull request's contributions as data, with the base branch's code and benchmarks."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from jarvis_stem import cli
from jarvis_stem.submission.job_summary import code_span, sentence, summary_markdown
from jarvis_stem.submission.judgement import judge
from jarvis_stem.utils.errors import StemError

_EPILOG = """\
Run it from a checkout of the base branch. Nothing of the head is checked out, imported or run:
its files are read from git's objects, within limits of size and number. The changed contributions
are laid over the base's in a temporary folder, and checked and scored there on the base's
benchmarks. What is judged is the result of merging the head into the base, however often they
left each other.

exit status:
  0    every changed contribution passes its checklist, and no benchmark is changed; what is for
       a maintainer to decide (changes to a contribution that is already there, or to files
       outside contributions/) is named and does not fail
  1    otherwise, or the two could not be compared
  2    wrong arguments
  130  interrupted

examples:
  jarvis-stem judge --base main --head my_branch
  jarvis-stem judge --base HEAD --head refs/judge/head --summary "$GITHUB_STEP_SUMMARY"
"""


@click.command(cls=cli.Command, name="judge", epilog=_EPILOG)
@click.option("--base", required=True, metavar="REF", help="Commit to merge into.")
@click.option("--head", required=True, metavar="REF", help="Commit to judge.")
@click.option(
    "--repository",
    type=cli.Folder(),
    default=Path(),
    metavar="DIR",
    help="Git repository that has both; default: this folder.",
)
@click.option(
    "--summary",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Append the findings there as Markdown; default: print them.",
)
@cli.json_option
def main(base: str, head: str, repository: Path, summary: Path | None) -> int:
    """Judge a pull request's contributions, as data.

    The code and the benchmarks are the base branch's.
    """
    try:
        judgement = judge(repository, base, head)
    except StemError as error:
        if summary:
            _append(summary, f"## Not judged\n\n{code_span(str(error))}\n")
        raise
    if summary:
        _append(summary, summary_markdown(judgement))
    text = sentence(judgement) if summary else summary_markdown(judgement)
    cli.report(text, judgement.as_json())
    return 0 if judgement.ok else 1


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as summary:
        summary.write(text)


if __name__ == "__main__":
    sys.exit(cli.run(main))
