"""A bound on the memory of this process, for libraries that trust the sizes in damaged files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

_STATUS = Path("/proc/self/status")
_ALONE = Lock()  # the limit is the process', and is put back to what it was


@contextmanager
def at_most_more(size: int) -> Iterator[None]:
    """Have what asks for much more memory fail with an error, at once and untouched.

    Where the system cannot hold a process to that (it can on Linux), nothing is bounded. One thread
    is in here at a time; the others are bounded as long, too.

    Args:
        size: Bytes beyond what the process has now.
    """
    taken = _taken()
    if taken is None:
        yield
        return
    with _ALONE:
        before = resource.getrlimit(resource.RLIMIT_DATA)
        limits = [limit for limit in before if limit != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_DATA, (min([taken + size, *limits]), before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, before)


def _taken() -> int | None:
    """Bytes of data that the process has, None where the system does not say."""
    try:
        found = re.search(r"^VmData:\s+(\d+) kB$", _STATUS.read_text("ascii"), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        return None
    return int(found[1]) * 1024 if found and resource else None
