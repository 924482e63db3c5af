"""Commits read as data: git's trees and files, without a working tree.

What a stranger commits can be hostile: links out of the folder, names that are paths, a tree of a
few bytes that unfolds to billions of files. So folders are listed one at a time and only as far as
asked, and files are written only when all of them are known to be plain, few and small.
"""

from __future__ import annotations

import datetime
import os
import posixpath
import shutil
import subprocess
import tarfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from subprocess import PIPE
from typing import NamedTuple

from jarvis_stem.formats.folder import ATTRIBUTES, FILE_LIMIT, folded, name_faults
from jarvis_stem.scoring.commit_dates import day_of
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.git import git
from jarvis_stem.utils.messages import printable, quote

MERGE_LIMIT = 100_000  # files and folders in which two branches that are merged may differ
PATH_LIMIT = 200  # bytes of a path; file systems refuse much longer ones
_LINE = 512  # bytes, of a file's line and path on average, and more than enough
_FOLDER = "040000"
_AS_COMMITTED = (
    "* -text -eol -crlf -ident -filter -working-tree-encoding -export-ignore -export-subst\n"
)
_KINDS = {
    _FOLDER: "a folder",
    "100644": "a file",
    "100755": "a file",
    "120000": "a symbolic link",
    "160000": "a submodule",
}


class Merge(NamedTuple):
    """What a merge gives: a tree, and the paths in it that both sides changed differently."""

    tree: str
    conflicts: list[str]


class Entry(NamedTuple):
    """One line of a tree; the size is that of a file in bytes, else 0."""

    name: str
    mode: str
    oid: str
    size: int

    @property
    def is_folder(self) -> bool:
        """Whether it is a tree itself."""
        return self.kind == "a folder"

    @property
    def is_file(self) -> bool:
        """Whether it is a plain file, executable or not."""
        return self.kind == "a file"

    @property
    def kind(self) -> str:
        """What it is, in words."""
        return _KINDS.get(self.mode, f"of mode {self.mode}")


class Commits:
    """The commits of a repository, their folders and files.

    All is read through a repository of its own that borrows the objects: what is made stays out of
    the other, and neither its settings nor attributes of files change what is read.
    """

    def __init__(self, repository: Path, scratch: Path) -> None:
        """Borrow a repository's objects.

        Args:
            repository: The repository, which may be bare.
            scratch: Where the own one goes; there must not be anything yet.

        Raises:
            StemError: There is no such folder, or it is no git repository.
        """
        if not repository.is_dir():
            raise StemError(f"{repository}: no such folder; expected a git repository")
        self._repository = repository
        form = _words(git("rev-parse", "--show-object-format", cwd=repository))
        git("init", "--quiet", "--bare", f"--object-format={form}", str(scratch), cwd=repository)
        self._env = {"GIT_DIR": str(scratch)}
        objects = repository / _words(git("rev-parse", "--git-path", "objects", cwd=repository))
        (scratch / "objects" / "info" / "alternates").write_bytes(os.fsencode(objects.resolve()))
        (scratch / "info").mkdir(exist_ok=True)
        (scratch / "info" / "attributes").write_text(_AS_COMMITTED)
        shallow = repository / _words(git("rev-parse", "--git-path", "shallow", cwd=repository))
        if shallow.exists():
            shutil.copyfile(shallow, scratch / "shallow")

    def commit(self, name: str) -> str:
        """Find the commit that a branch, a tag or a commit's name stands for.

        Raises:
            StemError: There is none.
        """
        arguments = ("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
        try:
            found = git(*arguments, cwd=self._repository)
        except StemError as error:
            raise StemError(f"{quote(name)}: not a commit of {self._repository}; {error}") from None
        return _words(found)

    def merged(self, base: str, head: str) -> Merge:
        """Merge a head into a base, as objects.

        Args:
            base: Commit to merge into.
            head: Commit to merge; they may have left each other in several places.

        Raises:
            StemError: They have no history in common, the head has names that git would not make,
                or they differ in too much.
        """
        forks = self._git("merge-base", "--all", base, head, accept=(0, 1)).decode().split()
        if not forks:
            raise StemError(
                f"{base} and {head} have no history in common; in a shallow clone fetch the rest "
                "of it, else begin the branch anew from the base"
            )
        if forks in ([base], [head]):  # nothing to merge: the result is the later one
            return Merge(head if forks == [base] else base, [])
        self._check_difference(base, head)
        # git before 2.38 has no such option, and says so.
        command = ("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", base, head)
        tree, *conflicts, _ = self._git(*command, accept=(0, 1)).split(b"\0")
        return Merge(tree.decode(), [printable(os.fsdecode(path)) for path in conflicts])

    def _check_difference(self, base: str, head: str) -> None:
        """Refuse to merge what would take too long, or names that lead elsewhere."""
        command = ["git", "diff-tree", "-r", "-t", "-z", "--raw", "--no-renames", base, head]
        env = {**os.environ, **self._env}
        with subprocess.Popen(command, cwd=self._repository, env=env, stdout=PIPE) as process:
            assert process.stdout  # noqa: S101  it is a pipe
            listed = process.stdout.read(_LINE * MERGE_LIMIT)
            process.kill()
        fields = listed.split(b"\0")[:-1]
        if len(listed) == _LINE * MERGE_LIMIT or len(fields) > 2 * MERGE_LIMIT:
            raise StemError(
                f"{base} and {head} differ in more than {MERGE_LIMIT} files and folders, too many "
                "to merge; split it"
            )
        for change in fields[::2]:
            _, mode, _, oid, _ = change.decode().split()
            if mode == _FOLDER:
                self.entries(oid)

    def changed_on(self, commit: str, path: str) -> datetime.date | None:
        """The last day, somewhere on earth, of the commit that last changed a path.

        Args:
            commit: The newest commit to look at.
            path: From the top folder; None comes of one that is not there.
        """
        listed = self._git("rev-list", "-1", "--timestamp", commit, "--", f":(literal){path}")
        return day_of(listed)

    def entries(self, tree: str) -> list[Entry]:
        """List a tree, or that of a commit; names are as `os.fsdecode` has them.

        Raises:
            StemError: A name leads out of the tree, as only objects made by hand have it.
        """
        listed = self._git("ls-tree", "-z", "-l", "--full-tree", tree)
        entries = [_entry(line) for line in listed.split(b"\0")[:-1]]
        for entry in entries:
            if "/" in entry.name or entry.name.casefold() in ("", ".", "..", ".git"):
                raise StemError(
                    f"tree {tree}: {quote(entry.name)} is not the name of a file; git made no such "
                    "tree and would not check it out"
                )
        return entries

    def folder(self, entries: Iterable[Entry], name: str) -> list[Entry]:
        """List a folder among some entries, empty where there is no such folder."""
        trees = [entry.oid for entry in entries if entry.name == name and entry.is_folder]
        return self.entries(trees[0]) if trees else []

    def changed_paths(self, old: list[Entry], new: list[Entry], limit: int) -> list[str]:
        """Files that differ between two folders.

        Args:
            old: Entries before.
            new: Entries after.
            limit: Number of folders to look into, and of paths to look for.

        Returns:
            Printable paths. Beyond the limit some are missing, and folders not looked into end
            in "…".
        """
        paths: list[str] = []
        pending = [("", old, new)]
        for _ in range(limit):
            if not pending or len(paths) > limit:
                break
            prefix, old, new = pending.pop()
            sides = [{entry.name: entry for entry in entries} for entries in (old, new)]
            for name in changed(old, new)[: limit + 1]:
                found = [side[name] for side in sides if name in side]
                if not all(entry.is_folder for entry in found):
                    paths.append(printable(prefix + name))
                if any(entry.is_folder for entry in found):
                    inner = (self.folder(old, name), self.folder(new, name))
                    pending.append((f"{prefix}{name}/", *inner))
        return paths + [f"{printable(prefix)}…" for prefix, _, _ in pending]

    def extract(self, commit: str, names: Iterable[str], folder: Path) -> list[str]:
        """Write some of a trusted commit's files and folders into a folder, as they were committed.

        Args:
            commit: The commit.
            names: At least one name of what is in its top folder.
            folder: Where to.

        Returns:
            Paths of links that leave the contribution they are in; links to nothing are in their
            place.
        """
        leaving: list[str] = []

        def kept_inside(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
            if member.issym() and _leaves(member):
                leaving.append(member.name)
                member = member.replace(linkname="left out", deep=False)
            return tarfile.data_filter(member, path)

        archive = folder / f"{commit}.tar"
        self._git("archive", "--format=tar", f"--output={archive}", commit, "--", *names)
        with tarfile.open(archive) as members:
            members.extractall(folder, filter=kept_inside)  # noqa: S202  it has a filter
        archive.unlink()
        return leaving

    def attributes(self, tree: str, names: Iterable[str]) -> list[str]:
        """Paths of the files of attributes at the top of a trusted tree and in some of its folders.

        Args:
            tree: The tree or its commit.
            names: Of folders in it.
        """
        listed = self._git("ls-tree", "-r", "-z", "--name-only", "--full-tree", tree, "--", *names)
        paths = [os.fsdecode(path) for path in listed.split(b"\0")[:-1]]
        paths += [entry.name for entry in self.entries(tree)]
        return [printable(p) for p in paths if folded(p.rpartition("/")[2]) == ATTRIBUTES]

    def write(self, tree: str, folder: Path, room: int) -> tuple[list[str], int]:
        """Write a stranger's files as plain files: all of them or, with problems, none.

        Args:
            tree: Their folder.
            folder: Where to; it must not exist.
            room: Most bytes to write.

        Returns:
            The problems, and the bytes written.
        """
        files, problems = [], []
        for n, (path, entry, faults) in enumerate(self._walk(tree)):
            if n == FILE_LIMIT:
                problems.append(f"more than {FILE_LIMIT} files and folders")
                break
            files.append((path, entry))
            problems += [f"{quote(path)}: {fault}" for fault in faults]
        size = sum(entry.size for _, entry in files)
        if size > room:
            path, entry = max(files, key=lambda file: file[1].size)
            problems.append(
                f"{size} bytes, of which {quote(path)} has {entry.size}, are more than the {room} "
                "there is room for"
            )
        if problems:
            return problems, 0
        folder.mkdir()
        for path, entry in files:
            self._write(entry, folder / path)
        return [], size

    def _walk(self, tree: str) -> Iterator[tuple[str, Entry, list[str]]]:
        """All below a tree, with what is wrong with it, a folder before what is in it."""
        pending = [("", tree)]
        while pending:
            prefix, tree = pending.pop()
            entries = self.entries(tree)
            alike = Counter(folded(entry.name) for entry in entries)
            for entry in entries:
                path = prefix + entry.name
                yield path, entry, _faults(path, entry, alike[folded(entry.name)])
                if entry.is_folder:
                    pending.append((f"{path}/", entry.oid))

    def _write(self, entry: Entry, path: Path) -> None:
        if entry.is_folder:
            path.mkdir()
        else:
            path.write_bytes(self._git("cat-file", "blob", entry.oid))
            path.chmod(int(entry.mode[-3:], 8))

    def _git(self, *arguments: str, accept: Collection[int] = (0,)) -> bytes:
        return git(*arguments, cwd=self._repository, env=self._env, accept=accept)


def changed(old: Iterable[Entry], new: Iterable[Entry]) -> list[str]:
    """Names of the entries that differ between two folders, sorted."""
    return sorted({entry.name for entry in set(old) ^ set(new)})


def _leaves(link: tarfile.TarInfo) -> bool:
    """Whether a link in contributions/ leads out of its contribution."""
    inside = "/".join(link.name.split("/")[:2])
    target = posixpath.normpath(posixpath.join(posixpath.dirname(link.name), link.linkname))
    return not f"{target}/".startswith(f"{inside}/")


def _entry(line: bytes) -> Entry:
    """Read a line of ``ls-tree -l``: mode, kind, object and size, a tab, name."""
    facts, _, name = line.partition(b"\t")
    mode, kind, oid, size = facts.decode().split()
    if kind == "blob" and not size.isdecimal():
        raise StemError(
            f"{quote(os.fsdecode(name))}: object {oid} is not in the repository; fetch it"
        )
    return Entry(os.fsdecode(name), mode, oid, int(size) if kind == "blob" else 0)


def _faults(path: str, entry: Entry, n_alike: int) -> list[str]:
    """Why an entry is not written to disk."""
    found = {
        f"{entry.kind}; only plain files are read": not (entry.is_file or entry.is_folder),
        "a name twice, or differing only in upper and lower case or the Unicode form": n_alike > 1,
        f"a path of more than {PATH_LIMIT} bytes": len(os.fsencode(path)) > PATH_LIMIT,
    }
    return [*name_faults(entry.name), *(fault for fault, is_so in found.items() if is_so)]


def _words(output: bytes) -> str:
    return os.fsdecode(output).strip()
