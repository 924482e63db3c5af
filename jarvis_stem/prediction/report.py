"""Answers as text for a person and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jarvis_stem.prediction.outcome import Outcome
from jarvis_stem.prediction.table import table_rows
from jarvis_stem.utils.messages import printable
from jarvis_stem.utils.terminal import Coloured, plain

if TYPE_CHECKING:
    from rich.text import Text

    from jarvis_stem.prediction.answer import Answer

_SHOWN = 0.005  # probabilities that would be printed as 0.00 are not


def csv_text(outcomes: Sequence[Outcome]) -> str:
    """One line an input; what is not known is empty."""
    rows = table_rows(outcomes)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def report_text(outcomes: Sequence[Outcome]) -> Coloured:
    """The answers for a person, folded to the width of a terminal, and what to know of them."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=10**4, color_system=None)
    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.add_column(max_width=console.width // 3, overflow="fold")
    table.add_column()
    answers = [(one.name, one.answer) for one in outcomes if one.answer]
    for name, answer in answers:
        table.add_row(Text(printable(name)), _lines(answer))
    with console.capture() as capture:
        console.print(table)
    lines = [line.rstrip() for line in capture.get().splitlines()] if answers else []
    if any(answer.lattice and answer.lattice.unit == "px" for _, answer in answers):
        lines.append(
            "px: neither the file nor --pixel-size says how large a pixel is; scale bars and axes "
            "are not read"
        )
    return Coloured("\n".join(lines))


def _lines(answer: Answer) -> Text:
    """Class and probabilities, lattices, what was read, reasons for distrust, a line each."""
    from rich.text import Text

    text = Text(answer.title, "bold")
    if answer.bravais_class is not None:
        text.append(_others(answer), "dim")
    for line in (answer.lattice, answer.symmetric and f"nearest: {answer.symmetric}"):
        text.append(f"\n{line}" if line else "")
    text.append(f"\n{answer.grains}" if answer.grains else "", "cyan")
    source = answer.pixel_size_from
    read = [str(one) for one in (answer.structure, answer.frame) if one]
    if source not in (None, "given", "drawn"):
        read.append(f"{answer.pixel_size:.4g} Å a pixel ({source})")
    if read:
        text.append(f"\n{plain('; '.join(read))}", "dim")
    for reason in answer.reasons:
        text.append(f"\n{plain(reason)}", "yellow")
    return text


def _others(answer: Answer) -> str:
    """The less probable classes that are probable at all."""
    from jarvis_stem.prediction.answer import both_names

    shares = sorted(answer.probabilities.items(), key=lambda one: -one[1])[1:]
    return "".join(f", {both_names(c)} {share:.2f}" for c, share in shares if share >= _SHOWN)
