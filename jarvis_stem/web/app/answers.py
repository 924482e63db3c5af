"""An answer on the page: in words, and room for its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nicegui.element import Element

from jarvis_stem.prediction.answer import Answer, both_names
from jarvis_stem.prediction.outcome import Outcome
from jarvis_stem.web.app.elements import tag, text

_PANELS = {
    "picture": (
        "Picture, parts used outlined",
        "The picture, with the parts that show the lattice",
    ),
    "cells": ("Cells", "Some cells of the picture, enlarged, with the measured lattice over them"),
    "spectrum": ("Log spectrum", "The picture's spectrum, with the lattice's harmonics circled"),
}


def show_answer(answer: Answer) -> None:
    """Class, probabilities, lattice, what was read, and why it is not to be trusted."""
    best = answer.bravais_class
    with tag("div", "verdict"):
        text("h2", "no lattice" if best is None else both_names(best))
        if best is not None:
            text("p", f"{answer.confidence:.0%} confident", "muted")
    if answer.reasons:
        with tag("ul", "reasons", aria_label="Why it is not to be trusted"):
            for reason in answer.reasons:
                text("li", reason)
    with tag("div", "facts"):
        with tag("dl", "lattice"):
            for name, value in _facts(answer):
                text("dt", name)
                text("dd", value)
        with tag("table", "shares"):
            text("caption", "Probability of each class")
            with tag("tbody"):
                for one, share in sorted(answer.probabilities.items(), key=lambda item: -item[1]):
                    with tag("tr", style=f"--share: {share:.4f}"):
                        text("th", both_names(one), scope="row")
                        text("td", f"{share:.2f}", "number")


def _facts(answer: Answer) -> Iterator[tuple[str, str]]:
    yield from _lengths(answer).items()
    if answer.symmetric:
        yield "Nearest of the class", str(answer.symmetric)
    if answer.grains:
        yield "Beside it", answer.grains
    if answer.pixel_size:
        yield "Pixel size", f"{answer.pixel_size:.4g} Å ({answer.pixel_size_from})"
    else:
        yield "Pixel size", "not known: lengths are in pixels (px)"
    for name, value in (("Frame", answer.frame), ("Structure", answer.structure)):
        if value:
            yield name, str(value)


def _lengths(answer: Answer) -> dict[str, str]:
    """``a``, ``b`` and ``gamma`` with their errors, where there is a lattice."""
    if answer.lattice is None:
        return {}
    pairs = (one.partition(" ") for one in str(answer.lattice).split(", "))
    return {name: value for name, _, value in pairs}


def show_frames(answer: Answer) -> dict[str, Element]:
    """Room for the pictures that are being drawn, by their names."""
    images = {}
    with tag("div", "panels"):
        for name, (caption, alternative) in _PANELS.items():
            if name != "cells" or answer.lattice:
                with tag("figure"):
                    images[name] = tag("img", alt=alternative)
                    text("figcaption", caption)
    return images


def cells(outcome: Outcome) -> list[str]:
    """A row's cells after its name: class, a, b, gamma, remarks; or one, without an answer."""
    answer = outcome.answer
    if answer is None:
        return [outcome.error or "…"]
    lengths = _lengths(answer)
    remarks = "; ".join([*([answer.grains] if answer.grains else []), *answer.reasons])
    return [answer.title, *(lengths.get(key, "") for key in ("a", "b", "gamma")), remarks]


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many pictures have an answer, and how many files none."""
    wrong = sum(outcome.error is not None for outcome in outcomes)
    count = len(outcomes) - wrong
    answered = f"{count} {'picture' if count == 1 else 'pictures'} answered"
    return f"{answered}, {wrong} could not be read" if wrong else answered
