"""The answer for a picture: class, probabilities, measured lattice, reasons for distrust."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from jarvis_stem.imaging.bravais import CLASS_NAMES

if TYPE_CHECKING:
    from jarvis_stem.imaging.identity import Identity

_MOST_DECIMALS = 5


@dataclass(frozen=True)
class MeasuredLattice:
    """The primitive lattice that an image shows; lengths in Å if the image's scale is correct.

    The errors are standard errors, None if they are not known; `imaging.lattice_errors` has what
    they cover.

    Attributes:
        a: Length of the shortest vector, Å.
        b: Length of the shortest vector in another direction, Å.
        gamma: Angle between them, 60 to 90 degrees.
        a_error: Of a, Å.
        b_error: Of b, Å.
        gamma_error: Of gamma, degrees.
        vectors: The two vectors, Å: x along the image's rows, y along its columns.

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

    def __str__(self) -> str:
        """The lattice with its errors in units of the last digit: ``a 3.190(2) Å, …``."""
        a, b = _with_error(self.a, self.a_error), _with_error(self.b, self.b_error)
        return f"a {a} Å, b {b} Å, gamma {_with_error(self.gamma, self.gamma_error)}°"


@dataclass(frozen=True)
class Answer:
    """The answer for an image.

    Attributes:
        bravais_class: The benchmark's class of the highest probability.
        class_name: Its name.
        probabilities: Of every class, in the order of the benchmark's, with 1 as sum.
        confidence: The highest of them.
        lattice: The lattice measured in the image, None where there is none to be found.
        quality: Share of the image's peaks that this lattice explains, 0..1.
        pixel_size: Å per pixel of the picture; None if unknown, see `imaging.picture.Picture`.
        pixel_size_from: What says so: ``given``, ``drawn``, or what in the file.
        frame: Which of a file's images and frames it is; None where there is but one.
        structure: Formula, cell and symmetry of what was drawn; None of other pictures.
        reasons: Why the answer is not to be trusted; empty if nothing speaks against it.
    """

    bravais_class: int | str
    class_name: str
    probabilities: dict[int | str, float]
    confidence: float
    lattice: MeasuredLattice | None
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


def _with_error(value: float, error: float | None) -> str:
    if not error:
        return f"{value:.2f}"
    digit = math.floor(math.log10(error / 2))  # of 19 both are shown, of 2 it is enough
    decimals = min(max(0, -digit), _MOST_DECIMALS)
    return f"{value:.{decimals}f}({max(1, round(error * 10**decimals))})"


def class_name(bravais_class: int | str) -> str:
    """Name of a class; one that is none of the five names itself.

    Examples:
        >>> class_name(3)
        'rhombus'
    """
    if isinstance(bravais_class, int) and 0 <= bravais_class < len(CLASS_NAMES):
        return CLASS_NAMES[bravais_class]
    return str(bravais_class)
