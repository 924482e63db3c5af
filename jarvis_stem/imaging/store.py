"""The JARVIS databases on this machine: where they are, reading and downloading them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jarvis_stem.imaging import prototypes
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import read_zip, scratch_folder

# The three databases that the benchmark's images were rendered from, and their id column.
DATABASES = {"dft_2d": "jid", "c2db": "id", "twod_matpd": "material_id"}
# As JARVIS-Tools names the three, and the folder where it looks for them; it takes a second to be
# imported, and is for downloads alone.
_FILES = {
    "dft_2d": "d2-12-12-2022.json",
    "c2db": "c2db_atoms.json",
    "twod_matpd": "twodmatpd.json",
}
_CACHE_VARIABLE, _CACHE = "ATOMGPTLAB_CACHE", "~/.cache/atomgptlab"
STORE_VARIABLE = "JARVIS_STEM_DATA"
_MAX_DATABASE = 2**32  # bytes unpacked
# In the store that this package's models once learned from, 2DMatPedia's cells had been turned.
_TURNED = "twod_matpd"
_TURN = 0.05  # degrees of a against x, which 1,082 of the published 6,351 exceed
_ENOUGH = 100  # structures, of which then some would exceed it, but for a chance of 1e-8


@dataclass(frozen=True)
class Database:
    """A JARVIS database in the store.

    Attributes:
        name: Key of `DATABASES`.
        file: Where it is, or would be.
        state: ``ok``, ``missing`` or ``damaged``.
        bytes: Size of its zip; None where there is none.
        structures: How many are in it; None where it cannot be read.
        problem: Why it cannot be read, and the way out.
        warning: See `orientation_warning`.
    """

    name: str
    file: str
    state: str
    bytes: int | None = None
    structures: int | None = None
    problem: str | None = None
    warning: str | None = None


def store_directory(data: str | None = None) -> Path:
    """Folder in which JARVIS' database zips are looked for.

    Args:
        data: Folder given by the user; else the variable JARVIS_STEM_DATA, else JARVIS' own cache.

    Raises:
        StemError: The folder that was asked for does not exist.
    """
    given = data or os.environ.get(STORE_VARIABLE)
    if not given:
        return Path(os.environ.get(_CACHE_VARIABLE, Path(_CACHE).expanduser())) / "jarvis_data"
    store = Path(given).expanduser()
    if not store.is_dir():
        origin = "--data" if data else STORE_VARIABLE
        raise StemError(f"{store}: no such folder (given by {origin})")
    return store


def read_database(name: str, store: Path, *, refresh: bool = False) -> dict[str, Any]:
    """Read one JARVIS database from the store, downloading it first where it is missing.

    Args:
        name: Key of `DATABASES`.
        store: Folder of the database zips.
        refresh: Download it even if it is there.

    Returns:
        JARVIS atoms dictionaries by structure id.

    Raises:
        StemError: The zip is damaged or of another kind, or there is no network to fetch it.
    """
    path = database_path(name, store)
    if refresh or not path.exists():
        return _download(name, path)
    try:
        return _load(name, path)
    except StemError as error:
        raise StemError(f"{error}; remove it, or pass --refresh to download it again") from None


def inspect_database(name: str, store: Path) -> tuple[Database, Mapping[str, Any]]:
    """Read one JARVIS database and say what state it is in; nothing is downloaded.

    Args:
        name: Key of `DATABASES`.
        store: See `store_directory`.

    Returns:
        Its state, and its JARVIS atoms dictionaries by structure id, none where it cannot be read.
    """
    path = database_path(name, store)
    if not path.exists():
        problem = f"{path}: missing; jarvis-stem data fetch downloads it"
        return Database(name, str(path), "missing", problem=problem), {}
    size = path.stat().st_size
    try:
        records = read_database(name, store)
    except StemError as error:
        return Database(name, str(path), "damaged", size, problem=str(error)), {}
    warning = orientation_warning(name, store, records)
    return Database(name, str(path), "ok", size, len(records), warning=warning), records


def orientation_warning(name: str, store: Path, records: Mapping[str, Any]) -> str | None:
    """Say that cells do not have the orientation in which 2DMatPedia published them.

    Images of such a store are drawn and scored like others, but a quarter of 2DMatPedia's are not
    the benchmark's.

    Args:
        name: Key of `DATABASES`.
        store: See `store_directory`.
        records: The database's JARVIS atoms dictionaries by structure id.

    Returns:
        What is wrong and the way out; None if the cells are as published, or too few to say it.
    """
    if name != _TURNED or len(records) < _ENOUGH:
        return None
    try:
        a = np.array([record["lattice_mat"][0] for record in records.values()], float)
        turns = np.degrees(np.arctan2(a[:, 1], a[:, 0]))
    except (KeyError, TypeError, ValueError, IndexError):
        return None  # reading the structures says what is wrong
    if np.abs(turns).max() > _TURN:
        return None
    return (
        f"{database_path(name, store)}: all {len(records):,} cells have a along x; 2DMatPedia "
        "published a sixth of its cells turned, and the benchmark's images show them so; "
        "jarvis-stem data fetch --refresh downloads them as published"
    )


def database_path(name: str, store: Path) -> Path:
    """Where a JARVIS database is in a store, or will be.

    Args:
        name: Key of `DATABASES`.
        store: See `store_directory`.
    """
    return store / f"{_FILES[name]}.zip"


def _load(name: str, path: Path) -> dict[str, Any]:
    content = read_zip(path, path.name.removesuffix(".zip"), limit=_MAX_DATABASE)
    try:
        return {row[DATABASES[name]]: row["atoms"] for row in json.loads(content)}
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise StemError(f"{path}: not the JARVIS database {name} ({reason})") from None


def _download(name: str, path: Path) -> dict[str, Any]:
    """Fetch a database beside its place, read it, and only then move it there."""
    import requests
    from jarvis.db import figshare

    from jarvis_stem.utils.download import download

    ways_out = (
        f"Point --data or {STORE_VARIABLE} to a folder that has {path.name}, or work offline with "
        f"--benchmark {prototypes.RESULT_NAME.dataset}"
    )
    with scratch_folder(path.parent) as folder:
        fetched = folder / path.name
        try:
            # No checksum: JARVIS-Tools lists none. The zip has one, which reading it checks.
            download(figshare.get_db_info()[name][0], fetched, name)
            records = _load(name, fetched)
        except requests.RequestException as error:
            raise StemError(
                f"{path}: {'' if path.exists() else 'no such file, and '}the JARVIS database "
                f"{name} cannot be downloaded ({type(error).__name__}).\n{ways_out}"
            ) from None
        except StemError as error:
            reason = str(error).removeprefix(f"{fetched}: ")
            raise StemError(
                f"{path}: the download of {name} is damaged ({reason}); try again.\n{ways_out}"
            ) from None
        fetched.replace(path)
    return records
