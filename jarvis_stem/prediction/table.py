"""Answers as a table: a row for each picture, the unit of a length or an angle in its column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jarvis_stem.prediction.answer import class_name
from jarvis_stem.prediction.outcome import Outcome

_HEAD = ("class", "class_name", "lattice_name", "confidence")
_UNITS = {"Å": "angstrom", "px": "px"}  # a column of its own for each: nobody takes a mean of both
_IDENTITY = ("formula", "n_atoms", "cell", "symmetry")


def table_rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A row for each outcome, all with the same columns; what is not known is None.

    Lengths end in ``_angstrom``, or in ``_px`` where the size of a pixel is not known, angles in
    ``_deg``; ``p_hexagonal`` and so on are probabilities.

    Args:
        outcomes: Answers, and why there is none.
    """
    found = (list(outcome.answer.probabilities) for outcome in outcomes if outcome.answer)
    classes = list(map(class_name, next(found, [])))
    return [table_row(outcome, classes) for outcome in outcomes]


def table_row(outcome: Outcome, classes: Sequence[str]) -> dict[str, Any]:
    """One row; see `table_rows`.

    Args:
        outcome: An answer, or why there is none.
        classes: Names of the classes that there are probabilities of.
    """
    answer = outcome.as_json()
    shares = answer["probabilities"] or {}
    lattice, symmetric = answer["lattice"] or {}, answer["symmetric"] or {}
    structure = answer["structure"] or {}
    return {
        "input": answer["input"],
        **{key: answer[key] for key in _HEAD},
        **{f"p_{name}": shares.get(name) for name in classes},
        **_lengths(lattice, ("a", "a_error", "b", "b_error")),
        **{f"{key}_deg": lattice.get(key) for key in ("gamma", "gamma_error")},
        **{f"symmetric_{key}": one for key, one in _lengths(symmetric, ("a", "b")).items()},
        "symmetric_gamma_deg": symmetric.get("gamma"),
        "strain": symmetric.get("strain"),
        "further": len(answer["further"]),
        "quality": answer["quality"],
        "pixel_size_angstrom": answer["pixel_size"],
        **{key: answer[key] for key in ("pixel_size_from", "frame")},
        **{key: structure.get(key) for key in _IDENTITY},
        "cell": " ".join(map(str, structure["cell"])) if structure else None,
        "reasons": "; ".join(answer["reasons"]),
        "error": answer["error"],
    }


def _lengths(lattice: dict[str, Any], keys: Sequence[str]) -> dict[str, float | None]:
    return {
        f"{key}_{name}": lattice.get(key) if lattice.get("unit") == unit else None
        for unit, name in _UNITS.items()
        for key in keys
    }
