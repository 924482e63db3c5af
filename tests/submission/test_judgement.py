"""The judge of pull requests, on real git histories."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import click
import pytest
from helpers import (
    ALL_RIGHT,
    HALF_RIGHT,
    HEADER,
    METADATA,
    PATIENCE,
    REPOSITORY,
    SMALL,
    THREE_RIGHT,
    add_benchmark,
    add_complete,
    add_contribution,
    command,
    run_record,
)
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from jarvis_stem.formats.folder import FILE_LIMIT
from jarvis_stem.formats.manifest import MANIFEST
from jarvis_stem.formats.names import BENCHMARK_SUFFIX, ResultName
from jarvis_stem.judge import main
from jarvis_stem.scoring import leaderboard
from jarvis_stem.scoring.board import Leaderboard
from jarvis_stem.scoring.standing import Standing
from jarvis_stem.submission import job_summary
from jarvis_stem.submission import judgement as judgement_module
from jarvis_stem.submission.job_summary import summary_markdown
from jarvis_stem.submission.judgement import Judged, Judgement, judge
from jarvis_stem.utils import files
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.git import git

FORGED = HEADER + "d.jpg,0\n" * 4
PROJECT = {
    "repository_url": "https://example.org/r",
    "benchmarks": [{"name": str(SMALL), "title": "Small", "description": "", "references": []}],
}
IDENTITY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_NAME": "somebody" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "name@example.org" for who in ("AUTHOR", "COMMITTER")},
}


def run_git(repository: Path, *arguments: str, stdin: bytes | None = None) -> str:
    return git(*arguments, cwd=repository, env=IDENTITY, stdin=stdin).decode().strip()


def contribute(repository: Path, model: str, csv: str = THREE_RIGHT) -> Path:
    """Write a contribution that passes the checklist, if its predictions do."""
    return add_complete(repository / "contributions", model, csv)


def commit(repository: Path, message: str = "change") -> None:
    run_git(repository, "add", "--all")
    run_git(repository, "commit", "--quiet", "--allow-empty", "--message", message)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose main has one benchmark and two contributions."""
    root = tmp_path_factory.mktemp("base")
    run_git(root, "init", "--quiet", "--initial-branch", "main")
    add_benchmark(root / "benchmarks")
    contribute(root, "half", HALF_RIGHT)
    contribute(root, "right", ALL_RIGHT)
    (root / "metadata.json").write_text(json.dumps(PROJECT))
    commit(root, "base")
    return root


@pytest.fixture
def repo(base: Path, tmp_path: Path) -> Path:
    """A copy of it, on a fresh branch that is the pull request."""
    root = tmp_path / "repository"
    shutil.copytree(base, root)
    run_git(root, "checkout", "--quiet", "-b", "pr")
    return root


def judged(repository: Path) -> Judgement:
    """Commit what the branch has, and judge it as the command does."""
    commit(repository)
    judgement = judge(repository, "main", "pr")
    assert summary_markdown(judgement).startswith(
        "## Passed\n" if judgement.ok else "## Not passed\n"
    )
    json.dumps(judgement.as_json())
    return judgement


def only(judgement: Judgement) -> Judged:
    (contribution,) = judgement.contributions
    return contribution


def after(judgement: Judgement) -> Standing:
    """Where the only contribution would stand."""
    (shift,) = only(judgement).standings
    assert shift.after is not None
    return shift.after


def test_a_good_new_contribution_passes(repo: Path) -> None:
    contribute(repo, "mine")
    judgement = judged(repo)
    assert (judgement.ok, judgement.all_problems, judgement.flags) == (True, [], [])
    mine = only(judgement)
    assert (mine.contribution, mine.change) == ("mine", "new")
    assert mine.files == [SMALL.predictions_name, "metadata.json", "run.sh"]
    assert mine.checklist is not None and mine.checklist.ok
    (shift,) = mine.standings
    assert (shift.board, shift.before) == (str(SMALL), None)
    assert shift.after is not None
    assert (shift.after.accuracy, shift.after.n_results) == (0.75, 3)
    assert shift.after.interval == pytest.approx([0.3006, 0.9544])
    assert shift.after.p_best == 1.0
    assert (
        "| `mine` | `AI-ImageClass-bravais_class-small-test-acc` | 1 of 3 "
        "| 0.7500 [0.3006, 0.9544] | 0.8333 | 1 |"
    ) in summary_markdown(judgement)


def test_the_working_tree_and_the_branches_stay_as_they_are(repo: Path) -> None:
    contribute(repo, "mine")
    commit(repo)
    run_git(repo, "checkout", "--quiet", "main")
    before = {path: path.stat().st_mtime_ns for path in repo.rglob("*") if ".git" not in path.parts}
    refs = run_git(repo, "for-each-ref")
    judge(repo, "main", "pr")
    after = {path: path.stat().st_mtime_ns for path in repo.rglob("*") if ".git" not in path.parts}
    assert after == before
    assert run_git(repo, "for-each-ref") == refs
    assert run_git(repo, "status", "--porcelain") == ""


def test_a_forgery_fails_by_name(repo: Path) -> None:
    contribute(repo, "forged", FORGED)
    judgement = judged(repo)
    assert not judgement.ok
    assert any("repeated" in problem for problem in only(judgement).problems)
    assert any("missing" in problem for problem in only(judgement).problems)
    assert only(judgement).standings == []


def test_a_change_of_a_contribution_that_is_there_is_flagged_with_its_accuracy(repo: Path) -> None:
    contribute(repo, "half", THREE_RIGHT)
    judgement = judged(repo)
    assert judgement.ok
    assert only(judgement).change == "changed"
    assert only(judgement).files == [SMALL.predictions_name]
    (flag,) = judgement.flags
    assert flag.startswith("changes a contribution that is already there: half; accuracy on")
    assert "0.5000 [0.1500, 0.8500] → 0.7500 [0.3006, 0.9544]" in flag
    assert "| 1 of 2 | 0.5000 [0.1500, 0.8500] → 0.7500" in summary_markdown(judgement)


def test_a_deleted_contribution_is_flagged_and_does_not_fail(repo: Path) -> None:
    shutil.rmtree(repo / "contributions" / "half")
    judgement = judged(repo)
    assert judgement.ok
    assert only(judgement).change == "deleted"
    (flag,) = judgement.flags
    assert flag.startswith("deletes a contribution that is already there: half")
    assert flag.endswith("0.5000 [0.1500, 0.8500] → none")


def test_a_renamed_contribution_is_one_deleted_and_one_new(repo: Path) -> None:
    (repo / "contributions" / "half").rename(repo / "contributions" / "mine")
    judgement = judged(repo)
    assert [(j.contribution, j.change) for j in judgement.contributions] == [
        ("half", "deleted"),
        ("mine", "new"),
    ]
    assert "changes 2 contributions at once: half, mine" in judgement.flags


def test_a_renaming_to_other_case_passes(repo: Path) -> None:
    (repo / "contributions" / "half").rename(repo / "contributions" / "Half")
    assert judged(repo).ok


def test_two_contributions_at_once_are_flagged_and_judged_apart(repo: Path) -> None:
    contribute(repo, "good")
    contribute(repo, "poor", FORGED)
    judgement = judged(repo)
    good, poor = judgement.contributions
    assert (good.problems, bool(poor.problems)) == ([], True)
    assert judgement.flags == ["changes 2 contributions at once: good, poor"]
    assert not judgement.ok


def test_a_changed_benchmark_fails_and_does_not_count(repo: Path) -> None:
    contribute(repo, "mine")
    cheat = {"train": {"a.jpg": 0}, "test": dict.fromkeys("defg", 2)}
    add_benchmark(repo / "benchmarks", splits=cheat)
    (repo / "benchmarks" / "SHA256SUMS").write_text("")
    judgement = judged(repo)
    (problem,) = judgement.problems
    assert problem.startswith("changes benchmarks, which all scores rest on: ")
    assert "SHA256SUMS" in problem and f"small_bravais_class{BENCHMARK_SUFFIX}" in problem
    assert after(judgement).accuracy == 0.75
    assert not judgement.ok


def test_deleted_benchmarks_fail(repo: Path) -> None:
    shutil.rmtree(repo / "benchmarks")
    judgement = judged(repo)
    assert not judgement.ok
    assert judgement.contributions == []


def test_other_files_are_flagged_by_name(repo: Path) -> None:
    contribute(repo, "mine")
    for path in (
        "jarvis_stem/score.py",
        "README.md",
        "contributions/notes.txt",
        "contributions/_hidden/x",
        "contributions/.hidden/y",
    ):
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_text("x")
    judgement = judged(repo)
    assert judgement.ok
    assert [j.contribution for j in judgement.contributions] == ["mine"]
    assert judgement.flags == [
        "changes files that are no contribution's: README.md, jarvis_stem/score.py, "
        "contributions/notes.txt, contributions/_hidden/x, contributions/.hidden/y"
    ]


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("Contributions/x", "'Contributions': its name is 'contributions' but for upper and"),
        ("contribution\u017f/x", "'contribution\u017f': its name is 'contributions' but for upper"),
        ("BENCHMARKS/x", "'BENCHMARKS': its name is 'benchmarks' but for upper and lower case"),
        ("Metadata.json", "'Metadata.json': its name is 'metadata.json' but for upper and lower"),
        ("contributions./x", "'contributions.': a name that ends in a point or a space"),
        ("contributions /x", "'contributions ': a name that ends in a point or a space"),
        ("contributions::$INDEX_ALLOCATION/x", "'contributions::$INDEX_ALLOCATION': a name with"),
        (
            "contributions\\half\\run.sh",
            "'contributions\\\\half\\\\run.sh': a name with a backslash",
        ),
        ("CONTRI~1/x", "'CONTRI~1': a short name of Windows, which another file may have"),
        ("contri\u200bbutions/x", "'contri\\u200bbutions': a name with control characters"),
    ],
)
def test_what_other_systems_take_for_a_folder_that_is_scored_fails(
    path: str, fault: str, repo: Path
) -> None:
    (repo / path).parent.mkdir(exist_ok=True)
    (repo / path).write_text("x")
    (problem,) = judged(repo).problems
    assert problem.startswith(fault)


@pytest.mark.parametrize("year", [2024, 2100])
def test_a_commit_of_the_future_is_flagged(year: int, repo: Path) -> None:
    contribute(repo, "mine")
    run_git(repo, "add", "--all")
    now = int(datetime.datetime(year, 6, 1, tzinfo=datetime.UTC).timestamp())
    who = f"somebody <name@example.org> {now} +0000"
    parents = f"tree {run_git(repo, 'write-tree')}\nparent {run_git(repo, 'rev-parse', 'HEAD')}\n"
    raw = f"{parents}author {who}\ncommitter {who}\n\nx\n".encode()
    made = run_git(repo, "hash-object", "-t", "commit", "-w", "--stdin", stdin=raw)
    run_git(repo, "reset", "--quiet", "--hard", made)
    late = ["mine: committed on 2100-06-01, in the future"]
    assert judged(repo).flags == (late if year == 2100 else [])


@pytest.mark.parametrize("path", [None, "README.md"])
def test_without_contributions_there_is_nothing_to_score(path: str | None, repo: Path) -> None:
    if path:
        (repo / path).write_text("x")
    judgement = judged(repo)
    assert judgement.ok
    assert len(judgement.flags) == (path is not None)
    assert "nothing to score" in summary_markdown(judgement)


def test_what_the_base_did_since_is_not_the_head_s(repo: Path) -> None:
    contribute(repo, "mine")
    commit(repo)
    run_git(repo, "checkout", "--quiet", "main")
    contribute(repo, "meanwhile")
    shutil.rmtree(repo / "contributions" / "half")
    (repo / "README.md").write_text("x")
    commit(repo)
    judgement = judge(repo, "main", "pr")
    assert judgement.ok
    assert judgement.flags == []
    assert after(judgement).n_results == 3  # mine, meanwhile, right


def test_a_base_without_contributions_takes_the_first(repo: Path) -> None:
    run_git(repo, "checkout", "--quiet", "main")
    shutil.rmtree(repo / "contributions")
    commit(repo)
    run_git(repo, "checkout", "--quiet", "-B", "pr")
    contribute(repo, "mine")
    assert judged(repo).ok


def test_a_contribution_without_a_file_that_it_needs_fails(repo: Path) -> None:
    (contribute(repo, "mine") / "metadata.json").unlink()
    judgement = judged(repo)
    assert any("metadata.json" in problem for problem in only(judgement).problems)


# What a stranger's tree can hold.


def symlink(repository: Path, folder: Path) -> None:
    (folder / "data").symlink_to("/etc/passwd")


def symlinked_metadata(repository: Path, folder: Path) -> None:
    (folder / "metadata.json").unlink()
    (folder / "metadata.json").symlink_to("../right/metadata.json")


def symlinked_folder(repository: Path, folder: Path) -> None:
    (folder / "inner").symlink_to("../right", target_is_directory=True)


def huge(repository: Path, folder: Path) -> None:
    with (folder / "weights.pt").open("wb") as file:
        file.truncate(files.SIZE_LIMIT + 1)


def line_feed(repository: Path, folder: Path) -> None:
    (folder / "a\n::error::pwned").write_text("x")


def not_utf8(repository: Path, folder: Path) -> None:
    (folder / os.fsdecode(b"\xff\xfe.csv")).write_text("x")


def right_to_left(repository: Path, folder: Path) -> None:
    (folder / "a\u202etxt.sh").write_text("x")


def two_cases(repository: Path, folder: Path) -> None:
    (folder / "Notes.txt").write_text("x")
    (folder / "notes.txt").write_text("y")


def backslash(repository: Path, folder: Path) -> None:
    (folder / "..\\..\\x").write_text("x")


def long_path(repository: Path, folder: Path) -> None:
    (folder / ("d" * 150) / ("f" * 150)).parent.mkdir()
    (folder / ("d" * 150) / ("f" * 150)).write_text("x")


def many(repository: Path, folder: Path) -> None:
    for number in range(FILE_LIMIT):
        (folder / str(number)).write_text("")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (symlink, "'data': a symbolic link; only plain files are read"),
        (symlinked_metadata, "'metadata.json': a symbolic link; only plain files are read"),
        (symlinked_folder, "'inner': a symbolic link; only plain files are read"),
        (huge, "of which 'weights.pt' has 67108865, are more than the 67108864"),
        (line_feed, "'a\\n::error::pwned': a name with control characters, or not UTF-8"),
        (not_utf8, "'\\udcff\\udcfe.csv': a name with control characters, or not UTF-8"),
        (right_to_left, "'a\\u202etxt.sh': a name with control characters, or not UTF-8"),
        (two_cases, "'Notes.txt': a name twice, or differing only in upper and lower case"),
        (backslash, "'..\\\\..\\\\x': a name with a backslash"),
        (long_path, "a path of more than 200 bytes"),
        (many, "more than 1000 files and folders"),
    ],
)
def test_a_folder_that_is_not_plain_is_refused_unwritten(
    spoil: Callable[[Path, Path], None], message: str, repo: Path
) -> None:
    spoil(repo, contribute(repo, "mine"))
    judgement = judged(repo)
    problems = only(judgement).problems
    assert any(message in problem for problem in problems), problems
    assert (only(judgement).checklist, only(judgement).standings) == (None, [])
    assert not judgement.ok


def test_a_submodule_is_refused(repo: Path) -> None:
    contribute(repo, "mine")
    commit(repo)
    oid = run_git(repo, "rev-parse", "HEAD")
    run_git(repo, "update-index", "--add", "--cacheinfo", f"160000,{oid},contributions/mine/sub")
    run_git(repo, "update-index", "--add", "--cacheinfo", f"160000,{oid},contributions/whole")
    run_git(repo, "commit", "--quiet", "--message", "submodules")
    mine, whole = judge(repo, "main", "pr").contributions
    assert mine.problems == ["'sub': a submodule; only plain files are read"]
    assert whole.problems == ["a submodule; expected a folder"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a\nb", "expected a name of letters"),
        ("🏆", "expected a name of letters"),
        ("a|b", "expected a name of letters"),
        ("`id`", "expected a name of letters"),
        ("@everyone", "expected a name of letters"),
        ("<script>alert(1)", "expected a name of letters"),
        (os.fsdecode(b"\xff"), "expected a name of letters"),
        ("HALF", "its name is 'half' but for upper and lower case"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_shown_harmless(
    name: str, message: str, repo: Path
) -> None:
    contribute(repo, name)
    judgement = judged(repo)
    assert any(message in problem for problem in only(judgement).problems)
    assert only(judgement).standings == []
    assert strangers_text_is_code(summary_markdown(judgement))
    summary_markdown(judgement).encode()


def test_a_contribution_that_becomes_a_link_to_another_is_refused(repo: Path) -> None:
    shutil.rmtree(repo / "contributions" / "half")
    (repo / "contributions" / "half").symlink_to("right")
    judgement = judged(repo)
    assert only(judgement).problems == ["a symbolic link; expected a folder"]
    assert "half" in judgement.flags[0]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_contributions_that_is_no_folder_fails(kind: str, repo: Path) -> None:
    shutil.rmtree(repo / "contributions")
    if kind == "file":
        (repo / "contributions").write_text("x")
    else:
        (repo / "contributions").symlink_to("/etc")
    judgement = judged(repo)
    assert [j.change for j in judgement.contributions] == ["deleted", "deleted"]
    assert len(judgement.problems) == 1
    assert judgement.problems[0].startswith("contributions is a")


@pytest.mark.parametrize("sent", [b"weights", b"others", None])
def test_weights_must_be_the_recorded_ones(sent: bytes | None, repo: Path) -> None:
    folder = contribute(repo, "mine")
    recorded = {"sha256": hashlib.sha256(b"weights").hexdigest(), "bytes": 7}
    record = {**run_record(0.75), "weights": recorded}
    (folder / SMALL.run_record_name).write_text(json.dumps(record))
    if sent is not None:
        (folder / SMALL.weights_name).write_bytes(sent)
    judgement = judged(repo)
    assert judgement.ok == (sent == b"weights"), judgement.all_problems
    assert all(f"mine: {SMALL.weights_name}: " in text for text in judgement.all_problems)


def test_weights_without_a_record_fail(repo: Path) -> None:
    (contribute(repo, "mine") / "large.safetensors").write_bytes(bytes(100))
    (problem,) = judged(repo).all_problems
    assert problem.startswith("mine: large.safetensors: expected a model that the record of a run")


def test_binary_junk_fails_without_a_traceback(repo: Path) -> None:
    folder = contribute(repo, "mine")
    junk = bytes(range(256)) * 8
    for path in [*folder.iterdir(), folder / f"{SMALL}.run.json", folder / "junk.csv.zip"]:
        path.write_bytes(junk)
    judgement = judged(repo)
    assert len(only(judgement).problems) >= 3


def tree(repository: Path, *entries: tuple[str, str, bytes]) -> str:
    """Write a tree object by hand, as git itself would not."""
    content = b"".join(
        f"{mode} ".encode() + name + b"\0" + bytes.fromhex(oid) for mode, oid, name in entries
    )
    return run_git(
        repository, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=content
    )


def propose(repository: Path, contributions: str, *more: tuple[str, str, bytes]) -> None:
    """Point the branch at a commit with that tree of contributions."""
    listed = run_git(repository, "ls-tree", "main").splitlines()
    kept = [
        (mode.lstrip("0"), oid, name.encode())
        for mode, _, oid, name in (line.split() for line in listed)
        if name != "contributions"
    ]
    root = tree(
        repository,
        *sorted(
            [*kept, ("40000", contributions, b"contributions"), *more], key=lambda entry: entry[2]
        ),
    )
    oid = run_git(repository, "commit-tree", root, "-p", "main", "-m", "by hand")
    run_git(repository, "update-ref", "refs/heads/pr", oid)


@pytest.mark.parametrize(
    "name", [b"..", b".", b".git", b".GIT", b"../../escaped", b"x/../../../escaped", b"ABSOLUTE"]
)
@pytest.mark.parametrize("where", ["contributions", "a contribution"])
def test_names_that_lead_out_of_their_folder_are_refused_untouched(
    where: str, name: bytes, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    victim = tmp_path / "victim"
    victim.mkdir()
    name = name.replace(b"ABSOLUTE", os.fsencode(victim))
    blob = run_git(repo, "hash-object", "-w", "--stdin", stdin=b"x")
    inner = tree(repo, ("100644", blob, b"x"))
    hostile = tree(repo, ("40000", inner, name))
    propose(repo, hostile if where == "contributions" else tree(repo, ("40000", hostile, b"mine")))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(StemError, match=r"is not the name of a file; git made no such tree"):
        judge(repo, "main", "pr")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_same_name_twice_in_a_tree_is_refused(repo: Path) -> None:
    blob = run_git(repo, "hash-object", "-w", "--stdin", stdin=b"x")
    inner = tree(repo, ("100644", blob, b"x"), ("100755", blob, b"x"))
    propose(repo, tree(repo, *[("40000", inner, b"mine")] * 2))
    judgement = judge(repo, "main", "pr")
    assert "its name is there 2 times" in " ".join(judgement.all_problems)
    propose(repo, tree(repo, ("40000", inner, b"mine")))
    judgement = judge(repo, "main", "pr")
    assert "'x': a name twice" in " ".join(judgement.all_problems)


def test_a_tree_that_unfolds_to_billions_of_files_is_refused_in_time(repo: Path) -> None:
    oid = run_git(repo, "hash-object", "-w", "--stdin", stdin=b"x")
    mode = "100644"
    for _ in range(10):
        oid = tree(repo, *((mode, oid, b"%d" % digit) for digit in range(10)))
        mode = "40000"
    propose(repo, tree(repo, (mode, oid, b"bomb")), (mode, oid, b"zzz"))
    judgement = judge(repo, "main", "pr")
    bomb = next(j for j in judgement.contributions if j.contribution == "bomb")
    assert "more than 1000 files and folders" in bomb.problems
    assert any("zzz/" in flag for flag in judgement.flags)


def test_all_contributions_together_have_one_limit(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgement_module, "SIZE_LIMIT", 3000)
    for name in ("one", "two"):
        (contribute(repo, name) / "notes.txt").write_text("x" * 1500)
    one, two = judged(repo).contributions
    assert one.problems == []
    assert "'notes.txt' has 1500, are more than the" in two.problems[0]


def test_more_contributions_than_are_judged_fail(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgement_module, "CONTRIBUTION_LIMIT", 1)
    contribute(repo, "one")
    contribute(repo, "two")
    judgement = judged(repo)
    assert only(judgement).contribution == "one"
    assert judgement.problems == [
        "changes 2 contributions, and only the first 1 are judged; split it"
    ]


# Other contributions' scores.


def claim_board(repository: Path) -> None:
    """Contribute first in the alphabet, with the benchmark's two name parts cut elsewhere."""
    other = ResultName("AI", "ImageClass", "class", "small_bravais", "test", "acc")
    assert other.benchmark_name == SMALL.benchmark_name
    folder = contribute(repository, "AAA")
    (folder / SMALL.predictions_name).unlink()
    metadata = {**METADATA, "time_taken_seconds": {other.predictions_name: 1}}
    add_contribution(repository / "contributions", "AAA", ALL_RIGHT, other, metadata)


def test_a_listed_board_cannot_be_claimed_under_another_name(repo: Path) -> None:
    claim_board(repo)
    judgement = judged(repo)
    assert judgement.problems == []
    assert any(f"is scored as {SMALL}" in problem for problem in only(judgement).problems)


def test_another_contribution_s_score_that_changes_fails_loudly(repo: Path) -> None:
    run_git(repo, "checkout", "--quiet", "main")
    (repo / "metadata.json").unlink()  # the board is listed no more, so it can be claimed
    commit(repo)
    run_git(repo, "checkout", "--quiet", "-B", "pr")
    claim_board(repo)
    judgement = judged(repo)
    assert not judgement.ok
    for name in ("half", "right"):
        assert any(
            problem.startswith(f"{name}: scored differently for what another contribution brings")
            for problem in judgement.problems
        )


def test_a_fault_in_scoring_is_told(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, boards = leaderboard.build, []

    def build(*arguments: Any) -> Leaderboard:
        board = real(*arguments)
        boards.append(board)
        if len(boards) == 2:
            results = board.benchmarks[0].results
            results[0] = replace(results[0], score=0.1)
        return board

    monkeypatch.setattr(judgement_module, "build", build)
    contribute(repo, "mine")
    (problem,) = judged(repo).problems
    assert problem.endswith(f"{SMALL}: 1.0 before, 0.1 after")


# Commits that cannot be compared.


def test_unrelated_histories_are_an_error(repo: Path) -> None:
    run_git(repo, "checkout", "--quiet", "--orphan", "stranger")
    commit(repo)
    with pytest.raises(StemError, match="no history in common"):
        judge(repo, "main", "stranger")


@pytest.mark.parametrize("name", ["nobody", "-h", "--all", "", "main:benchmarks", "main..pr"])
def test_what_is_no_commit_is_an_error(name: str, repo: Path) -> None:
    with pytest.raises(StemError, match="not a commit of"):
        judge(repo, "main", name)


def test_what_is_no_repository_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StemError, match="not a git repository"):
        judge(tmp_path, "main", "pr")
    with pytest.raises(StemError, match="no such folder; expected a git repository"):
        judge(tmp_path / "nowhere", "main", "pr")


def test_a_base_without_benchmarks_is_an_error(repo: Path) -> None:
    run_git(repo, "checkout", "--quiet", "main")
    shutil.rmtree(repo / "benchmarks")
    commit(repo)
    with pytest.raises(StemError, match="has no folder benchmarks/"):
        judge(repo, "main", "pr")


def test_a_broken_base_is_named_as_such(repo: Path) -> None:
    run_git(repo, "checkout", "--quiet", "main")
    path = SMALL.page_path(BENCHMARK_SUFFIX)
    (repo / "benchmarks" / MANIFEST).write_text(f"{'0' * 64}  {path.as_posix()}\n")
    commit(repo)
    with pytest.raises(StemError, match=r"^main:benchmarks/AI/.*: SHA-256 .*SHA256SUMS has 0000"):
        judge(repo, "main", "pr")


# What is written.


class Reader(HTMLParser):
    """Collects text inside and outside of code, and the tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.inside, self.outside = "", ""
        self.tags: set[str] = set()
        self._depth = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._depth += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag == "code"

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.inside += data
        else:
            self.outside += data


def rendered(text: str) -> Reader:
    return Reader(MarkdownIt("commonmark").enable("table").render(text))


def strangers_text_is_code(text: str) -> bool:
    reader = rendered(text)
    assert reader.tags <= {
        "h2",
        "h3",
        "p",
        "ul",
        "li",
        "code",
        "details",
        "summary",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }, reader.tags
    return not any(c in reader.outside for c in "@`<|🏆")


HOSTILE = [
    "@everyone <script>alert(1)</script> [x](https://example.org) ![](https://example.org/x.png)",
    "`` ` ```",
    "a|b\\|c",
    "</details>",
    "::error::pwned",
    "##[error]pwned",
    "\n::set-output name=x::y",
    "\x1b[31mred",
    "$`x`$",
    "<!--",
    "&lt;",
    "\udcff",
    "x" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_stranger_s_words_are_neither_markup_nor_commands(text: str) -> None:
    contribution = Judged("mine", "new", [text], [text])
    page = summary_markdown(Judgement("b" * 40, "h" * 40, [contribution], [text], [text]))
    assert strangers_text_is_code(page)
    assert not any(line.lstrip().startswith("::") for line in page.splitlines())
    assert "##[" not in page
    assert rendered(page).inside.count(text[:5].strip(" \n\x1b\udcff")) >= 2 or "##[" in text


@given(st.text())
def test_any_text_is_one_code_span(text: str) -> None:
    span = job_summary.code_span(text)
    assert len(span.splitlines()) == 1
    html = MarkdownIt("commonmark").render(f"- {span}\n- end")
    if text.strip():
        assert html.count("<code>") == 1
    assert html.count("<li>") == 2


def test_the_summary_keeps_within_what_github_shows() -> None:
    contributions = [Judged(f"c{n}", "new", ["x" * 400], ["x" * 400]) for n in range(3000)]
    page = summary_markdown(Judgement("b", "h", contributions))
    assert 800_000 < len(page.encode()) < 2**20
    assert page.rstrip().endswith("The rest is left out; run the same command in a clone.")


def test_the_summary_is_appended_and_the_exit_status_is_the_judgement(
    repo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    arguments = ["--repository", str(repo), "--base", "main", "--head", "pr"]
    contribute(repo, "mine")
    commit(repo)
    assert main([*arguments, "--summary", str(summary)]) == 0
    assert capsys.readouterr().out == "1 contribution changed, no problems.\n"
    assert summary.read_text().startswith("before\n## Passed\n")
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("## Passed\n")
    contribute(repo, "mine", FORGED)
    commit(repo)
    assert main([*arguments, "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["ok"], data["contributions"][0]["checklist"]["ok"]) == (False, False)
    with pytest.raises(StemError):
        main([*arguments[:-1], "nobody", "--summary", str(summary)])
    assert "## Not judged\n" in summary.read_text()


def test_errors_of_the_command(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="Missing parameter: head"):
        main(["--base", "main"])
    failed = command("judge", "--base", "a", "--head", "b", cwd=tmp_path)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "not a git repository" in failed.stderr


# The script that the workflow runs.


def make_marks(repository: Path, mark: Path) -> list[Path]:
    """Put code that leaves a mark wherever a careless judge would run it."""
    code = f"open({str(mark)!r}, 'a').write(__file__)\n"
    folder = contribute(repository, "mine")
    paths = [
        folder / "model.py",
        folder / "conftest.py",
        folder / "setup.py",
        *(
            repository / name
            for name in (
                "setup.py",
                "conftest.py",
                "sitecustomize.py",
                "usercustomize.py",
                "numpy.py",
            )
        ),
        repository / "jarvis_stem" / "__init__.py",
        repository / "jarvis_stem" / "judge.py",
    ]
    for path in paths:
        path.write_text(code)
    script = f"#!/usr/bin/env bash\n$(touch {mark})\ntouch '{mark}'\n"
    (folder / "run.sh").write_text(script)
    (repository / ".github" / "judge.sh").write_text(script)
    (repository / ".gitattributes").write_text("* filter=evil diff=evil\n")
    return paths


@pytest.fixture
def clone(base: Path, tmp_path: Path) -> Path:
    """A checkout of main, as the workflow has it, of an origin with pull request 7."""
    author, origin, clone = (tmp_path / name for name in ("author", "origin.git", "clone"))
    shutil.copytree(base, author)
    shutil.copytree(
        REPOSITORY / "jarvis_stem",
        author / "jarvis_stem",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (author / ".github").mkdir()
    shutil.copy(REPOSITORY / ".github" / "judge.sh", author / ".github")
    commit(author)
    run_git(tmp_path, "init", "--quiet", "--bare", str(origin))
    run_git(author, "push", "--quiet", str(origin), "main")
    run_git(author, "checkout", "--quiet", "-b", "pr")
    run_git(tmp_path, "clone", "--quiet", "--branch", "main", str(origin), str(clone))
    return clone


def judge_sh(clone: Path, number: str = "7") -> subprocess.CompletedProcess[str]:
    binaries = Path(sys.executable).parent
    return subprocess.run(
        ["bash", ".github/judge.sh"],
        cwd=clone,
        env={
            **{k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            **IDENTITY,
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",  # this repository ignores no files
            "PULL_REQUEST": number,
            "GITHUB_STEP_SUMMARY": str(clone.parent / "summary.md"),
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_the_script_runs_nothing_of_the_pull_request(clone: Path, tmp_path: Path) -> None:
    author, mark = tmp_path / "author", tmp_path / "mark"
    paths = make_marks(author, mark)
    commit(author)
    run_git(author, "push", "--quiet", str(tmp_path / "origin.git"), "pr:refs/pull/7/head")
    subprocess.run([sys.executable, "-S", str(paths[0])], check=True, timeout=PATIENCE)
    assert mark.exists()  # the marks work
    mark.unlink()
    done = judge_sh(clone)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == "1 contribution changed, 1 problem.\n"
    summary = (tmp_path / "summary.md").read_text()
    assert "changes '.gitattributes', by which a clone has other files" in summary
    assert "jarvis_stem/judge.py" in summary  # flagged
    assert not mark.exists()
    assert run_git(clone, "status", "--porcelain") == ""
    assert not (clone / "contributions" / "mine").exists()


def test_the_script_fails_as_the_judge_does(clone: Path, tmp_path: Path) -> None:
    author = tmp_path / "author"
    contribute(author, "mine", FORGED)
    commit(author)
    run_git(author, "push", "--quiet", str(tmp_path / "origin.git"), "pr:refs/pull/7/head")
    assert judge_sh(clone).returncode == 1
    assert "## Not passed\n" in (tmp_path / "summary.md").read_text()
    assert judge_sh(clone, "8").returncode != 0
    wrong = judge_sh(clone, "7; touch x")
    assert (wrong.returncode, wrong.stderr) == (2, "error: PULL_REQUEST: expected a number\n")
