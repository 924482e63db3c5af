"""The table behind `jarvis_stem.prototypes`: well-known 2D crystals and what may take their sites.

Each prototype is one measured or well-established crystal, given by its in-plane lattice constants
(Å, degree) and its sites: the site's letter, fractional x and y, and height z in Å. Other
compositions keep the fractional coordinates and scale the lengths with the bond.
"""

from __future__ import annotations

from dataclasses import dataclass

HEXAGONAL, SQUARE, RECTANGLE, RHOMBUS, PARALLELOGRAM = range(5)

Site = tuple[str, float, float, float]


@dataclass(frozen=True)
class Prototype:
    """One crystal structure and the compositions built in it.

    Attributes:
        name: Name in the ids, unique.
        source: Publication that the structure is known from.
        space_group: Number of the space group of the layer in its cell with vacuum.
        bravais_class: Index into `imaging.bravais.CLASS_NAMES` that every cell has.
        letters: Letters of the sites, in the order of the elements in `known` and `decorations`.
        known: Elements of the crystal that the lattice constants belong to.
        a: Length of the first lattice vector in Å, of the conventional cell where centred.
        b: Length of the second, likewise.
        gamma: Angle between them in degrees.
        sites: Letter, fractional x and y, and z in Å, in the cell that a, b and gamma describe;
            where centred, without the sites at (1/2, 1/2) from them.
        decorations: Elements per letter, ``"Mo W | S Se"``: every combination is a composition.
        a_bond: Letters whose summed radii a and z scale with.
        b_bond: The same for b.
        centred: Whether a and b describe a centred rectangle, of which the reduced cell is built.
    """

    name: str
    source: str
    space_group: int
    bravais_class: int
    letters: str
    known: str
    a: float
    b: float
    gamma: float
    sites: tuple[Site, ...]
    decorations: tuple[str, ...]
    a_bond: str
    b_bond: str
    centred: bool = False


def _inverted(*sites: Site) -> tuple[Site, ...]:
    """Sites together with their images under inversion at the origin."""
    return sites + tuple((letter, -x, -y, -z) for letter, x, y, z in sites)


def _mirrored(*sites: Site) -> tuple[Site, ...]:
    """Sites together with their images under the mirror in the layer's plane."""
    return sites + tuple((letter, x, y, -z) for letter, x, y, z in sites)


_T, _TT, _S, _SS = 1 / 3, 2 / 3, 1 / 6, 5 / 6

# Top anions of a trihalide layer: a third of the distance from an empty site to the next.
_TRIHALIDE_HEX: tuple[Site, ...] = (("X", 0.35, 0, 1.56), ("X", 0, 0.35, 1.56))
_TRIHALIDE_HEX += (("X", -0.35, -0.35, 1.56),)
_HONEYCOMB: tuple[Site, ...] = (("M", _T, _TT, 0), ("M", _TT, _T, 0))


def _trihalide_centred(y: float, z: float, x: float = 0.335) -> tuple[Site, ...]:
    """Monoclinic honeycomb trihalide in its centred cell; the metals are at (0, y) and (0, -y)."""
    tops = (("X", x, 0.0, z), ("X", -_S, 0.169, z), ("X", -_S, -0.169, z))
    return _inverted(("M", 0, y, 0), *tops)


def _rows(distance: float, outer: str, top: float, bottom: float, z: float) -> tuple[Site, ...]:
    """Three metal rows of a layered MX2 in a centred cell three rows wide (a quarter turn)."""
    rows = (("M", 0.0, 0.0), (outer, distance, 0.5), (outer, -distance, 0.5))
    metals: tuple[Site, ...] = tuple((letter, x, y, 0) for letter, x, y in rows)
    anions: list[Site] = []
    for x, y in ((0.0, 0.0), (_S, 0.5), (-_S, 0.5)):
        anions += [("X", x + top, y, z), ("X", x + bottom, y, -z)]
    return metals + tuple(anions)


def _hexagonal(
    name: str, source: str, group: int, letters: str, known: str, a: float, bond: str,
    sites: tuple[Site, ...], *decorations: str,
) -> Prototype:  # fmt: skip
    return Prototype(
        name, source, group, HEXAGONAL, letters, known, a, a, 120, sites, decorations, bond, bond
    )


def _square(
    name: str, source: str, group: int, letters: str, known: str, a: float, bond: str,
    sites: tuple[Site, ...], *decorations: str,
) -> Prototype:  # fmt: skip
    return Prototype(
        name, source, group, SQUARE, letters, known, a, a, 90, sites, decorations, bond, bond
    )


def _rectangle(
    name: str, source: str, group: int, letters: str, known: str, a: float, b: float,
    bonds: tuple[str, str], sites: tuple[Site, ...], *decorations: str,
) -> Prototype:  # fmt: skip
    return Prototype(
        name, source, group, RECTANGLE, letters, known, a, b, 90, sites, decorations, *bonds
    )


def _centred(
    name: str, source: str, group: int, bravais_class: int, letters: str, known: str,
    a: float, b: float, bond: str, sites: tuple[Site, ...], *decorations: str,
) -> Prototype:  # fmt: skip
    return Prototype(
        name, source, group, bravais_class, letters, known, a, b, 90, sites, decorations,
        bond, bond, centred=True,
    )  # fmt: skip


_ZRSIS: tuple[Site, ...] = (
    ("Y", 0.75, 0.25, 0), ("Y", 0.25, 0.75, 0),
    *_inverted(("M", 0.25, 0.25, 1.7), ("X", 0.25, 0.25, -3.0)),
)  # fmt: skip

PROTOTYPES: tuple[Prototype, ...] = (
    # --- hexagonal
    _hexagonal(
        "graphene", "Novoselov et al., Science 306, 666 (2004)", 191,
        "M", "C", 2.46, "M", _HONEYCOMB, "C",
    ),
    _hexagonal(
        "honeycomb", "Sahin et al., Phys. Rev. B 80, 155453 (2009)", 187,
        "MX", "B N", 2.51, "MX", (("M", _T, _TT, 0), ("X", _TT, _T, 0)),
        "B Al Ga In Tl | N", "B | P As Sb", "Si Ge Sn | C", "Be Mg Zn Cd | O", "Zn Cd | S",
    ),
    _hexagonal(
        "silicene", "Cahangirov et al., Phys. Rev. Lett. 102, 236804 (2009)", 164,
        "M", "Si", 3.86, "M", _inverted(("M", _T, _TT, 0.24)), "Si Ge Sn Pb P As Sb Bi",
    ),
    _hexagonal(
        "buckled", "Sahin et al., Phys. Rev. B 80, 155453 (2009)", 156,
        "MX", "Ga As", 3.97, "MX", (("M", _T, _TT, 0.3), ("X", _TT, _T, -0.3)),
        "Al Ga In Tl | P As Sb Bi", "Ge Sn | Si", "Sn Pb | Ge", "Be Zn Cd Hg | Se Te",
    ),
    _hexagonal(
        "1H", "Mak et al., Phys. Rev. Lett. 105, 136805 (2010)", 187,
        "MX", "Mo S", 3.16, "MX", (("M", _T, _TT, 0), *_mirrored(("X", _TT, _T, 1.56))),
        "Mo W Nb Ta V Cr Ti Zr Hf Re Tc Sc Y | S Se Te", "Mo W Cr Ti Hf V Ge Sn | O",
    ),
    _hexagonal(
        "1T", "Lebegue et al., Phys. Rev. X 3, 031002 (2013)", 164,
        "MX", "Ti S", 3.41, "MX", (("M", 0, 0, 0), *_inverted(("X", _T, _TT, 1.42))),
        "Ti Zr Hf V Nb Ta Pt Pd Ni Sn Co Ir Rh Mn Si Ge Cr Ru Re Sc | S Se Te",
    ),
    _hexagonal(
        "CdI2", "McGuire, Crystals 7, 121 (2017)", 164,
        "MX", "Cd I", 4.24, "MX", (("M", 0, 0, 0), *_inverted(("X", _T, _TT, 1.72))),
        "Mg Ca Mn Fe Co Ni Zn Cd Pb Sr V Ti Yb | Cl Br I",
    ),
    _hexagonal(
        "Janus-1H", "Lu et al., Nat. Nanotechnol. 12, 744 (2017)", 156,
        "MXY", "Mo S Se", 3.25, "MMXY",
        (("M", _T, _TT, 0), ("X", _TT, _T, 1.53), ("Y", _TT, _T, -1.70)),
        "Mo W Nb Ta V Cr Ti Zr Hf Sc Re | S | Se Te", "Mo W Nb Ta V Cr Ti Zr Hf Sc Re | Se | Te",
    ),
    _hexagonal(
        "Janus-1T", "Sant et al., npj 2D Mater. Appl. 4, 41 (2020)", 156,
        "MXY", "Pt S Se", 3.65, "MMXY",
        (("M", 0, 0, 0), ("X", _T, _TT, 1.23), ("Y", _TT, _T, -1.38)),
        "Pt Pd Ni Sn Ti Zr Hf Co Ir Mn Rh | S | Se Te",
        "Pt Pd Ni Sn Ti Zr Hf Co Ir Mn Rh | Se | Te",
        "Bi Sb | Te | Cl Br I",
    ),
    _hexagonal(
        "GaSe", "Zolyomi et al., Phys. Rev. B 87, 195403 (2013)", 187,
        "MX", "Ga Se", 3.76, "MX", _mirrored(("M", _T, _TT, 1.23), ("X", _TT, _T, 2.41)),
        "B Al Ga In Tl | O S Se Te", "Si Ge Sn | P As Sb Bi",
    ),
    _hexagonal(
        "CrI3", "Huang et al., Nature 546, 270 (2017)", 162,
        "MX", "Cr I", 6.87, "MX", _HONEYCOMB + _inverted(*_TRIHALIDE_HEX),
        "Cr V Ti Sc Y Fe Bi Sb As Co Mn Zr | Cl Br I",
    ),
    _hexagonal(
        "CrGeTe3", "Gong et al., Nature 546, 265 (2017)", 162,
        "MYX", "Cr Ge Te", 6.82, "MMXXY",
        _HONEYCOMB + _inverted(("Y", 0, 0, 1.2), *(
            (letter, -x, -y, 1.7) for letter, x, y, _ in _TRIHALIDE_HEX
        )),
        "Cr Mn V Fe Ti Sc | Si Ge Sn | S Se Te",
    ),
    _hexagonal(
        "Ti2C", "Naguib et al., ACS Nano 6, 1322 (2012)", 164,
        "MX", "Ti C", 3.04, "MX", (("X", 0, 0, 0), *_inverted(("M", _T, _TT, 1.15))),
        "Sc Ti V Cr Y Zr Nb Mo Hf Ta W | C N B", "Ca Sr Ba | N",
    ),
    _hexagonal(
        "Ti2CO2", "Khazaei et al., Adv. Funct. Mater. 23, 2185 (2013)", 164,
        "MXY", "Ti C O", 3.04, "MXMY",
        (("X", 0, 0, 0), *_inverted(("M", _T, _TT, 1.15), ("Y", _TT, _T, 2.15))),
        "Sc Ti V Cr Y Zr Nb Mo Hf Ta W | C N | O F S Cl",
    ),
    _hexagonal(
        "Bi2Te3", "Zhang et al., Nat. Phys. 5, 438 (2009)", 164,
        "MXY", "Bi Te Te", 4.38, "MMXY",
        (("X", 0, 0, 0), *_inverted(("M", _T, _TT, 2.02), ("Y", _TT, _T, 3.75))),
        "Bi Sb As | S Se Te | S Se Te", "In | Se | Se Te",
    ),
    _hexagonal(
        "Nb3Cl8", "Sun et al., Nano Lett. 22, 4596 (2022)", 156,
        "MX", "Nb Cl", 6.74, "MX",
        (
            ("M", 0.528, -0.528, 0), ("M", 0.528, 1.056, 0), ("M", -1.056, -0.528, 0),
            ("X", _S, _T, 1.35), ("X", _TT, _T, 1.25), ("X", _S, _SS, 1.35), ("X", _TT, _SS, 1.35),
            ("X", _T, _S, -1.35), ("X", _SS, _S, -1.35), ("X", _T, _TT, -1.6),
            ("X", _SS, _TT, -1.35),
        ),
        "Nb Ta Mo W V Ti Cr Zr Re | Cl Br I",
    ),
    # --- square
    _square(
        "FeSe", "Hsu et al., Proc. Natl. Acad. Sci. USA 105, 14262 (2008)", 129,
        "MX", "Fe Se", 3.77, "MX",
        (("M", 0.75, 0.25, 0), ("M", 0.25, 0.75, 0), *_inverted(("X", 0.25, 0.25, 1.46))),
        "Fe Co Ni Mn Cr V Ti Cu Ag Zn Pd | S Se Te", "Fe Co Mn Cr Ni Cu | P As Sb",
    ),
    _square(
        "PbO", "Dickinson and Friauf, J. Am. Chem. Soc. 46, 2457 (1924)", 129,
        "MX", "Pb O", 3.97, "MX",
        (("X", 0.75, 0.25, 0), ("X", 0.25, 0.75, 0), *_inverted(("M", 0.25, 0.25, 1.19))),
        "Ge Sn Pb | O S", "Tl In | F", "Bi Sb | N",
    ),
    _square(
        "BiOCl", "Bannister and Hey, Mineral. Mag. 24, 49 (1935)", 129,
        "MYX", "Bi O Cl", 3.89, "MYMYX",
        (
            ("Y", 0.75, 0.25, 0), ("Y", 0.25, 0.75, 0),
            *_inverted(("M", 0.25, 0.25, 1.26), ("X", 0.25, 0.25, -2.60)),
        ),
        "Bi Sb La Y Sc Ce Gd | O | F Cl Br I", "Ca Sr Ba Pb Cd | F | Cl Br I",
    ),
    _square(
        "ZrSiS", "Schoop et al., Nat. Commun. 7, 11696 (2016)", 129,
        "MYX", "Zr Si S", 3.54, "MYX", _ZRSIS, "Ti Zr Hf Nb Ta Y | Si Ge Sn As Sb | S Se Te",
    ),
    _square(
        "HgI2", "Jeffrey and Vlasse, Inorg. Chem. 6, 396 (1967)", 115,
        "MX", "Hg I", 4.37, "MX", (("M", 0, 0, 0), ("X", 0, 0.5, 1.7), ("X", 0.5, 0, -1.7)),
        "Zn Cd Hg Be Mg Mn Fe | Cl Br I", "Si Ge Sn Ti | O S Se Te",
    ),
    _square(
        "CuO2", "Zhong et al., Sci. Bull. 61, 1239 (2016)", 123,
        "MX", "Cu O", 3.86, "MX", (("M", 0, 0, 0), ("X", 0.5, 0, 0), ("X", 0, 0.5, 0)),
        "Cu Ni Pd Pt Ag Co Fe Mn | O F",
    ),
    _square(
        "penta-graphene", "Zhang et al., Proc. Natl. Acad. Sci. USA 112, 2372 (2015)", 113,
        "MX", "C C", 3.64, "MX",
        (
            ("M", 0, 0, 0), ("M", 0.5, 0.5, 0),
            ("X", 0.13, 0.63, 0.6), ("X", -0.13, 0.37, 0.6),
            ("X", 0.63, -0.13, -0.6), ("X", 0.37, 0.13, -0.6),
        ),
        "C Si Ge | C", "C Si Ge Sn B Al Be Mg Zn Ti | N", "B Al | B", "Si Ge Zn Pd Pt | S Se",
    ),
    _square(
        "NiN2", "Bykov et al., ACS Nano 15, 13539 (2021)", 127,
        "MX", "Ni N", 4.53, "MX",
        (
            ("M", 0, 0, 0), ("M", 0.5, 0.5, 0), ("X", 0.098, 0.598, 0), ("X", -0.098, 0.402, 0),
            ("X", 0.598, -0.098, 0), ("X", 0.402, 0.098, 0),
        ),
        "Ni Pd Pt Cu Co Fe Au Zn | N P As", "Ni Pd Pt | C Sb",
    ),
    _square(
        "K2NiF4", "Balz and Plieth, Z. Elektrochem. 59, 545 (1955)", 123,
        "AMX", "K Ni F", 4.01, "MX",
        (
            ("M", 0, 0, 0), ("X", 0.5, 0, 0), ("X", 0, 0.5, 0),
            *_mirrored(("X", 0, 0, 2.02), ("A", 0.5, 0.5, 1.95)),
        ),
        "K Rb Cs | Mg Mn Fe Ni Zn Cd | F Cl", "Cs | Pb Sn | Cl Br I", "Cs | Cd Mn | Br I",
        "Ca Sr Ba | Ti Mn Ru Ir Zr Sn Mo V | O",
    ),
    _square(
        "T-graphene", "Liu et al., Phys. Rev. Lett. 108, 225505 (2012)", 123,
        "M", "C", 3.42, "M",
        (("M", 0.303, 0, 0), ("M", -0.303, 0, 0), ("M", 0, 0.303, 0), ("M", 0, -0.303, 0)),
        "C Si Ge B",
    ),
    _square(
        "rocksalt", "Bragg, Proc. R. Soc. Lond. A 89, 248 (1913)", 123,
        "MX", "Na Cl", 3.99, "MX", (("M", 0, 0, 0), ("X", 0.5, 0.5, 0)),
        "Li Na K Rb Cs Ag | F Cl Br I", "Mg Ca Sr Ba Pb Sn | O S Se Te",
    ),
    # --- rectangle
    _rectangle(
        "SnS", "Fei et al., Appl. Phys. Lett. 107, 173104 (2015)", 31,
        "MX", "Sn S", 4.07, 4.30, ("MX", "MX"),
        (
            ("M", 0, 0.06, 1.42), ("M", 0.5, 0.56, -1.42),
            ("X", 0, -0.02, -1.22), ("X", 0.5, 0.48, 1.22),
        ),
        "Si Ge Sn Pb | O S Se Te", "Ga In Tl | Cl Br I", "As Sb Bi | P", "Sb Bi | As", "Bi | Sb",
    ),
    _rectangle(
        "phosphorene", "Liu et al., ACS Nano 8, 4033 (2014)", 53,
        "M", "P", 3.31, 4.38, ("M", "M"),
        _inverted(("M", 0, 0.08, 1.065), ("M", 0.5, 0.42, 1.065)), "P As Sb Bi",
    ),
    _rectangle(
        "1Tp", "Qian et al., Science 346, 1344 (2014)", 11,
        "MX", "W Te", 3.48, 6.25, ("MX", "MX"),
        _inverted(("M", 0.25, 0.19, 0), ("X", 0.75, 0.4, 1.5), ("X", 0.25, -0.09, 2.1)),
        "Mo W Re Tc Nb V Ta Cr Ru Os Ti Mn Zr Hf Rh Ir Fe Co | S Se Te", "Mo W Nb V Ta Ti | O",
    ),
    _rectangle(
        "Janus-1Tp", "Lu et al., Nat. Nanotechnol. 12, 744 (2017)", 6,
        "MXY", "W Se Te", 3.40, 6.10, ("MMXY", "MMXY"),
        (
            ("M", 0.25, 0.19, 0), ("M", 0.75, -0.19, 0), ("X", 0.75, 0.4, 1.5),
            ("X", 0.25, -0.09, 2.1), ("Y", 0.25, -0.4, -1.5), ("Y", 0.75, 0.09, -2.1),
        ),
        "Mo W Re Tc Nb V Ta Cr Ti Zr Ru Os Rh Mn | S | Se Te",
        "Mo W Re Tc Nb V Ta Cr Ti Zr Ru Os Rh Mn | Se | Te",
    ),
    _rectangle(
        "FeOCl", "Lind, Acta Crystallogr. B 26, 1058 (1970)", 59,
        "MYX", "Fe O Cl", 3.78, 3.30, ("MY", "MX"),
        (
            ("M", 0, 0.5, 0.92), ("M", 0.5, 0, -0.92), ("Y", 0, 0, -0.38), ("Y", 0.5, 0.5, 0.38),
            ("X", 0, 0, 2.6), ("X", 0.5, 0.5, -2.6),
        ),
        "Ti V Cr Fe Sc Al Ga In Y La Bi Mn Lu Tl | O | F Cl Br I", "Ti Zr Hf Nb | N | Cl Br I",
    ),
    _rectangle(
        "CrSBr", "Telford et al., Adv. Mater. 32, 2003240 (2020)", 59,
        "MYX", "Cr S Br", 3.50, 4.76, ("MX", "MY"),
        (
            ("M", 0.5, 0, 1.05), ("M", 0, 0.5, -1.05), ("Y", 0, 0, -0.55), ("Y", 0.5, 0.5, 0.55),
            ("X", 0, 0, 2.85), ("X", 0.5, 0.5, -2.85),
        ),
        "Cr V Ti Sc Fe Mn Mo Y In Bi Sb Al Ga | S Se Te | Cl Br I",
    ),
    _rectangle(
        "lepidocrocite", "Sasaki et al., J. Am. Chem. Soc. 118, 8329 (1996)", 59,
        "MX", "Ti O", 3.78, 3.02, ("MX", "MX"),
        (
            ("M", 0, 0.5, 0.85), ("M", 0.5, 0, -0.85), ("X", 0, 0, -0.4), ("X", 0.5, 0.5, 0.4),
            ("X", 0, 0, 2.05), ("X", 0.5, 0.5, -2.05),
        ),
        "Ti Zr Hf Sn Ge Mn V Mo Nb Pb W Ta Cr Ru Si | O S Se",
    ),
    _rectangle(
        "TiS3", "Island et al., Adv. Mater. 27, 2595 (2015)", 11,
        "MX", "Ti S", 4.95, 3.40, ("MX", "MX"),
        _inverted(
            ("M", 0.25, 0.25, 1.36), ("X", 0.76, 0.25, 0.47), ("X", 0.05, 0.25, 2.95),
            ("X", 0.46, 0.25, 2.95),
        ),
        "Ti Zr Hf Nb Ta V Mo W Sc Y | S Se Te",
    ),
    _rectangle(
        "PdSe2", "Oyedele et al., J. Am. Chem. Soc. 139, 14090 (2017)", 14,
        "MX", "Pd Se", 5.75, 5.92, ("MX", "MX"),
        (
            ("M", 0, 0, 0), ("M", 0.5, 0.5, 0),
            *_inverted(("X", 0.112, 0.617, -0.72), ("X", 0.612, 0.883, -0.72)),
        ),
        "Pd Pt Ni Fe Co Ru Rh Ir Os Cu Ag Au | S Se Te", "Ni Pd Pt Rh Cu Au | P As N",
    ),
    _rectangle(
        "NbOI2", "Jia et al., Nanoscale Horiz. 4, 1113 (2019)", 25,
        "MYX", "Nb O I", 3.92, 7.52, ("MY", "MX"),
        (
            ("M", 0.06, 0.21, 0), ("M", 0.06, -0.21, 0),
            ("Y", 0.52, 0.22, 0), ("Y", 0.52, -0.22, 0),
            *_mirrored(("X", 0, 0, 2.0), ("X", 0, 0.5, 2.2)),
        ),
        "Nb V Ta Mo W Ti Re Os Cr | O | Cl Br I", "Nb Ta Mo W Zr Hf V Ti Re | S | Cl Br I",
    ),
    _rectangle(
        "V2O5", "Enjalbert and Galy, Acta Crystallogr. C 42, 1467 (1986)", 59,
        "MX", "V O", 11.51, 3.56, ("MX", "MX"),
        (
            *(
                site
                for letter, x, z in (
                    ("M", 0.101, -0.47), ("X", 0.104, -2.05), ("X", -0.069, 0.01),
                )
                for site in (
                    (letter, x, 0.25, z), (letter, 0.5 - x, 0.25, z),
                    (letter, -x, 0.75, -z), (letter, 0.5 + x, 0.75, -z),
                )
            ),
            ("X", 0.25, 0.25, 0), ("X", 0.75, 0.75, 0),
        ),
        "V Cr Mo W Nb Ta Mn Ti P As Sb | O S",
    ),
    _rectangle(
        "biphenylene", "Fan et al., Science 372, 852 (2021)", 47,
        "MX", "C C", 4.52, 3.76, ("MX", "MX"),
        (
            ("M", 0.16, 0.193, 0), ("M", -0.16, 0.193, 0), ("M", 0.16, -0.193, 0),
            ("M", -0.16, -0.193, 0), ("X", 0.34, 0.5, 0), ("X", -0.34, 0.5, 0),
        ),
        "C Si Ge | C", "Si Ge | Si", "C B | N", "C N | B", "C | Si", "B | P", "Si | Ge",
    ),
    # --- rhombus: centred rectangles of which the longer side is below sqrt(3) times the shorter
    _centred(
        "RuCl3", "Johnson et al., Phys. Rev. B 92, 235119 (2015)", 12, RHOMBUS,
        "MX", "Ru Cl", 5.976, 10.342, "MX", _trihalide_centred(0.3333, 1.33),
        "Ru Rh Ir Al Os Ga In La Lu Er Gd | Cl Br I",
    ),
    _centred(
        "MoCl3", "McGuire et al., Phys. Rev. Mater. 1, 064001 (2017)", 12, RHOMBUS,
        "MX", "Mo Cl", 6.092, 9.745, "MX", _trihalide_centred(0.358, 1.36),
        "Mo W Nb Ta Tc Re Zr Hf Ni Pt Pd Cu Au | Cl Br I", "Mo Ti Ru Rh V | F",
    ),
    _centred(
        "NiPS3", "Ouvrard et al., Mater. Res. Bull. 20, 1181 (1985)", 12, RHOMBUS,
        "MYX", "Ni P S", 5.812, 10.070, "MMXXY",
        _trihalide_centred(0.3333, -1.6) + _inverted(("Y", 0, 0, 1.1)),
        "Fe Ni Co Mn V Cd Zn Mg Cu | P | S Se", "Pd Pt Hg Sn | P | S Se",
    ),
    _centred(
        "AuTe2", "Schutte and de Boer, Acta Crystallogr. B 44, 486 (1988)", 12, RHOMBUS,
        "MX", "Au Te", 7.19, 4.41, "MX", (("M", 0, 0, 0), *_inverted(("X", -0.311, 0, 1.465))),
        "Au Ag Cu Pt Pd Ni Rh Ir Co Ru Fe Os Mn V Cr Sn Re Zn | S Se Te",
    ),
    # --- parallelogram: longer centred rectangles, and layers without any axis in their plane
    Prototype(
        "ReS2", "Tongay et al., Nat. Commun. 5, 3252 (2014)", 2, PARALLELOGRAM,
        "MX", "Re S", 6.38, 6.50, 118.9,
        _inverted(
            ("M", 0.215, 0.222, 0), ("M", 0.228, -0.212, 0), ("X", 0.417, 0.083, 1.35),
            ("X", 0.412, 0.583, 1.75), ("X", 0.917, 0.078, 1.55), ("X", 0.917, 0.583, 1.25),
        ),
        ("Re Tc Mn Mo W Nb V Cr Ru Os Ta Ti | S Se Te", "Re Tc Mo W | O"), "MX", "MX",
    ),
    Prototype(
        "Janus-ReS2", "Lu et al., Nat. Nanotechnol. 12, 744 (2017)", 1, PARALLELOGRAM,
        "MXY", "Re S Se", 6.49, 6.61, 118.9,
        (
            ("M", 0.215, 0.222, 0), ("M", 0.228, -0.212, 0), ("M", -0.215, -0.222, 0),
            ("M", -0.228, 0.212, 0), ("X", 0.417, 0.083, 1.35), ("X", 0.412, 0.583, 1.75),
            ("X", 0.917, 0.078, 1.55), ("X", 0.917, 0.583, 1.25), ("Y", -0.417, -0.083, -1.4),
            ("Y", -0.412, -0.583, -1.8), ("Y", -0.917, -0.078, -1.6), ("Y", -0.917, -0.583, -1.3),
        ),
        ("Re Tc Mo W Nb V Ta Cr | S | Se Te", "Re Tc Mo W Nb V Ta Cr | Se | Te"), "MMXY", "MMXY",
    ),
    _centred(
        "NbTe2", "Brown, Acta Crystallogr. 20, 264 (1966)", 12, PARALLELOGRAM,
        "MX", "Nb Te", 19.39, 3.642, "MX", _rows(_S - 0.02, "M", 1 / 9, -1 / 9, 1.7),
        "Nb Ta V Ti Zr Hf Mo W Cr Mn | S Se Te",
    ),
    _centred(
        "CuCl2", "Wells, J. Chem. Soc. 1670 (1947)", 12, PARALLELOGRAM,
        "MX", "Cu Cl", 6.85, 3.30, "MX", (("M", 0, 0, 0), *_inverted(("X", 0.387, 0, 1.31))),
        "Cu Pd Pt Ag Au Ni | F Cl Br I",
    ),
    _centred(
        "CrI2", "McGuire, Crystals 7, 121 (2017)", 12, PARALLELOGRAM,
        "MX", "Cr I", 7.545, 3.929, "MX", (("M", 0, 0, 0), *_inverted(("X", 0.355, 0, 1.55))),
        "Cr Mn V Fe Ti Mo W Co Zn | Cl Br I",
    ),
    _centred(
        "NaMnO2", "Jansen and Hoppe, Z. Anorg. Allg. Chem. 399, 163 (1973)", 12, PARALLELOGRAM,
        "MX", "Mn O", 5.67, 2.86, "MX", (("M", 0, 0, 0), *_inverted(("X", 0.36, 0, 0.98))),
        "Mn Ni Cu Cr Co Fe Ag Pd Ti V | O S Se",
    ),
    _centred(
        "stripes-1H", "Azizi et al., Nano Lett. 16, 6982 (2016)", 38, PARALLELOGRAM,
        "MNX", "Mo W S", 16.42, 3.16, "MNNXXX", _rows(_S, "N", 1 / 9, 1 / 9, 1.56),
        "Mo | W Nb Ta V Cr Ti Re | S Se Te", "W | Mo Nb Ta V Cr Ti Re | S Se Te",
        "Nb | Mo W V Ti Zr Hf | S Se Te", "V | Mo W Ta Nb Hf Zr | S Se Te",
        "Ta | Mo Cr V Ti Zr Hf | S Se Te",
    ),
    _centred(
        "stripes-1T", "Azizi et al., Nano Lett. 16, 6982 (2016)", 12, PARALLELOGRAM,
        "MNX", "Ti Zr S", 18.2, 3.5, "MNNXXX", _rows(_S, "N", 1 / 9, -1 / 9, 1.45),
        "Ti | Zr Hf Pt Sn Ni | S Se Te", "Zr | Ti Hf Pt Sn | S Se Te", "Pt | Ti Ni Pd Zr | S Se Te",
        "Hf | Ti Zr Sn | S Se Te", "Sn | Ti Zr Hf | S Se Te",
    ),
)  # fmt: skip
