"""Structures from files of every kind, and the layers in them."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import ase
import ase.build
import ase.io
import numpy as np
import pytest
from ase.build import fcc111, graphene, mx2
from helpers import SHARED
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jarvis.core.atoms import Atoms
from jarvis.io.vasp.inputs import Poscar
from numpy.typing import NDArray
from structure_kinds import KINDS, Kind

from jarvis_stem.imaging import (
    crystal,
    identity,
    layer,
    measurement,
    picture,
    prototypes,
    stem,
    structure_files,
    structures,
)
from jarvis_stem.imaging.bravais import bravais_class
from jarvis_stem.imaging.store import DATABASES, read_database
from jarvis_stem.utils import files
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import zip_bytes

GRAPHENE: dict[str, Any] = {
    "lattice_mat": [[2.46, 0, 0], [-1.23, 2.1304, 0], [0, 0, 20]],
    "coords": [[1 / 3, 2 / 3, 0.5], [2 / 3, 1 / 3, 0.5]],
    "elements": ["C", "C"],
    "cartesian": False,
}


def seen(structure: Any) -> NDArray[np.float64]:
    """The primitive lattice that the drawn structure shows: a and b in Å, gamma in degrees."""
    drawn = stem.to_uint8(stem.simulate([structure]))
    lattices = measurement.measure(drawn)
    return np.array([*lattices.lengths[0], lattices.gamma[0]])


def written(kind: Kind, folder: Path) -> Path:
    path = folder / kind.name
    path.write_bytes(kind.content.encode())
    return path


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.name}: {kind.what}")
def test_every_kind_is_read_or_refused(kind: Kind, tmp_path: Path) -> None:
    path = written(kind, tmp_path)
    if kind.lattice is None:
        with pytest.raises(StemError, match=kind.says) as caught:
            structure_files.read_file(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)
        return
    found = structure_files.read_file(path)
    assert len(found) == kind.structures
    for one in found.values():
        assert identity.identity(one).formula == kind.says
        assert np.allclose(seen(one), kind.lattice, rtol=2e-3)


def formats_table() -> str:
    """The table of files of structures in docs/formats.md."""
    rows = ["| file | names | read by | several |", "| --- | --- | --- | --- |"]
    for one in structure_files.FORMATS:
        names = " ".join([*(f"{start.upper()}*" for start in one.starts), *one.endings])
        rows.append(f"| {one.name} | {names} | {one.library} | {one.several} |")
    return "\n".join(rows)


def kinds_table() -> str:
    """The table of kinds in docs/formats.md, from `structure_kinds.KINDS`."""
    rows = ["| file | read | refused |", "| --- | --- | --- |"]
    for one in structure_files.FORMATS:
        kinds = [k for k in KINDS if structure_files.format_of(Path(k.name)) == one]
        read = "; ".join(kind.what for kind in kinds if kind.lattice)
        refused = "; ".join(kind.what for kind in kinds if not kind.lattice)
        if kinds:
            rows.append(f"| {one.name} | {read} | {refused} |")
    return "\n".join(rows)


@pytest.mark.parametrize("table", [formats_table, kinds_table])
def test_the_documentation_has_every_kind(table: Callable[[], str], repository: Path) -> None:
    assert table() in (repository / "docs/formats.md").read_text(encoding="utf-8"), table()


def odd_inputs() -> list[dict[str, str]]:
    """Structure files of ../shared/odd_inputs and what they are."""
    table = SHARED / "odd_inputs" / "table.tsv"
    text = table.read_text(encoding="utf-8") if table.is_file() else ""
    rows = csv.DictReader(io.StringIO(text), delimiter="\t")
    return [row for row in rows if structure_files.format_of(Path(row["file"]))]


@pytest.mark.parametrize("row", odd_inputs(), ids=lambda row: row["file"])
def test_odd_inputs_are_right(row: dict[str, str]) -> None:
    path = SHARED / "odd_inputs" / row["file"]
    if row["expected"] == "refused":
        with pytest.raises(StemError):
            structure_files.read_file(path)
        return
    (found,) = structure_files.read_file(path).values()
    expected = [float(row[key]) for key in ("a", "b", "gamma")]
    assert np.allclose(seen(found), expected, rtol=3e-3)


MANY = 10**9
CELL = (
    "_cell_length_a 2.46\n_cell_length_b 2.46\n_cell_length_c 20\n_cell_angle_alpha 90\n"
    "_cell_angle_beta 90\n_cell_angle_gamma 60\n"
)
SITES = (
    "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    "C 0 0 0\nC .33333 .33333 0\n"
)
RANDOM = np.random.default_rng(0).random((100_000, 3)).round(4)
LINES = "\n".join(" ".join(map(str, row)) for row in RANDOM.tolist())
SMALL_CELL = "x\n1\n2 0 0\n0 2 0\n0 0 2\nC\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("POSCAR", f"{SMALL_CELL}{MANY}\nDirect\n0 0 0\n"),
        ("POSCAR", f"{SMALL_CELL}100000\nDirect\n{LINES}\n"),
        ("POSCAR", f"{SMALL_CELL}15000\nDirect\n{LINES}\n"),
        ("XDATCAR", f"{SMALL_CELL}{MANY}\nDirect configuration= 1\n0 0 0\n"),
        ("x.extxyz", f'{MANY}\nLattice="2 0 0 0 2 0 0 0 2"\nC 0 0 0\n'),
        ("x.extxyz", '1\nLattice="3 0 0 0 3 0 0 0 20"\nC 0 0 0\n' * 1001),
        ("x.xsf", f"CRYSTAL\nPRIMVEC\n2 0 0\n0 2 0\n0 0 2\nPRIMCOORD\n{MANY} 1\n6 0 0 0\n"),
        ("x.axsf", f"ANIMSTEPS {MANY}\nCRYSTAL\nPRIMVEC\n2 0 0\n0 2 0\n0 0 2\n"),
        ("x.json", json.dumps({**GRAPHENE, "elements": ["C"] * 100_000})),
        ("x.vasp", " " * (33 * 2**20)),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else str(value),
)
def test_announced_sizes_are_refused_at_once(name: str, content: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content)
    start = time.process_time()
    with pytest.raises(StemError, match=r"expected at most"):
        structure_files.read_file(path)
    assert time.process_time() - start < 2


THIN = {"lattice_mat": [[1e6, 0, 0], [0, 1e-6, 0], [0, 0, 20]], "coords": [[0, 0, 0.5]]}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.vasp", "x\n1\n1e6 0 0\n0 1e-6 0\n0 0 20\nC\n1\nDirect\n0 0 0.5\n", "Å thin"),
        ("x.json", json.dumps({**THIN, "elements": ["C"], "cartesian": False}), "Å thin"),
        (
            "x.json",
            json.dumps(
                {
                    "lattice_mat": [[1.1, 0, 0], [0, 1.1, 0], [0, 0, 1e6]],
                    "coords": [[0, 0, 0.5]] * 20_000,
                    "elements": ["C"] * 20_000,
                    "cartesian": False,
                }
            ),
            "overlapping atoms, 20,000 in 1.21 Å2",
        ),
    ],
    ids=["vasp", "json", "dense"],
)
def test_cells_of_which_a_picture_has_any_number_are_refused_at_once(
    name: str, content: str, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(StemError, match=expected):
        structure_files.read_file(path)  # imports what it needs
    start = time.process_time()
    with pytest.raises(StemError):
        structure_files.read_file(path)
    assert time.process_time() - start < 2


def test_what_takes_too_long_is_ended_in_any_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(structure_files, "_LONGEST", 0.0)
    ase.io.write(tmp_path / "two.extxyz", [graphene(vacuum=8)] * 2)
    with (
        ThreadPoolExecutor() as pool,
        pytest.raises(StemError, match=r"two\.extxyz: expected to be read in"),
    ):
        pool.submit(structure_files.read_file, tmp_path / "two.extxyz").result()


LONG = 2**20


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("POSCAR", f"x\n1{' ' * LONG}x\n"),
        ("POSCAR", "\n" * LONG),
        ("POSCAR", f"{SMALL_CELL}{'9' * LONG}\nDirect\n0 0 0\n"),
        ("XDATCAR", f"{'9' * LONG}\nDirect configuration= 1\n0 0 0\n"),
        ("x.cif", f"data_x\n{CELL}_symmetry_space_group_name_H-M 'P{' ' * LONG}x'\n{SITES}"),
        ("x.cif", f"data_x\n{CELL}_symmetry_equiv_pos_as_xyz 'x,{' ' * LONG}y,z,1'\n{SITES}"),
        ("x.cif", f"data_x\n{CELL}{SITES}_chemical_formula_sum 'A{' ' * LONG}A'\n"),
        ("x.extxyz", f'{"9" * LONG}\nLattice="2 0 0 0 2 0 0 0 2"\nC 0 0 0\n'),
        ("x.extxyz", f'1\nLattice="2 0 0 0 2 0 0 0 2" x="{" " * LONG}"\nC 0 0 0\n'),
        ("x.xsf", "\n" * LONG),
        ("x.xsf", f"CRYSTAL\nPRIMCOORD\n{' ' * LONG}\n"),
        ("x.res", f"TITL {' ' * LONG}\nLATT -1\n"),
    ],
    ids=lambda value: f"{value[:40]!r}" if len(value) > 9 else value,
)
def test_long_lines_are_gone_through_once(name: str, content: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content)
    start = time.process_time()
    with suppress(StemError):
        structure_files.read_file(path)
    assert time.process_time() - start < 2


def test_pictures_named_like_structures_are_pictures(tmp_path: Path) -> None:
    (tmp_path / "POSCAR.png").write_bytes(b"")
    assert not structure_files.is_structure(tmp_path / "POSCAR.png")
    assert structure_files.is_structure(tmp_path / "POSCAR.x")


def test_several_structures_are_named(tmp_path: Path) -> None:
    layers = [mx2("MoS2", a=3.18, vacuum=8), graphene(vacuum=8)]
    ase.io.write(tmp_path / "two.extxyz", layers)
    path = tmp_path / "two.extxyz"
    shown = picture.of_path(path)
    assert list(shown) == [f"{path}: frame 1", f"{path}: frame 2"]
    assert [str(one.structure).split(",")[0] for one in shown.values()] == ["MoS2", "C2"]
    assert list(structure_files.read_files(path)) == ["two-frame 1.jpg", "two-frame 2.jpg"]


def several(name: str, folder: Path) -> Path:
    """Write a file of graphene, and of something that cannot be read."""
    good = "t\n1\n2.46 0 0\n1.23 2.13042 0\n0 0 20\nC\n2\n"
    frames = "{0} configuration= 1\n0 0 0\n.33333 .33333 0\n{0} configuration= 2\n0 0 0\n{1}\n"
    lattice = 'Lattice="2.46 0 0 1.23 2.13042 0 0 0 20"'
    atoms = {"lattice_mat": [[2.46, 0, 0], [1.23, 2.13042, 0], [0, 0, 20]], "cartesian": False}
    places = [[0, 0, 0], [1 / 3, 1 / 3, 0]]
    whole = {**atoms, "coords": places, "elements": ["C", "C"]}
    content = {
        "XDATCAR": good + frames.format("Direct", "0 0 nan"),
        "x.extxyz": f"2\n{lattice}\nC 0 0 5\nC 1.23 .71014 5\n2\n{lattice}\nC 0 0 5\n",
        "x.cif": f"data_a\n{CELL}{SITES}\ndata_b\n{CELL}{SITES}C 0 0 x\n",
        "cut.cif": f"data_a\n{CELL}{SITES}\ndata_b\n{CELL}{SITES}C 0\n",
        "x.axsf": "ANIMSTEPS 2\nCRYSTAL\nPRIMVEC\n2.46 0 0\n1.23 2.13042 0\n0 0 20\n"
        "PRIMCOORD 1\n2 1\nC 0 0 5\nC 1.23 .71014 5\nPRIMCOORD 2\n2 1\nC 0 0 5\nC 0 0 5\n",
        "x.json": json.dumps(
            [{"jid": "a", "atoms": whole}, {"jid": "b", "atoms": {**whole, "elements": ["C"]}}, 3]
        ),
    }[name]
    path = folder / name
    path.write_text(content)
    return path


@pytest.mark.parametrize("name", ["XDATCAR", "x.extxyz", "x.cif", "cut.cif", "x.axsf", "x.json"])
def test_a_structure_that_is_none_takes_no_other_with_it(name: str, tmp_path: Path) -> None:
    path = several(name, tmp_path)
    good, *others = structure_files.read_each(path).items()
    assert not isinstance(good[1], StemError)
    assert np.allclose(seen(good[1]), [2.46, 2.46, 60], rtol=2e-3)
    assert others
    for label, error in others:
        assert isinstance(error, StemError)
        assert str(error).startswith(f"{path}: {label}: ")
    with pytest.raises(StemError, match=re.escape(f"{path}: {others[0][0]}: ")):
        structure_files.read_file(path)
    (_, answered), (_, refused), *_ = picture.each_of_path(path).items()
    assert isinstance(answered, picture.Picture) and isinstance(refused, StemError)


def rotation(seed: int) -> NDArray[np.float64]:
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    turned: NDArray[np.float64] = q * np.sign(np.diag(r))
    return turned * np.sign(np.linalg.det(turned))


def test_a_layer_is_drawn_as_it_lies() -> None:
    cell = np.array([[3, 0, 0], [0.7, 4, 0], [0, 0, 20]])
    places = np.array([[0, 0, 0.1], [1, 1, 0]])
    lying = layer.as_layer(crystal.crystal(cell, places, ["C", "O"], "x"), "x")
    assert np.allclose(lying.lattice_mat, cell)
    assert np.allclose(lying.cart_coords, places)


@pytest.mark.parametrize("seed", range(20))
def test_a_layer_is_turned_never_mirrored(seed: int) -> None:
    cell = np.array([[3, 0, 0], [0.7, 4, 0], [5.3, 2.1, 20]])
    places = np.array([[0, 0, -0.3], [1, 1.2, 0], [2.1, 0.4, 0.4], [0.5, 2.9, 0.2]])
    order = [(0, 1, 2), (1, 2, 0), (2, 0, 1), (1, 0, 2)][seed % 4]
    turned = rotation(seed)
    read = crystal.crystal((cell @ turned)[list(order)], places @ turned, list("CNOF"), "x")
    lying = layer.as_layer(read, "x")
    assert np.allclose(lying.lattice_mat[:2, 2], 0)
    assert np.allclose(lying.lattice_mat[2, :2], 0)
    apart, before = np.diff(lying.cart_coords, axis=0), np.diff(places, axis=0)
    assert np.allclose(apart @ apart.T, before @ before.T)
    assert np.allclose(np.abs(apart[:, 2]), np.abs(before[:, 2]))
    assert np.linalg.det(apart) == pytest.approx(np.linalg.det(before))


ROUND = 300
NEAR = 1e-3


@cache
def real_structures() -> list[tuple[str, crystal.Crystal]]:
    """Layers of the JARVIS databases, every so many, or the built-in prototypes."""
    rows: list[tuple[str, Any]] = []
    store = SHARED / "jarvis_data"
    for database in DATABASES if store.is_dir() else ():
        records = sorted(read_database(database, store).items())
        rows += [(i, structures.parse_atoms(one, i)) for i, one in records[:: len(records) // 99]]
    rows = rows or sorted(prototypes.structures().items())[::5]
    return [(i, crystal.of_object(atoms)) for i, atoms in rows[:ROUND]]  # type: ignore[misc]


def plane(cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Reduced a and b in Å and the angle, 60 to 90 degrees, of the cell of a layer."""
    reduced = measurement.reduce(cell[:2, :2])
    a, b = np.linalg.norm(reduced, axis=1)
    return np.array([a, b, np.degrees(np.arccos(reduced[0] @ reduced[1] / a / b))])


def distances(one: crystal.Crystal) -> NDArray[np.float64]:
    """All distances between atoms of a layer, sorted."""
    atoms = ase.Atoms(one.elements, one.cart_coords, cell=one.lattice_mat, pbc=(True, True, False))
    return np.sort(atoms.get_all_distances(mic=True), axis=None)


def moved(read: crystal.Crystal, seed: int) -> ase.Atoms:
    """The same crystal with other axes of its lattice, a supercell 1 x 1, in any order.

    Their handedness may be the other one; it is shifted and rotated, too.
    """
    random = np.random.default_rng(seed)
    atoms = ase.Atoms(read.elements, read.cart_coords, cell=read.lattice_mat, pbc=True)
    k, m, n = random.integers(-1, 2, 3)
    atoms = ase.build.make_supercell(atoms, [[1, 0, 0], [k, 1, 0], [m, n, 1]])
    atoms.positions += random.random(3) @ atoms.cell[:]
    atoms.wrap()
    order = random.permutation(3)
    return ase.Atoms(
        atoms.symbols,
        scaled_positions=atoms.get_scaled_positions()[:, order],
        cell=atoms.cell[:][order] @ rotation(seed),
        pbc=True,
    )


WRITERS = {
    **{f"ase {kind}": kind for kind in ("vasp", "cif", "extxyz", "res", "xsf", "vasp-xdatcar")},
    **{f"pymatgen {kind}": kind for kind in ("poscar", "cif", "symmetrised cif", "res", "xsf")},
}
NAMES = {"vasp": "POSCAR-x", "poscar": "x.vasp", "vasp-xdatcar": "XDATCAR", "extxyz": "x.extxyz"}


def write(atoms: ase.Atoms, writer: str, folder: Path) -> Path:
    """Write a structure as a library does."""
    library, kind = writer.split(" ", 1)
    path = folder / NAMES.get(kind, f"x.{kind.split()[-1]}")
    if library == "ase":
        ase.io.write(path, atoms, format=kind)
        return path
    from pymatgen.io.ase import AseAtomsAdaptor
    from pymatgen.io.cif import CifWriter
    from pymatgen.io.res import ResIO
    from pymatgen.io.vasp.inputs import Poscar as VaspInput
    from pymatgen.io.xcrysden import XSF

    structure = AseAtomsAdaptor.get_structure(atoms)
    if kind == "poscar":
        VaspInput(structure).write_file(path)
    elif kind == "res":
        ResIO.structure_to_file(structure, str(path))
    elif kind == "xsf":
        path.write_text(XSF(structure).to_str())
    else:
        CifWriter(structure, symprec=0.01 if "sym" in kind else None).write_file(path)
    return path


@pytest.mark.filterwarnings("ignore")  # of the writers
@settings(max_examples=ROUND, suppress_health_check=list(HealthCheck))
@given(
    number=st.integers(0, ROUND - 1),
    writer=st.sampled_from(sorted(WRITERS)),
    seed=st.integers(0, 999),
)
def test_what_is_written_is_read_back(
    number: int, writer: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    every = real_structures()
    name, read = every[number % len(every)]
    path = write(moved(read, seed), writer, tmp_path_factory.mktemp("written"))
    (found,) = structure_files.read_file(path).values()
    expected = layer.as_layer(read, name)
    if "symmetrised" in writer:  # another cell of the same lattice
        assert np.allclose(seen(found), seen(expected), rtol=2e-3), name
        return
    assert sorted(found.elements) == sorted(expected.elements), name
    assert np.allclose(plane(found.lattice_mat), plane(expected.lattice_mat), rtol=NEAR), name
    assert np.allclose(distances(found), distances(expected), atol=0.01), name


@pytest.mark.parametrize("height", [0.0, 0.02, 0.5, 0.98])
def test_a_layer_that_is_cut_by_the_cell_is_put_together(height: float) -> None:
    atoms = mx2("MoS2", a=3.18, vacuum=8)
    atoms.pbc = True
    cell = atoms.cell[:].copy()
    cell[2] += 1.1 * cell[0] + 0.4 * cell[1]
    atoms.set_cell(cell)
    atoms.positions += height * cell[2]
    atoms.wrap()
    shown = layer.as_layer(crystal.of_ase(atoms, "x"), "x")
    assert np.ptp(shown.cart_coords[:, 2]) == pytest.approx(3.19)
    assert identity.identity(shown).symmetry == "layer group p -6 m 2 (78)"


def test_symmetry_is_not_looked_for_in_thousands_of_atoms() -> None:
    atoms = graphene(vacuum=8)
    for cells, symmetry in ((3, "layer group p 6/m m m (80)"), (48, "symmetry not looked for")):
        read = identity.identity(crystal.of_ase(atoms.repeat((cells, cells, 1)), "x"))
        assert (read.n_atoms, read.symmetry) == (2 * cells**2, symmetry)


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (ase.Atoms("Si", cell=[2.7, 2.7, 2.7], pbc=True), "a bulk crystal"),
        (ase.Atoms("CO", [[0, 0, 0], [0, 0, 1.1]], cell=[9, 9, 9]), "a chain or a molecule"),
        (ase.Atoms("CC", [[0, 0, 0], [0, 0, 0.3]], cell=[3, 3, 20]), "overlapping atoms"),
        (ase.Atoms("X", cell=[3, 3, 20]), "unknown element X"),
        (ase.Atoms("C"), "0 of 3 lattice vectors"),
        (ase.Atoms(cell=[3, 3, 20]), "expected atoms"),
    ],
)
def test_objects_without_a_layer_are_refused(structure: Any, message: str) -> None:
    with pytest.raises(StemError, match=message):
        picture.of_object(structure)


def test_objects_of_every_library_are_drawn() -> None:
    from pymatgen.core.structure import Structure

    atoms = mx2("MoS2", a=3.18, vacuum=8)
    atoms.pbc = True
    cell, symbols, places = atoms.cell[:], atoms.get_chemical_symbols(), atoms.positions
    pymatgen = Structure(cell, symbols, places, coords_are_cartesian=True)
    jarvis = Atoms(lattice_mat=cell, coords=places, elements=symbols, cartesian=True)
    shown = [picture.of_object(one)["structure"] for one in (atoms, pymatgen, jarvis)]
    for one in shown:
        assert one is not None and one.structure is not None
        assert one.structure == shown[0].structure if shown[0] else False
    disordered = Structure(cell, [{"Mo": 0.5, "W": 0.5}, "S", "S"], atoms.get_scaled_positions())
    with pytest.raises(StemError, match="disordered"):
        picture.of_object(disordered)


@pytest.mark.parametrize("vacuum", [None, 6.0])
def test_a_slab_without_vacuum_gets_some(vacuum: float | None) -> None:
    read = crystal.of_ase(fcc111("Au", (1, 1, 4), vacuum=vacuum), "x")
    assert np.allclose(seen(layer.as_layer(read, "x")), [1.6656, 1.6656, 60], rtol=2e-3)


def test_magnetic_sites_in_files_are_their_element(tmp_path: Path) -> None:
    plain = structures.parse_atoms({**GRAPHENE, "elements": ["Co", "Br"]}, "x")
    Poscar(plain).write_file(str(tmp_path / "POSCAR-one"))
    plain.write_cif(str(tmp_path / "two.cif"), with_spg_info=False)
    (tmp_path / "three.json").write_text(json.dumps({**GRAPHENE, "elements": ["Co1", "Br2"]}))
    for name in ("POSCAR-one", "two.cif"):
        text = (tmp_path / name).read_text()
        numbered = re.sub(r"\bBr\b", "Br2", re.sub(r"\bCo\b", "Co1", text))
        assert numbered != text
        (tmp_path / name).write_text(numbered)
    found = structure_files.read_files(tmp_path)
    assert len(found) == 3
    for atoms in found.values():
        assert sorted(atoms.elements) == ["Br", "Co"]
        assert np.allclose(atoms.lattice_mat, plain.lattice_mat, atol=1e-3)


def test_real_zips_of_structures_can_be_given(shared: Path) -> None:
    folder = shared / "unseen_structures"
    found = structure_files.read_files(folder)
    assert len(found) == 258 + 281
    rows = json.loads(files.read_zip(folder / "mc2d.json.zip", "mc2d.json"))
    magnetic = [row for row in rows if "Co1" in row["atoms"]["elements"]]
    assert magnetic
    for row in magnetic:
        elements = found[f"{row['id']}.jpg"].elements
        assert elements == [re.sub(r"\d", "", site) for site in row["atoms"]["elements"]]
    assert all(row["label"] == bravais_class(found[f"{row['id']}.jpg"]) for row in rows)


def test_a_picture_of_each_structure_of_a_zip(shared: Path) -> None:
    path = shared / "unseen_structures" / "c2db_hosts.json.zip"
    shown = picture.of_path(path)
    assert len(shown) == 281
    assert f"{path}: host-1-As2" in shown


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zip_bytes("other.json", b"[]"), r"expected the single member 'x\.json'"),
        (zip_bytes("x.json", b"[")[:-9], "not a readable zip"),
        (zip_bytes("x.json", b"["), "not JSON"),
        (zip_bytes("x.json", b"[]"), "expected structures, got none"),
    ],
)
def test_bad_zips_of_structures_are_named(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json.zip"
    path.write_bytes(content)
    with pytest.raises(StemError, match=rf"x\.json\.zip: {message}"):
        structure_files.read_files(path)


def same(one: Atoms, other: Atoms) -> bool:
    cells = np.allclose(one.lattice_mat, other.lattice_mat, atol=1e-3)
    return cells and np.allclose(one.cart_coords, other.cart_coords, atol=1e-3)


def test_files_of_each_kind_give_the_same_structure(tmp_path: Path) -> None:
    atoms = structures.parse_atoms(GRAPHENE, "graphene")
    Poscar(atoms).write_file(str(tmp_path / "POSCAR-one"))
    shutil.copy(tmp_path / "POSCAR-one", tmp_path / "two.vasp")
    atoms.write_cif(str(tmp_path / "three.cif"), with_spg_info=False)
    (tmp_path / "four.json").write_text(json.dumps(GRAPHENE))
    records = [{"jid": "five", "atoms": GRAPHENE}, {"jid": "six", "atoms": GRAPHENE}]
    (tmp_path / "list.json").write_text(json.dumps(records))
    (tmp_path / "notes.txt").write_text("not a structure")
    found = structure_files.read_files(tmp_path)
    assert set(found) == {f"{n}.jpg" for n in ("one", "two", "three", "four", "five", "six")}
    assert all(same(atoms, other) for other in found.values())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("POSCAR", ""),
        ("POSCAR", "graphene\n1.0\nnot a number"),
        ("x.vasp", "\x00\x01\x02"),
        ("x.cif", "data_x\nloop_\n"),
        ("x.json", "{"),
        ("x.json", "[3]"),
        ("x.json", '{"atoms": {}}'),
    ],
)
def test_bad_files_are_named(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(StemError, match=name):
        structure_files.read_files(tmp_path / name)


def test_unknown_kinds_and_empty_places_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pdb").write_text("1")
    with pytest.raises(StemError, match=r"x\.pdb: expected POSCAR"):
        structure_files.read_files(tmp_path / "x.pdb")
    with pytest.raises(StemError, match="no POSCAR, CIF, JSON or other file"):
        structure_files.read_files(tmp_path)
    with pytest.raises(StemError, match="no such file or folder"):
        structure_files.read_files(tmp_path / "nowhere")


def test_two_structures_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps([{"jid": "same", "atoms": GRAPHENE}]))
    with pytest.raises(StemError, match="a second structure named 'same"):
        structure_files.read_files(tmp_path)
