"""What is judged is what a merge gives, and scores as a fresh clone of the merge does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import ALL_RIGHT, HALF_RIGHT, SMALL, THREE_RIGHT, add_benchmark, add_complete

from jarvis_stem.formats.project_metadata import METADATA
from jarvis_stem.scoring.checklist import check
from jarvis_stem.scoring.leaderboard import build
from jarvis_stem.submission import commits
from jarvis_stem.submission.judgement import judge
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.git import git

IDENTITY = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_NAME": "somebody" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "name@example.org" for who in ("AUTHOR", "COMMITTER")},
}


def run_git(repository: Path, *arguments: str) -> str:
    return git(*arguments, cwd=repository, env=IDENTITY).decode().strip()


def contribute(repository: Path, model: str, csv: str = THREE_RIGHT) -> Path:
    return add_complete(repository / "contributions", model, csv)


def commit(repository: Path, message: str = "change") -> None:
    run_git(repository, "add", "--all")
    run_git(repository, "commit", "--quiet", "--allow-empty", "--message", message)


def switch(repository: Path, branch: str, *more: str) -> None:
    run_git(repository, "checkout", "--quiet", *more, branch)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository whose main has one benchmark and two contributions, on the branch pr."""
    root = tmp_path / "repository"
    root.mkdir()
    run_git(root, "init", "--quiet", "--initial-branch", "main")
    add_benchmark(root / "benchmarks")
    contribute(root, "half", HALF_RIGHT)
    contribute(root, "right", ALL_RIGHT)
    listed = [{"name": str(SMALL), "title": "x", "description": "", "references": []}]
    project = {"repository_url": "https://example.org/x", "benchmarks": listed}
    (root / METADATA).write_text(json.dumps(project))
    commit(root, "base")
    switch(root, "pr", "-b")
    return root


def criss_cross(repo: Path) -> None:
    """Merge both branches into each other, so that they left each other in two places."""
    contribute(repo, "mine", HALF_RIGHT)
    commit(repo)
    switch(repo, "main")
    contribute(repo, "meanwhile")
    commit(repo)
    main, pr = (run_git(repo, "rev-parse", name) for name in ("main", "pr"))
    run_git(repo, "merge", "--quiet", "-m", "merge", pr)
    switch(repo, "pr")
    run_git(repo, "merge", "--quiet", "-m", "merge", main)
    assert len(run_git(repo, "merge-base", "--all", "main", "pr").split()) == 2


def test_two_merge_bases_are_judged_as_a_merge_merges_them(repo: Path) -> None:
    criss_cross(repo)
    contribute(repo, "mine", ALL_RIGHT)
    commit(repo)
    judgement = judge(repo, "main", "pr")
    assert judgement.ok
    (mine,) = judgement.contributions
    assert (mine.contribution, mine.change) == ("mine", "changed")
    assert mine.files == [SMALL.predictions_name]
    (shift,) = mine.standings
    assert shift.before and shift.after
    assert (shift.before.accuracy, shift.after.accuracy) == (0.5, 1.0)


def test_an_older_head_changes_nothing(repo: Path) -> None:
    switch(repo, "main")
    contribute(repo, "half", ALL_RIGHT)
    shutil.rmtree(repo / "contributions" / "right")
    commit(repo)
    judgement = judge(repo, "main", "pr")
    assert (judgement.ok, judgement.contributions, judgement.flags) == (True, [], [])


def test_the_same_change_on_both_sides_is_no_drop(repo: Path) -> None:
    contribute(repo, "half", THREE_RIGHT)
    commit(repo)
    switch(repo, "main")
    contribute(repo, "half", THREE_RIGHT)
    commit(repo, "the same")
    contribute(repo, "half", ALL_RIGHT)
    commit(repo)
    switch(repo, "pr")
    shutil.copytree(repo / "contributions" / "right", repo / "contributions" / "other")
    contribute(repo, "half", HALF_RIGHT)  # as where they left each other
    commit(repo)
    judgement = judge(repo, "main", "pr")
    assert [judged.contribution for judged in judgement.contributions] == ["other"]
    assert judgement.flags == []


def test_a_conflict_is_named_and_nothing_is_judged(repo: Path) -> None:
    contribute(repo, "half", THREE_RIGHT)
    commit(repo)
    switch(repo, "main")
    contribute(repo, "half", ALL_RIGHT)
    commit(repo)
    judgement = judge(repo, "main", "pr")
    assert judgement.contributions == []
    (problem,) = judgement.problems
    path = f"contributions/half/{SMALL.predictions_name}"
    assert problem == (
        f"conflicts with the base, and is not judged: {path}; merge the base into it"
    )


def test_too_much_to_merge_is_refused(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contribute(repo, "mine")
    commit(repo)
    switch(repo, "main")
    commit(repo)
    monkeypatch.setattr(commits, "MERGE_LIMIT", 3)
    with pytest.raises(StemError, match="differ in more than 3 files and folders"):
        judge(repo, "main", "pr")


def test_judging_writes_nothing_into_the_repository(repo: Path) -> None:
    criss_cross(repo)
    contribute(repo, "new")
    commit(repo)
    before = sorted((repo / ".git").rglob("*"))
    assert judge(repo, "main", "pr").ok
    assert sorted((repo / ".git").rglob("*")) == before


ATTRIBUTES = {
    "text": "*.csv.zip text eol=crlf\n",
    "ident": "* ident\n",
    "encoding": "*.md working-tree-encoding=UTF-16\n",
    "export": "* export-subst\nmine export-ignore\n",
    "macro": "[attr]x -diff\n",
}
PLACES = [
    "contributions/mine/.gitattributes",
    "contributions/mine/deep/er/.gitattributes",
    "contributions/mine/.GitAttributes",
    "contributions/.gitattributes",
    ".gitattributes",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ATTRIBUTES)
def test_attributes_of_the_head_are_refused(place: str, kind: str, repo: Path) -> None:
    contribute(repo, "mine")
    (repo / place).parent.mkdir(parents=True, exist_ok=True)
    (repo / place).write_text(ATTRIBUTES[kind])
    commit(repo)
    judgement = judge(repo, "main", "pr")
    assert not judgement.ok
    assert "by which a clone has other files" in " ".join(judgement.all_problems)


@pytest.mark.parametrize("place", [".gitattributes", "contributions/right/.gitattributes"])
@pytest.mark.parametrize("kind", ATTRIBUTES)
def test_attributes_of_the_base_are_named_and_change_nothing(
    place: str, kind: str, repo: Path
) -> None:
    switch(repo, "main")
    (repo / place).write_text(ATTRIBUTES[kind])
    commit(repo)
    switch(repo, "pr", "-B")
    contribute(repo, "mine")
    commit(repo)
    judgement = judge(repo, "main", "pr")
    problem = f"the base has {place}, by which a clone has other files than were judged; remove it"
    assert judgement.problems == [problem]
    (mine,) = judgement.contributions
    assert mine.problems == []
    assert mine.standings[0].after and mine.standings[0].after.accuracy == 0.75


def nothing(_: Path) -> None:
    """A head that is as it should be."""


def renamed_member(repo: Path) -> None:
    path = repo / "contributions/mine" / SMALL.predictions_name
    path.write_bytes(path.read_bytes().replace(b"-acc.csv", b"-mae.csv"))


def diverged(repo: Path) -> None:
    commit(repo)
    switch(repo, "main")
    contribute(repo, "right", HALF_RIGHT)
    commit(repo)
    switch(repo, "pr")


def crossed(repo: Path) -> None:
    commit(repo)
    criss_cross(repo)
    contribute(repo, "mine")


@pytest.mark.parametrize("change", [nothing, renamed_member, diverged, crossed])
def test_what_is_judged_is_what_a_fresh_clone_scores(
    change: Callable[[Path], None], repo: Path, tmp_path: Path
) -> None:
    contribute(repo, "mine")
    change(repo)
    commit(repo)
    judgement = judge(repo, "main", "pr")
    clone = tmp_path / "clone"
    run_git(tmp_path, "clone", "--quiet", "--branch", "main", str(repo), str(clone))
    run_git(clone, "merge", "--quiet", "-m", "merge", "origin/pr")
    boards = build(clone / "contributions", clone / "benchmarks").benchmarks
    scored = {r.contribution: r.score for board in boards for r in board.results}
    (mine,) = judgement.contributions
    after = mine.standings[0].after
    assert after is not None
    assert (after.accuracy, after.n_results) == (scored["mine"], len(scored))
    assert mine.checklist is not None
    checked = check(clone / "contributions" / "mine", clone / "benchmarks")
    assert mine.checklist.lines == checked.lines


@pytest.mark.parametrize("target", ["../../../elsewhere", "/etc/passwd", "../../metadata.json"])
def test_a_link_in_the_base_that_leaves_its_folder_is_named(target: str, repo: Path) -> None:
    switch(repo, "main")
    (repo / "contributions" / "half" / "data").symlink_to(target)
    commit(repo)
    switch(repo, "pr", "-B")
    contribute(repo, "mine")
    commit(repo)
    judgement = judge(repo, "main", "pr")
    named = "the base has a link that leaves its folder: contributions/half/data; remove it"
    assert judgement.problems == [named]
    assert judgement.contributions[0].problems == []


def test_a_contribution_of_the_base_that_is_a_link_can_be_mended(repo: Path) -> None:
    switch(repo, "main")
    shutil.rmtree(repo / "contributions" / "half")
    (repo / "contributions" / "half").symlink_to("right")
    commit(repo)
    switch(repo, "pr", "-B")
    (repo / "contributions" / "half").unlink()
    contribute(repo, "half")
    commit(repo)
    judgement = judge(repo, "main", "pr")
    assert judgement.problems == []
    assert judgement.contributions[0].problems == []


NAMES = {
    "con": "a name of a device of Windows",
    "LPT1.csv": "a name of a device of Windows",
    "nul.tar.gz": "a name of a device of Windows",
    "notes.": "a name that ends in a point or a space",
    "notes ": "a name that ends in a point or a space",
    "ai-ima~1.zip": "a short name of Windows, which another file may have",
    "METADA~1.JSO": "a short name of Windows, which another file may have",
    "a:b": "which Windows cannot hold",
    "what?": "which Windows cannot hold",
    "x" * 101: "a name of more than 100 characters",
    "é and é": "a name twice",
    "A and a": "a name twice",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("deep", [False, True])
def test_names_that_no_other_system_holds(name: str, deep: bool, repo: Path) -> None:
    folder = contribute(repo, "mine")
    inside = folder / "deep" if deep else folder
    inside.mkdir(exist_ok=True)
    pair = ["\u00e9", "e\u0301"] if name.startswith("é") else ["A", "a"]
    for one in pair if " and " in name else [name]:
        (inside / one).write_text("x")
    commit(repo)
    (mine,) = judge(repo, "main", "pr").contributions
    assert any(NAMES[name] in problem for problem in mine.problems), mine.problems
    checked = check(folder, repo / "benchmarks")
    assert any(NAMES[name] in failure for failure in checked.failures), checked.failures
    (board,) = build(repo / "contributions", repo / "benchmarks").benchmarks
    (result,) = [r for r in board.results if r.contribution == "mine"]
    assert any(NAMES[name] in notice for notice in result.notices)


FOLDERS = {
    "con": "a name of a device of Windows",
    "aux.model": "a name of a device of Windows",
    "model.": "ends in a point or a space",
    "m" * 101: "more than 100 characters",
    "HALF": "its name is 'half' but for upper and lower case",
}


@pytest.mark.parametrize("name", FOLDERS)
def test_contributions_of_names_that_no_other_system_holds(name: str, repo: Path) -> None:
    folder = contribute(repo, name)
    commit(repo)
    (mine,) = judge(repo, "main", "pr").contributions
    assert any(FOLDERS[name] in problem for problem in mine.problems), mine.problems
    assert any(FOLDERS[name] in f for f in check(folder, repo / "benchmarks").failures)
    done = build(repo / "contributions", repo / "benchmarks")
    problems = " ".join(why for rejection in done.all_rejected for why in rejection.problems)
    assert FOLDERS[name].replace("'half'", "").split("but")[-1] in problems


@pytest.mark.parametrize(("day", "passes"), [("02-02-2024", True), ("02-03-2024", False)])
def test_dates_are_compared_with_the_commit_s(
    day: str, passes: bool, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2024-02-02T09:00:00Z")
    folder = contribute(repo, "new")
    text = (folder / "metadata.json").read_text(encoding="utf-8")
    data = {**json.loads(text), "date_submitted": day}
    (folder / "metadata.json").write_text(json.dumps(data), encoding="utf-8")
    commit(repo)
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2025-02-02T09:00:00Z")
    (folder / "README.md").write_text("Later.\n", encoding="utf-8")
    commit(repo)
    judged = judge(repo, "main", "pr")
    assert judged.ok is passes
    if not passes:
        (problem,) = judged.all_problems
        assert "a date that is not after it was committed on 2024-02-02, got" in problem


def test_an_object_that_is_missing_is_named(repo: Path) -> None:
    contribute(repo, "new")
    (repo / "contributions/new/README.md").write_text("Not to be had.\n", encoding="utf-8")
    commit(repo)
    oid = run_git(repo, "rev-parse", "pr:contributions/new/README.md")
    path = repo / ".git/objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.unlink()
    with pytest.raises(StemError, match=f"'README.md': object {oid} is not in the repository"):
        judge(repo, "main", "pr")
