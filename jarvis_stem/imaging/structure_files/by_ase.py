"""Formats that ASE reads: extended XYZ, AIRSS' .res and XCrySDen's .xsf."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jarvis_stem.imaging.crystal import Crystal, check_count, of_ase
from jarvis_stem.utils.errors import StemError

_PRIMITIVE = re.compile(r"^\s*PRIMCOORD.*\n\s*(\d+)", re.MULTILINE)
_ANIMATED = re.compile(r"^\s*ANIMSTEPS\s+(\d+)", re.MULTILINE)
_RES_KEYWORDS = ("TITL", "CELL", "LATT", "SFAC", "ZERR", "REM", "END")


def read_extxyz(path: Path) -> Iterator[tuple[str, Crystal]]:
    """Frames of an extended XYZ file, each with its lattice.

    Raises:
        StemError: No frame, or one that is no structure.
    """
    text = _text(path)
    _check_frames(text.splitlines(), path)

    def read() -> list[Any]:
        from ase.io.extxyz import read_xyz

        return list(read_xyz(io.StringIO(text), slice(None)))

    yield from _crystals(_attempt(path, read), "frame", path)


def read_res(path: Path) -> Iterator[tuple[str, Crystal]]:
    """The structure of a .res of AIRSS, which has all atoms and LATT -1.

    Raises:
        StemError: No structure, or one with the symmetry of SHELX, which ASE passes over.
    """
    lines = [line.rstrip() for line in _text(path).splitlines()]
    lines = [line for line in lines if line]
    words = [line.split() for line in lines]
    lattices = [one[1:] for one in words if one[0].upper() == "LATT"]
    if lattices != [["-1"]] or any(one[0].upper() == "SYMM" for one in words):
        raise StemError(
            f"{path}: expected LATT -1 and no SYMM, as AIRSS writes it; save a .res of SHELX as CIF"
        )
    start = next((n for n, one in enumerate(words) if one[0].upper() == "SFAC"), len(lines))
    atoms = [one for one in words[start + 1 :] if one[0].upper() not in _RES_KEYWORDS]
    check_count(len(atoms), str(path))
    kinds = words[start][1:] if atoms else []
    plain = [*lines[: start + 1], *(_res_atom(one, kinds, path) for one in atoms), "END"]

    def read() -> list[Any]:
        from ase.io.res import Res

        return [Res.from_string("\n".join(plain)).atoms]

    yield from _crystals(_attempt(path, read), "structure", path)


def _res_atom(words: list[str], kinds: list[str], path: Path) -> str:
    """An atom as ASE reads it: it passes over one with an exponent, and knows no numbered label."""
    try:
        kind = int(words[1])
        numbers = [float(word) for word in words[2:6]]
        element = kinds[kind - 1]
    except (ValueError, IndexError):
        numbers, element, kind = [], "", 0
    if len(numbers) < 3 or kind < 1:
        raise StemError(
            f"{path}: expected an atom's element, its number in SFAC and its place, got "
            f"{' '.join(words)!r:.60}"
        )
    if len(numbers) == 4 and numbers[3] not in (1, 11):  # 11 is SHELX' 1 that is not refined
        raise StemError(
            f"{path}: disordered, {words[0]} is occupied by {words[5]}; expected one element on "
            "each site; take an ordered cell"
        )
    places = " ".join(f"{one:.12f}" for one in numbers[:3])
    return f"{element.capitalize()} {kind} {places} 1.0"


def read_xsf(path: Path) -> Iterator[tuple[str, Crystal]]:
    """The structure of an .xsf, or each step of an animated one.

    Raises:
        StemError: No structure.
    """
    text = _text(path)
    for atoms in _PRIMITIVE.findall(text):
        check_count(int(atoms), str(path))
    check_steps([*map(int, _ANIMATED.findall(text)), 1][0], path)

    def read() -> list[Any]:
        from ase.io.xsf import read_xsf

        found = read_xsf(io.StringIO(text), slice(None))
        return found if isinstance(found, list) else [found]

    yield from _crystals(_attempt(path, read), "step", path)


MOST_STEPS = 1_000


def check_steps(steps: int, path: Path) -> None:
    """Refuse more structures than are answered at once.

    Raises:
        StemError: So many.
    """
    if steps > MOST_STEPS:
        raise StemError(
            f"{path}: {steps:,} structures; expected at most {MOST_STEPS:,}; take fewer of them"
        )


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8-sig", "replace")


def _check_frames(lines: list[str], path: Path) -> None:
    """Refuse what an XYZ file announces and does not have, or has too much of."""
    line, frames = 0, 0
    while line < len(lines) and lines[line].strip():
        if not lines[line].strip().isdecimal():
            raise StemError(
                f"{path}: expected a number of atoms in line {line + 1}, got {lines[line]!r:.60}"
            )
        atoms = int(lines[line])
        frames += 1
        check_count(atoms, f"{path}: frame {frames}")
        line += atoms + 2
        if line > len(lines):
            raise StemError(f"{path}: frame {frames}: expected {atoms} atoms, the file ends before")
        while line < len(lines) and lines[line].lstrip().startswith("VEC"):
            line += 1
    check_steps(frames, path)


def _attempt(path: Path, read: Callable[[], list[Any]]) -> list[Any]:
    try:
        return read()
    except KeyError as error:
        raise StemError(f"{path}: unknown element {error}; expected symbols of them") from None
    except Exception as error:  # whatever ASE's parsing runs into
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        kind = path.suffix.lower()
        raise StemError(f"{path}: expected a structure in a {kind} file, got {reason}") from None


def _crystals(found: list[Any], kind: str, path: Path) -> Iterator[tuple[str, Crystal]]:
    for number, atoms in enumerate(found, 1):
        name = f"{kind} {number}"
        yield name, of_ase(atoms, str(path) if len(found) == 1 else f"{path}: {name}")
