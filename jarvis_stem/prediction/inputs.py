"""What a person names, as pictures: files, folders, ids of structures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_stem.prediction.outcome import Outcome
from jarvis_stem.utils import terminal
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.extras import missing
from jarvis_stem.utils.messages import printable, some

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms

    from jarvis_stem.imaging.picture import Frame, Picture


# Reads an input: pictures by name, of which a file can have several, or why there is none.
Read = Callable[[], Mapping[str, "Picture | StemError"]]
Input = tuple[str, Read]
"""What an input is called, and what reads it."""


def find_inputs(
    arguments: Sequence[str],
    pixel_size: float | None,
    frame: Frame | None,
    data: str | None,
    benchmark: str,
) -> list[Input]:
    """Name and reader of every input; nothing is read before its turn but the databases."""
    ids = [text for text in arguments if _is_id(text)]
    found = _of_databases(ids, data, benchmark) if ids else {}
    inputs: list[Input] = []
    for text in arguments:
        if text in found:
            inputs.append((text, partial(_drawn, text, found[text])))
            continue
        try:
            inputs += _of_files(Path(text), pixel_size, frame)
        except (StemError, OSError) as error:
            inputs.append((text, partial(_refuse, error)))
    return inputs


def _of_files(path: Path, pixel_size: float | None, frame: Frame | None) -> list[Input]:
    """The inputs that a path is, a file or a folder of them."""
    from jarvis_stem.imaging import picture, picture_files

    files = [path]
    if path.is_dir() and not picture_files.is_picture(path):
        files, others = picture.files_in(path)
        if others:
            names = some([printable(other.name) for other in others])
            terminal.note(f"{printable(str(path))}: skipped, of no known kind: {names}")
    return [(str(file), partial(picture.each_of_path, file, pixel_size, frame)) for file in files]


def _is_id(text: str) -> bool:
    """Whether this can only be an id: there is no such file, and no file is named so."""
    path = Path(text)
    try:
        return path.name == text and not path.suffix and not path.exists()
    except OSError:  # longer than a name can be, which reading it says
        return False


def _of_databases(ids: Sequence[str], data: str | None, benchmark: str) -> dict[str, Atoms | str]:
    """Structures by id, or why there is none."""
    from jarvis_stem.imaging import prototypes, structures
    from jarvis_stem.imaging.store import DATABASES, database_path, read_database, store_directory

    try:
        if benchmark == prototypes.RESULT_NAME.dataset:
            store: Path | str = benchmark
            absent: list[str] = []
            found = structures.for_dataset(benchmark, [f"{i}.jpg" for i in ids])
            found = {structures.structure_id(i): atoms for i, atoms in found.items()}
        else:
            store = store_directory(data)
            paths = {name: database_path(name, store) for name in DATABASES}
            absent = [path.name for path in paths.values() if not path.exists()]
            found = {}
            for name, path in paths.items():
                wanted = set(ids) - set(found)
                if wanted and path.exists():
                    records = read_database(name, store)
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
    from jarvis_stem.imaging import picture

    if isinstance(atoms, str):
        raise StemError(atoms)
    return {name: picture.of_structure(atoms)}


def _refuse(error: Exception) -> Mapping[str, Picture]:
    raise error


def read_pictures(inputs: Sequence[Input]) -> Iterator[Outcome]:
    """Read input by input; what cannot be read is named and the others are kept."""
    from jarvis_stem.utils.progress import track

    for name, read in track(inputs, "Reading"):
        yield from read_input(name, read)


def read_input(name: str, read: Read) -> list[Outcome]:
    """Read an input: its pictures without their answers, or why there is none."""
    try:
        return [
            Outcome(one, error=str(found)) if isinstance(found, StemError) else Outcome(one, found)
            for one, found in read().items()
        ]
    except StemError as error:
        return [Outcome(name, error=str(error))]
    except OSError as error:
        return [Outcome(name, error=f"{name}: {error.strerror or error}")]
    except ModuleNotFoundError as error:  # what reads files of this kind
        return [Outcome(name, error=f"{name}: {missing((error.name or '').partition('.')[0])}")]
