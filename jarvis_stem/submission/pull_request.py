"""A contribution as one commit on a branch of a fork, and the pull request for it.

The commit is built in an index of its own. The working tree, the index and HEAD of the
contributor's clone are not touched, so that staged changes, a merge under way or a detached HEAD
neither get in the way nor get lost.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jarvis_stem.formats.folder import model_files, prediction_files
from jarvis_stem.formats.metadata import METADATA
from jarvis_stem.scoring.run_script import RUN_SCRIPT
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import SIZE_LIMIT, TEMPORARY
from jarvis_stem.utils.git import git, without_credentials
from jarvis_stem.utils.messages import printable

_NOT_FILES = {"120000": "a symbolic link", "160000": "a git repository of its own"}  # git's modes


@dataclass(frozen=True)
class Clone:
    """A contribution's folder in a clone, and how git is run there.

    Attributes:
        folder: The contribution.
        env: Variables that git runs under; see `clone_of`.
    """

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def git(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Run git beside the contribution and return what it printed, without white space around.

        Raises:
            StemError: It failed; in its own words.
        """
        output = git(*arguments, cwd=self.folder.parent, env=self.env, stdin=stdin)
        return os.fsdecode(output).strip()


@dataclass(frozen=True)
class Branch:
    """The branch that a contribution goes to.

    Attributes:
        name: Without ``refs/heads/``.
        remote: Name of the remote it is pushed to.
        address: Where that is, without credentials.
        parent: Id of the commit that the contribution goes on top of.
        parent_name: What the contributor knows that commit as.
        local: Id of the commit that the clone's own branch of that name is at, empty if none.
    """

    name: str
    remote: str
    address: str
    parent: str
    parent_name: str
    local: str

    @property
    def ref(self) -> str:
        """Its full name."""
        return f"refs/heads/{self.name}"


@dataclass(frozen=True)
class Commit:
    """A commit, and what it changes: a letter of git's (A, M, D) and a path each."""

    id: str
    changes: list[str]


@contextmanager
def clone_of(folder: Path, *, keep_objects: bool) -> Iterator[Clone]:
    """A clone in which git has an index of its own until the end.

    Args:
        folder: The contribution.
        keep_objects: False has git write its objects to a temporary folder too.

    Raises:
        StemError: The folder is not in a git repository.
    """
    try:
        objects = folder.parent / Clone(folder).git("rev-parse", "--git-path", "objects")
    except StemError as error:
        raise StemError(f"{error}\n{folder} has to be in a clone of your fork") from None
    with tempfile.TemporaryDirectory(prefix="jarvis_stem.") as name:
        env = {"GIT_INDEX_FILE": str(Path(name, "index"))}
        if not keep_objects:
            store = Path(name, "objects")
            (store / "info").mkdir(parents=True)
            (store / "info" / "alternates").write_bytes(os.fsencode(objects.resolve()))
            env["GIT_OBJECT_DIRECTORY"] = str(store)
        yield Clone(folder, env)


def find_branch(clone: Clone, name: str, *, remote: str, base: str | None, update: bool) -> Branch:
    """Find where a contribution goes.

    Args:
        clone: The contribution.
        name: The branch.
        remote: Name of the fork's remote.
        base: What to build on; None takes the main branch of upstream, else of origin, else the
            clone's own.
        update: True adds to a branch that is there, False wants a new one.

    Raises:
        StemError: No such remote or base, the remote cannot be reached, or the branch is or is
            not there.
    """
    remotes = clone.git("remote").splitlines()
    if remote not in remotes:
        raise StemError(
            f"no remote {remote!r}; there is {', '.join(remotes) or 'none'}. Fork the project and "
            f"add the fork: git remote add {remote} ADDRESS"
        )
    clone.git("check-ref-format", "--branch", name)
    ref = f"refs/heads/{name}"
    local, checked_out = _local(clone, ref)
    published = _published(clone, remote, ref)
    if update:
        _check_update(clone, name, remote, local, published, checked_out)
        parent, parent_name = published, f"{name} of {remote}"
    else:
        if local or published:
            where = f"on {remote}" if published else "in this clone"
            raise StemError(
                f"branch {name} exists {where} already; --update adds a commit to the one on "
                f"{remote}, --branch NAME takes another"
            )
        parent, parent_name = _base(clone, base, remotes)
    address = without_credentials(clone.git("remote", "get-url", "--push", remote))
    return Branch(name, remote, address, parent, parent_name, local)


def commit(clone: Clone, branch: Branch, message: str) -> Commit:
    """Commit the contribution's folder, and nothing else, on top of a branch's parent.

    Files that git ignores are left out; the commit is on no branch yet.

    Args:
        clone: The contribution.
        branch: Where it goes.
        message: The commit's.

    Raises:
        StemError: Nothing differs, too much does, something is not a regular file, git ignores
            what makes a contribution, or git does not know the contributor's name.
    """
    name = clone.folder.name
    clone.git("read-tree", branch.parent)
    _check_size(clone)
    # Without what a write that was killed has left; git looks for it behind no link.
    left = [] if clone.folder.is_symlink() else [f":(exclude,glob){name}/**/.*{TEMPORARY}"]
    clone.git("add", "--all", "--", name, *left)
    tree = clone.git("write-tree")
    fields = clone.git("diff-tree", "-r", "-z", "--no-renames", branch.parent, tree).split("\0")
    changes = [(*kind.split(), path) for kind, path in zip(fields[::2], fields[1::2], strict=False)]
    odd = [
        f"{printable(path)} is {_NOT_FILES[mode]}"
        for _, mode, *_, path in changes
        if mode in _NOT_FILES
    ]
    if odd:
        raise StemError(f"{', '.join(odd)}: only regular files can be submitted")
    _check_complete(clone)
    if not changes:
        raise StemError(f"nothing to submit: {name} is the same in {branch.parent_name}")
    # Without the option git makes up a name and an address where none is set.
    id = clone.git(
        *("-c", "user.useConfigOnly=true", "commit-tree", tree, "-p", branch.parent),
        stdin=message.encode(),
    )
    return Commit(id, [f"{letter} {printable(path)}" for *_, letter, path in changes])


def push(clone: Clone, branch: Branch, commit: Commit) -> None:
    """Push a commit to its branch, never by force, and have the clone's own branch there too.

    Raises:
        StemError: Refused; in git's own words, and the clone's branch is what it was.
    """
    before = branch.local or "0" * len(commit.id)  # git's way to say that there is none
    update = f"update {branch.ref} {commit.id} {before}\n"
    # Whether the clone can have that branch is tried before the push, for a push has no way back.
    clone.git("update-ref", "--stdin", stdin=f"start\n{update}prepare\nabort\n".encode())
    clone.git("push", "--quiet", "--", branch.remote, f"{commit.id}:{branch.ref}")
    clone.git("update-ref", "--stdin", stdin=update.encode())


def _local(clone: Clone, ref: str) -> tuple[str, str]:
    """Commit of a branch of the clone, and the working tree that has it checked out; or empty."""
    listed = clone.git("for-each-ref", "--format=%(refname) %(objectname) %(worktreepath)", ref)
    for line in listed.splitlines():
        name, commit, *worktree = line.split(" ", 2)
        if name == ref:
            return commit, "".join(worktree)
    return "", ""


def _published(clone: Clone, remote: str, ref: str) -> str:
    """Commit of a branch of the remote, or empty."""
    listed = [line.split("\t") for line in clone.git("ls-remote", remote, ref).splitlines()]
    return next((commit for commit, name in listed if name == ref), "")


def _check_update(
    clone: Clone, name: str, remote: str, local: str, published: str, checked_out: str
) -> None:
    if not published:
        raise StemError(f"no branch {name} on {remote} to update; leave out --update")
    if checked_out:
        raise StemError(
            f"branch {name} is checked out in {checked_out}; commit there and git push {remote} "
            f"{name}, or git switch to another branch first"
        )
    # A reviewer may have added to the branch. Nothing but objects is fetched: no ref changes.
    quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
    clone.git("fetch", *quiet, "--refmap=", "--", remote, f"refs/heads/{name}")
    if local and clone.git("rev-list", f"{published}..{local}"):
        raise StemError(
            f"branch {name} of this clone has commits that {remote} has not; git push {remote} "
            f"{name} first, or take another with --branch NAME"
        )


def _base(clone: Clone, base: str | None, remotes: list[str]) -> tuple[str, str]:
    """Id and name of the commit that a new branch starts from."""
    remote = next((name for name in ("upstream", "origin") if name in remotes), None)
    if base is not None:
        names, way_out = [base], "name a branch, a tag or a commit"
    elif remote:
        # In full: a branch of the clone may happen to be called upstream/main.
        names = [f"refs/remotes/{remote}/{branch}" for branch in ("HEAD", "main")]
        way_out = f"git fetch {remote}"
    else:
        names, way_out = ["refs/heads/main"], "name one with --base REF"
    for name in names:
        try:
            commit = clone.git(
                *("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
            )
        except StemError:
            continue
        return commit, _short(name)
    known_as = " and no ".join(map(_short, names))
    raise StemError(f"nothing to build on: no {known_as} in this clone; {way_out}")


def _short(ref: str) -> str:
    return ref.removeprefix("refs/remotes/").removeprefix("refs/heads/")


def _check_size(clone: Clone) -> None:
    """Refuse too much before git copies it."""
    listed = clone.git(
        *("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", clone.folder.name)
    ).split("\0")
    files = [clone.folder.parent / path for path in listed if path]
    sizes = {path: path.lstat().st_size for path in files if path.is_file()}
    if sum(sizes.values()) > SIZE_LIMIT:
        largest = max(sizes, key=sizes.__getitem__)
        raise StemError(
            f"{clone.folder}: {sum(sizes.values())} bytes are more than the {SIZE_LIMIT} of a "
            f"contribution; the largest file is {largest.name} with {sizes[largest]}"
        )


def _check_complete(clone: Clone) -> None:
    """Refuse to leave out what makes a contribution because git ignores it."""
    name = clone.folder.name
    added = set(clone.git("ls-files", "-z", "--", name).split("\0"))
    files = [*prediction_files(clone.folder), *model_files(clone.folder)]
    needed = [*(path.name for path in files), METADATA, RUN_SCRIPT]
    for file in needed:
        if f"{name}/{file}" not in added:
            raise StemError(
                f"git ignores {clone.folder / file}; git check-ignore -v {clone.folder / file} "
                "says why"
            )
