"""Arrays on disk under names that say what they are of: whole or absent, checked, bounded.

Each is a NumPy file (.npy) with a checksum behind it. One file more of a name is the same file, so
that processes may fill a folder at once.
"""

from __future__ import annotations

import io
import math
import os
import re
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from platformdirs import user_cache_path

from jarvis_stem.utils import terminal
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import sweep, write_bytes

FOLDER_VARIABLE, LIMIT_VARIABLE = "JARVIS_STEM_CACHE", "JARVIS_STEM_CACHE_GB"
_LIMIT = 10.0  # GB
_NAME = re.compile(r"[a-z]+-[0-9a-f]{64}\.npy")
_CHECKSUM = 4  # bytes


def cache_folder(given: Path | None = None) -> Path:
    """Where drawn and described images are kept.

    Args:
        given: Folder named by the user; else the variable JARVIS_STEM_CACHE, else the user's cache.
    """
    named = given or os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else user_cache_path("jarvis_stem") / "images"


def cache_limit() -> int:
    """Bytes that are kept between runs: 10 GB, or what the variable JARVIS_STEM_CACHE_GB says.

    Raises:
        StemError: It is not a positive number.
    """
    text = os.environ.get(LIMIT_VARIABLE) or str(_LIMIT)
    try:
        gigabytes = float(text)
        if not 0 <= gigabytes < math.inf:
            raise ValueError
    except ValueError:
        raise StemError(
            f"{LIMIT_VARIABLE}: expected gigabytes, for example 10, got {text!r}"
        ) from None
    return round(gigabytes * 1e9)


def cached_files(folder: Path) -> list[Path]:
    """The cache's files in a folder, which may have others; the one used longest ago first."""
    found: list[tuple[float, Path]] = []
    for path in folder.glob("*.npy"):
        if _NAME.fullmatch(path.name):
            try:
                found.append((path.stat().st_mtime, path))
            except FileNotFoundError:  # another process has removed it
                continue
    return [path for _, path in sorted(found)]


@dataclass(frozen=True)
class StoredRows:
    """An array on disk of which rows are read one by one; none of it stays in memory.

    Attributes:
        stream: The file, unbuffered.
        begin: Where its first row begins, bytes.
        dtype: Of the array.
        shape: Of the array.
    """

    stream: io.FileIO
    begin: int
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return self.shape[0]

    def read_into(self, out: NDArray[Any], row: int) -> None:
        """Read a row into an array of its shape and type.

        Raises:
            StemError: The file was cut short meanwhile.
        """
        self.stream.seek(self.begin + row * out.nbytes)
        if self.stream.readinto(out.reshape(-1).view(np.uint8).data) != out.nbytes:
            raise StemError(f"{self.stream.name}: changed while it was in use; run it again")


class ArrayCache:
    """A folder of arrays; without one, or once it cannot be written, nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        """Use a folder, which is made when something is kept; None keeps nothing."""
        self._folder = folder
        self._writable = folder is not None
        self._used: set[Path] = set()

    @property
    def is_used(self) -> bool:
        """Whether there is a folder."""
        return self._folder is not None

    def get(self, name: str) -> NDArray[Any] | None:
        """Read an array; None where there is none, or a damaged one, which is removed.

        Args:
            name: ``KIND-DIGEST``; what it is of, wholly.
        """
        path = self._path(name)
        if path is None:
            return None
        try:
            content = path.read_bytes()
            os.utime(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            if not path.is_file():
                return None
            self._give_up("read", error)
            return None
        array = _unpacked(content)
        if array is None:
            self._remove(path)
            return None
        self._used.add(path)
        return array

    def put(self, name: str, array: NDArray[Any]) -> None:
        """Keep an array; what cannot be written is said once, and from then on nothing is kept."""
        path = self._path(name)
        if path is None or not self._writable:
            return
        try:
            write_bytes(path, _packed(array))
            self._used.add(path)
        except FileNotFoundError:  # swept by another machine, which does not know this process
            return
        except OSError as error:
            self._give_up("written", error)

    def rows(self, name: str) -> StoredRows | None:
        """Open an array that `get` or `put` has just had, to read its rows; None if it is gone."""
        path = self._path(name)
        if path not in self._used or path is None:
            return None
        try:
            stream = path.open("rb", buffering=0)
        except OSError:
            return None
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
            version, np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(stream)
        rows = StoredRows(stream, stream.tell(), dtype, shape)
        weakref.finalize(rows, stream.close)
        return rows

    def trim(self) -> None:
        """Remove what was used longest ago, until the rest is within `cache_limit`."""
        if self._folder is None or not self._writable:
            return
        sizes = {path: size for path in cached_files(self._folder) if (size := _size(path))}
        too_much = sum(sizes.values()) - cache_limit()
        for path, size in sizes.items():
            if too_much <= 0:
                break
            self._remove(path)
            too_much -= size

    def _path(self, name: str) -> Path | None:
        return None if self._folder is None else self._folder / f"{name}.npy"

    def _give_up(self, what: str, error: OSError) -> None:
        self._writable = False
        terminal.note(
            f"{self._folder}: cannot be {what} ({error.strerror or error}); going on without "
            "keeping drawn and described images"
        )

    @staticmethod
    def _remove(path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError:  # not ours, or in use elsewhere
            return


def clear_cache(folder: Path) -> list[Path]:
    """Remove the cache's files from a folder, and the folder if nothing else is in it.

    Returns:
        What was removed.

    Raises:
        OSError: Something cannot be removed.
    """
    sweep(folder)
    files = cached_files(folder)
    for path in files:
        path.unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
    return files


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _packed(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    content = stream.getbuffer()
    return b"".join((content, isal_zlib.crc32(content).to_bytes(_CHECKSUM, "big")))


def _unpacked(content: bytes) -> NDArray[Any] | None:
    """The array of a file; None if it is damaged."""
    whole = memoryview(content)[:-_CHECKSUM]
    if isal_zlib.crc32(whole).to_bytes(_CHECKSUM, "big") != content[-_CHECKSUM:]:
        return None
    try:
        array: NDArray[Any] = np.load(io.BytesIO(whole), allow_pickle=False)
    except (ValueError, EOFError):
        return None
    return array
