"""The command that makes a pull request: real git, bare repositories on disk, played ssh and gh."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from helpers import (
    ALL_RIGHT,
    PATIENCE,
    REPOSITORY,
    SMALL,
    THREE_RIGHT,
    add_benchmark,
    add_complete,
    add_contribution,
    run_record,
)

from jarvis_stem import cli, submit
from jarvis_stem.scoring import checklist
from jarvis_stem.submission import pull_request
from jarvis_stem.submission.github import Repository, compare_link
from jarvis_stem.utils.errors import StemError

UPSTREAM, FORK = "jarvis-stem/jarvis_stem.git", "me/jarvis_stem.git"
BRANCH = "contribution/mine"
LINK = "https://github.com/jarvis-stem/jarvis_stem/compare/main...me:contribution/mine?expand=1"
SECRET = "hunter2"  # noqa: S105
# What the commands may find on the PATH: no gh, whatever else this machine has.
PROGRAMS = ("bash", "cat", "git", "sed", "sh", "sleep", "touch")
SSH = """#!/bin/sh
# Hosts are folders: the last argument is the command, such as git-receive-pack '/me/x.git'.
for command; do :; done
cd "$HOSTS" && exec sh -c "$(echo "$command" | sed "s|^git-|git |; s|'/|'./|")"
"""
GH = """#!/bin/sh
for argument; do printf '%s\\0' "$argument"; done >"$HOSTS/gh.arguments"
echo "{said}" >&{stream}
exit {status}
"""


class Done(NamedTuple):
    status: int
    out: str
    err: str


class Place:
    """A contributor's clone with a contribution `mine`, its fork, the upstream, and a PATH."""

    def __init__(self, root: Path) -> None:
        self.clone = root / "clone"
        self.folder = self.clone / "contributions" / "mine"
        self.hosts = root / "hosts"
        self.fork = self.hosts / FORK
        self.bin = root / "bin"
        self.env = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("GIT_", "GH_"))
            },
            "PATH": str(self.bin),
            "HOME": str(root),
            "HOSTS": str(self.hosts),
            "GIT_CONFIG_GLOBAL": str(root / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_SSH": str(self.bin / "played_ssh"),
            "GIT_SSH_VARIANT": "simple",
            "GIT_TEMPLATE_DIR": "",
            "GIT_TERMINAL_PROMPT": "0",
        }

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.clone,
            env=self.env,
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
        return done.stdout.rstrip("\n")

    def pushed(self, branch: str = BRANCH) -> str:
        """Commit of a branch of the fork, or empty."""
        listed = f"refs/heads/{branch}"
        return self.git("for-each-ref", "--format=%(objectname)", listed, cwd=self.fork)

    def state(self) -> dict[str, bytes]:
        """Every file of the clone but git's objects: files, index, HEAD, refs, logs, settings."""
        return {
            str(path.relative_to(self.clone)): path.read_bytes()
            for path in sorted(self.clone.rglob("*"))
            if path.is_file() and "objects" not in path.parts
        }

    def script(self, path: Path, text: str) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def play_gh(self, said: str, *, status: int) -> None:
        """Put a gh on the PATH that keeps its arguments."""
        stream = 2 if status else 1
        self.script(self.bin / "gh", GH.format(said=said, status=status, stream=stream))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of a `Place`, made once: addresses are those of hosts, so copies work alike."""
    root = tmp_path_factory.mktemp("template")
    place = Place(root)
    place.bin.mkdir()
    for program in PROGRAMS:
        (place.bin / program).symlink_to(shutil.which(program) or pytest.skip(f"no {program}"))
    place.script(place.bin / "played_ssh", SSH)
    (root / "gitconfig").write_text("[user]\n\tname = Me\n\temail = me@example.org\n")
    seed = root / "seed"
    add_benchmark(seed / "benchmarks")
    add_complete(seed / "contributions", "right", ALL_RIGHT)
    url = "https://github.com/jarvis-stem/jarvis_stem/tree/main"
    (seed / "metadata.json").write_text(json.dumps({"repository_url": url, "benchmarks": []}))
    (seed / ".gitignore").write_text("*.log\n__pycache__/\n")
    place.git("init", "--quiet", "--initial-branch=main", cwd=seed)
    place.git("add", "--all", cwd=seed)
    place.git("commit", "--quiet", "--message=seed", cwd=seed)
    place.git("clone", "--quiet", "--bare", str(seed), str(place.fork), cwd=root)
    # The project has gone on since the fork was made.
    place.git("commit", "--quiet", "--allow-empty", "--message=later", cwd=seed)
    upstream = place.hosts / UPSTREAM
    place.git("clone", "--quiet", "--bare", str(seed), str(upstream), cwd=root)
    place.git("clone", "--quiet", f"git@github.com:{FORK}", str(place.clone), cwd=root)
    place.git("remote", "add", "upstream", f"git@github.com:{UPSTREAM}")
    place.git("fetch", "--quiet", "upstream")
    add_complete(place.clone / "contributions", "mine", THREE_RIGHT)
    shutil.rmtree(seed)
    return root


@pytest.fixture
def place(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    shutil.copytree(template, tmp_path, symlinks=True, dirs_exist_ok=True)
    place = Place(tmp_path)
    for name in os.environ.keys() - place.env.keys():
        monkeypatch.delenv(name)
    for name, value in place.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(place.clone)
    return place


Run = Callable[..., Done]


@pytest.fixture
def run(place: Place, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command in the clone; what git's children print is caught too."""

    def run(*arguments: str) -> Done:
        status = cli.run(lambda: submit.main(["mine", *arguments]))
        return Done(status, *capfd.readouterr())

    return run


def test_the_folder_and_nothing_else_is_pushed(place: Place, run: Run) -> None:
    before = place.state()
    done = run()
    assert (done.status, done.err) == (0, "")
    commit = place.pushed()
    upstream = place.git("rev-parse", "upstream/main")
    assert upstream != place.git("rev-parse", "origin/main")
    assert place.git("show", "--no-patch", "--format=%P|%an <%ae>|%s", commit) == (
        f"{upstream}|Me <me@example.org>|Contribution mine"
    )
    assert place.git("diff", "--summary", upstream, commit).splitlines() == [
        f" create mode 100644 contributions/mine/{SMALL.predictions_name}",
        " create mode 100644 contributions/mine/metadata.json",
        " create mode 100755 contributions/mine/run.sh",
    ]
    for path in place.folder.iterdir():
        blob = subprocess.run(
            ["git", "show", f"{commit}:contributions/mine/{path.name}"],
            capture_output=True,
            check=True,
        )
        assert blob.stdout == path.read_bytes()
    assert place.git("rev-parse", BRANCH) == commit
    after = place.state()
    new = after.keys() - before.keys()
    assert {path for path in new if "logs" not in path} == {
        f".git/refs/heads/{BRANCH}",
        f".git/refs/remotes/origin/{BRANCH}",
    }
    assert {path: after[path] for path in before} == before


def test_it_says_what_it_does(run: Run) -> None:
    lines = run().out.splitlines()
    (scored,) = [line for line in lines if line.startswith(f"{SMALL}: ")]
    # Wilson's interval of 3 of 4; one answer of four tells nobody apart, so the rank is shared.
    assert scored == (
        f"{SMALL}: accuracy 0.7500 (3 of 4), 95% interval 0.3006 to 0.9544, "
        "rank 1, shared with 1 more"
    )
    assert f"remote: origin (git@github.com:{FORK})" in lines
    assert f"  A contributions/mine/{SMALL.predictions_name}" in lines
    assert lines[-2:] == ["gh is not installed; open the pull request here:", LINK]


def test_predictions_like_anothers_are_pointed_out(place: Place, run: Run) -> None:
    shutil.rmtree(place.folder)
    add_complete(place.folder.parent, "mine", ALL_RIGHT)
    assert f"notice: {SMALL}: the same predictions as right" in run("--dry-run").out


def test_a_failing_check_stops_before_git_is_asked(place: Place, run: Run) -> None:
    add_contribution(place.folder.parent, "mine", "id,prediction\nd.jpg,0\n")
    place.git("remote", "remove", "origin")
    before = place.state()
    done = run()
    assert done.status == 1
    assert "3 ids missing" in done.out
    assert "not submitted, a check failed" in done.err
    assert "remote" not in done.err
    assert (place.state(), place.pushed()) == (before, "")


def test_dry_run_shows_all_and_changes_nothing(place: Place, run: Run) -> None:
    def everything() -> dict[Path, bytes]:
        paths = [path for path in place.clone.parent.rglob("*") if path.is_file()]
        return {path: path.read_bytes() for path in paths}

    place.play_gh("", status=0)
    before = everything()
    done = run("--dry-run")
    assert (done.status, done.err) == (0, "")
    assert everything() == before
    assert f"branch: {BRANCH}, on top of upstream/main" in done.out
    assert "  A contributions/mine/run.sh\n" in done.out
    assert f"| {SMALL} | 0.7500 (3 of 4) | 0.3006 to 0.9544 | 1, shared with 1 more |" in done.out
    assert done.out.endswith("dry run: nothing was written or pushed\n")


def test_staged_and_unstaged_changes_stay_and_stay_out(place: Place, run: Run) -> None:
    (place.clone / "metadata.json").write_text((place.clone / "metadata.json").read_text() + " ")
    (place.clone / "staged").write_text("staged")
    (place.clone / "untracked").write_text("untracked")
    (place.folder / "run.sh").write_text("#!/usr/bin/env bash\nexit 1\n")
    place.git("add", "staged", "contributions/mine/run.sh")
    (place.folder / "run.sh").write_text("#!/usr/bin/env bash\nexit 0\n")
    index = (place.clone / ".git" / "index").read_bytes()
    status = place.git("--no-optional-locks", "status", "--porcelain")
    done = run()
    assert (done.status, done.err) == (0, "")
    changed = place.git("diff", "--name-only", "upstream/main", place.pushed()).splitlines()
    assert {str(Path(path).parent) for path in changed} == {"contributions/mine"}
    # The file as it is, not as it was staged: what was checked is what is submitted.
    assert "exit 0" in place.git("show", f"{BRANCH}:contributions/mine/run.sh")
    assert (place.clone / ".git" / "index").read_bytes() == index
    assert place.git("--no-optional-locks", "status", "--porcelain") == status


def test_a_merge_under_way_and_a_locked_index_do_not_matter(place: Place, run: Run) -> None:
    for branch, text in (("one", "1"), ("two", "2")):
        place.git("switch", "--quiet", "--create", branch, "origin/main")
        (place.clone / ".gitignore").write_text(text)
        place.git("commit", "--quiet", "--all", f"--message={branch}")
    with pytest.raises(subprocess.CalledProcessError):
        place.git("merge", "one")
    (place.clone / ".git" / "index.lock").touch()
    before = place.state()
    assert run().status == 0
    after = place.state()
    assert ".git/MERGE_HEAD" in before
    assert {path: after[path] for path in before} == before


def test_a_detached_head_stays_where_it_is(place: Place, run: Run) -> None:
    place.git("switch", "--quiet", "--detach", "upstream/main")
    head = (place.clone / ".git" / "HEAD").read_bytes()
    assert run().status == 0
    assert (place.clone / ".git" / "HEAD").read_bytes() == head
    assert place.pushed()


def test_what_git_ignores_is_left_out(place: Place, run: Run) -> None:
    (place.folder / "train.log").write_text("long")
    (place.folder / "__pycache__").mkdir()
    (place.folder / "__pycache__" / "model.pyc").write_text("machine's")
    (place.folder / "notes.md").write_text("wanted")
    run()
    names = place.git("ls-tree", "-r", "--name-only", place.pushed(), "contributions/mine/")
    assert [Path(name).name for name in names.splitlines()] == [
        SMALL.predictions_name,
        "metadata.json",
        "notes.md",
        "run.sh",
    ]


@pytest.mark.parametrize("pattern", ["*.zip", "metadata.json", "run.sh", "/contributions/mine"])
def test_ignoring_what_makes_a_contribution_is_refused(
    pattern: str, place: Place, run: Run
) -> None:
    (place.clone / ".git" / "info").mkdir()
    (place.clone / ".git" / "info" / "exclude").write_text(pattern)
    before = place.state()
    done = run()
    assert done.status == 1
    assert "ignore" in done.err
    assert "contributions/mine" in done.err
    assert (place.state(), place.pushed()) == (before, "")


def test_a_changed_contribution_is_a_diff_with_deletions(place: Place, run: Run) -> None:
    (place.folder / "old.md").write_text("old")
    place.git("add", "contributions/mine")
    place.git("commit", "--quiet", "--message=mine")
    (place.folder / "old.md").unlink()
    add_complete(place.folder.parent, "mine", ALL_RIGHT)
    assert run("--base", "main").status == 0
    assert place.git("diff", "--name-status", "main", BRANCH).splitlines() == [
        f"M\tcontributions/mine/{SMALL.predictions_name}",
        "D\tcontributions/mine/old.md",
    ]


def test_nothing_to_submit(place: Place, run: Run) -> None:
    place.git("add", "contributions/mine")
    place.git("commit", "--quiet", "--message=mine")
    done = run("--base", "main")
    assert done.status == 1
    assert "nothing to submit: mine is the same in main" in done.err
    assert place.pushed() == ""


@pytest.mark.parametrize("where", [".", "data", "figures/data"])
def test_a_symbolic_link_is_refused(where: str, place: Place, run: Run, tmp_path: Path) -> None:
    link = place.folder / where
    if link == place.folder:
        link.rename(tmp_path / "mine")
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path / "mine")
    before = place.state()
    assert run().status == 1
    # Whatever the checklist says of it, it cannot be committed.
    folder = Path("contributions", "mine")
    with pull_request.clone_of(folder, keep_objects=False) as clone:
        branch = pull_request.find_branch(clone, BRANCH, remote="origin", base=None, update=False)
        with pytest.raises(StemError, match=f"^{folder / where} is a symbolic link: only regular"):
            pull_request.commit(clone, branch, "message")
    assert (place.state(), place.pushed()) == (before, "")


@pytest.mark.parametrize("where", [".", "code"])
def test_a_repository_in_the_folder_is_refused(where: str, place: Place, run: Run) -> None:
    inner = place.folder / where
    place.git("init", "--quiet", str(inner))
    place.git("commit", "--quiet", "--allow-empty", "--message=inner", cwd=inner)
    done = run()
    assert done.status == 1
    assert f"{str(Path(where, '.git'))!r}: a git repository of its own" in done.out
    assert place.pushed() == ""


def test_too_much_is_refused_before_git_copies_it(place: Place, run: Run) -> None:
    with (place.folder / "weights.pt").open("wb") as stream:
        stream.truncate(64 * 2**20)  # one byte too many, with the other files
    done = run()
    assert done.status == 1
    assert "more than the 67108864 of a contribution; the largest file is weights.pt" in done.err
    assert place.pushed() == ""


def add_weights(folder: Path) -> Path:
    """Put recorded weights into a contribution."""
    content = bytes(range(256))
    recorded = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    record = {**run_record(0.75), "weights": recorded}
    (folder / SMALL.run_record_name).write_text(json.dumps(record))
    (folder / SMALL.weights_name).write_bytes(content)
    return folder / SMALL.weights_name


def test_recorded_weights_are_pushed_as_they_are(place: Place, run: Run) -> None:
    path = add_weights(place.folder)
    done = run()
    assert (done.status, done.err) == (0, "")
    pushed = f"{place.pushed()}:contributions/mine/{path.name}"
    blob = subprocess.run(["git", "show", pushed], capture_output=True, check=True)
    assert blob.stdout == path.read_bytes()


def test_other_weights_are_not_pushed(place: Place, run: Run) -> None:
    add_weights(place.folder).write_bytes(b"others")
    done = run()
    assert done.status == 1
    assert f"fail  {SMALL.weights_name}" in done.out
    assert place.pushed() == ""


def test_weights_that_git_ignores_are_missed(place: Place, run: Run) -> None:
    path = add_weights(place.folder)
    (place.clone / ".gitignore").write_text("*.safetensors\n")
    done = run()
    assert done.status == 1
    assert f"git ignores contributions/mine/{path.name}" in done.err
    assert place.pushed() == ""


def test_a_branch_of_that_name_in_the_clone_is_left_alone(place: Place, run: Run) -> None:
    place.git("branch", BRANCH)
    before = place.state()
    done = run()
    assert done.status == 1
    assert f"branch {BRANCH} exists in this clone already; --update adds" in done.err
    assert (place.state(), place.pushed()) == (before, "")
    assert run("--branch", "mine-again").status == 0
    assert place.pushed("mine-again")


def test_a_branch_of_that_name_on_the_remote_is_left_alone(place: Place, run: Run) -> None:
    place.git("branch", BRANCH, "main", cwd=place.fork)
    commit = place.pushed()
    before = place.state()
    done = run()
    assert done.status == 1
    assert f"branch {BRANCH} exists on origin already; --update adds" in done.err
    assert (place.state(), place.pushed()) == (before, commit)


def test_update_adds_a_commit(place: Place, run: Run) -> None:
    run()
    first = place.pushed()
    (place.folder / "notes.md").write_text("as the review asked")
    done = run("--update")
    assert (done.status, done.err) == (0, "")
    assert "  A contributions/mine/notes.md\n" in done.out
    assert place.git("rev-parse", f"{BRANCH}~1", BRANCH).splitlines() == [first, place.pushed()]
    again = run("--update")
    assert again.status == 1
    assert f"nothing to submit: mine is the same in {BRANCH} of origin" in again.err


def test_update_goes_on_top_of_what_a_reviewer_pushed(
    place: Place, run: Run, tmp_path: Path
) -> None:
    run()
    other = tmp_path / "reviewer"
    place.git("clone", "--quiet", "--branch", BRANCH, str(place.fork), str(other))
    (other / "contributions" / "mine" / "notes.md").write_text("a reviewer's")
    place.git("add", "--all", cwd=other)
    place.git("commit", "--quiet", "--message=review", cwd=other)
    place.git("push", "--quiet", cwd=other)
    reviewed = place.pushed()
    (place.folder / "notes.md").write_text("mine")

    before = place.state()
    objects = sorted((place.clone / ".git" / "objects").rglob("*"))
    assert run("--update", "--dry-run").status == 0
    assert place.state() == before
    assert sorted((place.clone / ".git" / "objects").rglob("*")) == objects

    assert run("--update").status == 0
    assert place.git("rev-parse", f"{BRANCH}~1") == reviewed
    assert place.git("show", f"{BRANCH}:contributions/mine/notes.md") == "mine"


def test_update_without_a_branch_on_the_remote(place: Place, run: Run) -> None:
    place.git("branch", BRANCH)
    done = run("--update")
    assert done.status == 1
    assert f"no branch {BRANCH} on origin to update; leave out --update" in done.err


def test_update_does_not_move_a_branch_that_is_checked_out(place: Place, run: Run) -> None:
    run()
    place.git("stash", "--quiet", "--include-untracked")
    place.git("switch", "--quiet", BRANCH)
    (place.folder / "notes.md").write_text("more")
    before, commit = place.state(), place.pushed()
    done = run("--update")
    assert done.status == 1
    assert f"branch {BRANCH} is checked out in {place.clone}" in done.err
    assert (place.state(), place.pushed()) == (before, commit)


def test_update_does_not_lose_commits_of_the_clone(place: Place, run: Run) -> None:
    run()
    tree = place.git("rev-parse", f"{BRANCH}^{{tree}}")
    own = place.git("commit-tree", tree, "-p", BRANCH, "-m", "own")
    place.git("branch", "--force", BRANCH, own)
    (place.folder / "notes.md").write_text("more")
    done = run("--update")
    assert done.status == 1
    assert "has commits that origin has not" in done.err
    assert place.git("rev-parse", BRANCH) == own


@pytest.mark.parametrize("update", [False, True])
def test_a_refused_push_leaves_all_as_it_was(update: bool, place: Place, run: Run) -> None:
    if update:
        run()
        (place.folder / "notes.md").write_text("more")
    place.script(place.fork / "hooks" / "pre-receive", "#!/bin/sh\necho not today\nexit 1\n")
    before, commit = place.state(), place.pushed()
    done = run(*["--update"] * update)
    assert done.status == 1
    assert "remote: not today" in done.err
    assert "pre-receive hook declined" in done.err
    assert (place.state(), place.pushed()) == (before, commit)


def test_the_contributors_hook_sees_the_contributors_index(place: Place, run: Run) -> None:
    hook = '#!/bin/sh\necho "index: ${GIT_INDEX_FILE-their own}" >&2\nexit 1\n'
    place.script(place.clone / ".git" / "hooks" / "pre-push", hook)
    done = run()
    assert (done.status, place.pushed()) == (1, "")
    assert "index: their own" in done.err


def test_no_push_is_forced(place: Place, run: Run) -> None:
    """Fetching from the project and pushing to the fork, git sees the fork's branch at the push."""
    place.git("config", "remote.origin.url", f"git@github.com:{UPSTREAM}")
    place.git("config", "remote.origin.pushurl", f"git@github.com:{FORK}")
    tree = place.git("rev-parse", "main^{tree}", cwd=place.fork)
    other = place.git("commit-tree", tree, "-m", "unrelated", cwd=place.fork)
    place.git("branch", BRANCH, other, cwd=place.fork)
    before = place.state()
    done = run()
    assert done.status == 1
    assert "[rejected]" in done.err
    assert "fetch first" in done.err
    assert (place.state(), place.pushed()) == (before, other)


def test_a_remote_that_cannot_be_reached(place: Place, run: Run) -> None:
    shutil.rmtree(place.fork)
    before = place.state()
    done = run()
    assert done.status == 1
    assert "does not appear to be a git repository" in done.err
    assert place.state() == before


def test_interrupted_while_pushing(place: Place) -> None:
    started, hold = place.hosts / "started", place.hosts / "hold"
    hold.touch()
    place.script(
        place.fork / "hooks" / "pre-receive",
        f"#!/bin/sh\ntouch '{started}'\nwhile [ -e '{hold}' ]; do sleep 0.05; done\nexit 1\n",
    )
    before = place.state()
    process = subprocess.Popen(
        [sys.executable, "-m", "jarvis_stem.submit", "mine"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        while not started.exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    finally:
        hold.unlink()
        process.kill()
    assert (process.returncode, err) == (130, "interrupted\n")
    assert place.state() == before


def test_no_remote(place: Place, run: Run) -> None:
    done = run("--remote", "fork")
    assert done.status == 1
    assert "no remote 'fork'; there is origin, upstream." in done.err
    assert "git remote add fork ADDRESS" in done.err
    place.git("remote", "remove", "origin")
    place.git("remote", "remove", "upstream")
    assert "no remote 'origin'; there is none." in run().err


def test_another_remote(place: Place, run: Run) -> None:
    place.git("remote", "rename", "origin", "fork")
    assert run("--remote", "fork").status == 0
    assert place.pushed()


@pytest.mark.parametrize(
    ("remove", "base"),
    [((), "upstream/main"), (("upstream",), "origin/HEAD"), (("upstream", "origin"), "main")],
)
def test_the_base(remove: tuple[str, ...], base: str, place: Place, run: Run) -> None:
    for remote in remove:
        place.git("remote", "remove", remote)
    place.git("remote", "add", "fork", f"git@github.com:{FORK}")
    place.git("switch", "--quiet", "--create", "work")
    expected = place.git("rev-parse", base)
    if base != "main":  # easily made by mistake, and not what is meant
        tree = place.git("rev-parse", "main^{tree}")
        place.git("branch", base, place.git("commit-tree", tree, "-m", "mistaken"))
    place.git("commit", "--quiet", "--allow-empty", "--message=work")
    done = run("--remote", "fork")
    assert (done.status, done.err) == (0, "")
    assert f"on top of {base} ({expected[:12]})" in done.out
    assert place.git("rev-parse", f"{BRANCH}~1") == expected


@pytest.mark.parametrize("base", ["nowhere", "--all", "HEAD:metadata.json"])
def test_no_such_base(base: str, place: Place, run: Run) -> None:
    done = run(f"--base={base}")
    assert done.status == 1
    assert f"nothing to build on: no {base} in this clone" in done.err


def test_a_remote_that_was_never_fetched(place: Place, run: Run) -> None:
    place.git("remote", "remove", "upstream")
    place.git("remote", "add", "upstream", f"git@github.com:{UPSTREAM}")
    done = run()
    assert done.status == 1
    assert "no upstream/HEAD and no upstream/main in this clone; git fetch upstream" in done.err


@pytest.mark.parametrize("branch", ["a..b", "-x", "a b", "a.lock"])
def test_not_a_branch_name(branch: str, place: Place, run: Run) -> None:
    before = place.state()
    done = run(f"--branch={branch}")
    assert done.status == 1
    assert f"'{branch}' is not a valid branch name" in done.err
    assert place.state() == before


def test_a_branch_that_stands_in_the_way_of_the_name(place: Place, run: Run) -> None:
    place.git("branch", "contribution")
    done = run()
    assert done.status == 1
    assert "'refs/heads/contribution' exists" in done.err
    assert place.pushed() == ""


def test_not_a_git_repository(place: Place, run: Run) -> None:
    (place.clone / ".git").rename(place.clone.parent / "elsewhere")
    done = run()
    assert done.status == 1
    assert "not a git repository" in done.err
    assert "has to be in a clone of your fork" in done.err


@pytest.mark.parametrize("known", ["", "[user]\n\temail = me@example.org\n"])
def test_git_does_not_know_the_contributor(
    known: str, place: Place, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "gitconfig").write_text(known)
    before = place.state()
    done = run()
    assert done.status == 1
    for words in ("Please tell me who you are", "git config --global user.email", "user.name"):
        assert words in done.err
    assert (place.state(), place.pushed()) == (before, "")


def test_a_linked_working_tree_serves_as_well(
    place: Place, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"))
    place.folder.rename(tmp_path / "tree" / "contributions" / "mine")
    monkeypatch.chdir(tmp_path / "tree")
    for arguments in (["--dry-run"], []):
        done = run(*arguments)
        assert (done.status, done.err) == (0, "")
    assert place.git("rev-parse", BRANCH) == place.pushed()


def test_a_program_gets_all_of_it(place: Place, run: Run) -> None:
    dry = run("--dry-run", "--json")
    assert (dry.status, dry.err) == (0, "")
    shown = json.loads(dry.out)
    assert (shown["pushed"], shown["branch"]) == (False, BRANCH)
    assert shown["checklist"]["ok"]
    assert "A contributions/mine/run.sh" in shown["changes"]
    (standing,) = shown["standings"]
    assert (standing["benchmark"], standing["accuracy"], standing["rank"]) == (str(SMALL), 0.75, 1)
    assert place.git("ls-remote", "origin", BRANCH) == ""

    place.play_gh("https://github.com/jarvis-stem/jarvis_stem/pull/7", status=0)
    done = run("--json")
    assert (done.status, done.err) == (0, "")
    pushed = json.loads(done.out)
    assert (pushed["pushed"], pushed["commit"]) == (True, place.pushed())
    assert pushed["pull_request"] == "https://github.com/jarvis-stem/jarvis_stem/pull/7"
    assert pushed["open_at"] is None


def test_a_failed_check_is_told_to_a_program(place: Place, run: Run) -> None:
    (place.folder / "run.sh").unlink()
    done = run("--json")
    assert done.status == 1
    shown = json.loads(done.out)
    assert (shown["pushed"], shown["checklist"]["ok"]) == (False, False)
    assert done.err == "error: contributions/mine: not submitted, a check failed\n"
    quiet = run("--quiet")
    assert (quiet.status, quiet.out) == (1, "")
    assert quiet.err.startswith("run.sh: expected a file run.sh")
    assert quiet.err.endswith(done.err)


def test_quiet_says_the_address_alone(place: Place, run: Run) -> None:
    assert run("--dry-run", "--quiet") == Done(0, "", "")
    place.play_gh("https://github.com/jarvis-stem/jarvis_stem/pull/7", status=0)
    assert run("--quiet") == Done(0, "https://github.com/jarvis-stem/jarvis_stem/pull/7\n", "")


def test_no_such_contribution(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(lambda: submit.main(["nobody"])) == 1
    assert (
        "no contribution 'nobody' in contributions; there is mine, right" in capfd.readouterr().err
    )


def test_gh_opens_the_pull_request(place: Place, run: Run) -> None:
    place.play_gh("https://github.com/jarvis-stem/jarvis_stem/pull/7", status=0)
    done = run()
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "https://github.com/jarvis-stem/jarvis_stem/pull/7"
    *arguments, body, end = (place.hosts / "gh.arguments").read_text().split("\0")
    assert (arguments, end) == (
        [
            *("pr", "create", "--repo", "jarvis-stem/jarvis_stem"),
            *("--head", f"me:{BRANCH}", "--base", "main"),
            *("--title", "Contribution mine", "--body"),
        ],
        "",
    )
    assert f"| {SMALL} | 0.7500 (3 of 4) | 0.3006 to 0.9544 | 1, shared with 1 more |" in body
    summary = checklist.check(place.folder, place.clone / "benchmarks").summary
    assert body.endswith(f"\nChecklist: {summary}.")


def test_a_failing_gh_fails_nothing(place: Place, run: Run) -> None:
    place.play_gh("To get started, please run: gh auth login", status=4)
    done = run()
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[-2:] == [
        "gh: To get started, please run: gh auth login; open the pull request here:",
        LINK,
    ]
    assert place.pushed()


def test_a_fork_elsewhere_than_on_github(place: Place, run: Run) -> None:
    place.git("remote", "set-url", "origin", str(place.fork))
    place.play_gh("", status=0)
    done = run()
    assert done.status == 0
    assert done.out.splitlines()[-1] == (
        f"open a pull request from {BRANCH} of {place.fork} to "
        "https://github.com/jarvis-stem/jarvis_stem/tree/main"
    )
    assert not (place.hosts / "gh.arguments").exists()


@pytest.mark.parametrize("gh", [None, 0, 1])
def test_a_password_in_the_address_is_never_shown(gh: int | None, place: Place, run: Run) -> None:
    address = f"ssh://me:{SECRET}@github.com/{FORK}"
    place.git("remote", "set-url", "origin", address)
    if gh is not None:
        place.play_gh(address, status=gh)
    for n, arguments in enumerate((["--dry-run"], [], ["--update"])):
        (place.folder / "notes.md").write_text(str(n))
        done = run(*arguments)
        assert (done.status, done.err) == (0, "")
        assert f"remote: origin (ssh://github.com/{FORK})" in done.out
        assert SECRET not in done.out
    assert place.git("show", f"{place.pushed()}:contributions/mine/notes.md") == "2"


@pytest.mark.parametrize("password", [SECRET, f"at@{SECRET}"])
def test_a_password_is_not_shown_when_git_fails(password: str, place: Place, run: Run) -> None:
    place.git("remote", "set-url", "origin", f"https://me:{password}@127.0.0.1:1/{FORK}")
    done = run()
    assert done.status == 1
    assert "https://127.0.0.1:1/" in done.err
    assert SECRET not in done.out + done.err


@pytest.mark.parametrize("name", ["origin", "upstream"])
def test_a_password_is_not_shown_when_the_push_is_refused(
    name: str, place: Place, run: Run
) -> None:
    path = {"origin": FORK, "upstream": UPSTREAM}[name]
    place.git("remote", "set-url", name, f"ssh://me:{SECRET}@github.com/{path}")
    place.script(
        place.hosts / path / "hooks" / "pre-receive",
        f"#!/bin/sh\necho denied to https://me:{SECRET}@github.com/\nexit 1\n",
    )
    done = run("--remote", name)
    assert done.status == 1
    assert "denied to https://github.com/" in done.err
    assert SECRET not in done.out + done.err


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://github.com/me/jarvis_stem", ("me", "jarvis_stem", "main")),
        ("https://github.com/me/jarvis_stem.git", ("me", "jarvis_stem", "main")),
        ("https://github.com/me/jarvis_stem/", ("me", "jarvis_stem", "main")),
        ("https://github.com/me/jarvis_stem/tree/a/b", ("me", "jarvis_stem", "a/b")),
        ("https://me@github.com/me/my.stem.git", ("me", "my.stem", "main")),
        ("git@github.com:me/jarvis_stem.git", ("me", "jarvis_stem", "main")),
        ("github.com:me/jarvis_stem", ("me", "jarvis_stem", "main")),
        ("ssh://git@github.com/me/jarvis_stem.git", ("me", "jarvis_stem", "main")),
        ("ssh://git@ssh.github.com:443/me/jarvis_stem.git", ("me", "jarvis_stem", "main")),
        ("https://gitlab.com/me/jarvis_stem", None),
        ("https://github.com.evil.org/me/jarvis_stem", None),
        ("https://evil.org/github.com/me/jarvis_stem", None),
        ("https://github.com/me", None),
        ("../github.com/me/jarvis_stem", None),
        ("/srv/git/jarvis_stem.git", None),
    ],
)
def test_addresses(address: str, expected: tuple[str, str, str] | None) -> None:
    assert Repository.parse(address) == expected


def test_a_link_quotes_the_branch() -> None:
    project, fork = Repository("them", "stem", "main"), Repository("me", "stem", "main")
    assert compare_link(project, fork, "a/b#c") == (
        "https://github.com/them/stem/compare/main...me:a/b%23c?expand=1"
    )
