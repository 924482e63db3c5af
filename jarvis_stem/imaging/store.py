"""The JARVIS databases on this machine: where they are, reading and downloading them."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from pathlib import Path
from typing import Any

import requests
from jarvis.core.utils import get_cache_dir
from jarvis.db import figshare

from jarvis_stem.imaging import prototypes
from jarvis_stem.utils import progress
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import read_zip

# The three databases that the benchmark's images were rendered from, and their id column.
DATABASES = {"dft_2d": "jid", "c2db": "id", "twod_matpd": "material_id"}
STORE_VARIABLE = "JARVIS_STEM_DATA"
_MAX_DATABASE = 2**32  # bytes unpacked
_PATIENCE = 60  # seconds for a server to say something
_BLOCK = 2**16  # bytes


def store_directory(data: str | None = None) -> Path:
    """Folder in which JARVIS' database zips are looked for.

    Args:
        data: Folder given by the user; else the variable JARVIS_STEM_DATA, else JARVIS' own cache.

    Raises:
        StemError: The folder that was asked for does not exist.
    """
    given = data or os.environ.get(STORE_VARIABLE)
    if not given:
        return Path(get_cache_dir("jarvis_data"))
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
        _download(name, path)
    return _load(name, path)


def database_path(name: str, store: Path) -> Path:
    """Where a JARVIS database is in a store, or will be.

    Args:
        name: Key of `DATABASES`.
        store: See `store_directory`.
    """
    return store / f"{figshare.get_db_info()[name][1]}.zip"


def _load(name: str, path: Path) -> dict[str, Any]:
    key = DATABASES[name]
    mend = "remove it, or pass --refresh to download it again"
    try:
        read_zip(path, path.name.removesuffix(".zip"), limit=_MAX_DATABASE)
        with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
            rows = figshare.data(name, store_dir=str(path.parent))
        return {row[key]: row["atoms"] for row in rows}
    except StemError as error:
        raise StemError(f"{error}; {mend}") from None
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise StemError(f"{path}: not the JARVIS database {name} ({reason}); {mend}") from None


def _download(name: str, path: Path) -> None:
    """Fetch a database beside its place and move it there only when it is whole and readable."""
    with tempfile.TemporaryDirectory(prefix=".download-", dir=path.parent) as folder:
        fetched = Path(folder) / path.name
        try:
            _fetch(figshare.get_db_info()[name][0], fetched, f"Downloading {name}")
            _load(name, fetched)
        except requests.RequestException as error:
            raise StemError(
                f"{path}: {'' if path.exists() else 'no such file, and '}the JARVIS database "
                f"{name} cannot be downloaded ({type(error).__name__}).\n"
                f"Point --data or {STORE_VARIABLE} to a folder that has {path.name}, or work "
                f"offline with --benchmark {prototypes.RESULT_NAME.dataset}"
            ) from None
        except (StemError, ValueError) as error:
            raise StemError(f"{path}: the download of {name} broke off ({error})") from None
        fetched.replace(path)


def _fetch(address: str, path: Path, what: str) -> None:
    """Download a file, with a progress bar."""
    with (
        requests.get(address, stream=True, timeout=_PATIENCE) as answer,
        path.open("wb") as file,
        progress.bar(of_bytes=True) as bar,
    ):
        answer.raise_for_status()
        size = int(answer.headers.get("content-length", 0)) or None
        task = bar.add_task(what, total=size)
        for block in answer.iter_content(_BLOCK):
            file.write(block)
            bar.advance(task, len(block))
