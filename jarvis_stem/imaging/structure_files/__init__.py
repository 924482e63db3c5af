"""Users' structures from files, by whichever library reads a format right; see `FORMATS`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from jarvis_stem.imaging.layer import as_layer
from jarvis_stem.imaging.picture_files import is_picture
from jarvis_stem.utils.errors import StemError, all_of

Structure = Any  # a `Crystal`, or JARVIS' Atoms, which has no types
# Names of a file's structures, and what reads each, given file and name for the message.
_Reader = Callable[[Path], Iterator[tuple[str, Callable[[str], Structure]]]]
_LARGEST = 32 * 2**20  # bytes; a POSCAR of the most atoms has 1.5 MB
_LONGEST = 20.0  # seconds


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        name: What people call it.
        starts: Of the files' names, in lower case.
        endings: Of the files' names.
        reader: Module and function here that read it.
        library: What reads it.
        several: What it can have several of.
        as_it_stands: Whether the projection is along z of the cell as it stands.
    """

    name: str
    starts: tuple[str, ...]
    endings: tuple[str, ...]
    reader: str
    library: str
    several: str
    as_it_stands: bool = False


FORMATS = (
    Format(
        "POSCAR, CONTCAR of VASP 4 to 6",
        ("poscar", "contcar"),
        (".vasp", ".poscar", ".contcar"),
        "vasp.read_poscar",
        "ASE, with elements and numbers checked here",
        "-",
    ),
    Format(
        "XDATCAR of VASP 5 and 6",
        ("xdatcar",),
        (".xdatcar",),
        "vasp.read_xdatcar",
        "as POSCAR",
        "configurations",
    ),
    Format(
        "CIF: core, magnetic, DDLm",
        (),
        (".cif", ".mcif"),
        "cif.read",
        "gemmi, and ASE as a second opinion",
        "blocks",
    ),
    Format("Extended XYZ", (), (".extxyz", ".xyz"), "by_ase.read_extxyz", "ASE", "frames"),
    Format("AIRSS", (), (".res",), "by_ase.read_res", "ASE", "-"),
    Format("XCrySDen", (), (".xsf", ".axsf"), "by_ase.read_xsf", "ASE", "steps"),
    Format(
        "JSON of JARVIS",
        (),
        (".json", ".json.zip"),
        "jarvis_json.read",
        "JARVIS-Tools; projected along z of the cell as it stands",
        "records",
        as_it_stands=True,
    ),
)
ENDINGS = tuple(ending for one in FORMATS for ending in one.endings)


def format_of(path: Path) -> Format | None:
    """The kind of a file by its name, which ends or starts as that kind's do."""
    name = path.name.lower()
    by_ending = (one for one in FORMATS if name.endswith(one.endings))
    by_start = (one for one in FORMATS if one.starts and name.startswith(one.starts))
    return next(by_ending, None) or next(by_start, None)


def is_structure(path: Path) -> bool:
    """Whether a file is one of structures, by its name."""
    return format_of(path) is not None and not is_picture(path)


def read_files(path: Path) -> dict[str, Structure]:
    """Read structures from a file or a folder of them.

    Args:
        path: A file, or a folder whose files of structures are read; see `read_file`.

    Returns:
        Structures by image id: the file's name without what says its kind (``POSCAR-x`` is ``x``)
        and, where it has several, the structure's name in it, or the record's id in JSON, followed
        by ``.jpg``.

    Raises:
        StemError: Nothing there, an unknown kind of file, or a structure that cannot be drawn.
    """
    if not path.exists():
        raise StemError(f"{path}: no such file or folder of structures")
    files = [path]
    if path.is_dir():
        files = sorted(one for one in path.iterdir() if one.is_file() and is_structure(one))
    structures: dict[str, Structure] = {}
    for file in files:
        found = read_file(file)
        for name, structure in found.items():
            image_id = f"{_named(file, name, alone=len(found) == 1)}.jpg"
            if image_id in structures:
                raise StemError(f"{file}: a second structure named {image_id[:-4]!r} in {path}")
            structures[image_id] = structure
    if not structures:
        raise StemError(f"{path}: no POSCAR, CIF, JSON or other file of structures in it")
    return structures


def read_file(path: Path) -> dict[str, Structure]:
    """Read the structures of a file.

    Args:
        path: One of `FORMATS`.

    Returns:
        Structures by their names in the file, which is empty where there can be but one. Layers
        are turned to lie in the plane of x and y, but for JARVIS' cells, which stay as they stand.

    Raises:
        StemError: See `read_each`; or one of the structures is not certain, or no layer.
    """
    return all_of(read_each(path))


def read_each(path: Path) -> dict[str, Structure | StemError]:
    """Read the structures of a file, as `read_file` does, whatever is wrong with others in it.

    A structure's time is limited by how much of a file and how many atoms are read, a file's is
    looked at between structures.

    Args:
        path: One of `FORMATS`.

    Returns:
        Structures by their names in the file, or why there is none.

    Raises:
        StemError: Another kind of file, too large or too slow to read, or no structure in it.
    """
    kind = format_of(path)
    if kind is None:
        raise StemError(f"{path}: {expected()}")
    _check_file(path)
    module, function = kind.reader.split(".")
    reader: _Reader = getattr(import_module(f"{__name__}.{module}"), function)
    start = time.monotonic()
    listed = list(reader(path))
    if not listed:
        raise StemError(f"{path}: expected structures, got none")
    found: dict[str, Structure | StemError] = {}
    for name, read in listed:
        if name in found:
            raise StemError(f"{path}: expected names that differ, got {name!r} twice")
        if time.monotonic() - start > _LONGEST:
            raise StemError(f"{path}: expected to be read in {_LONGEST:.0f} s; take a smaller file")
        where = f"{path}: {name}" if len(listed) > 1 else str(path)
        try:
            one = read(where)
            found[name] = one if kind.as_it_stands else as_layer(one, where)
        except StemError as error:
            found[name] = error
    return found


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise StemError(f"{path}: expected a file, got none or another thing of that name")
    size = path.stat().st_size
    if not 0 < size <= _LARGEST:
        got = f"{size / 2**20:,.0f} MB" if size else "an empty file"
        raise StemError(f"{path}: expected at most {_LARGEST / 2**20:.0f} MB of text, got {got}")


def _named(path: Path, name: str, *, alone: bool) -> str:
    """What a structure of a file is called."""
    kind = format_of(path)
    if kind is None or kind.as_it_stands:
        return name
    start, ending = "|".join(kind.starts), "|".join(map(re.escape, kind.endings))
    short = re.sub(rf"({ending})$", "", path.name, flags=re.IGNORECASE)
    if start:
        short = re.sub(rf"^({start})[-_.]*", "", short, flags=re.IGNORECASE)
    short = short.strip("-_.") or path.name
    return short if alone else f"{short}-{name}"


def expected() -> str:
    """What a file of structures can be called."""
    starts = [f"{start.upper()}*" for one in FORMATS for start in one.starts]
    return f"expected {', '.join(starts)} or a name that ends in {', '.join(ENDINGS)}"
