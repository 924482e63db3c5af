"""A new contribution's folder, which trains at once."""

from __future__ import annotations

import datetime
import re
import tempfile
from pathlib import Path
from typing import Any

from jarvis_stem.formats.folder import TO_FILL_IN, check_folder_name
from jarvis_stem.formats.metadata import METADATA, blank, parse_metadata
from jarvis_stem.scoring.board import BASELINE
from jarvis_stem.submission.github import web_address_of
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, write_text
from jarvis_stem.utils.git import git
from jarvis_stem.utils.templates import environment

_TEMPLATES = ("README.md", "model.py", "run.sh")


def create(name: str, contributions: Path) -> Path:
    """Write the folder of a new contribution, whole or not at all.

    Args:
        name: Its name.
        contributions: Folder of contribution folders.

    Returns:
        The new folder.

    Raises:
        StemError: The name cannot be used or is taken, or there is no folder of contributions.
        OSError: The folder cannot be written.
    """
    if not contributions.is_dir():
        raise StemError(
            f"{contributions}: no such folder of contributions; run this in the repository's top "
            "folder, or name another with --contributions"
        )
    _check_name(name, contributions)
    texts = {file: _render(file, name) for file in _TEMPLATES}
    texts[METADATA] = json_text(_metadata(name, contributions))
    folder = contributions / name
    with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=contributions) as temporary:
        draft = Path(temporary, name)
        for file, text in texts.items():
            write_text(draft / file, text)
        (draft / "run.sh").chmod(0o755)
        draft.rename(folder)
    return folder


def _check_name(name: str, contributions: Path) -> None:
    if Path(name).name != name or check_folder_name(Path(name)) or not name[0].isalnum():
        raise StemError(
            f"{name!r}: expected a name of letters, digits, '_', '.', '+', '-' that starts with a "
            "letter or digit, for example my_model"
        )
    if re.sub(r"[^a-z0-9]+", " ", name.lower()) == BASELINE:
        raise StemError(f"{name!r}: the leaderboard has a baseline of that name; take another")
    for other in contributions.iterdir():
        if other.name.casefold() == name.casefold():  # one file to some file systems
            raise StemError(f"{other}: is there already; take another name, or move it away")


def _render(file: str, name: str) -> str:
    templates = environment("jarvis_stem.submission", "template")
    return templates.get_template(f"{file}.j2").render(name=name, to_fill_in=TO_FILL_IN)


def _metadata(name: str, contributions: Path) -> dict[str, Any]:
    """JARVIS' keys, filled in as far as git and the calendar know."""
    address = web_address_of(_ask_git("remote", "get-url", "origin", cwd=contributions))
    known = {
        "model_name": name,
        "project_url": address,
        "date_submitted": f"{datetime.date.today():%m-%d-%Y}",
        "author_email": _ask_git("config", "user.email", cwd=contributions),
        "team_name": _ask_git("config", "user.name", cwd=contributions),
        "git_url": [address] if address else [],
    }
    # What the scorer would refuse, such as the address me@localhost, is as good as unknown.
    return blank() | {
        key: value for key, value in known.items() if not parse_metadata({**blank(), key: value})[1]
    }


def _ask_git(*arguments: str, cwd: Path) -> str:
    """What git answers; empty where it does not know or is not installed."""
    try:
        return git(*arguments, cwd=cwd).decode(errors="replace").strip()
    except StemError:
        return ""
