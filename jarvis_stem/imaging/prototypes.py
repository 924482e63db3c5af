"""The built-in benchmark ``stem_2d_proto``: decorated 2D prototypes, made without any download.

Each prototype of `imaging.prototype_table` is built in every composition of its table, with lattice
constants that follow from the radii JARVIS-Tools ships. Structures whose images would be
practically identical are kept once, so that no image of the test split is known from training. All
of it depends on the table only: nothing is random, and lengths are rounded to 0.01 Å.
"""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.formats.names import BENCHMARK_SUFFIX, bravais_result
from jarvis_stem.imaging.prototype_table import PROTOTYPES, RHOMBUS, Prototype, Site
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import write_bytes, zip_bytes

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms  # takes seconds to be imported, and names need none

RESULT_NAME = bravais_result("stem_2d_proto")
CELL_HEIGHT = 25.0  # Å, layer and vacuum
# Structures per class: 1573 in the shares of stem_2d_image, 640/382/669/178/419 of 2288.
CLASS_SIZES = (440, 263, 460, 122, 288)
_TEST_PERIOD = 4  # every fourth structure of a prototype is a test structure

# Two structures are near-identical where their cells agree to 0.4 % and 0.5 degree and their motifs
# correlate to 0.99: so do two programs' images of one structure (median of the published images
# against our render). A larger difference of the cells alone takes the images below that, as it
# adds up to 0.1 Å at the edge of the field of view.
_SAME_LENGTH = 4  # thousandths of the length
_SAME_ANGLE = 0.5  # degrees
_SAME_MOTIF = 0.99
_HARMONICS = 6
_PROBE_DECAY = 2 * (math.pi * 0.5) ** 2  # Å², of a Gaussian probe of 0.5 Å in reciprocal space


@dataclass(frozen=True)
class _Entry:
    """One composition of a prototype; lengths in 0.01 Å, so that comparing them is exact."""

    prototype: Prototype
    elements: tuple[str, ...]
    a: int
    b: int

    @property
    def id(self) -> str:
        return f"proto-{self.prototype.name}-{_formula(self)}.jpg"


def structures() -> dict[str, Atoms]:
    """Build every structure of the benchmark.

    Returns:
        ``{"proto-graphene-C.jpg": Atoms, ...}`` in the order of the table; cells in the standard
        orientation (a along x, b in the xy plane), the layer in the middle of the vacuum.

    Examples:
        >>> structures()["proto-1H-MoS2.jpg"].composition.reduced_formula
        'MoS2'
    """
    return {entry.id: _atoms(entry) for entry in _entries()}


def benchmark() -> dict[str, dict[str, int]]:
    """Split the structures into train and test, three to one within every prototype.

    Returns:
        ``{"train": {id: class}, "test": {id: class}}``; every prototype is in train.

    Examples:
        >>> {split: len(classes) for split, classes in benchmark().items()}
        {'train': 1200, 'test': 373}
    """
    splits: dict[str, dict[str, int]] = {"train": {}, "test": {}}
    seen: Counter[str] = Counter()
    for entry in _entries():
        seen[entry.prototype.name] += 1
        split = "train" if seen[entry.prototype.name] % _TEST_PERIOD else "test"
        splits[split][entry.id] = entry.prototype.bravais_class
    return splits


def write_benchmark(root: Path) -> Path:
    """Write the benchmark's zip; its bytes are the same each time.

    Args:
        root: Folder of all benchmarks.

    Returns:
        The zip that was written.

    Raises:
        OSError: The folder cannot be written.
    """
    path = root / RESULT_NAME.page_path(BENCHMARK_SUFFIX)
    content = json.dumps(benchmark()).encode()
    write_bytes(path, zip_bytes(f"{RESULT_NAME.benchmark_name}.json", content))
    return path


@cache
def _entries() -> tuple[_Entry, ...]:
    """The benchmark's structures: all distinct ones, thinned evenly to `CLASS_SIZES`."""
    distinct = _distinct([entry for p in PROTOTYPES for entry in _compositions(p)])
    chosen: set[_Entry] = set()
    for index, size in enumerate(CLASS_SIZES):
        members = [entry for entry in distinct if entry.prototype.bravais_class == index]
        chosen.update(members[i * len(members) // size] for i in range(size))
    return tuple(entry for entry in distinct if entry in chosen)


def _compositions(prototype: Prototype) -> list[_Entry]:
    """Every decoration of a prototype, in the order of the table."""
    known = prototype.known.split()
    entries = []
    for decoration in prototype.decorations:
        choices = [part.split() for part in decoration.split("|")]
        for elements in itertools.product(*choices):
            a = prototype.a * _stretch(prototype, prototype.a_bond, elements, known)
            b = prototype.b * _stretch(prototype, prototype.b_bond, elements, known)
            if prototype.centred:
                a, b = _reduced_lengths(prototype, a, b)
            entries.append(_Entry(prototype, elements, round(100 * a), round(100 * b)))
    return entries


def _stretch(
    prototype: Prototype, bond: str, elements: Sequence[str], known: Sequence[str]
) -> float:
    """Length of a bond relative to the same bond in the known crystal."""
    indices = [prototype.letters.index(letter) for letter in bond]
    return sum(_radius(elements[i]) for i in indices) / sum(_radius(known[i]) for i in indices)


@cache
def _radius(element: str) -> float:
    """Radius in Å: the mean of Slater's and the covalent one, each of which misses some trend.

    Raises:
        StemError: JARVIS-Tools has no positive radius for the element.
    """
    from jarvis.core.specie import Specie

    slater = Specie(element).element_property("atom_rad")
    covalent = Specie(element, source="magpie").element_property("CovalentRadius") / 100
    if not (slater > 0 and covalent > 0):
        raise StemError(f"{element}: expected positive radii, got {slater=}, {covalent=}")
    return (slater + covalent) / 2


def _distinct(entries: Sequence[_Entry]) -> list[_Entry]:
    """Entries without those that are near-identical to an earlier one, of any prototype."""
    cells = np.array([(entry.a, entry.b) for entry in entries])
    angles = np.array([_gamma(entry.prototype) for entry in entries])
    motifs = [_motif(_atoms(entry)) for entry in entries]
    kept: list[int] = []
    for index in range(len(entries)):
        same_lengths = 1000 * abs(cells[kept] - cells[index]) <= _SAME_LENGTH * cells[index]
        same_cell = same_lengths.all(axis=1) & (abs(angles[kept] - angles[index]) <= _SAME_ANGLE)
        neighbours = np.flatnonzero(same_cell)
        if not any(motifs[kept[i]] @ motifs[index] > _SAME_MOTIF for i in neighbours):
            kept.append(index)
    return [entries[index] for index in kept]


def _motif(atoms: Atoms) -> NDArray[np.float64]:
    """Describe what an image shows in its cell: its harmonics up to the sixth, as a unit vector.

    The scalar product of two motifs is the correlation of the images if the cells are the same.
    """
    positions = np.asarray(atoms.frac_coords)[:, :2]
    numbers = np.asarray(atoms.atomic_numbers)
    columns = zip(numbers.tolist(), *np.round(positions.T, 3).tolist(), strict=True)
    # As in STEMConv, atoms of one element that eclipse each other count once.
    first = list({column: index for index, column in enumerate(columns)}.values())
    weights = numbers[first] ** 1.7
    orders = _orders()
    phases = 2 * np.pi * (positions[first] - positions.mean(axis=0)) @ orders.T
    squares = ((orders @ np.linalg.inv(np.asarray(atoms.lattice_mat)[:2, :2]).T) ** 2).sum(axis=1)
    amplitudes = weights @ np.exp(1j * phases) * np.exp(-_PROBE_DECAY * squares)
    motif = np.concatenate([amplitudes.real, amplitudes.imag])
    return motif / np.linalg.norm(motif)


@cache
def _orders() -> NDArray[np.int_]:
    """Orders (h, k) of the harmonics, without their complex conjugates at (-h, -k)."""
    steps = np.arange(-_HARMONICS, _HARMONICS + 1)
    orders = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    return orders[len(orders) // 2 + 1 :]


def _formula(entry: _Entry) -> str:
    """Reduced formula, elements in the order of the prototype's letters."""
    counts: Counter[str] = Counter()
    letters = [letter for letter, *_ in entry.prototype.sites]
    for letter, element in zip(entry.prototype.letters, entry.elements, strict=True):
        counts[element] += letters.count(letter)
    divisor = math.gcd(*counts.values())
    return "".join(e + (str(n // divisor) if n > divisor else "") for e, n in counts.items())


def _atoms(entry: _Entry) -> Atoms:
    """Build a composition's cell."""
    from jarvis.core.atoms import Atoms

    prototype = entry.prototype
    elements = dict(zip(prototype.letters, entry.elements, strict=True))
    sites = _reduced_sites(prototype) if prototype.centred else prototype.sites
    stretch = _stretch(prototype, prototype.a_bond, entry.elements, prototype.known.split())
    heights = [0.5 + z * stretch / CELL_HEIGHT for _, _, _, z in sites]
    coords = [[x % 1, y % 1, height] for (_, x, y, _), height in zip(sites, heights, strict=True)]
    return Atoms(
        lattice_mat=_cell(entry.a / 100, entry.b / 100, _gamma(prototype)),
        coords=coords,
        elements=[elements[letter] for letter, *_ in sites],
        cartesian=False,
    )


def _cell(a: float, b: float, gamma: float) -> NDArray[np.float64]:
    """Lattice vectors as rows; the right angle is exact."""
    angle = math.radians(gamma)
    x, y = (0.0, b) if gamma == 90 else (b * math.cos(angle), b * math.sin(angle))
    return np.array([[a, 0, 0], [x, y, 0], [0, 0, CELL_HEIGHT]])


def _gamma(prototype: Prototype) -> float:
    """Angle of the cell that is built, rounded to the 0.01 degree that the class depends on."""
    if not prototype.centred:
        return prototype.gamma
    if prototype.bravais_class == RHOMBUS:
        return round(2 * math.degrees(math.atan(prototype.b / prototype.a)), 2)
    return round(math.degrees(math.atan(prototype.a / prototype.b)), 2)


def _reduced_lengths(prototype: Prototype, a: float, b: float) -> tuple[float, float]:
    """Shortest lattice vectors of a centred rectangle.

    They are both half diagonals (a rhombus), or b and one of them (a parallelogram) where a is the
    longer side by more than the factor sqrt(3).
    """
    diagonal = math.sqrt(a * a + b * b) / 2
    return (diagonal, diagonal) if prototype.bravais_class == RHOMBUS else (b, diagonal)


def _reduced_sites(prototype: Prototype) -> list[Site]:
    """Sites of a centred rectangle in fractions of `_reduced_lengths`' vectors."""
    if prototype.bravais_class == RHOMBUS:
        return [(letter, x - y, x + y, z) for letter, x, y, z in prototype.sites]
    return [(letter, y + x, -2 * x, z) for letter, x, y, z in prototype.sites]
