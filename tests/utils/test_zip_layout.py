"""Zips that hold more than their one member, each of which another reader takes for another."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import REPOSITORY, SHARED, write_zip

from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import member_name, read_zip, zip_bytes
from jarvis_stem.utils.zip_layout import beside_its_member

CONTENT = b"id,prediction\nd.jpg,0\n"
GOOD = zip_bytes("a.csv", CONTENT)
LISTED, END = GOOD.index(b"PK\1\2"), GOOD.index(b"PK\5\6")


def written(
    extra: bytes = b"", comment: bytes = b"", note: bytes = b"", streamed: bool = False
) -> bytes:
    """A zip of that member, as Python's own library writes it."""
    buffer = io.BytesIO()
    target = _Unseekable(buffer) if streamed else buffer
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo("a.csv")
        info.extra, info.comment, info.compress_type = extra, comment, zipfile.ZIP_DEFLATED
        archive.writestr(info, CONTENT)
        archive.comment = note
    return buffer.getvalue()


class _Unseekable(io.RawIOBase):
    """A pipe: sizes and checksum can only be written behind the member."""

    def __init__(self, target: io.BytesIO) -> None:
        self.target = target

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        return self.target.write(data)


def patched(at: int, form: str, value: int, packed: bytes = GOOD) -> bytes:
    content = bytearray(packed)
    struct.pack_into(f"<{form}", content, at, value)
    return bytes(content)


def shifted(by: int, packed: bytes) -> bytes:
    """Bytes in front, to which all places in the zip were adapted."""
    content = patched(LISTED + 42, "I", by, packed)
    content = patched(END + 16, "I", LISTED + by, content)
    return b"x" * by + content


def hidden_entry() -> bytes:
    """A second entry in the list, of which the end does not tell."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", CONTENT)
        archive.writestr("b.csv", b"id,prediction\nd.jpg,1\n")
    packed = buffer.getvalue()
    end = packed.index(b"PK\5\6")
    first = packed.index(b"PK\1\2")
    second = packed.index(b"PK\1\2", first + 1)
    return (
        packed[:second]
        + packed[end : end + 8]
        + struct.pack("<2H2LH", 1, 1, second - first, first, 0)
    )


def deflated(behind: bytes) -> bytes:
    """A zip that says its deflated member is as long as that and some more bytes."""
    packed = written()
    start, listed = 30 + len("a.csv"), packed.index(b"PK\1\2")
    size = listed - start + len(behind)
    longer = bytearray(packed[:listed] + behind + packed[listed:])
    end = longer.index(b"PK\5\6")
    for place, number in ((18, size), (listed + len(behind) + 20, size)):
        struct.pack_into("<L", longer, place, number)
    struct.pack_into("<L", longer, end + 16, listed + len(behind))
    with zipfile.ZipFile(io.BytesIO(longer)) as archive:
        assert archive.read("a.csv") == CONTENT  # as zipfile has it
    return bytes(longer)


def extra_before(size: int) -> bytes:
    """A zip with an extra field before its member that the list does not have."""
    at = 30 + len("a.csv")
    content = patched(28, "H", size, GOOD)
    content = content[:at] + struct.pack("<2H", 0xCAFE, size - 4) + bytes(size - 4) + content[at:]
    return patched(END + size + 16, "I", LISTED + size, content)


def zip64(behind: bytes = b"") -> bytes:
    """A zip whose sizes are in extra fields, with bytes between the member and the list."""
    place = struct.pack("<2H2Q", 1, 16, len(CONTENT), len(CONTENT))
    common = (0, 0, 0, 33, zlib.crc32(CONTENT), 2**32 - 1, 2**32 - 1, 5, len(place))
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 45, *common) + b"a.csv" + place
    listed = struct.pack("<4s6H3L5H2L", b"PK\1\2", 45, 45, *common, 0, 0, 0, 0, 0)
    listed += b"a.csv" + place
    before = local + CONTENT + behind
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(listed), len(before), 0)
    with zipfile.ZipFile(io.BytesIO(before + listed + end)) as archive:
        assert archive.read("a.csv") == CONTENT
    return before + listed + end


NAME_FIELD = struct.pack("<2HBL", 0x7075, 5 + 5, 1, 0) + b"b.csv"
FORGERIES: dict[str, Callable[[], bytes]] = {
    "bytes in front": lambda: b"x" * 9 + GOOD,
    "bytes in front that are counted": lambda: shifted(9, GOOD),
    "a program in front": lambda: shifted(20, GOOD),
    "a hidden entry": hidden_entry,
    "bytes between member and list": lambda: patched(
        END + 16 + 4, "I", LISTED + 4, GOOD[:LISTED] + b"1234" + GOOD[LISTED:]
    ),
    "bytes between list and end": lambda: GOOD[:END] + b"1234" + GOOD[END:],
    "bytes behind the end": lambda: GOOD + b"1234",
    "a second end in the comment": lambda: written(note=b"PK\5\6" + bytes(18)),
    "a comment of more than 1 kB": lambda: written(note=b"x" * 1025),
    "a comment of the member of more than 1 kB": lambda: written(comment=b"x" * 1025),
    "one count says two": lambda: patched(END + 8, "H", 2),
    "a second disk": lambda: patched(END + 4, "H", 1),
    "another name in an extra field": lambda: written(extra=NAME_FIELD),
    "another name in the second extra field": lambda: written(
        extra=struct.pack("<2H4s", 0xCAFE, 4, b"abcd") + NAME_FIELD
    ),
    "another size before the member": lambda: patched(22, "I", 5),
    "another checksum before the member": lambda: patched(14, "I", 5),
    "bytes behind the end of what is deflated": lambda: deflated(b"1234"),
    "a second stream behind what is deflated": lambda: deflated(zlib.compress(b"x", wbits=-15)),
    "another method before the member": lambda: patched(8, "H", 8),
    "an extra field of more than 1 kB": lambda: written(
        extra=struct.pack("<2H", 0xCAFE, 1021) + bytes(1021)
    ),
    "an extra field of more than 1 kB before the member": lambda: extra_before(1025),
    "sizes in extra fields": zip64,
    "sizes in extra fields, and bytes behind the member": lambda: zip64(b"1234"),
    "a flag that not every reader knows": lambda: patched(
        LISTED + 8, "H", 0x2000, patched(6, "H", 0x2000)
    ),
    "a member on another disk": lambda: patched(LISTED + 34, "H", 1),
    "a folder by its attributes": lambda: patched(LISTED + 38, "I", 0x10),
    "a folder by its name": lambda: zip_bytes("a.csv/", CONTENT),
}


@pytest.mark.parametrize("kind", FORGERIES)
def test_anything_beside_the_member_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(FORGERIES[kind]())
    with pytest.raises(StemError) as caught:
        read_zip(path, sealed=True)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


SOUND: dict[str, Callable[[], bytes]] = {
    "ours": lambda: GOOD,
    "deflated": written,
    "to a pipe": lambda: written(streamed=True),
    "with a short comment": lambda: written(note=b"made by x", comment=b"y"),
    "with time stamps in an extra field": lambda: written(
        extra=struct.pack("<2HBL", 0x5455, 5, 1, 0)
    ),
}


@pytest.mark.parametrize("kind", SOUND)
def test_what_programs_write_is_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(SOUND[kind]())
    assert read_zip(path, sealed=True) == CONTENT
    assert member_name(path) == "a.csv"


def test_committed_and_published_zips_are_sound() -> None:
    roots = [REPOSITORY / "contributions", SHARED / "jarvis_leaderboard_acc"]
    paths = [path for root in roots for path in root.rglob("*.csv.zip")]
    assert len(paths) >= 10
    assert [path for path in paths if beside_its_member(path.read_bytes())] == []


def test_two_members_are_two_members(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {"a.csv": CONTENT, "__MACOSX/._a.csv": b""})
    with pytest.raises(StemError, match=r"expected a single member, got 2: 'a.csv', '__MACOSX/"):
        read_zip(path, sealed=True)
