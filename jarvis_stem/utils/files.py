"""Files written whole or not at all, and zips whose bytes depend on nothing but their content."""

from __future__ import annotations

import io
import json
import math
import os
import re
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any

from isal import isal_zlib

from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.messages import quote, some
from jarvis_stem.utils.zip_layout import beside_its_member, bytes_behind_its_end

SIZE_LIMIT = 64 * 2**20  # bytes; hundreds of times what a real benchmark or its predictions take
RATIO_LIMIT = 200  # of unpacked to packed size; a table of ids stays below 20
TEMPORARY = ".tmp"  # what files end in until they are whole; their names begin with a point
_WRITER = re.compile(r"\.([0-9]{1,9})\.[^.]*\.tmp$")  # the process that was writing one
_PREFIX = 100  # characters of a name; a temporary one is longer
_SWEPT: set[Path] = set()
_STAGED: ContextVar[list[tuple[Path, Path]] | None] = ContextVar("staged", default=None)
UMASK = os.umask(0)  # it can only be read by setting it, which is no good among threads
os.umask(UMASK)
_ENCRYPTED = 0x1  # of a member's flag bits
_DOS_FOLDER = 0x10  # of its attributes
_HEAD = 4096  # bytes that begin with a member's name; no name in them is longer
_LOCAL_HEADER = struct.Struct("<4s2xH18x2H")  # of it: signature, flags, length of name and extra
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time stamp a zip can hold
_DAMAGED_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # a compression method that Python does not know
    RuntimeError,  # encrypted
    ValueError,  # an offset before the start of the file
    OverflowError,  # or beyond what a file can have
)


@contextmanager
def together() -> Iterator[None]:
    """Have the files that are written below take their places together, at the end, or none.

    All are on the disk before the first takes its place.
    """
    staged: list[tuple[Path, Path]] = []
    token = _STAGED.set(staged)
    try:
        yield
        for temporary, path in staged:
            temporary.replace(path)
    except BaseException:
        for temporary, _ in staged:
            temporary.unlink(missing_ok=True)
        raise
    finally:
        _STAGED.reset(token)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file in one step, so that no reader and no crash ever sees half of it.

    What an earlier process was killed in the middle of is removed; see also `together`.

    Args:
        path: File to write; its folder is made where missing.
        content: All of its bytes.

    Raises:
        OSError: The folder cannot be written or the disk is full; the old file is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    prefix = f".{path.name[:_PREFIX]}.{os.getpid()}."
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=TEMPORARY, dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~UMASK)
        if (staged := _STAGED.get()) is None:
            temporary.replace(path)
        else:
            staged.append((temporary, path))
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(path)  # a full disk names none, and only the user's name helps
        raise


def sweep(folder: Path) -> None:
    """Remove what processes that are no more were writing in a folder, once a process."""
    if folder in _SWEPT:
        return
    _SWEPT.add(folder)
    for path in folder.glob(f".*{TEMPORARY}"):
        found = _WRITER.search(path.name)
        if found is None or _is_running(int(found[1])):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A folder beside what is to be made in it, removed at the end or by the next one's sweep."""
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent)
    prefix = f".{os.getpid()}."
    with tempfile.TemporaryDirectory(prefix=prefix, suffix=TEMPORARY, dir=parent) as name:
        yield Path(name)


def _is_running(process: int) -> bool:
    if os.name == "nt":  # where asking would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's, or no number of a process
        return True
    return True


def write_if_changed(path: Path, content: bytes) -> bool:
    """Write a file as `write_bytes` does unless it `holds` that already; whether it was written."""
    if holds(path, content):
        return False
    write_bytes(path, content)
    return True


def holds(path: Path, content: bytes) -> bool:
    """Whether a file is there and has these bytes."""
    return path.is_file() and path.read_bytes() == content


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text with line feeds as `write_bytes` does."""
    write_bytes(path, content.encode())


def json_text(data: Any) -> str:
    """Serialise to indented JSON that ends in a line feed; NaN is refused, as JSON has none."""
    return _harmless(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def json_line(data: Any) -> str:
    """Serialise to JSON on one line, as `json_text` else does."""
    return _harmless(json.dumps(data, ensure_ascii=False, allow_nan=False)) + "\n"


def _harmless(text: str) -> str:
    """The same JSON with nothing in it that a terminal would obey."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def zip_bytes(member: str, content: bytes) -> bytes:
    """Wrap one file in a zip of reproducible bytes.

    The member is stored uncompressed: deflate's output differs between zlib and zlib-ng, and git
    compresses what it keeps anyway.

    Args:
        member: Name of the file inside the zip.
        content: Its bytes.

    Returns:
        The zip's bytes: fixed time stamp, owner and permissions.
    """
    info = zipfile.ZipInfo(member, date_time=_EPOCH)
    info.create_system = 3  # Unix, also when written on Windows
    info.external_attr = 0o644 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(info, content)
    return buffer.getvalue()


def read_zip(
    path: Path, member: str | None = None, *, limit: int = SIZE_LIMIT, sealed: bool = False
) -> bytes:
    """Read the only file of a zip.

    Args:
        path: The zip.
        member: Name the file in it must have; None takes any.
        limit: Most bytes to read; a larger member is refused before memory is spent on it.
        sealed: Whether the zip must be that member and nothing else; see `zip_layout`.

    Returns:
        The member's bytes, its checksum verified.

    Raises:
        StemError: Missing, unreadable, damaged, a link, encrypted, too large or too densely packed,
            or not exactly one member, of that name.
    """
    packed = _read_bounded(path, limit)
    behind = False
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            info = _only_member(archive.infolist(), member, path)
            _check_size(info.file_size, path, limit)  # zipfile's reasons differ by its version
            content = _plainly_packed(packed, info)
            if content is None:
                with archive.open(info) as stream:
                    content = _read_within(stream, info.file_size, path, limit)
                behind = sealed and bytes_behind_its_end(packed, info)
    except _DAMAGED_ZIP as error:
        why = quote(str(error) or "it ends too early")[1:-1]  # it can name members, at any length
        raise StemError(f"{path}: not a readable zip ({why}); zip the file anew") from None
    more = "bytes behind the end of what is deflated" if behind else ""
    if sealed and (more := more or beside_its_member(packed)):
        raise StemError(f"{path}: not its one member alone: {more}; zip the file anew")
    return content


def member_name(path: Path) -> str:
    """Name of the member of a zip that `read_zip` has read sealed."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))  # a third of open's time
    try:
        head = os.read(file, _HEAD)
    finally:
        os.close(file)
    *_, length, _ = _LOCAL_HEADER.unpack_from(head)
    return head[_LOCAL_HEADER.size :][:length].decode("utf-8", "replace")


def _only_member(infos: list[zipfile.ZipInfo], member: str | None, path: Path) -> zipfile.ZipInfo:
    """The one member, judged by what the zip says of it, before any of it is unpacked."""
    names = [quote(info.orig_filename) for info in infos[:4]]  # as it stands there, NULs and all
    if len(infos) != 1 or member not in (None, infos[0].orig_filename):
        got = some(names) or "none"
        wanted = "a single member" if member is None else f"the single member {member!r}"
        raise StemError(f"{path}: expected {wanted}, got {len(infos)}: {got}")
    (info,) = infos
    member = info.orig_filename
    kind = stat.S_IFMT(info.external_attr >> 16)  # the upper half holds the Unix mode, if any
    if kind not in (0, stat.S_IFREG):
        raise StemError(
            f"{path}: {quote(member)} is a link or another special file; zip the file itself"
        )
    if info.is_dir() or info.external_attr & _DOS_FOLDER:
        raise StemError(f"{path}: {quote(member)} is a folder; zip the file itself")
    if info.flag_bits & _ENCRYPTED:
        raise StemError(f"{path}: {quote(member)} is encrypted; zip it without a password")
    # The other methods can ask for gigabytes before they give their first byte.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise StemError(f"{path}: {quote(member)} is neither stored nor deflated; zip anew")
    if info.file_size > RATIO_LIMIT * max(info.compress_size, 1):
        raise StemError(
            f"{path}: {info.file_size} bytes packed into {info.compress_size}, "
            f"more than {RATIO_LIMIT} to 1; refused unread"
        )
    return info


def _plainly_packed(packed: bytes, info: zipfile.ZipInfo) -> bytes | None:
    """A zip's only member where nothing is unusual, in a third of zipfile's time.

    None says nothing: zipfile alone finds faults.
    """
    name, begin = info.orig_filename.encode(), info.header_offset
    header = packed[begin : begin + _LOCAL_HEADER.size]
    if len(header) < _LOCAL_HEADER.size:
        return None
    signature, flags, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    begin += _LOCAL_HEADER.size
    content = packed[begin + name_length + extra_length :][: info.compress_size]
    if packed[begin : begin + name_length] != name or (signature, flags) != (b"PK\3\4", 0):
        return None
    if info.compress_type == zipfile.ZIP_DEFLATED:
        inflater = isal_zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflater.decompress(content, info.file_size + 1)
        except isal_zlib.error:  # type: ignore[misc]  # a class, whatever its stub says
            return None
        if not inflater.eof or inflater.unused_data:
            return None
    as_said = len(content) == info.file_size and zlib.crc32(content) == info.CRC
    return content if as_said and not info.flag_bits else None


def read_json_object(path: Path, *, limit: int = SIZE_LIMIT) -> dict[str, Any]:
    """Read a JSON file that holds one object, of which every reader must think the same.

    NaN and Infinity, which JSON has not, numbers beyond a float and repeated keys are refused.

    Args:
        path: The file, in UTF-8.
        limit: Most bytes to read.

    Raises:
        StemError: Missing, unreadable, too large, not JSON, or JSON but not an object.
    """
    content = _read_bounded(path, limit)
    try:
        data = json.loads(
            content.decode("utf-8-sig"),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=distinct,
        )
    except (ValueError, RecursionError) as error:
        raise StemError(f"{path}: not JSON ({error})") from None
    if not isinstance(data, dict):
        raise StemError(f"{path}: expected a JSON object {{...}}, got {type(data).__name__}")
    return data


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a JSON object of its pairs, an ``object_pairs_hook``.

    Raises:
        ValueError: A key is there twice, of which each reader may take another.
    """
    data = dict(pairs)
    if len(data) < len(pairs):
        key = next(key for key, n in Counter(key for key, _ in pairs).items() if n > 1)
        raise ValueError(f"the key {quote(key)} twice in one object")
    return data


def _read_bounded(path: Path, limit: int) -> bytes:
    """A regular file's bytes, at most so many; a StemError says why they cannot be had."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a device or a pipe could keep a reader for ever
            raise StemError(f"{path}: not a regular file")
        _check_size(status.st_size, path, limit)
        with path.open("rb", buffering=0) as stream:
            return stream.readall()
    except (FileNotFoundError, NotADirectoryError):
        raise StemError(f"{path}: no such file") from None
    except OSError as error:
        raise StemError(f"{path}: cannot be read ({error.strerror or error})") from None


def _read_within(stream: IO[bytes], declared: int, path: Path, limit: int) -> bytes:
    _check_size(declared, path, limit)
    content = stream.read(limit + 1)  # what is declared need not be what is there
    if len(content) != declared:
        raise zipfile.BadZipFile(f"{len(content)} bytes instead of the {declared} it says")
    return content


def _check_size(size: int, path: Path, limit: int) -> None:
    if size > limit:
        raise StemError(f"{path}: {size} bytes are more than the {limit} that are read")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{quote(text)} is more than a number can be")
    return value
