"""The file of a contribution's stored model as bytes: bounded, of the recorded checksum."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np

from jarvis_stem.utils.errors import StemError

LIMIT = 8 * 10**6  # bytes; a clone carries every contribution's models
MEND = "restore the files of one run together, or train anew"


def temperature_of(text: object) -> float:
    """What logits are divided by, in single precision.

    Args:
        text: As a file's metadata has it.

    Raises:
        ValueError: It is no text of a positive number that single precision holds.
    """
    value = float(text if isinstance(text, str) else "nan")
    limits = np.finfo(np.float32)
    if not float(limits.tiny) <= value <= float(limits.max):
        raise ValueError("not a positive number")
    return value


def count_numbers(path: Path) -> int | None:
    """Count the numbers in a file of weights by its header; None where it has no readable one.

    Args:
        path: A file of safetensors: the header's length in 8 bytes, then JSON.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, LIMIT)))
        shapes = [tensor["shape"] for name, tensor in header.items() if name != "__metadata__"]
        return sum(math.prod(map(int, shape)) for shape in shapes)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def read(path: Path, *, sha256: str) -> bytes:
    """Read a stored model or weights if it is what was recorded; nothing in it is looked at.

    Args:
        path: The file.
        sha256: The recorded checksum, 64 hexadecimal digits.

    Raises:
        StemError: Missing, not a regular file, larger than `LIMIT`, or of another checksum.
    """
    try:
        if not path.is_file():
            what = "not a regular file" if path.exists() else "no such file"
            raise StemError(f"{path}: {what}; expected the one that was recorded; {MEND}")
        if (size := path.stat().st_size) > LIMIT:
            raise StemError(f"{path}: {size} bytes are more than the {LIMIT} that are stored")
        content = path.read_bytes()
    except OSError as error:
        raise StemError(f"{path}: cannot be read ({error.strerror or error})") from None
    got = hashlib.sha256(content).hexdigest()
    if got != sha256:
        raise StemError(f"{path}: expected SHA-256 {sha256}, got {got}; {MEND}")
    return content
