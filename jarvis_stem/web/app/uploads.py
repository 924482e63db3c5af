"""Uploaded files: bounded, in a temporary folder, under no name that leads out of it."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.messages import printable
from jarvis_stem.web.app.worker import Source

_MIB = 2**20
_LONGEST_PART = 120  # characters of a file's or a folder's name
_UNSAFE = re.compile(r'[/\x00-\x1f\x7f<>:"|?*\\]')


@dataclass(frozen=True)
class Limits:
    """How much is taken.

    Attributes:
        files: On one page.
        file: Bytes of a file.
        total: Bytes of all files of all pages.
    """

    files: int = 500
    file: int = 512 * _MIB
    total: int = 2048 * _MIB


@dataclass
class Uploads:
    """The files of every open page.

    Attributes:
        folder: Temporary; whoever made it removes it.
        limits: How much is taken.
        held: Bytes at present.
    """

    folder: Path
    limits: Limits = field(default_factory=Limits)
    held: int = 0
    _pages: dict[str, int] = field(default_factory=dict)

    def open(self) -> str:
        """Make room for a page; its name, which nobody can guess."""
        page = secrets.token_urlsafe(16)
        self._pages[page] = 0
        return page

    def close(self, page: str) -> None:
        """Remove the files of a page that has been left."""
        self._pages.pop(page, None)
        folder = self.folder / page
        self.held -= sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
        shutil.rmtree(folder, ignore_errors=True)

    def is_open(self, page: str) -> bool:
        """Whether there is such a page."""
        return page in self._pages

    async def receive(
        self, page: str, batch: str, name: str, content: AsyncIterator[bytes]
    ) -> Source:
        """Write a file.

        Args:
            page: Which page it is for.
            batch: What it came with; files of a batch can ask for each other.
            name: What it is called there, with the folders that it is in.
            content: Its bytes.

        Raises:
            StemError: More than is taken; nothing of it is kept.
        """
        if self._pages[page] >= self.limits.files:
            raise StemError(
                f"{printable(name)}: {self.limits.files} files are here; expected no more; reload "
                "the page to start anew"
            )
        self._pages[page] += 1
        path = self.folder / page / _safe(batch) / _inside(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            raise StemError(f"{printable(name)}: the same name twice; rename one of the files")
        try:
            with path.open("xb") as file:
                async for block in content:
                    file.write(block)
                    self.held += len(block)
                    self._check(file.tell(), name)
        except BaseException:  # also where the page is left meanwhile
            self.held -= path.stat().st_size if path.exists() else 0
            path.unlink(missing_ok=True)
            raise
        return Source(path, printable(name))

    def _check(self, size: int, name: str) -> None:
        if size > self.limits.file:
            raise StemError(
                f"{printable(name)}: expected at most {self.limits.file // _MIB} MiB; cut out a "
                "part, or use jarvis-stem predict"
            )
        if self.held > self.limits.total:
            raise StemError(
                f"{printable(name)}: more than {self.limits.total // _MIB} MiB of files are open; "
                "close other pages, or reload this one to start anew"
            )


def _inside(name: str) -> PurePosixPath:
    """A name as a path below a folder, whatever it says."""
    parts = [_safe(part) for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    return PurePosixPath(*(parts or ["file"]))


def _safe(part: str) -> str:
    """A part of a path that is no step upwards and no special name; its ending is kept."""
    plain = _UNSAFE.sub("_", part)
    stem, dot, ending = plain.rpartition(".")
    if len(plain) > _LONGEST_PART:
        plain = stem[: _LONGEST_PART - 12] + (dot + ending)[:12]
    while len(plain.encode()) > 2 * _LONGEST_PART:
        plain = plain[1:]
    return "_" if plain.strip(". ") == "" else plain
