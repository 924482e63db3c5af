"""Lattices over a movie or a folder of pictures: ``jarvis-stem series ANSWERS``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jarvis_stem import cli
from jarvis_stem.utils import terminal
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import write_bytes
from jarvis_stem.utils.messages import printable

if TYPE_CHECKING:
    from jarvis_stem.prediction.series import Change, Series

_PLOT = "series.png"
_SHOWN = 10  # outliers
_EPILOG = """\
A picture is an outlier where a, b, gamma or the strain is 5 robust standard deviations or more from
the median of the 31 pictures around it. A change of phase is where most of the 15 pictures after
have another class than most of the 15 before, or where straight lines through both miss each other
by 7 standard deviations: drifts are no changes. Of fewer pictures it takes half of them on either
side, 4 at least. Outliers say nothing of changes.

exit status:
  0    done
  1    there are no answers, in two units or without a lattice, or nothing could be written
  2    wrong arguments
  130  interrupted

examples:
  jarvis-stem predict movie.emd --frame all --output answers.parquet
  jarvis-stem series answers.parquet --plot
  jarvis-stem series answers.parquet --json | jq '.changes'
"""


@click.command(cls=cli.Command, name="series", epilog=_EPILOG)
@click.argument("answers", metavar="ANSWERS", type=cli.Folder())
@click.option(
    "--plot",
    is_flag=False,
    flag_value=_PLOT,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="[FILE]",
    help=f"Draw it to a PNG; {_PLOT} if left out.",
)
@cli.json_option
@cli.quiet_option
def main(answers: Path, plot: Path | None) -> int:
    """Follow the lattice over the frames or files that predict --output has answered.

    Prints how a, b, gamma, strain and class go, which pictures are outliers, and where the phase
    changes.
    """
    from jarvis_stem.prediction.archive import Archive  # here, so that --help need not wait
    from jarvis_stem.prediction.plots import refuse_other
    from jarvis_stem.prediction.series import columns, series_of

    if plot:
        refuse_other(plot)
    archive = Archive.read(answers)
    missing = archive.n_batches - len(archive.done())
    if missing:
        terminal.note(
            f"warning: {printable(str(answers))}: {missing} of {archive.n_batches} parts are not "
            "there yet; the command that made the others makes them"
        )
    rows: dict[str, list[object]] = {name: [] for name in columns()}
    for table in archive.tables(columns()):
        for name, found in rows.items():
            found += table[name].to_pylist()
    try:
        series = series_of(rows)
    except StemError as error:
        raise StemError(f"{answers}: {error}") from None
    if plot:
        from jarvis_stem.prediction import overlay, series_plot

        write_bytes(plot, overlay.png(series_plot.figure(series, str(answers))))
        terminal.note(f"plot: {printable(str(plot))}")
    cli.answer(_text(answers, series), series.as_json())
    return 0


def _text(answers: Path, series: Series) -> str:
    import numpy as np

    from jarvis_stem.prediction.series import QUANTITIES

    units = {"a": f" {series.unit}", "b": f" {series.unit}", "gamma": "°", "strain": ""}
    found = [name for name in QUANTITIES if np.isfinite(series.values[name]).any()]
    lines = [["", "median", "least", "most", "median error"]]
    for name in found:
        values, errors = series.values[name], series.errors.get(name)
        numbers = [np.nanmedian(values), np.nanmin(values), np.nanmax(values)]
        error = ""
        if errors is not None and np.isfinite(errors).any():
            error = f"{np.nanmedian(errors):.2g}{units[name]}"
        lines.append([name, *(f"{one:.5g}{units[name]}" for one in numbers), error])
    n_lattices = int(np.isfinite(series.values["a"]).sum())
    head = f"{printable(str(answers))}: {len(series.inputs):,} pictures, {n_lattices:,} lattices"
    changes = [f"change at {_change(one, units)}" for one in series.changes]
    outliers = [printable(series.inputs[n]) for n in np.flatnonzero(series.outliers).tolist()]
    more = ", …" if len(outliers) > _SHOWN else ""
    listed = f": {', '.join(outliers[:_SHOWN])}{more}" if outliers else ""
    return "\n".join(
        [head, cli.table(lines, ("",)), *changes, f"{len(outliers):,} outliers{listed}"]
    )


def _change(change: Change, units: dict[str, str]) -> str:
    parts = [f"{name} by {jump:+.3g}{units[name]}" for name, jump in change.jumps.items()]
    if change.classes:
        parts.insert(0, f"{change.classes[0]} to {change.classes[1]}")
    return f"{printable(change.input)}: {', '.join(parts)}"


if __name__ == "__main__":
    sys.exit(cli.run(main))
