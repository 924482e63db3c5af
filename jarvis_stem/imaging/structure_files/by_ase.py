"""Formats that ASE reads: extended XYZ, AIRSS' .res and XCrySDen's .xsf."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jarvis_stem.imaging.crystal import Crystal, check_count, of_ase
from jarvis_stem.imaging.structure_files.text import check_steps, lines_of, text_of
from jarvis_stem.utils.errors import StemError

_PRIMITIVE = re.compile(r"^[ \t]*PRIMCOORD.*\n[ \t]*(\d{1,15})", re.MULTILINE)
_ANIMATED = re.compile(r"^[ \t]*ANIMSTEPS[ \t]+(\d{1,15})", re.MULTILINE)
_DIGITS = 15  # of a number of atoms; Python refuses to read thousands
_LONGEST_COMMENT = 100_000  # characters; ASE reads them one by one
_RES_KEYWORDS = ("TITL", "CELL", "LATT", "SFAC", "ZERR", "REM", "END")


def read_extxyz(path: Path) -> Iterator[tuple[str, Callable[[str], Crystal]]]:
    """Frames of an extended XYZ file, each with its lattice.

    Raises:
        StemError: More of them than are read.
    """
    lines = list(lines_of(path))
    starts, line = [], 0
    while line < len(lines):
        if not lines[line].strip():
            line += 1
            continue
        starts.append(line)
        atoms = _announced(lines[line])
        line += len(lines) if atoms is None else atoms + 2
        while line < len(lines) and lines[line].lstrip().startswith("VEC"):
            line += 1
    check_steps(len(starts), path)
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], line], strict=True), 1):
        yield f"frame {number}", partial(_frame, lines[start:end], start + 1)


def _announced(line: str) -> int | None:
    word = line.strip()
    return int(word) if word.isdecimal() and len(word) <= _DIGITS else None


def _frame(lines: Sequence[str], number: int, where: str) -> Crystal:
    """A frame of an XYZ file that starts in line `number`, if it has what it announces."""
    from ase.io.extxyz import read_xyz

    atoms = _announced(lines[0])
    if atoms is None:
        raise StemError(
            f"{where}: expected a number of atoms in line {number}, got {lines[0].strip()!r:.60}"
        )
    check_count(atoms, where)
    if len(lines) < atoms + 2:
        raise StemError(f"{where}: expected {atoms} atoms, the file ends before")
    if len(lines[1]) > _LONGEST_COMMENT:
        raise StemError(
            f"{where}: expected at most {_LONGEST_COMMENT:,} characters in line {number + 1}, got "
            f"{len(lines[1]):,}"
        )
    columns = _columns(lines[1])
    for n, line in enumerate(lines[2 : atoms + 2], number + 2):
        if len(line.split()) < columns:
            raise StemError(f"{where}: expected {columns} columns in line {n}, got {line!r:.60}")
    text = "\n".join(lines) + "\n"
    return of_ase(_attempt(where, lambda: next(read_xyz(io.StringIO(text), 0))), where)


def _columns(comment: str) -> int:
    """How many columns the properties are that a frame's second line names."""
    properties = re.search(r'Properties\s*=\s*"?([^\s"]+)', comment)
    widths = properties[1].split(":")[2::3] if properties else ["4"]
    return sum(filter(None, map(_announced, widths)))


def read_res(path: Path) -> Iterator[tuple[str, Callable[[str], Crystal]]]:
    """The structure of a .res of AIRSS, which has all atoms and LATT -1."""
    yield "", partial(_of_res, list(lines_of(path)))


def _of_res(lines: list[str], where: str) -> Crystal:
    """A .res without the symmetry of SHELX, which ASE passes over."""
    from ase.io.res import Res

    lines = [line.rstrip() for line in lines]
    lines = [line for line in lines if line]
    words = [line.split() for line in lines]
    lattices = [one[1:] for one in words if one[0].upper() == "LATT"]
    if lattices != [["-1"]] or any(one[0].upper() == "SYMM" for one in words):
        raise StemError(
            f"{where}: expected LATT -1 and no SYMM, as AIRSS writes it; save a .res of SHELX as "
            "CIF"
        )
    start = next((n for n, one in enumerate(words) if one[0].upper() == "SFAC"), len(lines))
    atoms = [one for one in words[start + 1 :] if one[0].upper() not in _RES_KEYWORDS]
    check_count(len(atoms), where)
    kinds = words[start][1:] if atoms else []
    plain = [*lines[: start + 1], *(_res_atom(one, kinds, where) for one in atoms), "END"]
    return of_ase(_attempt(where, lambda: Res.from_string("\n".join(plain)).atoms), where)


def _res_atom(words: list[str], kinds: list[str], where: str) -> str:
    """An atom as ASE reads it: it passes over one with an exponent, and knows no numbered label."""
    try:
        kind = int(words[1])
        numbers = [float(word) for word in words[2:6]]
        element = kinds[kind - 1]
    except (ValueError, IndexError):
        numbers, element, kind = [], "", 0
    if len(numbers) < 3 or kind < 1:
        raise StemError(
            f"{where}: expected an atom's element, its number in SFAC and its place, got "
            f"{' '.join(words)!r:.60}"
        )
    if len(numbers) == 4 and numbers[3] not in (1, 11):  # 11 is SHELX' 1 that is not refined
        raise StemError(
            f"{where}: disordered, {words[0]} is occupied by {words[5]}; expected one element on "
            "each site; take an ordered cell"
        )
    places = " ".join(f"{one:.12f}" for one in numbers[:3])
    return f"{element.capitalize()} {kind} {places} 1.0"


def read_xsf(path: Path) -> Iterator[tuple[str, Callable[[str], Crystal]]]:
    """The structure of an .xsf, or each step of an animated one.

    Raises:
        StemError: No structure.
    """
    from ase.io.xsf import read_xsf

    text = text_of(path)
    for atoms in _PRIMITIVE.findall(text):
        check_count(int(atoms), str(path))
    check_steps(max(map(int, _ANIMATED.findall(text)), default=1), path)
    found = _attempt(str(path), lambda: read_xsf(io.StringIO(text), slice(None)))
    for number, atoms in enumerate(found if isinstance(found, list) else [found], 1):
        yield f"step {number}", partial(of_ase, atoms)


def _attempt(where: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except KeyError as error:
        raise StemError(f"{where}: unknown element {error}; expected symbols of them") from None
    except Exception as error:  # whatever ASE's parsing runs into
        reason = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
        raise StemError(f"{where}: expected a structure, got {reason}") from None
