"""What a person names, as pictures: files, folders, ids of structures."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_stem.prediction.outcome import Outcome
from jarvis_stem.utils import terminal
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.extras import explained
from jarvis_stem.utils.messages import printable, some

if TYPE_CHECKING:
    from jarvis_stem.imaging.picture import Frame, Picture


@dataclass(frozen=True, slots=True)
class Input:
    """What is read in one go; small, as there can be a million, and any process can read it.

    Attributes:
        name: A file's path, or a structure's id.
        of: Nothing where the file is read as `Reading` says; which of its frames, from 0, where
            they are read one at a time; a structure (JARVIS' ``Atoms``, or its dictionary of
            atoms); or why there is none.
    """

    name: str
    of: range | Frames | Mapping[str, Any] | StemError | Any = None


class Frames(Enum):
    """Frames of a file that nobody has counted."""

    EVERY = auto()


@dataclass(frozen=True)
class Reading:
    """How inputs are read.

    Attributes:
        pixel_size: Å per pixel; by default what files say.
        frame: Of files with several.
    """

    pixel_size: float | None = None
    frame: Frame | None = None


@dataclass(frozen=True)
class Structures:
    """Where structures come from that are named by id.

    Attributes:
        data: Folder of the JARVIS databases; see `imaging.store.store_directory`.
        benchmark: ``stem_2d_proto`` for the built-in structures.
        databases: Names of JARVIS databases of which every structure is an input.
    """

    data: str | None = None
    benchmark: str = ""
    databases: Sequence[str] = ()


def find_inputs(arguments: Sequence[str], structures: Structures) -> list[Input]:
    """List every input; nothing is read before its turn but the databases.

    Args:
        arguments: Files, folders, patterns of files' names, ids of structures.
        structures: Where those come from.

    Raises:
        StemError: There is no such database, or it cannot be read.
    """
    ids = [text for text in arguments if _is_id(text)]
    found = _of_databases(ids, structures) if ids else {}
    inputs: list[Input] = []
    for text in arguments:
        if text in found:
            inputs.append(Input(text, found[text]))
            continue
        try:
            inputs += _of_files(text)
        except StemError as error:
            inputs.append(Input(text, error))
        except OSError as error:
            inputs.append(Input(text, _no_file(text, error)))
    for database in structures.databases:
        inputs += _all_of_database(database, structures.data)
    return inputs


def _of_files(text: str) -> Iterator[Input]:
    """The inputs that an argument is: a file, a folder of them, or a pattern of their names."""
    from jarvis_stem.imaging import picture, picture_files

    path = Path(text)
    files = [str(path)]
    if path.is_dir() and not picture_files.is_picture(path):
        files, others = picture.files_in(path)
        if others:
            names = some([printable(Path(other).name) for other in others])
            terminal.note(f"{printable(str(path))}: skipped, of no known kind: {names}")
    elif glob.has_magic(text) and not path.exists():
        found = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - a pattern may be absolute
        files = [one for one in found if picture_files.is_picture(Path(one)) or Path(one).is_file()]
        if not files:
            raise StemError(f"{text}: no such file, and none whose name is like it")
    return map(Input, files)


def _is_id(text: str) -> bool:
    """Whether this can only be an id: there is no such file, and no file is named so."""
    path = Path(text)
    try:
        return (
            path.name == text and not path.suffix and not glob.has_magic(text) and not path.exists()
        )
    except OSError:  # longer than a name can be, which reading it says
        return False


def _of_databases(ids: Sequence[str], known: Structures) -> dict[str, Any]:
    """Structures by id, or why there is none."""
    from jarvis_stem.imaging import prototypes, structures
    from jarvis_stem.imaging.store import DATABASES, database_path, read_database, store_directory

    try:
        if known.benchmark == prototypes.RESULT_NAME.dataset:
            store: Path | str = known.benchmark
            absent: list[str] = []
            drawn = structures.for_dataset(known.benchmark, [f"{i}.jpg" for i in ids])
            found: dict[str, Any] = {structures.structure_id(i): one for i, one in drawn.items()}
        else:
            store = store_directory(known.data)
            paths = {name: database_path(name, store) for name in DATABASES}
            absent = [path.name for path in paths.values() if not path.exists()]
            found = {}
            for name, path in paths.items():
                wanted = set(ids) - set(found)
                if wanted and path.exists():
                    records = read_database(name, store)
                    found.update({i: records[i] for i in wanted & set(records)})
    except StemError as error:
        return dict.fromkeys(ids, error)
    way_out = (
        f", which lacks {', '.join(absent)}; jarvis-stem data fetch gets them, --data names "
        "another folder"
        if absent
        else ""
    )
    return {
        i: found.get(i, StemError(f"{i}: no such file, and no such id in {store}{way_out}"))
        for i in ids
    }


def _all_of_database(name: str, data: str | None) -> Iterator[Input]:
    """Every structure of a JARVIS database on this disk, in its order."""
    from jarvis_stem.imaging.store import DATABASES, database_path, read_database, store_directory

    if name not in DATABASES:
        raise StemError(f"{name}: no such database; expected {', '.join(DATABASES)}")
    store = store_directory(data)
    path = database_path(name, store)
    if not path.exists():  # nothing is downloaded without being asked for
        raise StemError(
            f"{path}: no such file; jarvis-stem data fetch gets it, --data names another folder"
        )
    return (Input(id, record) for id, record in read_database(name, store).items())


def _no_file(name: str, error: OSError) -> StemError:
    return StemError(f"{name}: {error.strerror or error}")


def read_pictures(inputs: Sequence[Input], reading: Reading) -> Iterator[Outcome]:
    """Read input by input; what cannot be read is named and the others are kept."""
    from jarvis_stem.utils.progress import track

    for one in track(inputs, "Reading"):
        yield from read_input(one, reading)


def read_input(one: Input, reading: Reading) -> Iterator[Outcome]:
    """Read an input's pictures, without their answers, or why there is none.

    Frames that are named are read one at a time.
    """
    name = one.name
    try:
        with explained(name):
            for shown, found in _read(one, reading):
                if isinstance(found, StemError):
                    yield Outcome(shown, error=str(found))
                else:
                    yield Outcome(shown, found)
    except StemError as error:
        yield Outcome(name, error=str(error))
    except OSError as error:
        yield Outcome(name, error=str(_no_file(name, error)))


def _read(one: Input, reading: Reading) -> Iterable[tuple[str, Picture | StemError]]:
    from jarvis_stem.imaging import picture

    if isinstance(one.of, StemError):
        raise one.of
    if one.of is None:
        return picture.each_of_path(Path(one.name), reading.pixel_size, reading.frame).items()
    if isinstance(one.of, range | Frames):
        frames = slice(one.of.start, one.of.stop) if isinstance(one.of, range) else slice(None)
        return picture.frame_by_frame(Path(one.name), reading.pixel_size, frames)
    return [(one.name, _drawn(one.name, one.of))]


def _drawn(name: str, structure: Any) -> Picture:
    """The picture of a structure: JARVIS' ``Atoms``, or its dictionary of them."""
    from jarvis_stem.imaging import picture, structures

    if isinstance(structure, Mapping):
        structure = structures.parse_atoms(structure, name)
    return picture.of_structure(structure)
