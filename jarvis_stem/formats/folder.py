"""A contribution's folder: its name, its files' names, and the files that are looked for in it."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from jarvis_stem.formats.names import MODEL_SUFFIX, PREDICTIONS_SUFFIX, WEIGHTS_SUFFIX
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import TEMPORARY
from jarvis_stem.utils.messages import quote

NAME_LIMIT = 100  # characters
FILE_LIMIT = 1000  # files and folders in a contribution
README = "README.md"
TO_FILL_IN = "Fill in: "  # begins what a person is to write in a new contribution's README
ATTRIBUTES = ".gitattributes"
ATTRIBUTES_FAULT = f"{ATTRIBUTES}, by which a clone has other files than were committed"
PACKAGE_FAULT = "the name of a package that python -m would import in its place"
# Windows takes these for devices, whatever comes behind a point.
_DEVICE = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE
)
_SHORT = re.compile(r"[^.]{1,6}~[0-9]{1,6}(\.[^.]{0,3})?")  # as Windows calls a longer one
_REPOSITORY = re.compile(r"\.git|git~[0-9]+", re.IGNORECASE)  # also as Windows shortens it
# What `python -m` imports from the folder it is run in before this package can keep it from that.
_IMPORTED = (
    "jarvis_stem|collections|contextlib|functools|importlib|keyword|linecache|operator|reprlib|types"
    "|warnings"
)
_PACKAGE = re.compile(rf"({_IMPORTED})(\.(py\w?|.*so|.*pyd))?", re.IGNORECASE)
_RESERVED = re.compile(f"{_DEVICE.pattern}|{_PACKAGE.pattern}", re.IGNORECASE)
_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.+-]*[A-Za-z0-9_])?")


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
    name = folder.name
    if not _FOLDER_NAME.fullmatch(name):
        return [
            f"folder {quote(name)}: expected a name of letters, digits, '_', '.', '+', '-' that "
            "starts with a letter or a digit; rename it"
        ]
    return [f"folder {quote(name)}: {fault}; rename it" for fault in name_faults(name)]


def name_faults(name: str) -> list[str]:
    """Why a file or folder of that name cannot be on every system that may clone it."""
    if _PLAIN_NAME.fullmatch(name) and len(name) <= NAME_LIMIT and not _RESERVED.fullmatch(name):
        return []  # as nearly all are
    found = {
        "a name with control characters, or not UTF-8": not name.isprintable(),
        f"a name of more than {NAME_LIMIT} characters": len(name) > NAME_LIMIT,
        "a name with a backslash, which is a path on Windows": "\\" in name,
        'a name with one of < > : " | ? *, which Windows cannot hold': bool(
            set(name) & set('<>:"|?*')
        ),
        "a name that ends in a point or a space, which Windows cuts off": name[-1:] in (".", " "),
        "a name of a device of Windows": bool(_DEVICE.fullmatch(name)),
        "a short name of Windows, which another file may have": bool(
            _SHORT.fullmatch(name) and not _REPOSITORY.fullmatch(name)
        ),
        ATTRIBUTES_FAULT: folded(name) == ATTRIBUTES,
        "a git repository of its own, whose settings can name programs": bool(
            _REPOSITORY.fullmatch(name)
        ),
        PACKAGE_FAULT: bool(_PACKAGE.fullmatch(name)),
    }
    return [fault for fault, is_so in found.items() if is_so]


def folded(name: str) -> str:
    """What names have in common that are one to Windows or macOS."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def alike(name: str, others: Iterable[str]) -> list[str]:
    """Problems of a name that another file system takes for one of the others."""
    found = sorted(other for other in others if other != name and folded(other) == folded(name))
    return [
        f"its name is {quote(other)} but for upper and lower case or the Unicode form; rename it"
        for other in found
    ]


def entries(folder: Path | str) -> list[os.DirEntry[str]]:
    """What is in a folder, sorted by name."""
    with os.scandir(folder) as found:
        return sorted(found, key=lambda entry: entry.name)


def file_faults(files: Iterable[os.DirEntry[str]]) -> list[str]:
    """Why files and folders of a contribution cannot be on every system, a line each.

    Args:
        files: Its `entries`; those of the folders among them are read.
    """
    found = list(islice(_with_below(files), FILE_LIMIT + 1))
    if len(found) > FILE_LIMIT:
        return [f"more than {FILE_LIMIT} files and folders; leave out what is not needed"]
    paths = Counter(map(folded, found))
    return [
        f"{quote(path)}: {fault}; rename or remove it"
        for path in found
        for fault in [
            *name_faults(path.rpartition("/")[2]),
            *(
                ["a name twice, but for upper and lower case or the Unicode form"]
                * (paths[folded(path)] > 1)
            ),
        ]
    ]


def _with_below(files: Iterable[os.DirEntry[str]], above: str = "") -> Iterator[str]:
    """Paths of all that git would have of files and what is below; links are not followed."""
    for file in files:
        temporary = file.name[0] == "." and file.name.endswith(TEMPORARY)  # of a killed write
        if file.name == "__pycache__" or temporary:
            continue
        yield above + file.name
        if file.is_dir(follow_symlinks=False):
            yield from _with_below(entries(file.path), f"{above}{file.name}/")
