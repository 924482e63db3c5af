"""Where structures come from: JARVIS databases, files, the built-in prototypes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jarvis.core.atoms import Atoms
from jarvis.core.specie import Specie

from jarvis_stem.imaging import prototypes
from jarvis_stem.imaging.store import (
    DATABASES,
    orientation_warning,
    read_database,
    store_directory,
)
from jarvis_stem.utils import terminal
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import read_zip

_MIN_CELL_AREA = 1.0  # Å2; the smallest real 2D cell, graphene's, has 5.2
_JSON = (".json", ".json.zip")
_SITE = re.compile(r"([A-Z][a-z]?)\d+")  # Co1: an element's magnetic sites are numbered
_READERS = {
    ".cif": lambda path: Atoms.from_cif(str(path), use_cif2cell=False, get_primitive_atoms=False),
    ".vasp": lambda path: Atoms.from_poscar(str(path)),
    ".poscar": lambda path: Atoms.from_poscar(str(path)),
}


def for_dataset(
    dataset: str,
    ids: Iterable[str],
    *,
    data: str | None = None,
    refresh: bool = False,
) -> dict[str, Atoms]:
    """Find the structures of a benchmark's ids.

    Args:
        dataset: ``stem_2d_proto`` is built in; any other is looked up in the JARVIS databases.
        ids: Image ids, for example ``JVASP-667.jpg``.
        data: Folder of the databases; see `store_directory`.
        refresh: Download the databases anew.

    Returns:
        Structures by image id; ids that no database has are absent.

    Raises:
        StemError: A database cannot be had, or holds a structure that cannot be drawn.
    """
    wanted = list(ids)
    if dataset == prototypes.RESULT_NAME.dataset:
        built_in = prototypes.structures()
        return {i: built_in[i] for i in wanted if i in built_in}
    records: dict[str, Any] = {}
    store = store_directory(data)
    for database in DATABASES:
        read = read_database(database, store, refresh=refresh)
        if warning := orientation_warning(database, store, read):
            terminal.note(f"warning: {warning}")
        records.update(read)
    found = ((i, structure_id(i)) for i in wanted)
    return {i: parse_atoms(records[s], f"{store}: {s}") for i, s in found if s in records}


def structure_id(image_id: str) -> str:
    """Id of the structure that an image shows: ``JVASP-667`` of ``JVASP-667.jpg``."""
    return image_id.removesuffix(".jpg")


def read_files(path: Path) -> dict[str, Atoms]:
    """Read structures from a POSCAR, CIF or JARVIS-style JSON file, or a folder of them.

    Args:
        path: A file, or a folder whose ``.vasp``, ``.poscar``, ``POSCAR*``, ``.cif``, ``.json``
            and ``.json.zip`` files are read.

    Returns:
        Structures by image id: the file's name without its ending (``POSCAR-x`` is ``x``), or the
        record's id in a JSON list, followed by ``.jpg``.

    Raises:
        StemError: Nothing there, an unknown kind of file, or a structure that cannot be drawn.
    """
    if not path.exists():
        raise StemError(f"{path}: no such file or folder of structures")
    files = [path]
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.is_file() and _is_structure_file(p))
    structures: dict[str, Atoms] = {}
    for file in files:
        for name, atoms in _read_file(file).items():
            if name in structures:
                raise StemError(f"{file}: a second structure named {name!r} in {path}")
            structures[name] = atoms
    if not structures:
        raise StemError(f"{path}: no POSCAR, CIF or JSON file in it")
    return structures


def parse_atoms(record: Any, where: str) -> Atoms:
    """Build a structure from a JARVIS atoms dictionary and check that it can be drawn.

    Args:
        record: ``{"lattice_mat", "coords", "elements", "cartesian"}`` of JARVIS-Tools.
        where: File and id, for the message.

    Raises:
        StemError: Not such a dictionary, or see `check_atoms`.
    """
    try:
        if len(record["elements"]) == 0:  # JARVIS fails on it in another way
            raise StemError(f"{where}: the structure has no atoms")
        # JARVIS wants a property for each site, which nothing here needs.
        atoms = Atoms.from_dict({"props": [""] * len(record["elements"]), **record})
    except (KeyError, TypeError, ValueError, IndexError, np.linalg.LinAlgError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise StemError(f"{where}: not a JARVIS atoms dictionary ({reason})") from None
    return check_atoms(atoms, where)


def check_atoms(atoms: Atoms, where: str) -> Atoms:
    """Return the structure if it can be drawn, with the element ``Co`` for a site ``Co1``.

    Raises:
        StemError: No atoms, an unknown element, coordinates that are not finite numbers, or a cell
            without area.
    """
    cell = np.asarray(atoms.lattice_mat, float)
    n_elements, n_coords = len(atoms.elements), len(atoms.coords)
    if n_elements == 0 or n_elements != n_coords:
        raise StemError(f"{where}: {n_coords} positions but {n_elements} elements")
    elements = [_element(str(site)) for site in atoms.elements]
    sites = zip(atoms.elements, elements, strict=True)
    if unknown := sorted({str(site) for site, element in sites if element is None}):
        raise StemError(f"{where}: unknown element {', '.join(unknown)}")
    if not np.isfinite(cell).all():
        raise StemError(f"{where}: the cell has entries that are not finite numbers")
    if not np.isfinite(np.asarray(atoms.coords, float)).all():
        raise StemError(f"{where}: coordinates that are not finite numbers")
    area = abs(np.linalg.det(cell[:2, :2]))
    if area < _MIN_CELL_AREA:
        raise StemError(f"{where}: degenerate cell, {area:.3g} Å2 in the plane of a and b")
    if elements == atoms.elements:
        return atoms
    return Atoms(atoms.lattice_mat, atoms.coords, elements, atoms.props, atoms.cartesian)


@cache
def _element(site: str) -> str | None:
    """The element of a site; None where there is none of that name."""
    numbered = _SITE.fullmatch(site)
    symbol = numbered[1] if numbered else site
    try:
        return symbol if Specie(symbol).Z > 0 else None
    except (KeyError, ValueError, TypeError):
        return None


def _is_structure_file(path: Path) -> bool:
    return path.name.lower().endswith((*_READERS, *_JSON)) or path.name.startswith("POSCAR")


def _read_file(path: Path) -> dict[str, Atoms]:
    if path.name.lower().endswith(_JSON):
        return _read_json(path)
    reader = _READERS.get(path.suffix.lower())
    name = path.stem
    if path.name.startswith("POSCAR"):
        reader = _READERS[".vasp"]
        name = path.name.removeprefix("POSCAR").strip("-_.").removesuffix(".vasp") or "POSCAR"
    if reader is None:
        raise StemError(f"{path}: expected POSCAR*, .vasp, .poscar, .cif, .json or .json.zip")
    try:
        # JARVIS' readers raise whatever their parsing runs into; all of it means a bad file.
        atoms = reader(path)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise StemError(f"{path}: cannot be read as a structure ({reason})") from None
    return {f"{name}.jpg": check_atoms(atoms, str(path))}


def _read_json(path: Path) -> dict[str, Atoms]:
    """Read one atoms dictionary, one record, or a list of records with id and atoms."""
    zipped = path.suffix.lower() == ".zip"
    member = path.stem if zipped else path.name
    content = read_zip(path, member) if zipped else path.read_bytes()
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise StemError(f"{path}: not JSON ({error})") from None
    rows = data if isinstance(data, list) else [data]
    structures = {}
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise StemError(f"{path}: entry {number}: expected an object, got {row!r:.60}")
        key = next((row[k] for k in (*DATABASES.values(), "name") if k in row), None)
        name = str(key) if key is not None else Path(member).stem
        structures[f"{name}.jpg"] = parse_atoms(row.get("atoms", row), f"{path}: {name}")
    if len(structures) != len(rows):
        raise StemError(f"{path}: {len(rows)} structures but {len(structures)} distinct ids")
    return structures
