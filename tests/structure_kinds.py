"""Kinds of structure files, written down here, and what they are: the table of docs/formats.md."""

from __future__ import annotations

from dataclasses import dataclass

MOS2 = (3.18, 3.18, 60.0)
GRAPHENE = (2.46, 2.46, 60.0)
GES2 = (3.2, 5.1, 80.0)


@dataclass(frozen=True)
class Kind:
    """A file and what it is.

    Attributes:
        what: In words, for the table.
        name: Of the file.
        content: Of the file.
        lattice: Å, Å and degrees of the primitive plane lattice; None if the file is refused.
        says: The formula of what is read, or a pattern of why it is refused.
        structures: How many are in it.
    """

    what: str
    name: str
    content: str
    lattice: tuple[float, float, float] | None
    says: str
    structures: int = 1


_L = "3.180000 0 0\n-1.590000 2.753961 0\n0 0 20.000000\n"
_HALF = "1.59 0 0\n-0.795 1.3769805 0\n0 0 10\n"
_D = "0.333333 0.666667 0.5\n0.666667 0.333333 0.5782\n0.666667 0.333333 0.4218\n"
_C = "0.0 1.835974 10.0\n1.59 0.917987 11.564\n1.59 0.917987 8.436\n"
_C_HALF = "0.0 0.917987 5.0\n0.795 0.4589935 5.782\n0.795 0.4589935 4.218\n"
_SPEEDS = 3 * "0.1E-02 0.2E-02 0.3E-02\n"
_VOLUME = "-175.151920"
_N = "Mo S\n1 2\n"


def _poscar(
    what: str, content: str, says: str = "MoS2", lattice: tuple[float, float, float] | None = MOS2
) -> Kind:
    return Kind(what, "POSCAR", content, lattice, says)


def _behind(lines: str, symbols: str) -> str:
    return "".join(
        f"{one} {symbol}\n" for one, symbol in zip(lines.splitlines(), symbols.split(), strict=True)
    )


_POSCARS = (
    _poscar("VASP 5", f"t\n1.0\n{_L}{_N}Direct\n{_D}"),
    _poscar("mode in any case, K for Cartesian", f"t\n1.0\n{_L}{_N}kart\n{_C}"),
    _poscar("a scale, Cartesian", f"t\n2.0\n{_HALF}{_N}C\n{_C_HALF}"),
    _poscar("a volume as negative scale, Cartesian", f"t\n{_VOLUME}\n{_HALF}{_N}C\n{_C_HALF}"),
    _poscar(
        "a volume as negative scale, left-handed cell",
        f"t\n{_VOLUME}\n-1.59 2.753961 0\n3.18 0 0\n0 0 20\n{_N}C\n{_C}",
    ),
    _poscar(
        "three scales, Cartesian",
        f"t\n2 2 4\n1.59 0 0\n-0.795 1.3769805 0\n0 0 5\n{_N}C\n"
        "0 0.917987 2.5\n0.795 0.4589935 2.891\n0.795 0.4589935 2.109\n",
    ),
    _poscar("selective dynamics", f"t\n1\n{_L}{_N}Selective\nDirect\n{_behind(_D, 'T F T')}"),
    _poscar("selective dynamics without flags", f"t\n1\n{_L}{_N}Selective\nDirect\n{_D}"),
    _poscar("velocities", f"t\n1\n{_L}{_N}Direct\n{_D}\n{_D}"),
    _poscar("velocities of the lattice", f"t\n1\n{_L}{_N}Direct\n{_D}Lattice velocities\n1\n{_L}"),
    _poscar("elements in lower case", f"t\n1\n{_L}mo s\n1 2\nDirect\n{_D}"),
    _poscar("elements in upper case", f"t\n1\n{_L}MO S\n1 2\nDirect\n{_D}"),
    _poscar("potentials' names", f"t\n1\n{_L}Mo_sv_GW S_GW\n1 2\nDirect\n{_D}"),
    _poscar("VASP 6.4: hashes", f"t\n1\n{_L}Mo_pv/1a2b3c S/0f1e2d\n1 2\nDirect\n{_D}"),
    _poscar(
        "an element twice",
        f"t\n1\n{_L}S Mo S\n1 1 1\nDirect\n0.666667 0.333333 0.5782\n0.333333 0.666667 0.5\n"
        "0.666667 0.333333 0.4218\n",
        "S2Mo",
    ),
    _poscar("an element with no atoms", f"t\n1\n{_L}Mo W S\n1 0 2\nDirect\n{_D}"),
    _poscar("deuterium", f"t\n1\n{_L}Mo D\n1 2\nDirect\n{_D}", "MoH2"),
    _poscar(
        "comments after ! or #", f"t\n1 ! s\n{_L}Mo S # e\n1 2\nDirect\n{_behind(_D, '! ! !')}"
    ),
    _poscar("Windows' line ends", f"t\n1\n{_L}{_N}Direct\n{_D}".replace("\n", "\r\n")),
    _poscar("tabs", f"t\n1\n{_L}{_N}Direct\n{_D}".replace(" ", "\t")),
    _poscar("a byte order mark", f"\ufefft\n1\n{_L}{_N}Direct\n{_D}"),
    _poscar("an empty title", f"\n1\n{_L}{_N}Direct\n{_D}"),
    _poscar(
        "Fortran's exponents", f"t\n1.0D0\n{_L.replace('3.180000', '0.318D1')}{_N}Direct\n{_D}"
    ),
    _poscar("words behind the numbers", f"t\n1.0 scale\n{_L}{_N}Direct\n{_behind(_D, 'a b c')}"),
    _poscar("VASP 4, elements as title", f"Mo S\n1\n{_L}1 2\nDirect\n{_D}"),
    _poscar("VASP 4, elements behind atoms", f"t\n1\n{_L}1 2\nDirect\n{_behind(_D, 'Mo S S')}"),
    _poscar("VASP 4 without elements", f"t\n1\n{_L}1 2\nDirect\n{_D}", "no elements", None),
    _poscar(
        "VASP 4, a title that is a sentence",
        f"In plane B\n1\n{_L}1 2\nDirect\n{_D}",
        "no elements",
        None,
    ),
    _poscar(
        "other elements behind the atoms",
        f"t\n1\n{_L}{_N}Direct\n{_behind(_D, 'W Se Se')}",
        "MoS2 by the line of elements, WSe2 by the symbols",
        None,
    ),
    _poscar("no mode", f"t\n1\n{_L}{_N}{_D}", "expected Direct or Cartesian", None),
    _poscar("too few positions", f"t\n1\n{_L}{_N}Direct\n{_D[:40]}", "expected 3 positions", None),
    _poscar(
        "numbers that run together",
        f"t\n1\n{_L}{_N}Direct\n{_D.replace('0.666667 0.333333', '0.666667-0.666667')}",
        "expected 3 positions, got 1",
        None,
    ),
    _poscar(
        "asterisks, where Fortran had no room",
        f"t\n1\n{_L}{_N}Direct\n{_D.replace('0.4218', '******')}",
        "expected 3 positions, got 2",
        None,
    ),
    _poscar("unknown elements", f"t\n1\n{_L}Mo Va\n1 2\nDirect\n{_D}", "element Va", None),
    _poscar("more elements than numbers", f"t\n1\n{_L}{_N[:5]}3\nDirect\n{_D}", "2 elements", None),
    _poscar("no scale", f"t\nx\n{_L}{_N}Direct\n{_D}", "expected a scale", None),
    _poscar("not numbers", f"t\n1\n{_L}{_N}Direct\n{_D.replace('0.5782', 'nan')}", "finite", None),
    _poscar(
        "a flat cell",
        f"t\n1\n{_L}{_N}Direct\n{_D}".replace("0 0 20.000000", "0 0 0.1"),
        "thin",
        None,
    ),
    Kind(
        "CONTCAR of molecular dynamics",
        "CONTCAR",
        f"t\n1\n{_L}{_N}Direct\n{_D}\n{_SPEEDS}\n1\n2.0\n0.1E+01 0 0 0\n{_D}{_D}",
        MOS2,
        "MoS2",
    ),
    Kind("CONTCAR", "CONTCAR-x", f"t\n1\n{_L}{_N}Direct\n{_D}", MOS2, "MoS2"),
    Kind(
        "vacuum along b, .vasp",
        "x.vasp",
        "t\n1\n3.18 0 0\n0 20 0\n-1.59 0 2.753961\n"
        + _N
        + "Direct\n0.333333 0.5 0.666667\n0.666667 0.5782 0.333333\n0.666667 0.4218 0.333333\n",
        MOS2,
        "MoS2",
    ),
    Kind(
        "vacuum along a, in no plane of x, y, z",
        "x.poscar",
        "t\n1\n10 10 14.14213562\n2.2485996 -2.2485996 0\n-1.1242998 1.1242998 0\n"
        + _N
        + "Direct\n0 0 0\n0 0 0\n0 0 0\n",
        None,
        "degenerate|overlapping",
    ),
)
_P1 = "loop_\n_symmetry_equiv_pos_as_xyz\n'x, y, z'\n"
_OPERATIONS = [
    "x,y,z",
    "-y,x-y,z",
    "-x+y,-x,z",
    "x,y,-z",
    "-y,x-y,-z",
    "-x+y,-x,-z",
    "-y,-x,z",
    "-x+y,y,z",
    "x,x-y,z",
    "-y,-x,-z",
    "-x+y,y,-z",
    "x,x-y,-z",
]
_ALL = "loop_\n_symmetry_equiv_pos_as_xyz\n" + "".join(f"'{one}'\n" for one in _OPERATIONS)
_COLUMNS = tuple(f"_atom_site_{one}" for one in ("label", "fract_x", "fract_y", "fract_z"))
_SITES = "Mo1 0.333333 0.666667 0.5\nS1 0.666667 0.333333 0.5782\nS2 0.666667 0.333333 0.4218\n"
_UNIQUE = "Mo1 0.333333 0.666667 0\nS1 0.666667 0.333333 0.0782\n"
_GROUP = "_symmetry_space_group_name_H-M 'P -6 m 2'\n"


def _cell(a: float, b: float, c: float, alpha: float, beta: float, gamma: float) -> str:
    lengths = f"_cell_length_a {a}\n_cell_length_b {b}\n_cell_length_c {c}\n"
    return (
        f"{lengths}_cell_angle_alpha {alpha}\n_cell_angle_beta {beta}\n_cell_angle_gamma {gamma}\n"
    )


_M = _cell(3.18, 3.18, 20, 90, 90, 120)


def _sites(sites: str, *more: str) -> str:
    return "\n".join(["loop_", *_COLUMNS, *more, sites])


def _cif(
    what: str,
    content: str,
    says: str = "MoS2",
    lattice: tuple[float, float, float] | None = MOS2,
    structures: int = 1,
) -> Kind:
    return Kind(what, "x.cif", content, lattice, says, structures)


def _mos2(what: str, between: str, says: str = "MoS2", *, refused: bool = False) -> Kind:
    """A CIF of MoS2 of which symmetry and sites are given."""
    return _cif(what, f"data_x\n{_M}{between}", says, None if refused else MOS2)


_WITH = _P1 + _sites(_SITES)
_CIFS = (
    _mos2("symmetry by P 1 in a loop", _WITH),
    _mos2("no symmetry at all", _sites(_SITES)),
    _mos2("symmetry operations", _ALL + _sites(_UNIQUE)),
    _mos2("thirds in three digits", _ALL + _sites("Mo1 .333 .667 0\nS1 .667 .333 .0782\n")),
    _mos2("thirds in two digits", _ALL + _sites("Mo1 .33 .67 0\nS1 .67 .33 .0782\n")),
    _mos2("a loop of operations that has none", _P1[:-10] + _sites(_SITES)),
    _mos2("space group by name", _GROUP + _sites(_UNIQUE)),
    _mos2("space group by number", "_space_group_IT_number 187\n" + _sites(_UNIQUE)),
    _mos2("space group by Hall symbol", "_space_group_name_Hall 'P -6 2'\n" + _sites(_UNIQUE)),
    _mos2(
        "operations with plus signs and blanks",
        "loop_\n_symmetry_equiv_pos_as_xyz\n'+x, +y, +z'\n'+x , +y , -z'\n" + _sites(_UNIQUE),
    ),
    _mos2(
        "operations beside their numbers",
        "loop_\n_space_group_symop_id\n_space_group_symop_operation_xyz\n1 x,y,z\n2 x,y,-z\n"
        + _sites(_UNIQUE),
    ),
    _mos2(
        "magnetic operations",
        "loop_\n_space_group_symop_magn_operation.xyz\n"
        + "".join(f"{one},+1\n" for one in _OPERATIONS)
        + _sites(_UNIQUE),
    ),
    _cif(
        "centring in decimals",
        f"data_x\n{_cell(2.46, 4.2608, 20, 90, 90, 90)}loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n"
        f"x+0.5,y+.5,z\n{_sites('C1 0 0 0.5')}\nC2 0 0.33333333 0.5\n",
        "C4",
        GRAPHENE,
    ),
    _mos2(
        "labels in capitals, no type symbols",
        (_P1 + _sites(_SITES)).replace("\nS", "\nSE"),
        "MoSe2",
    ),
    _mos2(
        "type symbols with charges",
        _P1
        + _sites(
            "A .333333 .666667 .5 Mo4+\nB .666667 .333333 .5782 S2-\n", "_atom_site_type_symbol"
        )
        + "C .666667 .333333 .4218 S-2\n",
    ),
    _mos2(
        "type symbols in capitals",
        _P1
        + _sites("A .333333 .666667 .5 MO\nB .666667 .333333 .5782 SE\n", "_atom_site_type_symbol")
        + "C .666667 .333333 .4218 SE\n",
        "MoSe2",
    ),
    _mos2("standard uncertainties", _WITH.replace("0.5782", "0.5782(3)")),
    _mos2("the file's formula", "_chemical_formula_sum 'Mo1 S2'\n" + _WITH),
    _mos2(
        "a formula, and again without one",
        "_chemical_formula_sum 'Mo S2'\n_chemical_formula_sum ''\n" + _WITH,
    ),
    _mos2(
        "a tag twice, of no concern",
        "_journal_year 1999\n_journal_year 2001\n" + _WITH,
    ),
    _cif(
        "dots for zeros, as in ICSD",
        f"data_x\n{_cell(3.2, 22, 5.1, 90, 100, 90)}_symmetry_space_group_name_H-M P2/m\n"
        + _sites("Ge1 . .5 .\nS1 .21 .5 .37\n"),
        "GeS2",
        GES2,
    ),
    _cif(
        "blocks of nothing but question marks, as in the Pauling File",
        f"data_x\n{_M}{_WITH}\ndata_y\n{_M}{_sites('? ? ? ?')}\n",
    ),
    _cif(
        "two blocks of one name",
        f"data_x\n{_M}{_WITH}\ndata_x\n{_M}{_WITH}",
        structures=2,
    ),
    _mos2(
        "a space group's older name",
        "_symmetry_space_group_name_H-M 'P-6m2'\n" + _sites(_UNIQUE),
    ),
    _mos2(
        "dummy atoms",
        _P1 + _sites(_SITES.replace("\n", " d\n") + "X1 0 0 0 dum\n", "_atom_site_calc_flag"),
    ),
    _mos2("Windows' line ends", _WITH.replace("\n", "\r\n")),
    _mos2("tags of DDLm", _WITH.replace("atom_site_fract", "atom_site.fract")),
    _cif("tags in capitals", f"DATA_X\n{_M.upper()}{_P1.upper()}{_sites('').upper()}{_SITES}"),
    _cif("CIF 2.0 with a byte order mark", f"\ufeff#\\#CIF_2.0\ndata_x\n{_M}{_WITH}"),
    _cif("a line before the first block, as JARVIS-Tools writes", f"CIF file\ndata_x\n{_M}{_WITH}"),
    _cif("two structures", f"data_a\n{_M}{_WITH}\ndata_b\n{_M}{_WITH}", structures=2),
    _cif("a second block without sites", f"data_a\n{_M}{_WITH}\ndata_b\n_cell_length_a 5.4\n"),
    _cif(
        "c off the normal",
        f"data_x\n{_cell(3.18, 3.18, 20.70552, 97.43547, 75, 120)}{_P1}"
        + _sites("Mo1 -.509274 .666667 .5\nS1 -.307725 .333333 .5782\nS2 -.044157 .333333 .4218\n"),
    ),
    _cif(
        "the layer in the plane of b and c",
        f"data_x\n{_cell(20, 3.18, 3.18, 120, 90, 90)}"
        + _sites("Mo1 .5 .333333 .666667\nS1 .5782 .666667 .333333\nS2 .4218 .666667 .333333\n"),
    ),
    _cif(
        "a monoclinic cell, unique axis b",
        f"data_x\n_symmetry_space_group_name_H-M P2/m\n{_cell(3.2, 22, 5.1, 90, 100, 90)}"
        + _sites("Ge1 0 .5 0\nS1 .21 .5 .37\n"),
        "GeS2",
        GES2,
    ),
    _mos2(
        "occupancies",
        _P1 + _sites(_SITES.replace("\n", " 0.5\n"), "_atom_site_occupancy"),
        "disordered, site Mo1",
        refused=True,
    ),
    _mos2(
        "disorder groups",
        _P1 + _sites("Mo1 0 0 0 1\nS1 .5 .5 .1 2\n", "_atom_site_disorder_group"),
        "disordered, groups 1, 2",
        refused=True,
    ),
    _mos2(
        "another formula",
        "_chemical_formula_sum 'W S2'\n" + _WITH,
        "the file's formula is S2W",
        refused=True,
    ),
    _mos2(
        "space group by name and another by number",
        _GROUP + "_symmetry_Int_Tables_number 194\n" + _sites(_UNIQUE),
        "but number 194",
        refused=True,
    ),
    _mos2(
        "an unknown space group",
        "_space_group_name_H-M_alt 'Q 1'\n" + _sites(_UNIQUE),
        "unknown space group Q 1",
        refused=True,
    ),
    _mos2(
        "two choices of origin",
        "_space_group_name_H-M_alt 'P m m n'\n" + _sites(_UNIQUE),
        "two choices of origin",
        refused=True,
    ),
    _cif(
        "operations that do not fit the cell",
        f"data_x\n{_cell(3, 5, 20, 90, 90, 90)}{_ALL}" + _sites(_UNIQUE),
        "does not fit the cell",
        None,
    ),
    _mos2(
        "operations that are none",
        "_symmetry_equiv_pos_as_xyz 'x,y'\n" + _WITH[len(_P1) :],
        "not understood",
        refused=True,
    ),
    _mos2(
        "all atoms and the symmetry, too",
        _ALL + _sites(_UNIQUE + "S2 .666667 .333333 -.0782\n"),
        "overlapping atoms, S",
        refused=True,
    ),
    _mos2(
        "overlapping atoms",
        _WITH + "W1 .333333 .666667 .505\n",
        "overlapping atoms, Mo",
        refused=True,
    ),
    _mos2(
        "coordinates that are not known",
        _WITH.replace("0.5782", "?"),
        "site S1 has no",
        refused=True,
    ),
    _mos2(
        "Cartesian coordinates",
        _WITH.replace("fract", "Cartn"),
        "fractional coordinates",
        refused=True,
    ),
    _mos2("unknown elements", _WITH.replace("Mo1", "Xx1"), "unknown element Xx1", refused=True),
    _mos2(
        "modulated structures", "_cell_modulation_dimension 1\n" + _WITH, "modulated", refused=True
    ),
    _mos2(
        "a tag twice, with two values",
        "_symmetry_Int_Tables_number 187\n_symmetry_Int_Tables_number 1\n" + _sites(_UNIQUE),
        "_symmetry_int_tables_number comes twice",
        refused=True,
    ),
    _mos2(
        "two loops of sites",
        _WITH + "loop_\n_atom_site_type_symbol\nMo\nS\n",
        "columns of several lengths",
        refused=True,
    ),
    _mos2(
        "only question marks",
        _sites("? ? ? ?\n"),
        "a cell and sites in one block",
        refused=True,
    ),
    _cif("a tag behind the block's name, as ATAT writes", f"data_x _chemical_name y\n{_M}{_WITH}"),
    _cif(
        "a loop without values before the cell, as GULP writes",
        f"data_x\nloop_\n_symmetry_equiv_pos_as_xyz\n{_M}{_sites(_SITES)}",
        "expected CIF, got line 2",
        None,
    ),
    _mos2(
        "a blank in a value without quotes",
        "_pd_phase_name Mo supercell\n" + _WITH,
        "expected CIF, got line 8",
        refused=True,
    ),
    _cif(
        "angles that make no volume",
        f"data_x\n{_cell(3.18, 3.18, 20, 20, 90, 120)}{_WITH}",
        "degenerate cell",
        None,
    ),
    _cif(
        "an angle missing",
        f"data_x\n{_M}{_WITH}".replace("_cell_angle_gamma 120", ""),
        "_cell_angle_gamma",
        None,
    ),
    _cif("no cell", f"data_x\n{_WITH}", "a cell and sites", None),
    _cif("cut off", f"data_x\n{_M}{_WITH}"[:-12], "expected CIF", None),
    _cif(
        "bulk crystals",
        "data_x\n_symmetry_space_group_name_H-M 'F d -3 m:2'\n"
        + _cell(5.43, 5.43, 5.43, 90, 90, 90)
        + _sites("Si1 .125 .125 .125\n"),
        "cut a slab",
        None,
    ),
    _cif(
        "bulk crystals of layers",
        "data_x\n_symmetry_space_group_name_H-M 'P 63/m m c'\n"
        + _cell(2.46, 2.46, 6.7, 90, 90, 120)
        + _sites("C1 0 0 .25\nC2 .333333 .666667 .25\n"),
        "cut a slab",
        None,
    ),
    _cif(
        "rhombohedral bulk crystals by name",
        "data_x\n_symmetry_space_group_name_H-M 'R -3 m'\n"
        + _cell(9.8, 9.8, 9.8, 24.2, 24.2, 24.2)
        + _sites("Bi1 .4 .4 .4\nTe1 0 0 0\nTe2 .21 .21 .21\n"),
        "cut a slab",
        None,
    ),
)
_XYZ_ATOMS = "Mo 0 1.835974 10\nS 1.59 0.917987 11.564\nS 1.59 0.917987 8.436\n"
_LATTICE = 'Lattice="3.18 0 0 -1.59 2.753961 0 0 0 20"'
_FLAT = 'Lattice="3.18 0 0 -1.59 2.753961 0 0 0 0" pbc="T T F"'
_RES = "TITL x\nCELL 1.54 3.18 3.18 20 90 90 120\nLATT -1\nSFAC Mo S\n"
_RES_ATOMS = (
    "Mo 1 0.333333 0.666667 0.5 1\nS 2 0.666667 0.333333 0.5782 1\n"
    "S2 2 .666667 3.33333E-1 .4218 1\n"
)
_XSF_ATOMS = "PRIMCOORD\n3 1\n" + _XYZ_ATOMS
_HEAD = f"t\n1\n{_L}{_N}"
_FRAMES = f"Direct configuration= 1\n{_D}Direct configuration= 2\n{_D}"
_OTHERS = (
    Kind("configurations", "XDATCAR", _HEAD + _FRAMES, MOS2, "MoS2", 2),
    Kind(
        "symbols behind the positions",
        "XDATCAR",
        f"{_HEAD}Direct configuration=     1\n{_behind(_D, 'Mo S S')}",
        MOS2,
        "MoS2",
    ),
    Kind(
        "configurations with cells",
        "XDATCAR",
        f"{_HEAD}Direct configuration= 1\n{_D}{_HEAD}Direct configuration= 2\n{_D}",
        MOS2,
        "MoS2",
        2,
    ),
    Kind(
        "no head",
        "XDATCAR",
        f"Direct configuration= 1\n{_D}",
        None,
        "expected VASP's title",
    ),
    Kind("no configuration", "XDATCAR", f"{_HEAD}Direct\n{_D}", None, "Direct configuration= 1"),
    Kind("a frame", "x.extxyz", f"3\n{_LATTICE}\n{_XYZ_ATOMS}", MOS2, "MoS2"),
    Kind("frames", "x.xyz", 2 * f"3\n{_LATTICE} energy=1\n{_XYZ_ATOMS}", MOS2, "MoS2", 2),
    Kind(
        'a layer without vacuum, pbc="T T F"', "x.extxyz", f"3\n{_FLAT}\n{_XYZ_ATOMS}", MOS2, "MoS2"
    ),
    Kind(
        "columns in another order",
        "x.extxyz",
        f"3\n{_LATTICE} Properties=pos:R:3:species:S:1\n"
        "0 1.835974 10 Mo\n1.59 .917987 11.564 S\n1.59 .917987 8.436 S\n",
        MOS2,
        "MoS2",
    ),
    Kind("plain XYZ, without a cell", "x.xyz", f"3\nx\n{_XYZ_ATOMS}", None, "expected a cell"),
    Kind(
        "more atoms announced than there are",
        "x.extxyz",
        f"9\n{_LATTICE}\n{_XYZ_ATOMS}",
        None,
        "expected 9 atoms",
    ),
    Kind(
        "unknown elements",
        "x.extxyz",
        f"3\n{_LATTICE}\n{_XYZ_ATOMS}".replace("Mo", "Xx"),
        None,
        "unknown element",
    ),
    Kind(
        "blank lines between frames",
        "x.extxyz",
        f"3\n{_LATTICE}\n{_XYZ_ATOMS}\n3\n{_LATTICE}\n{_XYZ_ATOMS}\n",
        MOS2,
        "MoS2",
        2,
    ),
    Kind(
        "positions alone",
        "x.xyz",
        "0 1.835974 10\n1.59 0.917987 11.564\n",
        None,
        "number of atoms in line 1",
    ),
    Kind(
        "a column missing",
        "x.extxyz",
        f"3\n{_LATTICE}\n{_XYZ_ATOMS[:-9]}\n",
        None,
        "expected 4 columns in line 5",
    ),
    Kind(
        "more columns announced than there are",
        "x.extxyz",
        f"3\n{_LATTICE} Properties=species:S:1:pos:R:999999999\n{_XYZ_ATOMS}",
        None,
        "expected 1000000000 columns",
    ),
    Kind(
        "molecules",
        "x.extxyz",
        '2\nLattice="9 0 0 0 9 0 0 0 20"\nC 0 0 0\nO 0 0 1.1\n',
        None,
        "a chain or a molecule",
    ),
    Kind(
        "all atoms, exponents, numbered labels", "x.res", f"{_RES}{_RES_ATOMS}END\n", MOS2, "MoS2"
    ),
    Kind(
        "spins behind the occupancies, remarks behind the end, as CASTEP and AIRSS write",
        "x.res",
        f"{_RES}{_RES_ATOMS}END\n\nREM copied\n".replace(" 1\n", " 1.0  -0.01\n"),
        MOS2,
        "MoS2",
    ),
    Kind("SHELX' symmetry", "x.res", f"{_RES}SYMM x,y,-z\n{_RES_ATOMS}END\n", None, "as AIRSS"),
    Kind(
        "occupancies",
        "x.res",
        f"{_RES}{_RES_ATOMS}END\n".replace("5 1\n", "5 10.5\n"),
        None,
        "disordered",
    ),
    Kind("CRYSTAL", "x.xsf", f"CRYSTAL\nPRIMVEC\n{_L}{_XSF_ATOMS}", MOS2, "MoS2"),
    Kind("SLAB", "x.xsf", f"SLAB\nPRIMVEC\n{_L}{_XSF_ATOMS}".replace("Mo", "42"), MOS2, "MoS2"),
    Kind(
        "steps",
        "x.axsf",
        f"ANIMSTEPS 2\nCRYSTAL\nPRIMVEC\n{_L}"
        + _XSF_ATOMS.replace("PRIMCOORD", "PRIMCOORD 1")
        + _XSF_ATOMS.replace("PRIMCOORD", "PRIMCOORD 2"),
        MOS2,
        "MoS2",
        2,
    ),
    Kind("no cell", "x.xsf", f"ATOMS\n{_XYZ_ATOMS}", None, "expected a cell"),
)
KINDS = (*_POSCARS, *_CIFS, *_OTHERS)
