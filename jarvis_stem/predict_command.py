"""Name the Bravais lattice in your own pictures: ``jarvis-stem predict PATH…``."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jarvis_stem import DEFAULT_MODEL, cli
from jarvis_stem.errors import StemError
from jarvis_stem.files import write_bytes, write_text
from jarvis_stem.wording import printable, some

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms
    from rich.text import Text

    from jarvis_stem.pictures import Picture
    from jarvis_stem.predictor import Answer

# What torch takes seconds to be imported for is imported where it is needed.

_PLOTS = "lattices"  # folder of plots that are given no other
_SHOWN = 0.005  # probabilities that would be printed as 0.00 are not
_EPILOG = """\
what PATH can be:
  an image      PNG, JPEG, TIFF, BMP or GIF; dm3, dm4, emd or mrc of a microscope
  a structure   POSCAR*, .vasp, .poscar, .cif or JARVIS' .json, drawn as the benchmark's are
  a folder      all of these in it
  an id         of a structure in the JARVIS databases (see jarvis-stem data), or of the
                built-in ones with --benchmark stem_2d_proto

The size of a pixel is read from microscopes' files and from TIFFs with ImageJ's unit. Where it is
not known, all of the picture is taken to show 51.2 Å, as the benchmark's do. 3.190(2) is a measured
3.190 with a standard error of 0.002, from the noise in the picture.

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
  jarvis-stem predict POSCAR --json | jq '.[0].lattice'
  jarvis-stem predict JVASP-667 --data ../shared/jarvis_data
"""


@dataclass(frozen=True)
class _Outcome:
    """What came of an input: an answer and the picture it is of, or an error."""

    name: str
    picture: Picture | None = None
    answer: Answer | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"input": self.name, **_keys(self.answer), "error": self.error}


# Reads an input: pictures by name, of which a structure file can have several.
_Read = Callable[[], Mapping[str, "Picture"]]


@click.command(cls=cli.Command, name="predict", epilog=_EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path())
@click.option(
    "--pixel-size",
    type=click.FloatRange(min=0, min_open=True),
    metavar="Å",
    help="Å per pixel of the images; default: what their files say.",
)
@click.option(
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="NAME",
    shell_complete=cli.complete_contribution,
    help="Contribution with stored weights.",
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
    help="Folder of contributions; default: the repository's.",
)
@cli.json_option
@cli.quiet_option
def main(
    paths: tuple[str, ...],
    pixel_size: float | None,
    model: str,
    benchmark: str,
    csv_path: Path | None,
    plot: Path | None,
    data: str | None,
    contributions: Path | None,
) -> int:
    """Name the Bravais lattice in your own pictures, and measure it.

    Prints the class and its probability, the measured primitive lattice (a, b in Å and the angle
    between them in degrees), and why an answer is not to be trusted where it is not.
    """
    csv_alone = csv_path == Path("-")
    if csv_alone and cli.wants_json():
        raise click.UsageError("'--json' and '--csv -' both print: give --csv a file.")
    outcomes = _pictures(_inputs(paths, pixel_size, data, benchmark))
    targets = {} if plot is None else _plot_paths(plot, outcomes)
    outcomes = _answered(outcomes, model, benchmark, contributions)
    _draw(outcomes, targets)
    if csv_alone:
        print(_csv(outcomes), end="")
    else:
        if csv_path:
            write_text(csv_path, _csv(outcomes))
        show = cli.report if csv_path else cli.answer
        show(_report(outcomes), [outcome.as_json() for outcome in outcomes])
    for outcome in outcomes:
        if outcome.error:
            cli.complain(outcome.error)
    return 1 if any(outcome.error for outcome in outcomes) else 0


def _inputs(
    arguments: Sequence[str], pixel_size: float | None, data: str | None, benchmark: str
) -> list[tuple[str, _Read]]:
    """Name and reader of every input; nothing is read before its turn but the databases."""
    ids = [text for text in arguments if _is_id(text)]
    found = _of_databases(ids, data, benchmark) if ids else {}
    inputs: list[tuple[str, _Read]] = []
    for text in arguments:
        if text in found:
            inputs.append((text, partial(_drawn, text, found[text])))
            continue
        try:
            inputs += _of_files(Path(text), pixel_size)
        except (StemError, OSError) as error:
            inputs.append((text, partial(_refuse, error)))
    return inputs


def _of_files(path: Path, pixel_size: float | None) -> list[tuple[str, _Read]]:
    """The inputs that a path is, a file or a folder of them."""
    from jarvis_stem import pictures

    files = [path]
    if path.is_dir():
        files, others = pictures.files_in(path)
        if others:
            names = some([printable(other.name) for other in others])
            cli.note(f"{printable(str(path))}: skipped, of no known kind: {names}")
    return [(str(file), partial(pictures.of_path, file, pixel_size)) for file in files]


def _is_id(text: str) -> bool:
    """Whether this can only be an id: there is no such file, and no file is named so."""
    path = Path(text)
    return path.name == text and not path.suffix and not path.exists()


def _of_databases(ids: Sequence[str], data: str | None, benchmark: str) -> dict[str, Atoms | str]:
    """Structures by id, or why there is none."""
    from jarvis_stem import prototypes, structures

    try:
        if benchmark == prototypes.RESULT_NAME.dataset:
            store: Path | str = benchmark
            absent: list[str] = []
            found = structures.for_dataset(benchmark, [f"{i}.jpg" for i in ids])
            found = {structures.structure_id(i): atoms for i, atoms in found.items()}
        else:
            store = structures.store_directory(data)
            paths = {name: structures.database_path(name, store) for name in structures.DATABASES}
            absent = [path.name for path in paths.values() if not path.exists()]
            found = {}
            for name, path in paths.items():
                wanted = set(ids) - set(found)
                if wanted and path.exists():
                    records = structures.read_database(name, store)
                    for i in wanted & set(records):
                        found[i] = structures.parse_atoms(records[i], f"{store}: {i}")
    except StemError as error:
        return dict.fromkeys(ids, str(error))
    way_out = (
        f", which lacks {', '.join(absent)}; jarvis-stem data fetch gets them, --data names "
        "another folder"
        if absent
        else ""
    )
    return {
        i: found.get(i) or f"{i}: no such file, and no such id in {store}{way_out}" for i in ids
    }


def _drawn(name: str, atoms: Atoms | str) -> Mapping[str, Picture]:
    from jarvis_stem import pictures

    if isinstance(atoms, str):
        raise StemError(atoms)
    return {name: pictures.of_structure(atoms)}


def _refuse(error: Exception) -> Mapping[str, Picture]:
    raise error


def _pictures(inputs: Sequence[tuple[str, _Read]]) -> list[_Outcome]:
    """Read every input; what cannot be read is named and the others are kept."""
    from jarvis_stem.progress import track

    outcomes: list[_Outcome] = []
    for name, read in track(inputs, "Reading"):
        try:
            outcomes += [_Outcome(one, picture) for one, picture in read().items()]
        except StemError as error:
            outcomes.append(_Outcome(name, error=str(error)))
        except OSError as error:
            outcomes.append(_Outcome(name, error=f"{name}: {error.strerror or error}"))
    return outcomes


def _answered(
    outcomes: Sequence[_Outcome], model: str, benchmark: str, contributions: Path | None
) -> list[_Outcome]:
    from jarvis_stem.predictor import load_model

    predictor = load_model(model, benchmark, contributions)
    pictures = [outcome.picture for outcome in outcomes if outcome.picture]
    answers = iter(predictor.answer(pictures))
    return [
        _Outcome(outcome.name, outcome.picture, next(answers)) if outcome.picture else outcome
        for outcome in outcomes
    ]


def _plot_paths(plot: Path, outcomes: Sequence[_Outcome]) -> dict[str, Path]:
    """Where the plot of each picture goes."""
    names = [outcome.name for outcome in outcomes if outcome.picture]
    if plot.suffix.lower() == ".png" and not plot.is_dir():
        if len(names) > 1:
            raise StemError(f"{plot}: one file for {len(names)} plots; name a folder")
        paths = [plot] * len(names)
    else:
        seen: Counter[str] = Counter()
        paths = []
        for name in names:
            short = _short(name)
            seen[short] += 1
            number = f"-{seen[short]}" if seen[short] > 1 else ""
            paths.append(plot / f"{short}{number}.png")
    for path in paths:
        _refuse_other(path)
    return dict(zip(names, paths, strict=True))


def _short(name: str) -> str:
    """A file's name for a picture's, without its ending."""
    from jarvis_stem import pictures

    kinds = (*pictures.IMAGES, *pictures.STRUCTURES, *pictures.MICROSCOPES)
    path = Path(name)
    return re.sub(r"[^\w.+-]+", "_", path.stem if path.suffix.lower() in kinds else path.name)


def _refuse_other(path: Path) -> None:
    """Refuse to overwrite what is no plot: ``--plot picture.png`` may mean to draw that one."""
    if path.exists():
        from PIL import Image

        from jarvis_stem.overlay import SOFTWARE

        try:
            with Image.open(path) as image:
                ours = image.info.get("Software") == SOFTWARE
        except OSError:
            ours = False
        if not ours:
            raise StemError(
                f"{path}: is there and is no plot of {SOFTWARE}; name another file, and put --plot "
                "last if it should have none"
            )


def _draw(outcomes: Sequence[_Outcome], targets: Mapping[str, Path]) -> None:
    if not targets:
        return
    from jarvis_stem import overlay
    from jarvis_stem.progress import track

    for outcome in track([one for one in outcomes if one.picture], "Drawing"):
        assert outcome.picture is not None and outcome.answer is not None  # noqa: S101 - see above
        name = Path(outcome.name).name
        drawn = overlay.figure(outcome.picture, outcome.answer, name)
        write_bytes(targets[outcome.name], overlay.png(drawn))


def _keys(answer: Answer | None) -> dict[str, Any]:
    """An answer's keys, which are there without one, too."""
    if answer:
        return answer.as_json()
    nothing: dict[str, Any] = dict.fromkeys(_KEYS)
    return {**nothing, "reasons": []}


_KEYS = (
    *("class", "class_name", "probabilities", "confidence"),
    *("lattice", "quality", "pixel_size", "reasons"),
)
_LATTICE = ("a", "a_error", "b", "b_error", "gamma", "gamma_error")


def _csv(outcomes: Sequence[_Outcome]) -> str:
    """One line an input; what is not known is empty."""
    rows = [outcome.as_json() for outcome in outcomes]
    classes: dict[str, float] = next(filter(None, (row["probabilities"] for row in rows)), {})
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    ends = ("quality", "pixel_size")
    shares = [f"p_{name}" for name in classes]
    head = ("input", "class", "class_name", "confidence")
    writer.writerow([*head, *shares, *_LATTICE, *ends, "reasons", "error"])
    for row in rows:
        probabilities, lattice = row["probabilities"] or {}, row["lattice"] or {}
        writer.writerow(
            [
                *(row[key] for key in head),
                *(probabilities.get(name) for name in classes),
                *(lattice.get(key) for key in _LATTICE),
                *(row[key] for key in ends),
                "; ".join(row["reasons"]),
                row["error"],
            ]
        )
    return buffer.getvalue()


def _report(outcomes: Sequence[_Outcome]) -> str:
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
    if any(answer.lattice and answer.pixel_size is None for _, answer in answers):
        lines.append(
            "a and b: where neither the file nor --pixel-size says how large a pixel is, the "
            "picture is taken to show 51.2 Å"
        )
    return "\n".join(lines)


def _lines(answer: Answer) -> Text:
    """Class and probabilities, the lattice, and reasons for distrust, a line each."""
    from rich.text import Text

    shares = sorted(answer.as_json()["probabilities"].items(), key=lambda one: -one[1])
    others = [f", {name} {share:.2f}" for name, share in shares[1:] if share >= _SHOWN]
    said = Text.assemble(
        (f"{answer.class_name} {answer.confidence:.2f}", "bold"), ("".join(others), "dim")
    )
    if answer.lattice:
        said.append(f"\n{answer.lattice}")
    for reason in answer.reasons:
        said.append(f"\n{reason}", "yellow")
    return said


if __name__ == "__main__":
    sys.exit(cli.run(main))
