"""CIF by gemmi, and by ASE as a second opinion.

Of a block only cell, symmetry and sites are looked at, by the names that the core, magnetic and
DDLm dictionaries have for them. Where gemmi and ASE read something else, what the file says of its
formula decides, or nobody.
"""

from __future__ import annotations

import io
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import gemmi
import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging.crystal import Crystal, check_count, crystal, element_of, formula
from jarvis_stem.imaging.structure_files.text import check_steps, text_of
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.messages import count

_CELL = tuple(f"_cell_{name}" for name in ("length_a", "length_b", "length_c"))
_ANGLES = tuple(f"_cell_angle_{name}" for name in ("alpha", "beta", "gamma"))
_SITES = tuple(f"_atom_site_fract_{axis}" for axis in "xyz")
_COLUMNS = tuple(
    f"_atom_site_{name}" for name in ("label", "type_symbol", "occupancy", "calc_flag")
)
_OPERATIONS = (
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
    "_space_group_symop_magn_operation_xyz",
)
_CENTRINGS = "_space_group_symop_magn_centering_xyz"
_HALL = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
_NAMES = ("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group_name_h-m")
_NUMBERS = ("_space_group_it_number", "_symmetry_int_tables_number")
_FORMULA = "_chemical_formula_sum"
_UNITS = "_cell_formula_units_z"
_MODULATED = ("_space_group_symop_ssg_operation_algebraic", "_cell_modulation_dimension")
_UNKNOWN = {"", ".", "?"}
_BLOCK = re.compile(r"^data_", re.IGNORECASE | re.MULTILINE)
_TWICE = "twice"
_ASKED = ("_cell_", "_atom_site_", "_space_group_", "_symmetry_", _FORMULA)  # starts of tags
_FULL = 0.999  # occupancy
_SAME = 0.3  # Å between symmetry's copies of a site that lies on the symmetry element
_MOST_COPIES = 200_000  # sites times operations
_MOST_COMPARED = 2_000  # atoms, of which ASE is asked
_METRIC = 0.01  # of the cell's, by which a symmetry operation may miss it

_Tags = dict[str, list[str]]


def read(path: Path) -> Iterator[tuple[str, Callable[[str], Crystal]]]:
    """Structures of a CIF by the names of its blocks.

    Raises:
        StemError: No structure in it, or another kind of file.
    """
    blocks = _blocks(text_of(path), path)
    named: Counter[str] = Counter()
    whole = 0
    for name, tags in blocks:
        if isinstance(tags, dict) and not (_has(tags, _CELL) and _is_sites(tags)):
            continue
        whole += 1
        check_steps(whole, path)
        named[name] += 1
        again = f" ({named[name]})" if named[name] > 1 else ""
        if isinstance(tags, dict):
            yield name + again, partial(_structure, tags)
        else:
            yield name + again, partial(_refuse, tags)
    if not whole:
        raise StemError(
            f"{path}: expected a cell and sites in one block, got none in {count(blocks, 'block')}"
        )


def _refuse(reason: str, where: str) -> Crystal:
    raise StemError(f"{where}: {reason}")


def _blocks(text: str, path: Path) -> list[tuple[str, _Tags | str]]:
    """Tags of each block by its name; where the whole is no CIF, what is wrong with which block."""
    starts = [one.start() for one in _BLOCK.finditer(text)] or [0]
    try:  # JARVIS-Tools writes a line before the first block
        return _parsed(text, starts[0])
    except ValueError as error:
        if len(starts) == 1:
            raise StemError(f"{path}: {error}") from None
    found: list[tuple[str, _Tags | str]] = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        try:
            found += _parsed(text[:end], start)
        except ValueError as error:
            found.append((text[start:].split(maxsplit=1)[0][len("data_") :], str(error)))
    return found


def _parsed(text: str, start: int) -> list[tuple[str, _Tags | str]]:
    """Blocks of a text from a place in it on.

    Raises:
        ValueError: It is no CIF.
    """
    try:  # tags that come twice are looked at here
        document = gemmi.cif.read_string(text[start:], 0)
    except (ValueError, RuntimeError) as error:
        before = text.count("\n", 0, start)
        place = r"^string:(\d+)[:\d()]*:"
        reason = re.sub(place, lambda found: f"line {int(found[1]) + before}:", str(error))
        raise ValueError(f"expected CIF, got {reason}") from None
    return [(block.name, _tags(block)) for block in document]


def _tags(block: gemmi.cif.Block) -> _Tags:
    """Values by tag, in lower case and with the underscores of the older dictionaries.

    Of a tag that comes twice the values that say something; if both do, it is in `_TWICE`, too.
    """
    tags: _Tags = {}
    item: Any
    for item in block:
        columns: _Tags = {}
        if item.pair is not None:
            columns = {item.pair[0]: [_text(item.pair[1])]}
        elif item.loop is not None:
            names, values = item.loop.tags, [_text(value) for value in item.loop.values]
            columns = {name: values[n :: len(names)] for n, name in enumerate(names)}
        for name, column in columns.items():
            tag = _plain(name)
            known = tags.get(tag, [])
            if set(known) <= _UNKNOWN:
                tags[tag] = column
            elif known != column and not set(column) <= _UNKNOWN:
                tags.setdefault(_TWICE, []).append(tag)
    for tag in _SITES:  # CIF's dot is a default, which is 0 here; ICSD writes it
        if tag in tags:
            tags[tag] = ["0" if value == "." else value for value in tags[tag]]
    return tags


def _plain(tag: str) -> str:
    return tag.lower().replace(".", "_")


def _text(value: str) -> str:
    return value if gemmi.cif.is_null(value) else gemmi.cif.as_string(value).strip()


def _has(tags: _Tags, names: Sequence[str]) -> bool:
    return all(name in tags for name in names)


def _is_sites(tags: _Tags) -> bool:
    """Whether there are coordinates; the Pauling File has blocks with nothing but ``?``."""
    starts = ("_atom_site_fract", "_atom_site_cartn")
    return any(tag.startswith(starts) and set(tags[tag]) - {"?"} for tag in tags)


def _structure(tags: _Tags, where: str) -> Crystal:
    cell = gemmi.UnitCell(*(_number(tags, name, where) for name in (*_CELL, *_ANGLES)))
    if not 0 < cell.volume < np.inf:
        raise StemError(f"{where}: degenerate cell, its lengths and angles make no volume")
    if any(tag in tags for tag in _MODULATED):
        raise StemError(f"{where}: a modulated structure; expected one that is periodic")
    if twice := [tag for tag in tags.get(_TWICE, []) if tag.startswith(_ASKED)]:
        raise StemError(f"{where}: {twice[0]} comes twice, with other values; remove one of them")
    sites, elements = _sites(tags, where)
    basis = np.array(cell.orth.mat.tolist()).T
    operations = _operations(tags, cell, basis, where)
    check_count(len(elements), where)
    if len(operations) * len(elements) > _MOST_COPIES:
        raise StemError(
            f"{where}: {len(elements):,} sites times {len(operations)} symmetry operations are "
            f"more than the {_MOST_COPIES:,} that are read; take a smaller cell"
        )
    copies: list[NDArray[np.float64]] = []
    every: list[str] = []
    for site, element in zip(sites, elements, strict=True):
        copies.append(_copies(site, operations, basis))
        every += [element] * len(copies[-1])
        check_count(len(every), where)
    other = _by_ase(tags, elements) if len(every) <= _MOST_COMPARED else None
    _compare(tags, _Reading(every, basis), other, where)
    return crystal(basis, np.concatenate(copies) @ basis, every, where)


def _number(tags: _Tags, name: str, where: str) -> float:
    values = tags.get(name, ["nothing"])
    number = gemmi.cif.as_number(values[0])
    if len(values) != 1 or not np.isfinite(number):
        raise StemError(f"{where}: expected a number for {name}, got {', '.join(values[:3])}")
    return number


def _sites(tags: _Tags, where: str) -> tuple[NDArray[np.float64], list[str]]:
    """Fractional coordinates and elements of the sites as listed, without dummies."""
    if not _has(tags, _SITES):
        raise StemError(f"{where}: expected fractional coordinates, {', '.join(_SITES)}")
    lengths = {len(column) for tag, column in tags.items() if tag in (*_SITES, *_COLUMNS)}
    if len(lengths) > 1:
        raise StemError(f"{where}: expected one loop of sites, got columns of several lengths")
    nothing = ["."] * lengths.pop()
    real = [n for n, f in enumerate(tags.get("_atom_site_calc_flag", nothing)) if f != "dum"]
    labels = tags.get("_atom_site_label", nothing)
    symbols = tags.get("_atom_site_type_symbol", labels)
    _refuse_disorder(tags, real, labels, where)
    coordinates = np.array(
        [[gemmi.cif.as_number(tags[axis][n]) for axis in _SITES] for n in real], float
    ).reshape(-1, 3)
    if not np.isfinite(coordinates).all():
        site = real[int(np.flatnonzero(~np.isfinite(coordinates).all(axis=1))[0])]
        name = labels[site] if labels[site] not in _UNKNOWN else site + 1
        raise StemError(f"{where}: site {name} has no coordinates that are numbers")
    elements = [_element(symbols[n], labels[n]) for n in real]
    if unknown := sorted({symbols[n] for n, e in zip(real, elements, strict=True) if not e}):
        raise StemError(f"{where}: unknown element {', '.join(unknown)}; expected symbols of them")
    return coordinates, [one for one in elements if one]


def _refuse_disorder(tags: _Tags, real: list[int], labels: list[str], where: str) -> None:
    occupancies = tags.get("_atom_site_occupancy")
    for n in real if occupancies else []:
        assert occupancies is not None  # noqa: S101 - else there is nothing to go through
        share = gemmi.cif.as_number(occupancies[n], 1.0)
        if occupancies[n] not in _UNKNOWN and not _FULL <= share <= 2 - _FULL:
            raise StemError(
                f"{where}: disordered, site {labels[n]} is occupied by {occupancies[n]}; expected "
                "one element on each site; take an ordered cell"
            )
    groups = {one for one in tags.get("_atom_site_disorder_group", []) if one not in _UNKNOWN}
    if len(groups - {"0"}) > 1:
        raise StemError(f"{where}: disordered, groups {', '.join(sorted(groups))}; expected one")


@cache
def _element(symbol: str, label: str) -> str | None:
    """The element that a type symbol such as ``Mo4+``, or else a label such as ``S12A``, starts."""
    typed = symbol != label and symbol not in _UNKNOWN
    letters = re.match(r"[A-Za-z]*", symbol if typed else label)
    name = letters[0] if letters else ""
    element = element_of(name)
    if element or typed:
        return element
    return element_of(name[:2]) or (element_of(name[:1]) if name[1:2].isupper() else None)


def _operations(
    tags: _Tags, cell: gemmi.UnitCell, basis: NDArray[np.float64], where: str
) -> list[gemmi.Op]:
    """The symmetry: as listed, or of the space group by its Hall symbol, name or number."""
    listed = next((tags[name] for name in _OPERATIONS if name in tags), None)
    try:
        if listed and listed != ["?"]:
            centrings = [_operation(one) for one in tags.get(_CENTRINGS, ["x,y,z"])]
            operations = [c * _operation(one) for one in listed for c in centrings]
        elif hall := _first(tags, _HALL):
            operations = list(gemmi.symops_from_hall(hall))
        else:
            operations = list(_group(tags, cell, where).operations())
    except (ValueError, RuntimeError) as error:
        raise StemError(f"{where}: symmetry that is not understood ({error})") from None
    metric = basis @ basis.T
    lengths = np.sqrt(metric.diagonal())
    for one in operations:
        rotation = np.array(one.rot) / gemmi.Op.DEN
        missed = np.abs(rotation.T @ metric @ rotation - metric) / np.outer(lengths, lengths)
        if missed.max() > _METRIC:
            raise StemError(
                f"{where}: the symmetry operation {one.triplet()} does not fit the cell; expected "
                "the setting of the cell"
            )
    return operations


def _operation(text: str) -> gemmi.Op:
    """An operation without the time reversal of magnetic ones: ``x,-y,z,+1``."""
    return gemmi.Op(re.sub(r",\s*[+-]?1\s*$", "", text) if text.count(",") == 3 else text)


def _first(tags: _Tags, names: Sequence[str]) -> str | None:
    return next((tags[n][0] for n in names if n in tags and tags[n][0] not in _UNKNOWN), None)


def _group(tags: _Tags, cell: gemmi.UnitCell, where: str) -> gemmi.SpaceGroup:
    """The space group by name or number; without either there is no symmetry."""
    name, number = _first(tags, _NAMES), _first(tags, _NUMBERS)
    if name:  # ICSD's S, Z, H and R behind a name
        setting = {"S": ":1", "Z": ":2", "H": ":H", "R": ":R"}
        name = re.sub(r" ?\b([SZHR])$", lambda found: setting[found[1]], " ".join(name.split()))
    if name is None and number is None:
        return gemmi.SpaceGroup("P 1")
    group = gemmi.find_spacegroup_by_name(name, cell.alpha, cell.gamma) if name else None
    if group is None and number and number.isdecimal():
        group = gemmi.find_spacegroup_by_number(int(number))
        if group:  # of a rhombohedral group the setting that the cell has
            group = gemmi.find_spacegroup_by_name(group.hm, cell.alpha, cell.gamma)
    if group is None:
        raise StemError(f"{where}: unknown space group {name or number}; list its operations")
    if number and number.isdecimal() and int(number) != group.number:
        raise StemError(f"{where}: space group {name}, but number {number}; correct one of them")
    if group.ext in "12" and not (name and re.search(r":\s*[12]\s*$", name)):
        raise StemError(
            f"{where}: space group {group.hm} has two choices of origin; expected :1 or :2 behind "
            "its name, or a list of its operations"
        )
    return group


def _copies(
    site: NDArray[np.float64], operations: Sequence[gemmi.Op], basis: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fractional coordinates of a site's copies, [N, 3], each once however it is rounded."""
    rotations = np.array([one.rot for one in operations]) / gemmi.Op.DEN
    shifts = np.array([one.tran for one in operations]) / gemmi.Op.DEN
    places = rotations @ site + shifts
    found: list[NDArray[np.float64]] = []
    while len(places):
        apart = places - places[0]
        apart -= np.rint(apart)
        near = np.linalg.norm(apart @ basis, axis=1) < _SAME
        found.append(places[0] + apart[near].mean(axis=0))  # on the symmetry element again
        places = places[~near]
    return np.array(found) % 1


class _Reading:
    """Elements and cell as a library reads them."""

    def __init__(self, elements: Sequence[str], cell: NDArray[np.float64]) -> None:
        self.counts = Counter(elements)
        self.formula = formula(sorted(elements))
        lengths = np.linalg.norm(cell, axis=1)
        self.cell = np.array([*lengths, abs(np.linalg.det(cell)) ** (1 / 3)])

    def __str__(self) -> str:
        lengths = " x ".join(f"{one:.3f}" for one in self.cell[:3])
        return f"{self.formula} in {lengths} Å"

    def agrees(self, other: _Reading) -> bool:
        return self.counts == other.counts and np.allclose(self.cell, other.cell, atol=1e-3)


def _by_ase(tags: _Tags, elements: Sequence[str]) -> _Reading | None:
    """What ASE reads of the same cell, symmetry and sites; None where it reads nothing."""
    from ase.io.cif import read_cif

    # Without type symbols ASE takes the selenium SE1 for sulphur.
    sites = {"_atom_site_type_symbol": elements, **{tag: tags[tag] for tag in _SITES}}
    operations = {tag: tags[tag] for tag in _OPERATIONS[:2] if tag in tags}
    alone = {_OPERATIONS[2], *_HALL} & tags.keys() and not operations
    equal = np.ptp([gemmi.cif.as_number(tags[name][0]) for name in _ANGLES]) == 0
    angle = gemmi.cif.as_number(tags[_ANGLES[0]][0])
    if alone or (equal and angle != 90 and not operations):
        return None  # magnetic operations, Hall symbols and rhombohedral cells: it errs there
    if len(elements) != len(tags[_SITES[0]]):
        return None  # dummies, which it takes for atoms
    names = [n for n in (*_CELL, *_ANGLES, *_HALL, *_NAMES, *_NUMBERS) if n in tags]
    lines = ["data_x", *(f"{_spelt(n)} {gemmi.cif.quote(tags[n][0])}" for n in names)]
    for columns in (operations, sites):
        lines += ["loop_", *map(_spelt, columns)] if columns else []
        rows = zip(*columns.values(), strict=True)
        lines += [" ".join(map(gemmi.cif.quote, row)) for row in rows]
    text = io.StringIO("\n".join(lines) + "\n")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (atoms,) = read_cif(text, slice(None))
    except Exception:  # whatever ASE's parsing runs into: then there is no second opinion
        return None
    symbols = [s for s, kept in zip(atoms.symbols, _once(atoms), strict=True) if kept]
    return _Reading(symbols, atoms.cell[:])


def _spelt(tag: str) -> str:
    """A tag with the capitals that ASE knows it by."""
    for name in ("H-M", "Int_Tables", "IT_number", "Hall"):
        tag = re.sub(re.escape(name), name, tag, flags=re.IGNORECASE)
    return tag


def _once(atoms: Any) -> list[bool]:
    """Which atoms are not another one of the same element, rounded in another way."""
    places = atoms.get_scaled_positions()
    symbols = np.array(atoms.get_chemical_symbols())
    kept: list[bool] = []
    for n, place in enumerate(places):
        apart = places[:n][kept] - place
        near = np.linalg.norm((apart - np.rint(apart)) @ atoms.cell[:], axis=1) < _SAME
        kept.append(not (near & (symbols[:n][kept] == symbols[n])).any())
    return kept


def _compare(tags: _Tags, ours: _Reading, other: _Reading | None, where: str) -> None:
    """Refuse a structure that the file's formula speaks against, or a library and no formula."""
    stated = _stated(tags)
    ratio = _ratio(ours.counts)
    if stated and _ratio(stated) != ratio:
        raise StemError(
            f"{where}: the file's formula is {formula(sorted(stated.elements()))}, its sites make "
            f"{ours.formula}; correct one of them"
        )
    if other is None or ours.agrees(other):
        return
    units = gemmi.cif.as_number(tags.get(_UNITS, ["?"])[0])
    if stated and (units * stated.total() == ours.counts.total() or _ratio(other.counts) != ratio):
        return
    raise StemError(
        f"{where}: read by gemmi as {ours}, by ASE as {other}; expected one meaning; write the "
        "file anew, with all atoms and without symmetry"
    )


def _stated(tags: _Tags) -> Counter[str] | None:
    """Atoms by element of the file's formula, where it has one of whole numbers."""
    text = tags.get(_FORMULA, ["?"])[0]
    parts = re.findall(r"([A-Za-z]+)\s*([\d.]*)", text)
    counts: Counter[str] = Counter()
    for symbol, number in parts:
        element, count = element_of(symbol), float(number or 1)
        if element is None or count % 1 or not 0 < count < 1e5:
            return None
        counts[element] += int(count)
    return counts or None


def _ratio(counts: Counter[str]) -> dict[str, int]:
    divisor = int(np.gcd.reduce(list(counts.values())))
    return {element: count // divisor for element, count in counts.items()}
