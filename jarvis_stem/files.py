"""Files written whole or not at all, and zips whose bytes depend on nothing but their content."""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from jarvis_stem.errors import StemError

SIZE_LIMIT = 64 * 2**20  # bytes; hundreds of times what a real benchmark or its predictions take
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time stamp a zip can hold
_DAMAGED_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # a compression method that Python does not know
    RuntimeError,  # encrypted
    ValueError,  # an offset before the start of the file
)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file in one step, so that no reader and no crash ever sees half of it.

    Args:
        path: File to write; its folder is made where missing.
        content: All of its bytes.

    Raises:
        OSError: The folder cannot be written or the disk is full; the old file is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(
                path
            )  # a full disk does not name it, and only the user's name helps
        raise


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text with line feeds as `write_bytes` does."""
    write_bytes(path, content.encode())


def json_text(data: Any) -> str:
    """Serialise to indented JSON that ends in a line feed; NaN is refused, as JSON has none."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


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


def read_zip(path: Path, member: str, *, limit: int = SIZE_LIMIT) -> bytes:
    """Read the only file of a zip.

    Args:
        path: The zip.
        member: Name the file in it must have.
        limit: Most bytes to read; a larger member is refused before memory is spent on it.

    Returns:
        The member's bytes, its checksum verified.

    Raises:
        StemError: Missing, unreadable, damaged, too large, or not exactly that one member.
    """
    with _reading(path, limit):
        try:
            with zipfile.ZipFile(path) as archive:
                infos = archive.infolist()
                if [info.filename for info in infos] != [member]:
                    got = ", ".join(ascii(info.filename) for info in infos[:3]) or "none"
                    raise StemError(
                        f"{path}: expected the single member {member!r}, got {len(infos)}: {got}"
                    )
                # The other methods can ask for gigabytes before they give their first byte.
                if infos[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise StemError(f"{path}: {member!r} is neither stored nor deflated; zip anew")
                with archive.open(infos[0]) as stream:
                    return _read_within(stream, infos[0].file_size, path, limit)
        except _DAMAGED_ZIP as error:
            raise StemError(f"{path}: not a readable zip ({error})") from None


def read_json_object(path: Path, *, limit: int = SIZE_LIMIT) -> dict[str, Any]:
    """Read a JSON file that holds one object; NaN and Infinity, which JSON has not, are refused.

    Args:
        path: The file, in UTF-8.
        limit: Most bytes to read.

    Raises:
        StemError: Missing, unreadable, too large, not JSON, or JSON but not an object.
    """
    with _reading(path, limit):
        content = path.read_bytes()
    try:
        data = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise StemError(f"{path}: not JSON ({error})") from None
    if not isinstance(data, dict):
        raise StemError(f"{path}: expected a JSON object {{...}}, got {type(data).__name__}")
    return data


@contextmanager
def _reading(path: Path, limit: int) -> Iterator[None]:
    """Admit regular files of a bounded size, and turn what the system says into a StemError."""
    try:
        if not path.exists():
            raise StemError(f"{path}: no such file")
        if not path.is_file():  # a device or a pipe could keep a reader for ever
            raise StemError(f"{path}: not a regular file")
        _check_size(path.stat().st_size, path, limit)
        yield
    except OSError as error:
        raise StemError(f"{path}: cannot be read ({error.strerror or error})") from None


def _read_within(stream: IO[bytes], declared: int, path: Path, limit: int) -> bytes:
    _check_size(declared, path, limit)
    content = stream.read(limit + 1)  # what is declared need not be what is there
    _check_size(len(content), path, limit)
    return content


def _check_size(size: int, path: Path, limit: int) -> None:
    if size > limit:
        raise StemError(f"{path}: {size} bytes are more than the {limit} that are read")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
