"""The pictures of a benchmark of real pictures, on this machine: others' files, never committed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import requests
from platformdirs import user_cache_path

from jarvis_stem.formats.sources import Source, Sources
from jarvis_stem.utils.download import download
from jarvis_stem.utils.errors import StemError


@dataclass(frozen=True)
class PublicPicture:
    """A picture of a benchmark in a folder.

    Attributes:
        id: Its id, which is its path in the folder.
        path: Where it is, or would be.
        state: ``ok``, ``missing``, or ``other``: a file of another checksum.
        source: Where it is published.
    """

    id: str
    path: Path
    state: Literal["ok", "missing", "other"]
    source: Source


def pictures_folder(dataset: str, given: Path | None = None) -> Path:
    """Folder of a benchmark's pictures.

    Args:
        dataset: The benchmark's.
        given: By the user; else it is in this package's cache.
    """
    return given or user_cache_path("jarvis_stem") / dataset


def inspect_pictures(sources: Sources, folder: Path) -> list[PublicPicture]:
    """Compare what is in a folder with the published pictures' checksums; nothing is downloaded.

    Args:
        sources: Of the benchmark.
        folder: See `pictures_folder`; it need not be there.
    """
    return [
        PublicPicture(id, folder / id, _state(folder / id, source), source)
        for id, source in sources.pictures.items()
    ]


def fetch_pictures(sources: Sources, folder: Path) -> Iterator[tuple[PublicPicture, str]]:
    """Download the pictures that have an address and are not in a folder.

    Each is compared with its checksum before it takes its place; a file of another checksum is
    replaced.

    Args:
        sources: Of the benchmark.
        folder: See `pictures_folder`; made where missing.

    Yields:
        Each of them as it then is, and why it could not be downloaded, empty if it was.

    Raises:
        OSError: The folder cannot be written.
    """
    found = inspect_pictures(sources, folder)
    for one in found:
        if one.state == "ok" or not one.source.address:
            continue
        one.path.parent.mkdir(parents=True, exist_ok=True)
        problem = ""
        try:
            download(one.source.address, one.path, one.id, sha256=one.source.sha256)
        except requests.RequestException as error:
            problem = f"cannot be downloaded ({type(error).__name__})"
        except ValueError:
            problem = "the file at its address has another checksum"
        state = _state(one.path, one.source)
        yield PublicPicture(one.id, one.path, state, one.source), problem


def _state(path: Path, source: Source) -> Literal["ok", "missing", "other"]:
    if not path.is_file():
        return "missing"
    try:
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise StemError(f"{path}: cannot be read ({error.strerror or error})") from None
    return "ok" if checksum == source.sha256 else "other"
