"""JARVIS-style JSON: one structure or a list of records, whose cells stay as they stand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_stem.imaging.crystal import check_count
from jarvis_stem.imaging.store import DATABASES
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import read_zip

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms


def read(path: Path) -> Iterator[tuple[str, Callable[[str], Atoms]]]:
    """One atoms dictionary, one record, or a list of records with id and atoms, by id.

    Raises:
        StemError: No JSON.
    """
    zipped = path.suffix.lower() == ".zip"
    member = path.stem if zipped else path.name
    content = read_zip(path, member) if zipped else path.read_bytes()
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise StemError(f"{path}: not JSON ({error})") from None
    for number, row in enumerate(data if isinstance(data, list) else [data]):
        if isinstance(row, dict):
            key = next((row[k] for k in (*DATABASES.values(), "name") if k in row), None)
            yield str(key) if key is not None else Path(member).stem, partial(_atoms, row)
        else:
            yield f"entry {number}", partial(_atoms, row)


def _atoms(row: Any, where: str) -> Atoms:
    """See `structures.parse_atoms`."""
    if not isinstance(row, dict):
        raise StemError(f"{where}: expected an object, got {row!r:.60}")
    atoms = row.get("atoms", row)
    if isinstance(atoms, dict) and isinstance(atoms.get("elements"), list):
        check_count(len(atoms["elements"]), where)
    # Not before: JARVIS-Tools takes seconds to be imported.
    from jarvis_stem.imaging.structures import parse_atoms

    return parse_atoms(atoms, where)
