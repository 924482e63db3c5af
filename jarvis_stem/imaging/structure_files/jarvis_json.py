"""JARVIS-style JSON: one structure or a list of records, whose cells stay as they stand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_stem.imaging.crystal import check_count
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import read_zip

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms


def read(path: Path) -> Iterator[tuple[str, Atoms]]:
    """One atoms dictionary, one record, or a list of records with id and atoms, by id.

    Raises:
        StemError: Another kind of JSON, or see `structures.parse_atoms`.
    """
    zipped = path.suffix.lower() == ".zip"
    member = path.stem if zipped else path.name
    content = read_zip(path, member) if zipped else path.read_bytes()
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise StemError(f"{path}: not JSON ({error})") from None
    rows = data if isinstance(data, list) else [data]
    for row in rows:
        atoms = row.get("atoms", row) if isinstance(row, dict) else None
        if isinstance(atoms, dict) and isinstance(atoms.get("elements"), list):
            check_count(len(atoms["elements"]), str(path))
    # Not before: JARVIS-Tools takes seconds to be imported.
    from jarvis_stem.imaging import structures
    from jarvis_stem.imaging.store import DATABASES

    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise StemError(f"{path}: entry {number}: expected an object, got {row!r:.60}")
        key = next((row[k] for k in (*DATABASES.values(), "name") if k in row), None)
        name = str(key) if key is not None else Path(member).stem
        yield name, structures.parse_atoms(row.get("atoms", row), f"{path}: {name}")
