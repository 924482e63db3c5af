"""Arrays that are kept on disk: whole, checked, bounded, and never a reason to fail."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from jarvis_stem.utils.array_cache import LIMIT_VARIABLE, ArrayCache, cached_files, clear_cache

ARRAY = np.arange(24, dtype=np.float32).reshape(4, 3, 2)


def named(number: int) -> str:
    return f"kind-{number:064x}"


def kept(folder: Path) -> set[str]:
    return {path.stem for path in cached_files(folder)}


@pytest.mark.parametrize("array", [ARRAY, np.zeros(0, [("a", "f4", 2), ("b", "c8")]), np.eye(3)])
def test_what_is_put_is_got_by_any_process(array: np.ndarray, tmp_path: Path) -> None:
    ArrayCache(tmp_path).put(named(1), array)
    got = ArrayCache(tmp_path).get(named(1))
    assert got is not None
    assert got.dtype == array.dtype
    assert np.array_equal(got, array)
    assert ArrayCache(tmp_path).get(named(2)) is None


def test_rows_are_read_one_by_one(tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path)
    cache.put(named(1), ARRAY)
    rows = cache.rows(named(1))
    assert rows is not None
    assert (len(rows), rows.shape, rows.dtype) == (4, ARRAY.shape, ARRAY.dtype)
    for row in (3, 0, 2):
        out = np.empty_like(ARRAY[0])
        rows.read_into(out, row)
        assert np.array_equal(out, ARRAY[row])


@pytest.mark.parametrize("byte", [0, 100, 150, -1])
def test_a_damaged_file_is_removed_and_not_believed(byte: int, tmp_path: Path) -> None:
    ArrayCache(tmp_path).put(named(1), ARRAY)
    (path,) = cached_files(tmp_path)
    content = bytearray(path.read_bytes())
    content[byte] ^= 1
    path.write_bytes(content)
    assert ArrayCache(tmp_path).get(named(1)) is None
    assert not path.exists()


@pytest.mark.parametrize("length", [0, 3, 130])
def test_a_file_that_was_cut_short_is_not_believed(length: int, tmp_path: Path) -> None:
    ArrayCache(tmp_path).put(named(1), ARRAY)
    (path,) = cached_files(tmp_path)
    os.truncate(path, length)
    assert ArrayCache(tmp_path).get(named(1)) is None


def test_what_was_used_longest_ago_is_removed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = ArrayCache(tmp_path)
    for number in range(4):
        cache.put(named(number), np.zeros(1000))
        os.utime(tmp_path / f"{named(number)}.npy", (number, number))
    assert cache.get(named(0)) is not None  # used just now
    (tmp_path / "other.npy").write_bytes(bytes(100_000))
    monkeypatch.setenv(LIMIT_VARIABLE, str(2.5 * 8192 / 1e9))
    cache.trim()
    assert kept(tmp_path) == {named(3), named(0)}
    assert (tmp_path / "other.npy").exists()


def test_no_folder_keeps_nothing() -> None:
    cache = ArrayCache(None)
    cache.put(named(1), ARRAY)
    assert not cache.is_used
    assert cache.get(named(1)) is None
    assert cache.rows(named(1)) is None
    cache.trim()


@contextmanager
def files_up_to(n_bytes: int) -> Iterator[None]:
    """Have the disk be full, for this process, beyond so many bytes a file."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def test_a_full_disk_is_said_once_and_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = ArrayCache(tmp_path)
    with files_up_to(1000):
        for number in range(3):
            cache.put(named(number), np.zeros(1000))
    assert capsys.readouterr().err == (
        f"{tmp_path}: cannot be written (File too large); going on without keeping drawn and "
        "described images\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").write_text("a file where a folder should be")
    cache = ArrayCache(tmp_path / "home" / "cache")
    assert cache.get(named(1)) is None
    cache.put(named(1), ARRAY)
    assert cache.get(named(1)) is None
    assert cache.rows(named(1)) is None
    cache.trim()
    assert capsys.readouterr().err.count("\n") == 1


def test_clearing_leaves_what_is_not_the_caches(tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path / "cache")
    cache.put(named(1), ARRAY)
    assert clear_cache(tmp_path / "cache") == [tmp_path / "cache" / f"{named(1)}.npy"]
    assert not (tmp_path / "cache").exists()
    assert clear_cache(tmp_path / "cache") == []
