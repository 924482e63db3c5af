"""VASP's POSCAR, CONTCAR and XDATCAR: the lines by which versions differ, the numbers by ASE."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from jarvis_stem.imaging.crystal import (
    MOST_ATOMS,
    Crystal,
    check_count,
    crystal,
    element_of,
    formula,
)
from jarvis_stem.imaging.structure_files.text import check_steps, lines_of
from jarvis_stem.utils.errors import StemError

_HEAD = 5  # lines of title, scale and cell
_DIGITS = 15  # of a number of atoms; Python refuses to read thousands
_CONFIGURATION = re.compile(r"^\s*(direct|cartesian)\s+configuration\s*=", re.IGNORECASE)
_EXPONENT = re.compile(r"(?<=[\d.])[dD](?=[+-]?\d)")  # Fortran's of double precision
_COMMENT = re.compile(r"[!#].*")


def read_poscar(path: Path) -> Iterator[tuple[str, Callable[[str], Crystal]]]:
    """The structure of a POSCAR or CONTCAR."""
    yield "", partial(_structure, list(islice(_lines(path), _HEAD + 5 + MOST_ATOMS)))


def read_xdatcar(path: Path) -> Iterator[tuple[str, Callable[[str], Crystal]]]:
    """The configurations of an XDATCAR, by number; each may have its own cell before it.

    Raises:
        StemError: No configuration, or too many.
    """
    lines = [line for line in _lines(path) if line.strip()]
    starts = [n for n, line in enumerate(lines) if _CONFIGURATION.match(line)]
    if not starts:
        raise StemError(f"{path}: expected lines such as Direct configuration= 1, got none")
    check_steps(len(starts), path)
    head = lines[: starts[0]]
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(lines)], strict=True), 1):
        body = lines[start + 1 : end]
        mode = lines[start].split()[0]
        yield f"configuration {number}", partial(_structure, [*head, mode, *body])
        counts = _COMMENT.sub("", head[-1]) if head else ""
        atoms = sum(map(int, counts.split())) if _is_counts(counts) else 0
        if len(body) == atoms + len(head):  # the cell has changed: another head follows
            head = body[atoms:]


def _lines(path: Path) -> Iterator[str]:
    return (_EXPONENT.sub("E", line) for line in lines_of(path))


def _structure(lines: Sequence[str], where: str) -> Crystal:
    """Read a POSCAR by ASE, once its elements are known and its numbers counted."""
    title, *others = [lines[0] if lines else "", *(_COMMENT.sub("", one) for one in lines[1:])]
    if len(others) < _HEAD + 2 or not all(_is_numbers(one, 3) for one in others[1:4]):
        raise StemError(f"{where}: expected VASP's title, scale, three lattice vectors and atoms")
    scaled = [_scale(others[0], others[1:4], where), *(_three(one) for one in others[1:4])]
    # The hashes of VASP 6.4 and what follows an element's name in that of its potential.
    after = 4 if _is_counts(others[4]) else 5
    if not _is_counts(others[after]):
        raise StemError(f"{where}: expected numbers of atoms in line 7, got {others[after]!r}")
    counts = [int(one) for one in others[after].split()]
    check_count(sum(counts), where)
    rest = list(others[after + 1 :])
    selective = rest[0].strip()[:1].lower() == "s" if rest else False
    mode = rest[selective].strip()[:1].lower() if len(rest) > selective else ""
    if not mode.isalpha():
        raise StemError(f"{where}: expected Direct or Cartesian after the numbers of atoms")
    atoms = rest[selective + 1 :][: sum(counts)]
    if len(atoms) < sum(counts) or not all(_is_numbers(one, 3) for one in atoms):
        right = next((n for n, one in enumerate(atoms) if not _is_numbers(one, 3)), len(atoms))
        raise StemError(f"{where}: expected {sum(counts)} positions, got {right}")
    behind = _behind(atoms)
    named = _named(others[4], counts, where) if after == 5 else _titled(title, counts)
    elements = _agreed(named, behind, where)
    mode = "Cartesian" if mode in "ck" else "Direct"
    return _by_ase([*scaled, mode, *map(_three, atoms)], elements, where)


def _scale(line: str, cell: Sequence[str], where: str) -> str:
    """One scale or three; a negative one is the cell's volume, also where that is left-handed."""
    count = next((n for n in (3, 1) if _is_numbers(line, n)), 0)
    scales = [float(word) for word in line.split()[:count]]
    if not scales or (count == 3 and min(scales) <= 0) or 0 in scales:
        raise StemError(f"{where}: expected a scale, or three positive ones, got {line!r}")
    if scales[0] < 0:
        volume = abs(np.linalg.det(np.array([_three(one).split() for one in cell], float)))
        scales = [float(np.cbrt(-scales[0] / volume))] if volume > 0 else [1.0]
    return " ".join(map(repr, scales))


def _by_ase(lines: Sequence[str], elements: Sequence[str], where: str) -> Crystal:
    from ase.io.vasp import read_vasp

    # An atom a group: then ASE, too, has the atoms in the order of the lines.
    text = [formula(elements), *lines[:4], " ".join(elements), " ".join("1" * len(elements))]
    try:
        atoms = read_vasp(io.StringIO("\n".join([*text, *lines[4:]]) + "\n"))
    except Exception as error:  # whatever ASE's parsing runs into
        raise StemError(
            f"{where}: expected a POSCAR, got {type(error).__name__}: {error}"
        ) from None
    return crystal(atoms.cell[:], atoms.positions, atoms.get_chemical_symbols(), where)


def _is_numbers(line: str, count: int) -> bool:
    """Whether a line starts with so many numbers."""
    words = line.split()[:count]
    try:
        return len([float(word) for word in words]) == count
    except ValueError:
        return False


def _three(line: str) -> str:
    return " ".join(line.split()[:3])


def _is_counts(line: str) -> bool:
    words = line.split()
    return bool(words) and all(word.isdecimal() and len(word) <= _DIGITS for word in words)


def _symbol(word: str) -> str | None:
    """The element of a word such as ``Mo``, ``Mo_pv``, ``Mo/1a2b3c`` or ``Co1``."""
    letters = re.match(r"([A-Za-z]{1,2})(?=\d*$|[_/.:])", word)
    return element_of(letters[1]) if letters else None


def _named(line: str, counts: Sequence[int], where: str) -> list[str]:
    """An element for each atom from the line of elements."""
    words = line.split()
    symbols = [_symbol(word) for word in words]
    if unknown := [w for w, one in zip(words, symbols, strict=True) if one is None]:
        raise StemError(
            f"{where}: unknown element {', '.join(unknown)}; expected symbols of the elements"
        )
    if len(words) != len(counts):
        raise StemError(f"{where}: {len(words)} elements but {len(counts)} numbers of atoms")
    return [str(one) for one, n in zip(symbols, counts, strict=True) for _ in range(n)]


def _titled(title: str, counts: Sequence[int]) -> list[str]:
    """An element for each atom from a title that is nothing but their symbols, else none."""
    words = title.split()
    if len(words) != len(counts) or any(element_of(word) != word for word in words):
        return []
    return [word for word, n in zip(words, counts, strict=True) for _ in range(n)]


def _behind(atoms: Sequence[str]) -> list[str]:
    """An element for each atom from behind its position, where all have one."""
    symbols = [_symbol(line.split()[-1]) if len(line.split()) > 3 else None for line in atoms]
    flags = {line.split()[-1] for line in atoms} <= {"T", "F", "t", "f"}
    return [] if None in symbols or flags else [str(one) for one in symbols]


def _agreed(named: list[str], behind: list[str], where: str) -> list[str]:
    if not named and not behind:
        raise StemError(
            f"{where}: no elements, as VASP 4 wrote; expected their symbols in a line before the "
            "numbers of atoms; add one"
        )
    if named and behind and named != behind:
        raise StemError(
            f"{where}: {formula(named)} by the line of elements, {formula(behind)} by the symbols "
            "behind the positions; correct one of them"
        )
    return named or behind
