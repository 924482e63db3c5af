"""Whether a zip is its one member and nothing else, so that every reader sees the same in it.

A zip says where its members are three times: at its end, in a list, and before each member. Readers
that trust another place, or another name, see other content.
"""

from __future__ import annotations

import struct
import zipfile
import zlib

COMMENT_LIMIT = 1024  # bytes; of extra fields, too
_END = struct.Struct("<4s4H2LH")
_LISTED = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_FIELD = struct.Struct("<2H")
_DESCRIBED = 0x8  # of the flags: checksum and sizes are behind the member
_MEANING = 0x1 | _DESCRIBED | 0x800  # the flags that change how it is read
_HARMLESS = 0x2 | 0x4  # how well it was deflated
_ELSEWHERE = 2**32 - 1  # a size that is in an extra field
_UNICODE_NAME = 0x7075  # the field that holds another name, which some readers take


def beside_its_member(packed: bytes) -> str:
    """What a zip holds beside its one member; empty if nothing.

    Args:
        packed: A zip in which `zipfile` sees one member.
    """
    try:
        return _around_the_list(packed) or _around_the_member(packed)
    except struct.error:
        return "places that lead out of the file"


def bytes_behind_its_end(packed: bytes, info: zipfile.ZipInfo) -> bool:
    """Whether a deflated member ends before its bytes do: other readers may go on.

    Args:
        packed: A zip.
        info: A member that can be read.
    """
    if info.compress_type != zipfile.ZIP_DEFLATED:
        return False
    *_, name, extra = _LOCAL.unpack_from(packed, info.header_offset)
    start = info.header_offset + _LOCAL.size + name + extra
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflater.decompress(_part(packed, start, info.compress_size), info.file_size + 1)
    return not inflater.eof or bool(inflater.unused_data)


def _around_the_list(packed: bytes) -> str:
    end = packed.rfind(b"PK\5\6")
    _, *counts, size, start, comment = _END.unpack_from(packed, end)
    if counts != [0, 0, 1, 1]:
        return "counts of members that disagree"
    if comment > COMMENT_LIMIT:
        return f"a comment of {comment} bytes"
    if start + size != end or end + _END.size + comment != len(packed):
        return "bytes before or behind its list of members"
    signature, *_, name, extra, note, disk, _, _, offset = _LISTED.unpack_from(packed, start)
    if signature != b"PK\1\2" or _LISTED.size + name + extra + note != size:
        return "entries that are not counted"
    if note > COMMENT_LIMIT:
        return f"a comment of {note} bytes"
    if disk:
        return "a member on another disk"
    return "bytes in front of its member" if offset else ""


def _around_the_member(packed: bytes) -> str:
    start = _END.unpack_from(packed, packed.rfind(b"PK\5\6"))[6]
    _, _, _, flags, method, _, _, *rest = _LISTED.unpack_from(packed, start)
    sums, (name, extra) = rest[:3], rest[3:5]
    signature, _, local_flags, local_method, _, _, *local_sums, local_name, local_extra = (
        _LOCAL.unpack_from(packed)
    )
    if _ELSEWHERE in sums:  # no file that is read is as large
        return "sizes that are in an extra field"
    if flags & ~(_MEANING | _HARMLESS):
        return "flags that not every reader knows"
    if max(extra, local_extra) > COMMENT_LIMIT:
        return f"an extra field of {max(extra, local_extra)} bytes"
    names = _part(packed, _LOCAL.size, local_name), _part(packed, start + _LISTED.size, name)
    if signature != b"PK\3\4" or names[0] != names[1]:
        return "two names for its member"
    fields = (
        _part(packed, _LOCAL.size + local_name, local_extra),
        _part(packed, start + _LISTED.size + name, extra),
    )
    if any(_UNICODE_NAME in _field_kinds(field) for field in fields):
        return "another name in an extra field"
    described = bool(flags & _DESCRIBED)
    if (local_flags ^ flags) & _MEANING or local_method != method:
        return "two ways to unpack its member"
    if local_sums != sums and not (described and local_sums == [0, 0, 0]):
        return "two sizes or checksums for its member"
    end = _LOCAL.size + local_name + local_extra + sums[1]
    if packed[end:start] not in (_descriptions(*sums) if described else [b""]):
        return "bytes behind its member"
    return ""


def _part(packed: bytes, start: int, length: int) -> bytes:
    return packed[start : start + length]


def _field_kinds(extra: bytes) -> list[int]:
    """The kinds of an extra field's parts; what is not one at its end counts as nothing."""
    kinds, at = [], 0
    while at + _FIELD.size <= len(extra):
        kind, length = _FIELD.unpack_from(extra, at)
        kinds.append(kind)
        at += _FIELD.size + length
    return kinds


def _descriptions(checksum: int, packed_size: int, size: int) -> list[bytes]:
    """The ways to write checksum and sizes behind a member."""
    plain = [struct.pack(layout, checksum, packed_size, size) for layout in ("<3L", "<LQQ")]
    return [*plain, *(b"PK\7\10" + text for text in plain)]
