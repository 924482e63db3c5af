"""The answer for a picture: class, probabilities, measured lattice, reasons for distrust."""

from __future__ import annotations

import cmath
import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from jarvis_stem.imaging.bravais import CLASS_NAMES, LATTICE_NAMES

DISTORTION = 0.03
"""Standard deviation of stretch and shear; public pictures have a few percent."""

if TYPE_CHECKING:
    from jarvis_stem.imaging.identity import Identity

_MOST_DECIMALS = 5
_ALIKE = 0.05  # of their length, by which lattices of two grains may differ
_TURNED = 0.15  # between ratios of vectors, as complex numbers, of one lattice and of it turned


Tile = tuple[int, int, int, int]
"""Top, left, height and width, pixels of the picture."""


@dataclass(frozen=True)
class MeasuredLattice:
    """The primitive lattice that a picture, or a part of it, shows.

    The errors are standard errors, None if they are not known; `imaging.lattice_errors` has what
    they cover, and of tiles they are the spread.

    Attributes:
        a: Length of the shortest vector.
        b: Length of the shortest vector in another direction.
        gamma: Angle between them, 60 to 90 degrees.
        a_error: Of a.
        b_error: Of b.
        gamma_error: Of gamma, degrees.
        vectors: The two vectors: x along the picture's rows, y along its columns.
        unit: Of all lengths: ``Å``, or ``px`` of the picture where the size of one is not known.
        tiles: Parts of the picture that show it; none if it is that of the middle.

    Examples:
        >>> vectors = ((3.19, 0.0), (1.595, 2.763))
        >>> print(MeasuredLattice(3.1902, 3.1902, 60, 0.002, 0.002, 0.03, vectors))
        a 3.190(2) Å, b 3.190(2) Å, gamma 60.00(3)°
    """

    a: float
    b: float
    gamma: float
    a_error: float | None
    b_error: float | None
    gamma_error: float | None
    vectors: tuple[tuple[float, float], tuple[float, float]]
    unit: Literal["Å", "px"] = "Å"
    tiles: tuple[Tile, ...] = ()

    def __str__(self) -> str:
        """The lattice with its errors in units of the last digit: ``a 3.190(2) Å, …``."""
        a, b = _with_error(self.a, self.a_error), _with_error(self.b, self.b_error)
        gamma = _with_error(self.gamma, self.gamma_error)
        return f"a {a} {self.unit}, b {b} {self.unit}, gamma {gamma}°"


@dataclass(frozen=True)
class SymmetricLattice:
    """The nearest lattice that has the symmetry of the class, of the same area.

    Attributes:
        a: Length of the shortest vector.
        b: Length of the next.
        gamma: Angle between them, 60 to 90 degrees.
        strain: By how much one direction of the measured lattice has to be stretched more than
            another to become this one.
        unit: Of the lengths.

    Examples:
        >>> print(SymmetricLattice(3.19, 3.19, 60.0, 0.012, "Å"))
        a 3.190 Å, b 3.190 Å, gamma 60.0°, strained by 1.2%
    """

    a: float
    b: float
    gamma: float
    strain: float
    unit: Literal["Å", "px"]

    def __str__(self) -> str:
        """The lattice, and the strain to it."""
        lengths = f"a {self.a:.4g} {self.unit}, b {self.b:.4g} {self.unit}"
        if self.unit == "Å":
            lengths = f"a {self.a:.3f} Å, b {self.b:.3f} Å"
        return f"{lengths}, gamma {self.gamma:.1f}°, strained by {self.strain:.1%}"


@dataclass(frozen=True)
class Answer:
    """The answer for a picture.

    Attributes:
        bravais_class: The benchmark's class of the highest probability; None where the picture
            shows no lattice.
        class_name: Its name, ``none`` without a lattice.
        lattice_name: The name that crystallographers have for it.
        probabilities: Of every class, in the order of the benchmark's, with 1 as sum.
        confidence: The highest of them.
        lattice: The lattice measured in the picture, None where there is none to be found.
        symmetric: The nearest lattice of the class; None where the network names the class, which
            may see another cell than the primitive one.
        further: Other lattices in other parts of the picture: grains, or other phases.
        quality: Share of the picture's peaks that the lattice explains, 0..1.
        pixel_size: Å per pixel of the picture; None if unknown, see `imaging.picture.Picture`.
        pixel_size_from: What says so: ``given``, ``drawn``, or what in the file.
        frame: Which of a file's images and frames it is; None where there is but one.
        structure: Formula, cell and symmetry of what was drawn; None of other pictures.
        reasons: Why the answer is not to be trusted; empty if nothing speaks against it.
    """

    bravais_class: int | str | None
    class_name: str
    lattice_name: str
    probabilities: dict[int | str, float]
    confidence: float
    lattice: MeasuredLattice | None
    symmetric: SymmetricLattice | None
    further: tuple[MeasuredLattice, ...]
    quality: float
    pixel_size: float | None
    pixel_size_from: str | None
    frame: str | None
    structure: Identity | None
    reasons: list[str]

    def as_json(self) -> dict[str, Any]:
        """The same as a dictionary: the class is under ``class``, probabilities by class name."""
        data = asdict(self)
        named = {class_name(c): share for c, share in self.probabilities.items()}
        return {"class": data.pop("bravais_class"), **data, "probabilities": named}

    @property
    def most_probable(self) -> int | str:
        """The class of the highest probability, also where no lattice is found."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def title(self) -> str:
        """The class for a person: ``centred rectangular (rhombus) 0.87``, or ``no lattice``."""
        if self.bravais_class is None:
            return "no lattice"
        return f"{both_names(self.bravais_class)} {self.confidence:.2f}"

    @property
    def grains(self) -> str:
        """What there is beside the lattice, for a person; empty if nothing."""
        if self.lattice is None or not self.further:
            return ""
        (other,) = self.further
        alike = all(
            abs(one / two - 1) < _ALIKE
            for one, two in ((self.lattice.a, other.a), (self.lattice.b, other.b))
        )
        together = other.tiles == self.lattice.tiles  # layers, or grains smaller than a tile
        what = "lattices together" if together else "grains" if alike else "lattices"
        turned = f", turned by {self._turn(other):.1f}°" if alike else ""
        return f"2 {what}: the other one {other}{turned}"

    def _turn(self, other: MeasuredLattice) -> float:
        """The least angle that takes one lattice to the other, degrees."""
        assert self.lattice is not None  # noqa: S101 - asked for where there is one
        a, b = (complex(*vector) for vector in self.lattice.vectors)
        c, d = (complex(*vector) for vector in other.vectors)
        short = [sign * one for one in (c, d, d - c) for sign in (1, -1)]
        turns = [
            cmath.phase(u * a.conjugate() + v * b.conjugate())
            for u, v in itertools.permutations(short, 2)
            if abs(u / v - a / b) < _TURNED
        ]
        return min((math.degrees(abs(turn)) for turn in turns), default=0.0)


def _with_error(value: float, error: float | None) -> str:
    if not error:
        return f"{value:.2f}"
    digit = math.floor(math.log10(error / 2))  # of 19 both are shown, of 2 it is enough
    decimals = min(max(0, -digit), _MOST_DECIMALS)
    return f"{value:.{decimals}f}({max(1, round(error * 10**decimals))})"


def class_name(bravais_class: int | str | None) -> str:
    """Name of a class; one that is none of the five names itself.

    Examples:
        >>> class_name(3)
        'rhombus'
        >>> class_name(None)
        'none'
    """
    return _named(bravais_class, CLASS_NAMES)


def lattice_name(bravais_class: int | str | None) -> str:
    """Crystallographers' name of a class; one that is none of the five names itself.

    Examples:
        >>> lattice_name(3)
        'centred rectangular'
    """
    return _named(bravais_class, LATTICE_NAMES)


def both_names(bravais_class: int | str) -> str:
    """Crystallographers' name of a class, and the benchmark's where it is another one.

    Examples:
        >>> both_names(0), both_names(3)
        ('hexagonal', 'centred rectangular (rhombus)')
    """
    names = lattice_name(bravais_class), class_name(bravais_class)
    return names[0] if names[0] == names[1] else f"{names[0]} ({names[1]})"


def unit_of(pixel_size: float | None) -> Literal["Å", "px"]:
    """Unit of lengths in a picture, by whether the size of its pixels is known."""
    return "px" if pixel_size is None else "Å"


def _named(bravais_class: int | str | None, names: Sequence[str]) -> str:
    if bravais_class is None:
        return "none"
    if isinstance(bravais_class, int) and 0 <= bravais_class < len(names):
        return names[bravais_class]
    return str(bravais_class)
