"""A contribution's folder: its name and the files that are looked for in it."""

from __future__ import annotations

import re
from pathlib import Path

from jarvis_stem.formats.names import MODEL_SUFFIX, PREDICTIONS_SUFFIX, WEIGHTS_SUFFIX
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.messages import quote

_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


def contribution_folders(root: Path) -> list[Path]:
    """Folders of all contributions, sorted; hidden ones and ``__pycache__`` are not contributions.

    Raises:
        StemError: The root is not a folder.
    """
    if not root.is_dir():
        raise StemError(f"{root}: no such folder of contributions")
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] not in "._")


def prediction_files(folder: Path) -> list[Path]:
    """Predictions in a contribution folder, sorted."""
    return sorted(folder.glob(f"*{PREDICTIONS_SUFFIX}"))


def model_files(folder: Path) -> list[Path]:
    """Stored models and weights in a contribution folder, sorted."""
    return sorted(p for suffix in (MODEL_SUFFIX, WEIGHTS_SUFFIX) for p in folder.glob(f"*{suffix}"))


def check_folder_name(folder: Path) -> list[str]:
    """Problems of a contribution's name, which becomes part of links and of labels."""
    if _FOLDER_NAME.fullmatch(folder.name):
        return []
    return [
        f"folder {quote(folder.name)}: expected a name of letters, digits, '_', '.', '+', '-' that "
        "starts with a letter or a digit; rename it"
    ]
