"""Name the Bravais lattice in pictures: ``jarvis-stem predict PATH…``."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jarvis_stem import cli
from jarvis_stem.formats.names import DEFAULT_BENCHMARK, DEFAULT_MODEL
from jarvis_stem.prediction.answer import DISTORTION
from jarvis_stem.prediction.inputs import (
    Input,
    Reading,
    Structures,
    find_inputs,
    read_input,
    read_pictures,
)
from jarvis_stem.prediction.outcome import Outcome, answered
from jarvis_stem.prediction.plots import draw_plots, plot_paths
from jarvis_stem.prediction.report import csv_text, report_text
from jarvis_stem.utils import terminal
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_line, write_text
from jarvis_stem.utils.messages import printable
from jarvis_stem.utils.progress import track
from jarvis_stem.utils.threads import in_threads, without_blas_threads

if TYPE_CHECKING:
    from jarvis_stem.imaging.picture import Frame
    from jarvis_stem.prediction.benchmark_answers import Contributed
    from jarvis_stem.prediction.predictor import Predictor

_PLOTS = "lattices"  # folder of plots that are given no other
_STDOUT = Path("-")
# Seconds after which a thread that has work for the interpreter gets it. Compiled kernels come back
# for it many times a picture, in less time than they would wait by default.
_TURN = 1e-4
_ALL = "all"  # contributions with a stored model
_EPILOG = """\
what PATH can be:
  an image      PNG, JPEG, TIFF, BMP, GIF; dm3, dm4, emd, ser, emi, mrc, mrcs or map of a
                microscope; hspy, zspy, h5, hdf5, ndata, npy, npz
  a structure   POSCAR*, CONTCAR*, XDATCAR*, .vasp, .cif, .extxyz, .xyz, .res, .xsf, or JARVIS'
                .json: a layer, drawn as it lies
  a folder      all of these in it
  a pattern     of files' names: 'scans/*.tif', 'archive/**/*.png'
  an id         of a structure in the JARVIS databases (see jarvis-stem data), or of the
                built-in ones with --benchmark stem_2d_proto

The size of a pixel is read from microscopes' files and from many TIFFs (docs/formats.md); scale
bars and axes are not. Where it is not known, lengths are in pixels (px). 3.190(2) is a measured
3.190 with a standard error of 0.002, from the noise in the picture or the spread among its parts.

No code of a contribution is run: its stored model is a graph of known operators, read only if its
checksum is the recorded one. --trust-code executes, with all that you may do, the model.py of one
that has weights but no such model; leave it to people you trust.

With --output the answers go into a folder of Parquet files, which pandas, polars and DuckDB read,
and the memory that it takes does not grow with the number of pictures. The same command goes on
where it was stopped, and refuses a folder with answers to another one (docs/scale.md).

With --contribution the pictures are those of a benchmark of real ones, below --images, and the
answers of the contribution's stored model, of the files alone, are written to its folder as its
predictions. An id without an answer gets the majority class that the model has learned from.

exit status:
  0    every picture has its answer
  1    something could not be read and is named on stderr (the others are answered),
       or there is no model, or something could not be written
  2    wrong arguments
  130  interrupted

examples:
  jarvis-stem predict picture.png
  jarvis-stem predict scan.tif --pixel-size 0.15 --plot
  jarvis-stem predict scans/ --csv answers.csv --plot plots/
  jarvis-stem predict movie.emd --frame all --csv frames.csv
  jarvis-stem predict POSCAR --json | jq '.[0].lattice'
  jarvis-stem predict scans/ --jsonl | jq -r 'select(.confidence > 0.8).input'
  jarvis-stem predict JVASP-667 --data ../shared/jarvis_data
  jarvis-stem predict movie.emd --frame all --output frames.parquet --workers 8
  jarvis-stem predict --database c2db --output c2db.parquet --scheduler tcp://HOST:8786
  jarvis-stem predict --benchmark stem_2d_real --images pictures/ --contribution lattice_model
"""


class FrameType(click.ParamType["Frame"]):
    """Which of a stack's frames: a number from 1, ``mean`` or ``all``."""

    name = "frame"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Frame:
        """The number, or the word."""
        if value in ("mean", "all"):
            return value
        number = click.INT.convert(value, param, ctx) if str(value).isdecimal() else 0
        if number < 1:
            self.fail(f"{value!r}: expected a number from 1, mean or all", param, ctx)
        return number


@click.command(cls=cli.Command, name="predict", epilog=_EPILOG)
@click.argument("paths", nargs=-1, metavar="PATH...", type=click.Path())
@click.option(
    "--pixel-size",
    type=click.FloatRange(min=0, min_open=True),
    metavar="Å",
    help="Å per pixel of the images; default: what their files say.",
)
@click.option(
    "--frame",
    type=FrameType(),
    metavar="N|mean|all",
    help="Frame of a stack: its number from 1, the mean of all as they lie, or an answer for each.",
)
@click.option(
    "--distortion",
    type=click.FloatRange(min=0, max=20),
    default=100 * DISTORTION,
    show_default=True,
    metavar="PERCENT",
    help="How much microscopes stretch and shear pictures, a standard deviation; 0: they do not.",
)
@click.option(
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="NAME",
    shell_complete=cli.complete_contribution,
    help="A model; jarvis-stem models lists them.",
)
@cli.dataset_option
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
    help="Write the answers to a CSV file; - prints it and nothing else.",
)
@click.option(
    "--plot",
    is_flag=False,
    flag_value=_PLOTS,
    type=click.Path(path_type=Path),
    metavar="[PATH]",
    help="Draw each lattice over its picture and its spectrum. PATH is a .png for one picture, or "
    f"a folder; {_PLOTS} if left out.",
)
@cli.data_option
@click.option(
    "--contributions",
    type=cli.Folder(),
    metavar="DIR",
    help="Folder of contributions; default: the repository's, or this package's model.",
)
@click.option(
    "--trust-code",
    is_flag=True,
    help="Execute the model.py of a contribution that has stored weights but no model.",
)
@click.option(
    "--contribution",
    "contributed",
    multiple=True,
    metavar="NAME",
    shell_complete=cli.complete_contribution,
    help="Write this contribution's predictions for --benchmark, one of real pictures; can be "
    f"given several times, {_ALL} is every one with a stored model.",
)
@click.option(
    "--images",
    type=cli.Folder(),
    metavar="DIR",
    help="The benchmark's pictures; default: where jarvis-stem data fetch puts them.",
)
@click.option(
    "--jsonl",
    is_flag=True,
    help="Print each answer as soon as there is one, as JSON on a line of its own.",
)
@click.option(
    "--database",
    "databases",
    multiple=True,
    metavar="NAME",
    help="Every structure of a JARVIS database: dft_2d, c2db or twod_matpd; can be given several "
    "times.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the answers to a folder of Parquet files, however many there are; the same command "
    "goes on where it was stopped.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Have so many processes answer into --output, by Dask; default: this one.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Have the workers of a Dask scheduler answer into --output.",
)
@cli.json_option
@cli.quiet_option
def main(
    paths: tuple[str, ...],
    pixel_size: float | None,
    frame: Frame | None,
    distortion: float,
    model: str,
    benchmark: str,
    csv_path: Path | None,
    plot: Path | None,
    data: str | None,
    contributions: Path | None,
    trust_code: bool,
    contributed: tuple[str, ...],
    images: Path | None,
    jsonl: bool,
    databases: tuple[str, ...],
    output: Path | None,
    workers: int | None,
    scheduler: str | None,
) -> int:
    """Name the Bravais lattice in your pictures, and measure it.

    Prints the class and its probability, the measured primitive lattice (a, b in Å, or in pixels
    where the size of one is not known, and the angle between them in degrees), the nearest lattice
    of that class, and why an answer is not to be trusted where it is not.
    """
    without_blas_threads()
    sys.setswitchinterval(_TURN)
    if contributed:
        for other in (
            *("paths", "pixel_size", "frame", "model", "csv_path", "plot", "data", "jsonl"),
            *("databases", "output"),
        ):
            cli.refuse_together(other, "contributed")
        return _contribute(contributed, benchmark, images, contributions, trust_code)
    for other in ("csv_path", "plot", "jsonl", "trust_code"):
        cli.refuse_together(other, "output")
    cli.refuse_together("workers", "scheduler")
    if not paths and plot:
        raise click.UsageError(
            f"'--plot' took {printable(str(plot))!r} for the file to draw to: put '--plot' behind "
            "the pictures, or write '--plot=PATH'."
        )
    if not paths and not databases:
        raise click.UsageError(
            "Missing argument 'PATH...', or --contribution or --database in its place."
        )
    if images:
        raise click.UsageError("'--images' goes with --contribution.")
    _refuse_two_outputs(csv_path, jsonl)
    if output is None and (workers or scheduler):
        raise click.UsageError("'--workers' and '--scheduler' go with --output.")
    reading = Reading(pixel_size, frame)
    inputs = find_inputs(paths, Structures(data, benchmark, databases))
    if csv_path and csv_path.resolve() in {Path(one.name).resolve() for one in inputs}:
        raise StemError(f"{csv_path}: is one of the inputs; name another file for the answers")
    from jarvis_stem.api import load_model  # here, so that --help need not wait

    predictor = load_model(model, benchmark, contributions, trust_code)
    if output:
        command = {
            **{"paths": list(paths), "databases": list(databases), "data": data},
            **{**asdict(reading), "distortion": distortion, "model": model, "benchmark": benchmark},
        }
        return _into(output, inputs, predictor, reading, command, workers, scheduler)
    answer = partial(answered, predictor=predictor, distortion=distortion / 100)
    if jsonl:
        outcomes = _printed(inputs, reading, plot, answer)
    else:
        read: Iterable[Outcome] = read_pictures(inputs, reading)
        if plot:
            read = list(read)
            plot_paths(plot, read)  # what is wrong with them shows before the work
        outcomes = in_threads(answer, read, "Answering")
    targets = {} if plot is None else plot_paths(plot, outcomes)
    draw_plots(outcomes, targets)
    _say_where(csv_path, targets)
    if csv_path == _STDOUT:
        text = csv_text(outcomes)
        print(terminal.plain(text) if sys.stdout.isatty() else text, end="")
    elif csv_path:
        write_text(csv_path, csv_text(outcomes))
    if csv_path != _STDOUT and not jsonl:
        show = cli.report if csv_path else cli.answer
        text = "" if cli.wants_json() else report_text(outcomes)
        show(text, [outcome.as_json() for outcome in outcomes])
    for outcome in outcomes:
        if outcome.error:
            cli.complain(outcome.error)
    return 1 if any(outcome.error for outcome in outcomes) else 0


def _refuse_two_outputs(csv_path: Path | None, jsonl: bool) -> None:
    """Refuse more than one that goes to standard output."""
    printed = {"--json": cli.wants_json(), "--jsonl": jsonl, "--csv -": csv_path == _STDOUT}
    given = [f"'{name}'" for name, is_given in printed.items() if is_given]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} both print: take one, or give --csv a file.")


def _printed(
    inputs: Sequence[Input],
    reading: Reading,
    plot: Path | None,
    answer: Callable[[Outcome], Outcome],
) -> list[Outcome]:
    """Answer input by input, and print each answer before the next one is read."""
    outcomes = []
    for one in track(inputs, "Answering"):
        for outcome in map(answer, read_input(one, reading)):
            print(json_line(outcome.as_json()), end="", flush=True)
            outcomes.append(outcome if plot else replace(outcome, picture=None))
    return outcomes


def _into(
    output: Path,
    inputs: Sequence[Input],
    predictor: Predictor,
    reading: Reading,
    command: Mapping[str, Any],
    workers: int | None,
    scheduler: str | None,
) -> int:
    """Answer into a folder, and say what is in it."""
    from jarvis_stem.prediction.answering import Answering  # here, as others need no Parquet
    from jarvis_stem.prediction.archiving import answer_into

    answering = Answering(predictor, reading, command["distortion"] / 100)
    found = answer_into(output, inputs, answering, command, workers, scheduler)
    cli.report(str(found), asdict(found))
    for fault in found.shown:
        cli.complain(fault)
    if found.errors > len(found.shown):
        more = found.errors - len(found.shown)
        cli.complain(f"{printable(str(output))}: {more:,} more errors; its column error has all")
    return 1 if found.errors else 0


def _say_where(csv_path: Path | None, targets: Mapping[str, Path]) -> None:
    """Say which files there are now."""
    if csv_path and csv_path != _STDOUT:
        terminal.note(f"answers: {printable(str(csv_path))}")
    for folder, count in Counter(path.parent for path in targets.values()).items():
        (*_, last) = [path for path in targets.values() if path.parent == folder]
        shown = f"{folder}/: {count} plots" if count > 1 else str(last)
        terminal.note(f"plot: {printable(shown)}")


def _contribute(
    names: Sequence[str],
    dataset: str,
    images: Path | None,
    contributions: Path | None,
    trust_code: bool,
) -> int:
    """Write contributions' predictions for a benchmark of real pictures."""
    done = list(_contributed(names, dataset, images, contributions, trust_code))
    cli.report("\n".join(map(str, done)), [one.as_json() for one in done])
    for id, why in done[0].unanswered.items():
        cli.complain(f"{id}: no answer: {why}")
    return 1 if any(one.unanswered for one in done) else 0


def _contributed(
    names: Sequence[str],
    dataset: str,
    images: Path | None,
    contributions: Path | None,
    trust_code: bool,
) -> Iterator[Contributed]:
    from jarvis_stem.api import load_model
    from jarvis_stem.formats.benchmark import Benchmark
    from jarvis_stem.formats.names import bravais_result
    from jarvis_stem.imaging.public_pictures import pictures_folder
    from jarvis_stem.prediction.benchmark_answers import contribute, read_benchmark
    from jarvis_stem.prediction.models import default_folder, known_models

    root = contributions or default_folder()
    benchmarks = root.resolve().parent / "benchmarks"
    name = bravais_result(dataset)
    benchmark = Benchmark.read(benchmarks, name)
    if benchmark.sources is None:
        raise StemError(
            f"{dataset}: not a benchmark of real pictures; jarvis-stem train writes a "
            "contribution's predictions for images that are drawn"
        )
    learned = bravais_result(DEFAULT_BENCHMARK)
    if _ALL in names:
        names = [one.name for one in known_models(root) if one.benchmark == DEFAULT_BENCHMARK]
    fallback = Benchmark.read(benchmarks, learned).majority_class
    outcomes = read_benchmark(list(benchmark.split(name.split)), pictures_folder(dataset, images))
    for model in names:
        predictor = load_model(model, DEFAULT_BENCHMARK, root, trust_code)
        answer = partial(answered, predictor=predictor, distortion=DISTORTION)
        answers = in_threads(answer, outcomes, "Answering")
        yield contribute(root / model, name, benchmark, answers, fallback)


if __name__ == "__main__":
    sys.exit(cli.run(main))
