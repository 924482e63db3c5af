"""Structures of ids, of JARVIS' databases and built-in ones, and what can be drawn of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_stem.imaging import prototypes
from jarvis_stem.imaging.crystal import atomic_numbers, check_count
from jarvis_stem.imaging.store import (
    DATABASES,
    orientation_warning,
    read_database,
    store_directory,
)
from jarvis_stem.utils import terminal
from jarvis_stem.utils.errors import StemError

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms  # takes a second to be imported

_MIN_CELL_AREA = 1.0  # Å2; the smallest real 2D cell, graphene's, has 5.2
_THINNEST = 0.1  # Å
_DENSEST = 100  # atoms an Å2
_SITE = re.compile(r"([A-Z][a-z]?)\d+")  # Co1: an element's magnetic sites are numbered


def for_dataset(
    dataset: str,
    ids: Iterable[str],
    *,
    data: str | None = None,
    refresh: bool = False,
    note: Callable[[str], None] = terminal.note,
) -> dict[str, Atoms]:
    """Find the structures of a benchmark's ids.

    Args:
        dataset: ``stem_2d_proto`` is built in; any other is looked up in the JARVIS databases.
        ids: Image ids, for example ``JVASP-667.jpg``.
        data: Folder of the databases; see `store_directory`.
        refresh: Download the databases anew.
        note: Is told what is odd about the databases.

    Returns:
        Structures by image id; ids that no database has are absent.

    Raises:
        StemError: A database cannot be had, or holds a structure that cannot be drawn.
    """
    wanted = list(ids)
    if dataset == prototypes.RESULT_NAME.dataset:
        built_in = prototypes.structures()
        return {i: built_in[i] for i in wanted if i in built_in}
    records: dict[str, Any] = {}
    store = store_directory(data)
    for database in DATABASES:
        read = read_database(database, store, refresh=refresh)
        if warning := orientation_warning(database, store, read):
            note(f"warning: {warning}")
        records.update(read)
    found = ((i, structure_id(i)) for i in wanted)
    return {i: parse_atoms(records[s], f"{store}: {s}") for i, s in found if s in records}


def structure_id(image_id: str) -> str:
    """Id of the structure that an image shows: ``JVASP-667`` of ``JVASP-667.jpg``."""
    return image_id.removesuffix(".jpg")


def parse_atoms(record: Any, where: str) -> Atoms:
    """Build a structure from a JARVIS atoms dictionary and check that it can be drawn.

    Args:
        record: ``{"lattice_mat", "coords", "elements", "cartesian"}`` of JARVIS-Tools.
        where: File and id, for the message.

    Raises:
        StemError: Not such a dictionary, or see `check_atoms`.
    """
    from jarvis.core.atoms import Atoms

    try:
        check_count(len(record["elements"]), where)
        if len(record["elements"]) == 0:  # JARVIS fails on it in another way
            raise StemError(f"{where}: the structure has no atoms")
        # JARVIS wants a property for each site, which nothing here needs.
        atoms = Atoms.from_dict({"props": [""] * len(record["elements"]), **record})
    except (KeyError, TypeError, ValueError, IndexError, np.linalg.LinAlgError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise StemError(f"{where}: not a JARVIS atoms dictionary ({reason})") from None
    return check_atoms(atoms, where)


def check_atoms(atoms: Atoms, where: str) -> Atoms:
    """Return the structure if it can be drawn, with the element ``Co`` for a site ``Co1``.

    Raises:
        StemError: No atoms, an unknown element, coordinates that are not finite numbers, or a cell
            without area, thinner than any or with more atoms than it can hold.
    """
    cell = np.asarray(atoms.lattice_mat, float)
    n_elements, n_coords = len(atoms.elements), len(atoms.coords)
    if n_elements == 0 or n_elements != n_coords:
        raise StemError(f"{where}: {n_coords} positions but {n_elements} elements")
    elements = [_element(str(site)) for site in atoms.elements]
    sites = zip(atoms.elements, elements, strict=True)
    if unknown := sorted({str(site) for site, element in sites if element is None}):
        raise StemError(f"{where}: unknown element {', '.join(unknown)}")
    if not np.isfinite(cell).all():
        raise StemError(f"{where}: the cell has entries that are not finite numbers")
    if not np.isfinite(np.asarray(atoms.coords, float)).all():
        raise StemError(f"{where}: coordinates that are not finite numbers")
    area = abs(np.linalg.det(cell[:2, :2]))
    if area < _MIN_CELL_AREA:
        raise StemError(f"{where}: degenerate cell, {area:.3g} Å2 in the plane of a and b")
    width = area / np.linalg.norm(cell[:2, :2], axis=1).max()
    if width < _THINNEST:  # a picture would have any number of them
        raise StemError(f"{where}: degenerate cell, {width:.3g} Å thin in the plane of a and b")
    if n_elements > _DENSEST * area:
        raise StemError(
            f"{where}: overlapping atoms, {n_elements:,} in {area:.3g} Å2; expected at most "
            f"{_DENSEST} an Å2"
        )
    if elements == atoms.elements:
        return atoms
    return type(atoms)(atoms.lattice_mat, atoms.coords, elements, atoms.props, atoms.cartesian)


@cache
def _element(site: str) -> str | None:
    """The element of a site; None where there is none of that name."""
    numbered = _SITE.fullmatch(site)
    symbol = numbered[1] if numbered else site
    return symbol if symbol in atomic_numbers() else None
