"""Where stored models are: a folder of contributions, this package, the repository's release."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_stem import __version__
from jarvis_stem.formats.folder import contribution_folders
from jarvis_stem.formats.names import MODEL_SUFFIX, ResultName, bravais_result
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import read_json_object

if TYPE_CHECKING:
    from jarvis_stem.formats.run_record import RunRecord

_PACKAGE = Path(__file__).resolve().parents[1]
REPOSITORY = _PACKAGE.parent / "contributions"  # of a clone
SHIPPED = _PACKAGE / "contributions"  # of an installed package: the default model
_RELEASE = SHIPPED / "release.json"  # what else there is, with sizes and checksums
_RECORD = ".run.json"
_ADDRESS = "https://github.com/jarvis-stem/jarvis_stem/releases/download"


@dataclass(frozen=True)
class KnownModel:
    """A model that can be loaded.

    Attributes:
        name: Of its contribution.
        benchmark: Data set that it was trained on.
        place: ``here`` on this disk, ``release`` if it is downloaded first, ``weights`` if it is
            stored as weights that its own code runs.
        bytes: Size of its file.
        accuracy: On the benchmark's test split.
    """

    name: str
    benchmark: str
    place: str
    bytes: int
    accuracy: float

    def as_json(self) -> dict[str, Any]:
        """The same as a dictionary."""
        return asdict(self)


def default_folder() -> Path:
    """Folder of contributions that models are looked for in: the clone's, or the package's own."""
    return REPOSITORY if REPOSITORY.is_dir() else SHIPPED


def known_models(contributions: Path | None = None) -> list[KnownModel]:
    """List the models of a folder of contributions, or of this package and its release.

    Args:
        contributions: The folder; by default `default_folder`.

    Returns:
        Sorted by name and benchmark. Of a run that stored nothing there is none.

    Raises:
        StemError: No such folder.
    """
    root = contributions or default_folder()
    found = [] if contributions else list(_of_release())
    for folder in contribution_folders(root) if root.is_dir() or contributions else []:
        found += _of_folder(folder)
    newest = {(one.name, one.benchmark): one for one in found}  # what is here goes first
    return [newest[key] for key in sorted(newest)]


def _of_folder(folder: Path) -> Iterator[KnownModel]:
    from jarvis_stem.formats.run_record import read_run_record

    for path in folder.glob(f"*{_RECORD}"):
        record, _ = read_run_record(path)
        if record and record.stored:
            name = ResultName.parse(path.name.removesuffix(_RECORD))
            place = "here" if record.model else "weights"
            accuracy = record.result.accuracy
            yield KnownModel(folder.name, name.dataset, place, record.stored.bytes, accuracy)


def _of_release() -> Iterator[KnownModel]:
    for name, of_benchmarks in _released().items():
        for benchmark, one in of_benchmarks.items():
            yield KnownModel(name, benchmark, "release", one["bytes"], one["accuracy"])


def _released() -> dict[str, dict[str, Any]]:
    """What setup.py has listed of the contributions that this package was built beside."""
    return read_json_object(_RELEASE) if _RELEASE.is_file() else {}


def recorded(folder: Path, benchmark: str) -> RunRecord:
    """The record of a contribution's training.

    Args:
        folder: The contribution.
        benchmark: Data set that it was trained on.

    Raises:
        StemError: There is none, it has problems, or it has stored nothing.
    """
    # Here, for it takes pydantic: an answer that asks no model need not wait for that.
    from jarvis_stem.formats.run_record import read_run_record

    path = folder / bravais_result(benchmark).run_record_name
    record, problems = read_run_record(path)
    if problems:
        raise StemError(f"{folder}: {'; '.join(problems)}")
    if record is None or record.stored is None:
        what = "no such file" if record is None else "records no model"
        raise StemError(
            f"{path}: {what}; train the model: jarvis-stem train {folder.name} --benchmark "
            f"{benchmark}"
        )
    return record


def recorded_sha256(folder: Path, benchmark: str) -> str:
    """The checksum of a contribution's stored model, read without the schema of its record.

    That takes a while to import, and a file that fits the checksum is the one that is meant.

    Raises:
        StemError: There is no record, or none of a model in it.
    """
    path = folder / bravais_result(benchmark).run_record_name
    model = read_json_object(path).get("model")
    if not isinstance(model, dict) or not isinstance(model.get("sha256"), str):
        raise StemError(
            f"{path}: records no model; train the model: jarvis-stem train {folder.name}"
        )
    return str(model["sha256"])


def of_release(name: str, benchmark: str) -> tuple[Path, str]:
    """A model of the repository's release, downloaded if it is not kept from before.

    Args:
        name: Of its contribution.
        benchmark: Data set that it was trained on.

    Returns:
        Its file in the user's cache, and its SHA-256.

    Raises:
        StemError: There is no such model, or it cannot be had.
    """
    import requests
    from platformdirs import user_cache_path

    from jarvis_stem.formats.run_record import Stored
    from jarvis_stem.utils.download import download

    entry = _released().get(name, {}).get(benchmark)
    if entry is None:
        names = ", ".join(sorted({one.name for one in known_models()})) or "none"
        raise StemError(
            f"{name}: no such model for {benchmark}; with a model: {names}; jarvis-stem models "
            "lists them, --contributions DIR names a folder with others"
        )
    stored = Stored(sha256=entry["sha256"], bytes=entry["bytes"])
    # Versions of a model have files of their own, so that none takes another's place.
    file = f"{name}-{benchmark}-{stored.sha256[:12]}{MODEL_SUFFIX}"
    path = user_cache_path("jarvis_stem") / "models" / file
    address = f"{_ADDRESS}/v{__version__}/{name}-{benchmark}{MODEL_SUFFIX}"
    try:
        download(address, path, name, sha256=stored.sha256)
    except (requests.RequestException, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise StemError(
            f"{address}: cannot be downloaded ({reason}); try again, or put a clone's "
            "contributions there: --contributions DIR"
        ) from None
    return path, stored.sha256
