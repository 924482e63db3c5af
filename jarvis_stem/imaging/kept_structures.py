"""Structures of the databases as an earlier run read them: what is drawn of each, in a digest.

Where all images are kept, the structures are then not read: that takes longer than to learn from
what is measured of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np

from jarvis_stem.imaging import structures
from jarvis_stem.imaging.described_images import code_digest
from jarvis_stem.imaging.image_set import KeptStructures, digest_of
from jarvis_stem.imaging.store import DATABASES, database_path, store_directory
from jarvis_stem.utils import terminal
from jarvis_stem.utils.array_cache import ArrayCache

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms

_SIZE = hashlib.sha256().digest_size


def for_dataset(
    dataset: str, ids: Sequence[str], cache: ArrayCache, *, data: str | None = None
) -> Mapping[str, Atoms]:
    """Find the structures of a benchmark's ids, as `structures.for_dataset` does.

    Args:
        dataset: Of the benchmark.
        ids: Image ids.
        cache: Where digests are kept, of databases that nothing is to be said of.
        data: Folder of the databases; see `store_directory`.

    Returns:
        Structures by image id; ids that no database has are absent.

    Raises:
        StemError: See `structures.for_dataset`; some of it only once a structure is asked for.
    """
    name = _name(ids, data) if cache.is_used else None
    if name is not None and (kept := cache.get(name)) is not None:
        digests = {i: row.tobytes() for i, row in zip(ids, kept, strict=True) if row.any()}
        return KeptStructures(digests, lambda: structures.for_dataset(dataset, ids, data=data))
    said: list[str] = []
    found = structures.for_dataset(dataset, ids, data=data, note=said.append)
    for warning in said:
        terminal.note(warning)
    if name is not None and not said:
        absent = bytes(_SIZE)
        rows = b"".join(digest_of(found[i]) if i in found else absent for i in ids)
        cache.put(name, np.frombuffer(rows, np.uint8).reshape(-1, _SIZE))
    return found


def _name(ids: Sequence[str], data: str | None) -> str | None:
    """Name of what is kept, by all that decides it; None where a database is not there yet."""
    store = store_directory(data)
    paths = [database_path(database, store) for database in DATABASES]
    if not all(path.is_file() for path in paths):
        return None
    digest = hashlib.sha256(code_digest())
    digest.update(f"{metadata.version('jarvis-tools')} {list(ids)!r}".encode())
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return f"structures-{digest.hexdigest()}"
