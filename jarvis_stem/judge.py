"""Judge a pull request's contributions as data, with the base branch's code and benchmarks."""

from __future__ import annotations

import itertools
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import click

from jarvis_stem import cli
from jarvis_stem.checklist import Checklist, check
from jarvis_stem.contribution import check_folder_name
from jarvis_stem.errors import StemError
from jarvis_stem.files import SIZE_LIMIT
from jarvis_stem.leaderboard import Board, Leaderboard, build
from jarvis_stem.project import METADATA, listed_benchmarks
from jarvis_stem.trees import Commits, Entry, changed
from jarvis_stem.wording import count, printable, quote, some

CONTRIBUTIONS = "contributions"
BENCHMARKS = "benchmarks"
CONTRIBUTION_LIMIT = 100  # that one head may change
SUMMARY_LIMIT = 900_000  # bytes; GitHub shows no job summary beyond 1 MiB
_SHOWN = 20  # of many like things
_TEXT_LIMIT = 500  # characters of one line in the summary

Change = Literal["new", "changed", "deleted"]

_EPILOG = """\
Run it from a checkout of the base branch. Nothing of the head is checked out, imported or run:
its files are read from git's objects, within limits of size and number. The changed contributions
are laid over the base's in a temporary folder, and checked and scored there on the base's
benchmarks. What the head changes is told from where it left the base.

exit status:
  0    every changed contribution passes its checklist, and no benchmark is changed; what is for
       a maintainer to decide (changes to a contribution that is already there, or to files
       outside contributions/) is named and does not fail
  1    otherwise, or the two could not be compared
  2    wrong arguments
  130  interrupted

examples:
  python -m jarvis_stem.judge --base main --head my_branch
  python -m jarvis_stem.judge --base HEAD --head refs/judge/head --summary "$GITHUB_STEP_SUMMARY"
"""


@dataclass(frozen=True)
class Score:
    """What a contribution got on one board.

    Attributes:
        n_results: Contributions on the board.
        interval: 95% interval of the accuracy, low and high.
        p_best: p of the exact McNemar test against the board's best, Holm-corrected as for the
            rank; None for the best itself.
    """

    rank: int | None
    n_results: int
    accuracy: float
    interval: list[float]
    balanced_accuracy: float
    p_best: float | None


@dataclass(frozen=True)
class Standing:
    """A contribution on one board, before and after the change; None where it is not scored."""

    board: str
    before: Score | None
    after: Score | None


@dataclass
class Judged:
    """A contribution that the head changes.

    Attributes:
        change: What becomes of it, seen from the base.
        files: Paths below it that are added, changed or deleted.
        problems: Why it does not pass.
        checklist: None where it is deleted, or not even laid out.
    """

    contribution: str
    change: Change
    files: list[str]
    problems: list[str] = field(default_factory=list)
    checklist: Checklist | None = None
    standings: list[Standing] = field(default_factory=list)


@dataclass
class Judgement:
    """All that is to be said of a head.

    Attributes:
        base: Commit to merge into.
        head: Commit to merge.
        problems: What fails it beside its contributions' own problems.
        flags: What does not fail it and is for a maintainer to decide.
    """

    base: str
    head: str
    contributions: list[Judged] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.all_problems

    @property
    def all_problems(self) -> list[str]:
        """Every problem, each contribution's after its name."""
        return self.problems + [
            f"{judged.contribution}: {problem}"
            for judged in self.contributions
            for problem in judged.problems
        ]

    def as_json(self) -> dict[str, Any]:
        """The same as dictionaries and lists."""
        data = {"ok": self.ok, **asdict(self)}
        for judged, entry in zip(self.contributions, data["contributions"], strict=True):
            entry["checklist"] = judged.checklist and judged.checklist.as_json()
        return data


class _Trees(NamedTuple):
    """The same folder in three commits.

    Attributes:
        base: What to merge into.
        fork: Where the head left the base; what changed since is the head's.
        head: What to merge.
    """

    base: list[Entry]
    fork: list[Entry]
    head: list[Entry]


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
            _append(summary, f"## Not judged\n\n{_code(str(error))}\n")
        raise
    if summary:
        _append(summary, markdown(judgement))
    text = _sentence(judgement) if summary else markdown(judgement)
    cli.report(text, judgement.as_json())
    return 0 if judgement.ok else 1


def judge(repository: Path, base: str, head: str) -> Judgement:
    """Judge what a head changes.

    Args:
        repository: A git repository that has both commits.
        base: Name of the commit to merge into.
        head: Name of the commit to merge.

    Raises:
        StemError: A commit is not there, the two have no history in common, or the base's
            benchmarks are broken.
    """
    commits = Commits(repository)
    here, there = commits.commit(base), commits.commit(head)
    fork = commits.common_ancestor(here, there)
    trees = _Trees(*map(commits.entries, (here, fork, there)))
    inner = _Trees(*(commits.folder(tree, CONTRIBUTIONS) for tree in trees))
    needed = {entry.name for entry in trees.base} & {CONTRIBUTIONS, BENCHMARKS, METADATA}
    if BENCHMARKS not in needed:
        raise StemError(f"{quote(base)}: has no folder {BENCHMARKS}/ to score on")
    with tempfile.TemporaryDirectory(prefix="judge-") as name:
        folder = Path(name)
        try:
            commits.extract(here, needed, folder)
            (folder / CONTRIBUTIONS).mkdir(exist_ok=True)
            before = _build(folder)
            contributions = _lay_out(commits, inner, folder / CONTRIBUTIONS)
            after = _build(folder)
            for judged in contributions:
                _assess(judged, folder, before, after)
        except StemError as error:  # of the base, whose files are no more by the time it is read
            raise StemError(str(error).replace(f"{folder}/", f"{base}:")) from None
    return Judgement(
        here,
        there,
        contributions,
        problems=_tree_problems(commits, trees, inner)
        + _moved(before, after, {judged.contribution for judged in contributions}),
        flags=_flags(contributions) + _other_files(commits, trees, inner),
    )


def markdown(judgement: Judgement) -> str:
    """Write a judgement as a job summary, what strangers wrote in code spans."""
    lines = [
        f"## {'Passed' if judgement.ok else 'Not passed'}",
        "",
        _sentence(judgement),
        *_table(judgement.contributions),
        *_section("Problems", judgement.all_problems),
        *_section("For a maintainer to decide", judgement.flags),
        *(line for judged in judgement.contributions for line in _details(judged)),
        "",
        f"Commit {judgement.head} against {judgement.base}.",
    ]
    return _within_limit(lines)


def _tree_problems(commits: Commits, trees: _Trees, inner: _Trees) -> list[str]:
    """What fails the head whatever its contributions are worth."""
    problems = []
    if paths := _changed_paths(commits, trees, lambda entry: entry.name == BENCHMARKS):
        problems.append(
            f"changes benchmarks, which all scores rest on: {some(paths, _SHOWN)}; scored here is "
            "what the base has"
        )
    problems += [
        f"{CONTRIBUTIONS} is {entry.kind}; expected a folder"
        for entry in trees.head
        if entry.name == CONTRIBUTIONS and not entry.is_folder
    ]
    if (n := len(_contributions(inner))) > CONTRIBUTION_LIMIT:
        problems.append(
            f"changes {n} contributions, and only the first {CONTRIBUTION_LIMIT} are judged; "
            "split it"
        )
    return problems


def _other_files(commits: Commits, trees: _Trees, inner: _Trees) -> list[str]:
    """What the head changes beside benchmarks and contributions."""
    paths = [
        *_changed_paths(commits, trees, lambda e: e.name not in (BENCHMARKS, CONTRIBUTIONS)),
        *(f"{CONTRIBUTIONS}/{path}" for path in _changed_paths(commits, inner, _is_aside)),
    ]
    return [f"changes files that are no contribution's: {some(paths, _SHOWN)}"] if paths else []


def _changed_paths(commits: Commits, trees: _Trees, of: Callable[[Entry], bool]) -> list[str]:
    old, new = (list(filter(of, tree)) for tree in (trees.fork, trees.head))
    return commits.changed_paths(old, new, _SHOWN)


def _contributions(inner: _Trees) -> list[str]:
    """Names of the contributions that the head changes."""
    return changed(*(itertools.filterfalse(_is_aside, tree) for tree in (inner.fork, inner.head)))


def _is_aside(entry: Entry) -> bool:
    """Whether an entry of contributions/ is none: a plain file, or one that scoring skips."""
    return entry.is_file or entry.name[:1] in ("", ".", "_")


def _lay_out(commits: Commits, inner: _Trees, root: Path) -> list[Judged]:
    """Turn the base's contributions into what they would be after a merge.

    Args:
        commits: Where the head's files are.
        inner: The three commits' contributions.
        root: Folder that holds the base's contributions.

    Returns:
        What changed; contributions with problems are not in the folder any more.
    """
    contributions = []
    room = SIZE_LIMIT
    for name in _contributions(inner)[:CONTRIBUTION_LIMIT]:
        old, new = (commits.folder(tree, name) for tree in (inner.fork, inner.head))
        files = commits.changed_paths(old, new, _SHOWN)
        judged = Judged(printable(name), _change(name, inner), files)
        contributions.append(judged)
        if check_folder_name(Path(name)) == []:  # else no path is made of it
            shutil.rmtree(root / name, ignore_errors=True)
        for entry in inner.head:
            if entry.name == name:
                judged.problems += _entry_problems(entry, inner)
                if not judged.problems:
                    judged.problems, size = commits.write(entry.oid, root / name, room)
                    room -= size
    return contributions


def _change(name: str, inner: _Trees) -> Change:
    if name not in {entry.name for entry in inner.head}:
        return "deleted"
    return "changed" if name in {entry.name for entry in inner.base} else "new"


def _entry_problems(entry: Entry, inner: _Trees) -> list[str]:
    """Why an entry of contributions/ is not laid out."""
    base, fork, head = ([other.name for other in tree] for tree in inner)
    deleted = {*fork} - {*head}
    merged = [*head, *({*base} - {*head} - deleted)]
    alike = [name for name in merged if name.casefold() == entry.name.casefold()]
    alike.remove(entry.name)
    return [
        *check_folder_name(Path(entry.name)),
        *([] if entry.is_folder else [f"{entry.kind}; expected a folder"]),
        *(f"its name is {quote(name)} but for upper and lower case" for name in sorted(alike)),
    ]


def _build(folder: Path) -> Leaderboard:
    # A benchmark that the base lists has its board before a stranger's file can claim its name.
    return build(folder / CONTRIBUTIONS, folder / BENCHMARKS, listed_benchmarks(folder))


def _assess(judged: Judged, folder: Path, before: Leaderboard, after: Leaderboard) -> None:
    """Add what the checklist and the scores say of a contribution."""
    judged.standings = _standings(judged.contribution, before, after)
    if judged.change == "deleted" or judged.problems:
        return
    judged.checklist = check(
        folder / CONTRIBUTIONS / judged.contribution, folder / BENCHMARKS, listed_benchmarks(folder)
    )
    judged.problems = judged.checklist.failures or _rejections(after, judged.contribution)


def _rejections(leaderboard: Leaderboard, contribution: str) -> list[str]:
    return [
        f"{rejection.file}: {problem}"
        for rejection in leaderboard.all_rejected
        if rejection.contribution == contribution
        for problem in rejection.problems
    ]


def _standings(contribution: str, *leaderboards: Leaderboard) -> list[Standing]:
    before, after = (
        {
            board.name: score
            for board in leaderboard.benchmarks
            if (score := _score(board, contribution))
        }
        for leaderboard in leaderboards
    )
    return [
        Standing(board, before.get(board), after.get(board)) for board in sorted({*before, *after})
    ]


def _score(board: Board, contribution: str) -> Score | None:
    for result in board.results:
        if result.contribution == contribution:
            against = {other.against: other.p_holm for other in result.comparisons}
            return Score(
                rank=result.rank,
                n_results=len(board.results),
                accuracy=result.score,
                interval=result.interval,
                balanced_accuracy=result.balanced_accuracy,
                p_best=against.get(board.results[0].contribution),
            )
    return None


def _flags(contributions: list[Judged]) -> list[str]:
    flags = []
    if len(contributions) > 1:
        names = [judged.contribution for judged in contributions]
        flags.append(f"changes {len(names)} contributions at once: {some(names, _SHOWN)}")
    for judged in contributions:
        if judged.change != "new":
            verb = "deletes" if judged.change == "deleted" else "changes"
            scores = [f"{s.board} {_arrow(s, _accuracy)}" for s in judged.standings]
            flags.append(
                f"{verb} a contribution that is already there: {judged.contribution}"
                + "".join(f"; accuracy on {score}" for score in scores)
            )
    return flags


def _moved(before: Leaderboard, after: Leaderboard, judged: set[str]) -> list[str]:
    """What became of contributions that the head leaves alone: nothing, or scoring has a fault."""
    was, now = _fates(before), _fates(after)
    return [
        f"{where[0]}: scored differently for what another contribution brings: {where[1]}: "
        f"{was.get(where, 'nothing')} before, {now.get(where, 'nothing')} after"
        for where in sorted(was.keys() | now.keys())
        if where[0] not in judged and was.get(where) != now.get(where)
    ]


def _fates(leaderboard: Leaderboard) -> dict[tuple[str, str], float | str]:
    """Accuracy or rejection of each contribution's files."""
    scored = {
        (result.contribution, board.name): result.score
        for board in leaderboard.benchmarks
        for result in board.results
    }
    rejected = {(r.contribution, r.file): some(r.problems) for r in leaderboard.all_rejected}
    return {**scored, **rejected}


def _sentence(judgement: Judgement) -> str:
    """The outcome, in words of which none is a stranger's."""
    n, faults = len(judgement.contributions), judgement.all_problems
    if not n and not faults:
        return "No contribution and no benchmark is changed; there is nothing to score."
    what = count(judgement.contributions, "contribution") if n else "No contribution"
    return f"{what} changed, {count(faults, 'problem') if faults else 'no problems'}."


def _table(contributions: list[Judged]) -> list[str]:
    """Where the contributions stand; their names here are those that may be written to disk."""
    rows = [
        "| "
        + " | ".join(
            (
                f"`{judged.contribution}`",
                f"`{standing.board}`",
                _arrow(standing, lambda score: f"{score.rank} of {score.n_results}"),
                _arrow(standing, _accuracy),
                _arrow(standing, lambda score: f"{score.balanced_accuracy:.4f}"),
                _arrow(
                    standing, lambda s: "is the best" if s.p_best is None else f"{s.p_best:.2g}"
                ),
            )
        )
        + " |"
        for judged in contributions
        for standing in judged.standings
    ]
    if not rows:
        return []
    return [
        "",
        "| contribution | benchmark | rank | accuracy, 95% interval | balanced accuracy "
        "| p against the best |",
        "| --- | --- | --- | --- | --- | --- |",
        *rows,
    ]


def _accuracy(score: Score) -> str:
    low, high = score.interval
    return f"{score.accuracy:.4f} [{low:.4f}, {high:.4f}]"


def _arrow(standing: Standing, show: Callable[[Score], str]) -> str:
    before, after = (show(s) if s else "none" for s in (standing.before, standing.after))
    return after if before == after or not standing.before else f"{before} → {after}"


def _section(title: str, texts: list[str]) -> list[str]:
    more = [f"- and {len(texts) - _SHOWN} more"] if len(texts) > _SHOWN else []
    return (
        ["", f"### {title}", "", *(f"- {_code(t)}" for t in texts[:_SHOWN]), *more] if texts else []
    )


def _details(judged: Judged) -> list[str]:
    """A contribution's files, and its checklist folded up."""
    lines = ["", f"### {judged.change.capitalize()}: {_code(judged.contribution)}", ""]
    lines += [f"- {_code(path)}" for path in judged.files]
    if judged.checklist:
        summary = f"<summary>Checklist: {judged.checklist.summary}</summary>"
        lines += ["", "<details>", summary, ""]
        for line in judged.checklist.lines:
            lines.append(f"- {line.status} {_code(line.check)}")
            lines += [f"  - {_code(detail)}" for detail in line.details[:_SHOWN]]
        lines += ["", "</details>"]
    return lines


def _code(text: str) -> str:
    """Show what a stranger wrote as one code span: no markup, mention or link comes of it.

    A job summary that is printed into a log is also read by the runner, which obeys ``::command``
    at the start of a line and ``##[command]`` anywhere.
    """
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text).replace("##[", r"#\x23[")
    if len(text) > _TEXT_LIMIT:
        text = text[:_TEXT_LIMIT] + "…"
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"


def _within_limit(lines: list[str]) -> str:
    """The lines that a job summary has room for."""
    text, size = "", 0
    for line in lines:
        size += len(line.encode()) + 1
        if size > SUMMARY_LIMIT:
            return text + "\nThe rest is left out; run the same command in a clone.\n"
        text += line + "\n"
    return text


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as summary:
        summary.write(text)


if __name__ == "__main__":
    sys.exit(cli.run(main))
