from __future__ import annotations

import contextlib
import os
import random
import signal
import stat
import zipfile
from pathlib import Path

import pytest
from helpers import on_disk, python, write_zip
from hypothesis import given
from hypothesis import strategies as st

from jarvis_stem.utils import files
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, read_json_object, read_zip, write_bytes, zip_bytes


def test_a_write_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    write_bytes(path, b"old")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_what_is_there_already_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    assert files.write_if_changed(path, b"one")
    was = path.stat()
    assert not files.write_if_changed(path, b"one")
    now = path.stat()
    assert (now.st_ino, now.st_mtime_ns) == (was.st_ino, was.st_mtime_ns)  # it was read
    assert files.holds(path, b"one")
    assert not files.holds(path.parent, b"one")
    assert files.write_if_changed(path, b"two")
    assert path.read_bytes() == b"two"


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def fail(_: int) -> None:
        raise failure

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(failure)):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_land_together_or_not_at_all(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "deep" / "new"
    write_bytes(old, b"before")
    with pytest.raises(ValueError, match="half way"), files.together():
        write_bytes(old, b"after")
        write_bytes(new, b"after")
        assert old.read_bytes() == b"before"
        assert not new.exists()
        raise ValueError("half way")
    assert old.read_bytes() == b"before"
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [old]
    with files.together():
        write_bytes(old, b"after")
        write_bytes(new, b"after")
        assert not new.exists()
    assert old.read_bytes() == new.read_bytes() == b"after"
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == [new, old]


def test_what_a_killed_process_was_writing_is_removed_by_the_next(tmp_path: Path) -> None:
    program = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from jarvis_stem.utils import files\n"
        f"files.os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "with files.scratch_folder(folder) as inner:\n"
        "    (inner / 'part').write_text('half')\n"
        "    files.write_bytes(folder / 'x.csv.zip', b'half')\n"
    )
    assert python("-c", program).returncode == -signal.SIGKILL
    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == 2
    assert all(name[0] == "." and name.endswith(".tmp") for name in left)
    kept = tmp_path / f".mine.{os.getpid()}.abc.tmp"
    kept.write_text("of a process that runs")
    (tmp_path / ".notes.tmp").write_text("of somebody else")
    write_bytes(tmp_path / "x.csv.zip", b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        kept.name,
        ".notes.tmp",
        "x.csv.zip",
    ]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_files_have_the_mode_that_the_umask_leaves(tmp_path: Path, umask: int) -> None:
    program = (
        f"import os; os.umask({umask})\n"
        "from pathlib import Path\n"
        "from jarvis_stem.utils.files import write_bytes\n"
        f"write_bytes(Path({str(tmp_path / 'x')!r}), b'')\n"
    )
    assert python("-c", program).returncode == 0
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o666 & ~umask


def test_json_has_no_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_text(float("nan"))


@on_disk
@given(st.binary())
def test_a_zip_gives_back_what_went_in_by_reproducible_bytes(
    tmp_path: Path, content: bytes
) -> None:
    packed = zip_bytes("member", content)
    assert packed == zip_bytes("member", content)
    path = tmp_path / "x.zip"
    path.write_bytes(packed)
    assert read_zip(path, "member") == content


@on_disk
@given(st.data())
def test_a_damaged_zip_is_refused_or_read_right(tmp_path: Path, data: st.DataObject) -> None:
    content = b"id,prediction\n" * 20
    path = write_zip(tmp_path / "x.zip", {"member": content})
    packed = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(packed[: data.draw(st.integers(0, len(packed)))])
    with contextlib.suppress(StemError):
        assert read_zip(path, "member") == content


def test_every_truncation_of_a_zip_is_refused(tmp_path: Path) -> None:
    packed = zip_bytes("member", b"content")
    path = tmp_path / "x.zip"
    for length in range(len(packed)):
        path.write_bytes(packed[:length])
        with pytest.raises(StemError, match="not a readable zip"):
            read_zip(path, "member")


def test_zips_that_are_not_one_member(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with pytest.raises(StemError, match="no such file"):
        read_zip(path, "a")
    with pytest.raises(StemError, match="not a regular file"):
        read_zip(tmp_path, "a")
    for members in ({}, {"b": b""}, {"a": b"", "b": b""}, {"../a": b""}):
        write_zip(path, members)
        with pytest.raises(StemError, match="expected the single member 'a', got"):
            read_zip(path, "a")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bytes(2_000_000), "2000000 bytes packed into .*, more than 200 to 1; refused unread"),
        (
            random.Random(0).randbytes(900_000) + bytes(500_000),
            "1400000 bytes are more than the 1000000 that are read",
        ),
    ],
)
def test_a_zip_bomb_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    path = write_zip(tmp_path / "x.zip", {"a": content})
    monkeypatch.setattr(zipfile.ZipExtFile, "read", None)
    with pytest.raises(StemError, match=message):
        read_zip(path, "a", limit=1_000_000)


def test_a_densely_packed_table_is_read(tmp_path: Path) -> None:
    for table in (b"".join(b"JVASP-%d.jpg,2\n" % i for i in range(10_000)), b"\n", b""):
        path = write_zip(tmp_path / "x.zip", {"a": table})
        assert read_zip(path, "a") == table


@pytest.mark.parametrize("mode", [0, stat.S_IFREG | 0o600, 0o777])
def test_a_plain_member_is_read_whatever_its_permissions(tmp_path: Path, mode: int) -> None:
    assert read_zip(_with_mode(tmp_path / "x.zip", mode), "a") == b"content"


@pytest.mark.parametrize(
    "kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK]
)
def test_a_member_that_is_no_plain_file_is_refused(tmp_path: Path, kind: int) -> None:
    path = _with_mode(tmp_path / "x.zip", kind | 0o777)
    with pytest.raises(StemError, match="'a' is a link or another special file; zip the file its"):
        read_zip(path, "a")


def _with_mode(path: Path, mode: int) -> Path:
    info = zipfile.ZipInfo("a")
    info.external_attr = mode << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, b"content")
    return path


def test_what_is_around_a_zip_changes_nothing(tmp_path: Path) -> None:
    """A comment, a program in front: whoever unzips it reads the same."""
    path = write_zip(tmp_path / "x.zip", {"a": b"content"})
    path.write_bytes(b"#!/bin/sh\n" + path.read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"comment"
    assert read_zip(path, "a") == b"content"


def test_messages_about_endless_names_are_short(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {"x" * 65_000: b""})
    with pytest.raises(StemError) as caught:
        read_zip(path, "a")
    assert len(str(caught.value)) < len(str(path)) + 200
    local = path.read_bytes().index(b"xxxx")  # a lone x may be of the time in the header
    path.write_bytes(path.read_bytes()[:local] + b"y" + path.read_bytes()[local + 1 :])
    with pytest.raises(StemError, match="not a readable zip") as caught:
        read_zip(path, "x" * 65_000)
    assert len(str(caught.value)) < len(str(path)) + 200


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {"a": bytes(1000)})
    size = (1000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(StemError, match="not a readable zip"):
        read_zip(path, "a", limit=500)


def test_other_compressions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", b"content")
    with pytest.raises(StemError, match="neither stored nor deflated"):
        read_zip(path, "a")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b"[1]", "expected a JSON object {...}, got list"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b'{"a": "\xff"}', "not JSON"),
        (b'{"a":' * 100_000, "not JSON"),
        (b'{"a": -1e999}', "not JSON ('-1e999' is more than a number can be)"),
        (b'{"a": 1, "b": {}, "a": 1}', "not JSON (the key 'a' twice in one object)"),
        (b'{"a": [{"b": 1, "b": 2}]}', "not JSON (the key 'b' twice in one object)"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b" " * 200_000, "200000 bytes are more than the 131072"),
    ],
)
def test_json_that_is_no_object_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    limit = 2**17 if content.startswith(b" ") else files.SIZE_LIMIT
    with pytest.raises(StemError) as caught:
        read_json_object(path, limit=limit)
    assert message in str(caught.value)
