"""What a pull request changes, judged as data: read as git objects, scored by the base's code."""

from __future__ import annotations

import datetime
import itertools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jarvis_stem.formats.folder import (
    ATTRIBUTES,
    ATTRIBUTES_FAULT,
    PACKAGE_FAULT,
    alike,
    check_folder_name,
    folded,
    name_faults,
)
from jarvis_stem.formats.project_metadata import METADATA, listed_benchmarks
from jarvis_stem.scoring.board import Leaderboard
from jarvis_stem.scoring.checklist import Checklist, check
from jarvis_stem.scoring.commit_dates import EASTMOST
from jarvis_stem.scoring.leaderboard import build
from jarvis_stem.scoring.standing import Shift, Standing, shifts
from jarvis_stem.submission.commits import Commits, Entry, changed
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import SIZE_LIMIT
from jarvis_stem.utils.messages import printable, quote, some

CONTRIBUTIONS = "contributions"
BENCHMARKS = "benchmarks"
CONTRIBUTION_LIMIT = 100  # that one head may change
SHOWN = 20  # of many like things
_SCORED = (BENCHMARKS, CONTRIBUTIONS, METADATA)  # what scores are made of

Change = Literal["new", "changed", "deleted"]


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
    standings: list[Shift] = field(default_factory=list)


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
    """The same folder before and after a merge.

    Attributes:
        base: What is merged into.
        head: What the merge makes of it.
    """

    base: list[Entry]
    head: list[Entry]


def judge(repository: Path, base: str, head: str) -> Judgement:
    """Judge what a head changes.

    Args:
        repository: A git repository that has both commits.
        base: Name of the commit to merge into.
        head: Name of the commit to merge.

    Raises:
        StemError: A commit is not there, the two have no history in common, or the base's
            benchmarks are not those that it lists.
    """
    with tempfile.TemporaryDirectory(prefix="judge-") as name:
        commits = Commits(repository, Path(name, "git"))
        here, there = commits.commit(base), commits.commit(head)
        merge = commits.merged(here, there)
        if merge.conflicts:
            what = some(merge.conflicts, SHOWN)
            problem = f"conflicts with the base, and is not judged: {what}; merge the base into it"
            return Judgement(here, there, problems=[problem])
        folder = Path(name, "merged")
        folder.mkdir()
        try:
            return _judge_merge(commits, here, there, merge.tree, folder)
        except StemError as error:  # of the base, whose files are no more by the time it is read
            raise StemError(str(error).replace(f"{folder}/", f"{base}:")) from None


def _judge_merge(commits: Commits, base: str, head: str, merged: str, folder: Path) -> Judgement:
    """Judge what a merge makes of the base, laid out in an empty folder."""
    trees = _Trees(commits.entries(base), commits.entries(merged))
    inner = _Trees(*(commits.folder(tree, CONTRIBUTIONS) for tree in trees))
    needed = {entry.name for entry in trees.base} & {CONTRIBUTIONS, BENCHMARKS, METADATA}
    if BENCHMARKS not in needed:
        raise StemError(f"{base}: has no folder {BENCHMARKS}/ to score on")
    leaving = commits.extract(base, needed, folder)
    (folder / CONTRIBUTIONS).mkdir(exist_ok=True)
    before = _build(folder)
    contributions = _lay_out(commits, inner, folder / CONTRIBUTIONS)
    after = _build(folder)
    late = []
    for judged in contributions:
        committed = commits.changed_on(head, f"{CONTRIBUTIONS}/{judged.contribution}/{METADATA}")
        _assess(judged, folder, before, after, committed)
        if committed and committed > datetime.datetime.now(EASTMOST).date():
            late.append(f"{judged.contribution}: committed on {committed}, in the future")
    return Judgement(
        base,
        head,
        contributions,
        problems=_tree_problems(commits, trees, inner)
        + _base_problems(commits, base, needed, _unchanged(leaving, inner))
        + _moved(before, after, {judged.contribution for judged in contributions}),
        flags=_flags(contributions) + late + _other_files(commits, trees, inner),
    )


def _unchanged(links: list[str], inner: _Trees) -> list[str]:
    """Those paths below contributions/ that are in no contribution that the head changes."""
    names = _contributions(inner)
    return [printable(path) for path in links if path.split("/")[1] not in names]


def _base_problems(commits: Commits, base: str, folders: set[str], leaving: list[str]) -> list[str]:
    """What of the base keeps a clone from having what is judged, whatever the head is worth."""
    return [
        *(f"the base has a link that leaves its folder: {path}; remove it" for path in leaving),
        *(
            f"the base has {path}, by which a clone has other files than were judged; remove it"
            for path in commits.attributes(base, folders - {METADATA})
        ),
    ]


def _tree_problems(commits: Commits, trees: _Trees, inner: _Trees) -> list[str]:
    """What fails the head whatever its contributions are worth."""
    problems = []
    problems += [
        f"changes {quote(entry.name)}, by which a clone has other files than are judged; remove it"
        for entry in sorted({*trees.head, *inner.head} - {*trees.base, *inner.base})
        if folded(entry.name) == ATTRIBUTES
    ]
    for name in sorted(entry.name for entry in {*trees.head} - {*trees.base}):
        problems += [
            f"{quote(name)}: {fault}; rename or remove it"
            for fault in name_faults(name)
            if fault not in (ATTRIBUTES_FAULT, PACKAGE_FAULT)  # the package is there
        ]
        problems += [f"{quote(name)}: {problem}" for problem in alike(name, _SCORED)]
    if paths := _changed_paths(commits, trees, lambda entry: entry.name == BENCHMARKS):
        problems.append(
            f"changes benchmarks, which all scores rest on: {some(paths, SHOWN)}; scored here is "
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
    return [f"changes files that are no contribution's: {some(paths, SHOWN)}"] if paths else []


def _changed_paths(commits: Commits, trees: _Trees, of: Callable[[Entry], bool]) -> list[str]:
    old, new = (list(filter(of, tree)) for tree in trees)
    return commits.changed_paths(old, new, SHOWN)


def _contributions(inner: _Trees) -> list[str]:
    """Names of the contributions that the head changes."""
    return changed(*(itertools.filterfalse(_is_aside, tree) for tree in inner))


def _is_aside(entry: Entry) -> bool:
    """Whether an entry of contributions/ is none: a plain file, or one that scoring skips."""
    return entry.is_file or entry.name[:1] in ("", ".", "_")


def _lay_out(commits: Commits, inner: _Trees, root: Path) -> list[Judged]:
    """Turn the base's contributions into what they would be after a merge.

    Args:
        commits: Where the head's files are.
        inner: The contributions before and after the merge.
        root: Folder that holds the base's contributions.

    Returns:
        What changed; contributions with problems are not in the folder any more.
    """
    contributions = []
    room = SIZE_LIMIT
    for name in _contributions(inner)[:CONTRIBUTION_LIMIT]:
        old, new = (commits.folder(tree, name) for tree in inner)
        files = commits.changed_paths(old, new, SHOWN)
        judged = Judged(printable(name), _change(name, inner), files)
        contributions.append(judged)
        if check_folder_name(Path(name)) == []:  # else no path is made of it
            _remove(root / name)
        for entry in inner.head:
            if entry.name == name:
                judged.problems += _entry_problems(entry, inner)
                if not judged.problems:
                    judged.problems, size = commits.write(entry.oid, root / name, room)
                    room -= size
    return contributions


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _change(name: str, inner: _Trees) -> Change:
    if name not in {entry.name for entry in inner.head}:
        return "deleted"
    return "changed" if name in {entry.name for entry in inner.base} else "new"


def _entry_problems(entry: Entry, inner: _Trees) -> list[str]:
    """Why an entry of contributions/ is not laid out."""
    names = [other.name for other in inner.head]
    twice = [f"its name is there {names.count(entry.name)} times"]
    return [
        *check_folder_name(Path(entry.name)),
        *([] if entry.is_folder else [f"{entry.kind}; expected a folder"]),
        *(twice if names.count(entry.name) > 1 else []),
        *alike(entry.name, names),
    ]


def _build(folder: Path) -> Leaderboard:
    # A benchmark that the base lists has its board before a stranger's file can claim its name.
    return build(folder / CONTRIBUTIONS, folder / BENCHMARKS, listed_benchmarks(folder))


def _assess(
    judged: Judged,
    folder: Path,
    before: Leaderboard,
    after: Leaderboard,
    committed: datetime.date | None,
) -> None:
    """Add what the checklist and the scores say of a contribution."""
    judged.standings = shifts(before, after, judged.contribution)
    if judged.change == "deleted" or judged.problems:
        return
    judged.checklist = check(
        folder / CONTRIBUTIONS / judged.contribution,
        folder / BENCHMARKS,
        listed_benchmarks(folder),
        committed,
    )
    judged.problems = judged.checklist.failures or _rejections(after, judged.contribution)


def _rejections(leaderboard: Leaderboard, contribution: str) -> list[str]:
    return [
        f"{rejection.file}: {problem}"
        for rejection in leaderboard.all_rejected
        if rejection.contribution == contribution
        for problem in rejection.problems
    ]


def _flags(contributions: list[Judged]) -> list[str]:
    flags = []
    if len(contributions) > 1:
        names = [judged.contribution for judged in contributions]
        flags.append(f"changes {len(names)} contributions at once: {some(names, SHOWN)}")
    for judged in contributions:
        flags += [
            f"{judged.contribution}: {notice}"
            for shift in judged.standings
            if shift.after
            for notice in shift.after.notices
        ]
        if judged.change != "new":
            verb = "deletes" if judged.change == "deleted" else "changes"
            scores = [f"{shift.board} {shift.text(accuracy_text)}" for shift in judged.standings]
            flags.append(
                f"{verb} a contribution that is already there: {judged.contribution}"
                + "".join(f"; accuracy on {score}" for score in scores)
            )
    return flags


def accuracy_text(standing: Standing) -> str:
    """An accuracy and its interval."""
    low, high = standing.interval
    return f"{standing.accuracy:.4f} [{low:.4f}, {high:.4f}]"


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
