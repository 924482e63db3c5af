"""Downloads, with a progress bar on a terminal; what broke off is tried again."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import requests

from jarvis_stem.utils import terminal
from jarvis_stem.utils.files import UMASK, scratch_folder

_PATIENCE = 60  # seconds for a server to say something
_RETRIES = 2  # of a download
_BLOCK = 2**16  # bytes


def download(address: str, path: Path, what: str, *, sha256: str | None = None) -> None:
    """Download a file to its place, whole or not at all, unless it is there already.

    Args:
        address: Of the file on the web.
        path: Where it goes.
        what: What is shown while it is downloaded.
        sha256: Its checksum; None if there is none to compare with, and it is had anew.

    Raises:
        requests.RequestException: It cannot be had.
        ValueError: Its checksum is another one.
        OSError: It cannot be written.
    """
    import pooch  # here, for most commands download nothing

    if sha256 and path.is_file() and pooch.file_hash(str(path)) == sha256:
        return
    watched = sys.stderr.isatty() and not terminal.is_quiet()
    if watched:
        terminal.note(f"Downloading {what}")
    pooch.get_logger().setLevel("WARNING")
    with scratch_folder(path.parent) as folder:
        _fetch(address, folder / path.name, sha256, watched=watched)
        (folder / path.name).chmod(0o666 & ~UMASK)  # pooch's files are their owner's alone
        (folder / path.name).replace(path)


def _fetch(address: str, path: Path, sha256: str | None, *, watched: bool) -> None:
    import pooch

    source = pooch.create(
        path.parent,
        base_url="",
        registry={path.name: sha256 and f"sha256:{sha256}"},
        urls={path.name: address},
        retry_if_failed=_RETRIES,
    )
    with ExitStack() as stack:

        def close_at_the_end(answer: requests.Response, **_: object) -> None:
            stack.callback(answer.close)  # which pooch leaves open where it breaks off

        downloader = pooch.HTTPDownloader(
            progressbar=watched,
            chunk_size=_BLOCK,
            timeout=_PATIENCE,
            hooks={"response": close_at_the_end},
        )
        source.fetch(path.name, downloader=downloader)
