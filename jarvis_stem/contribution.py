"""A contribution folder: predictions and metadata, read with suspicion and written with care.

A contribution is ``<contributions>/<model>/`` with one ``<result name>.csv.zip`` for each benchmark
it predicts, and a metadata.json with JARVIS-Leaderboard's keys. What is wrong with a file that
others sent comes back as a list of problems, one line of text each, so that one check serves the
leaderboard, a checklist and a pull request alike.
"""

from __future__ import annotations

import csv
import datetime
import io
import math
import platform
import re
import reprlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from jarvis_stem.benchmark import PREDICTIONS_SUFFIX, Benchmark, ResultName
from jarvis_stem.errors import StemError
from jarvis_stem.files import (
    json_text,
    read_json_object,
    read_zip,
    write_bytes,
    write_text,
    zip_bytes,
)

METADATA = "metadata.json"
COLUMNS = ("id", "target", "prediction")
_BLANK: dict[str, Any] = {  # JARVIS' keys in JARVIS' order
    "model_name": "",
    "project_url": "",
    "date_submitted": "",
    "author_email": "",
    "database_version": "",
    "team_name": "",
    "time_taken_seconds": {},
    "language": "",
    "os": "",
    "software_used": "",
    "hardware_used": "",
    "git_url": [],
}
_TEXT_KEYS = ("model_name", "project_url", "date_submitted", "team_name")
_METADATA_LIMIT = 2**20  # bytes
_REPR = reprlib.Repr()
_REPR.maxstring = 60
_EXAMPLES = 3  # what a message shows of many like faults
_INTEGER = re.compile(r"(-?[0-9]{1,18})(\.0+)?")
_FOLDER_NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*")


@dataclass(frozen=True)
class Metadata:
    """What the leaderboard shows of a contribution's metadata.json.

    Attributes:
        seconds: Training time by file name, where it was recorded.
        missing_structures: By file name, the test ids that no structure was at hand for and that
            got the most frequent class.
    """

    model_name: str = ""
    project_url: str = ""
    date_submitted: str = ""
    team_name: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    missing_structures: dict[str, int] = field(default_factory=dict)


class _Table(NamedTuple):
    """The columns of a predictions file, as text; `targets` is empty where there is none."""

    lines: list[int]
    ids: list[str]
    predictions: list[str]
    targets: list[str]


def contribution_folders(root: Path) -> list[Path]:
    """Folders of all contributions, sorted; hidden ones and ``__pycache__`` are not contributions.

    Raises:
        StemError: The root is not a folder.
    """
    if not root.is_dir():
        raise StemError(f"{root}: no such folder of contributions")
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] not in "._")


def prediction_files(folder: Path) -> list[Path]:
    """Predictions in a contribution folder, sorted."""
    return sorted(folder.glob(f"*{PREDICTIONS_SUFFIX}"))


def check_folder_name(folder: Path) -> list[str]:
    """Problems of a contribution's name, which becomes part of links and of labels."""
    if _FOLDER_NAME.fullmatch(folder.name):
        return []
    return [f"folder {_quote(folder.name)}: expected a name of letters, digits, '_', '.', '+', '-'"]


def read_predictions(
    path: Path, name: ResultName, benchmark: Benchmark
) -> tuple[dict[str, int | str], list[str]]:
    """Read predictions and check them against the benchmark.

    Integer classes may be written ``2``, ``2.0`` or `` 2 ``; nothing else is rounded or guessed.

    Args:
        path: The zip.
        name: The result's name, which also names the CSV in the zip.
        benchmark: The benchmark that it is about; it has the result's split.

    Returns:
        The predicted class of every id, in the benchmark's order and of its types, and the
        problems; where there are problems there are no predictions.
    """
    targets = benchmark.split(name.split)
    try:
        table = _read_table(path, name.csv_name, len(targets))
    except StemError as error:
        return {}, [str(error).removeprefix(f"{path}: ")]
    classes = {
        text: known
        for text in {*table.predictions, *table.targets}
        if (known := _as_class(text, benchmark.classes)) is not None
    }
    problems = [
        *_id_problems(table.ids, targets),
        *_prediction_problems(table, classes, benchmark.classes),
        *_target_problems(table, classes, targets),
    ]
    if problems:
        return {}, problems
    written = dict(zip(table.ids, table.predictions, strict=True))
    return {id: classes[written[id]] for id in targets}, []


def write_predictions(
    folder: Path,
    name: ResultName,
    ids: Sequence[str],
    targets: Sequence[int | str],
    predictions: Sequence[int | str],
) -> Path:
    """Write predictions as JARVIS-Leaderboard takes them; the same rows give the same bytes.

    Args:
        folder: The contribution; made where missing.
        name: The result's name.
        ids: Every test id, in the benchmark's order.
        targets: Their classes.
        predictions: Their predicted classes.

    Returns:
        The zip.

    Raises:
        ValueError: The lengths differ.
        OSError: The folder cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(zip(ids, targets, predictions, strict=True))
    path: Path = folder / name.predictions_name
    write_bytes(path, zip_bytes(name.csv_name, text.getvalue().encode()))
    return path


def read_metadata(folder: Path) -> tuple[Metadata, list[str]]:
    """Read what the leaderboard shows of a contribution's metadata.json.

    Args:
        folder: The contribution.

    Returns:
        The metadata and the problems; where there are problems the metadata is empty.
    """
    path = folder / METADATA
    try:
        data = read_json_object(path, limit=_METADATA_LIMIT)
    except StemError as error:
        return Metadata(), [f"{METADATA}: {str(error).removeprefix(f'{path}: ')}"]
    problems = [
        *(
            f"{METADATA}: expected one line of text under {key!r}, got {_quote(data.get(key))}"
            for key in _TEXT_KEYS
            if not (isinstance(data.get(key), str) and data[key].isprintable())
        ),
        *(
            f"{METADATA}: expected {{file name: {what}}} under {key!r}, got {_quote(data[key])}"
            for key, what, fits in (
                ("time_taken_seconds", "number", _is_duration),
                ("missing_structures", "count", _is_count),
            )
            if key in data and not _is_mapping(data[key], fits)
        ),
    ]
    if problems:
        return Metadata(), problems
    seconds = data.get("time_taken_seconds", {})
    return Metadata(
        **{key: data[key] for key in _TEXT_KEYS},
        seconds={file: value for file, value in seconds.items() if value != ""},
        missing_structures=data.get("missing_structures", {}),
    ), []


def update_metadata(
    folder: Path,
    name: ResultName,
    *,
    date: datetime.date,
    seconds: int,
    missing_structures: int,
    software_used: str,
    hardware_used: str,
) -> Path:
    """Record a training run in a contribution's metadata.json and keep what a person wrote there.

    What a run knows is replaced: date, times, software, hardware. What only a person knows
    (model_name, project_url, author_email, team_name, database_version, git_url) and every
    other key stays; where it is missing an empty one shows what to fill in.

    Args:
        folder: The contribution; made where missing.
        name: The result that the run produced.
        date: Its date.
        seconds: Its wall time.
        missing_structures: Test ids that got the most frequent class for want of a structure.
        software_used: Packages and versions.
        hardware_used: Processor or GPU.

    Returns:
        The file.

    Raises:
        StemError: There is a metadata.json that cannot be read; it is left as it is.
        OSError: The folder cannot be written.
    """
    path = folder / METADATA
    old = read_json_object(path, limit=_METADATA_LIMIT) if path.exists() else {}
    new = {
        **_BLANK,
        "model_name": folder.name,
        **old,
        "date_submitted": f"{date:%m-%d-%Y}",
        "language": "python",
        "os": platform.system().lower(),
        "software_used": software_used,
        "hardware_used": hardware_used,
        "time_taken_seconds": _with(old, "time_taken_seconds", name, seconds, path),
        "missing_structures": _with(old, "missing_structures", name, missing_structures, path),
    }
    write_text(path, json_text(new))
    return path


def _with(
    old: dict[str, Any], key: str, name: ResultName, value: int, path: Path
) -> dict[str, Any]:
    by_file = old.get(key, {})
    if not isinstance(by_file, dict):
        raise StemError(f"{path}: expected {{file name: number}} under {key!r}, got {by_file!r}")
    return {**by_file, name.predictions_name: value}


def _read_table(path: Path, member: str, expected: int) -> _Table:
    """Read a predictions file's columns; a StemError says why they cannot be told apart."""
    rows = _rows(_decode(read_zip(path, member), path), path)
    _, header = next(rows, (0, []))
    names = [name.strip() for name in header]
    if names.count("id") != 1 or names.count("prediction") != 1 or names.count("target") > 1:
        raise StemError(
            f"{path}: expected a header with the columns id and prediction once each (target may "
            f"be there too), got {_quote(','.join(header))}"
        )
    where = {name: names.index(name) for name in COLUMNS if name in names}
    table = _Table([], [], [], [])
    misshapen = []
    for line, row in rows:
        if len(table.lines) > 2 * expected:  # all faults show by then, and memory stays bounded
            raise StemError(f"{path}: expected {expected} rows, got more than {2 * expected}")
        if len(row) != len(names):
            misshapen.append(f"line {line} has {len(row)}")
            continue
        table.lines.append(line)
        table.ids.append(row[where["id"]])
        table.predictions.append(row[where["prediction"]])
        if "target" in where:
            table.targets.append(row[where["target"]])
    if misshapen:
        raise StemError(
            f"{path}: {_count(misshapen, 'row')} without exactly the header's {len(names)} fields: "
            f"{_some(misshapen)}"
        )
    return table


def _decode(content: bytes, path: Path) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StemError(f"{path}: not UTF-8 at byte {error.start}; save the CSV as UTF-8") from None
    if "\0" in text:
        raise StemError(f"{path}: a NUL at character {text.index(chr(0))}; save the CSV as UTF-8")
    return text


def _rows(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, with the line each ends on."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise StemError(f"{path}: line {reader.line_num} is not CSV ({error})") from None


def _as_class(text: str, classes: list[int | str]) -> int | str | None:
    """The class that a cell means, or None."""
    text = text.strip()
    if text in classes:
        return text
    whole = _INTEGER.fullmatch(text)
    return int(whole[1]) if whole and int(whole[1]) in classes else None


def _id_problems(ids: list[str], targets: dict[str, int | str]) -> list[str]:
    counts = Counter(ids)
    missing = [_quote(id) for id in targets if id not in counts]
    extra = [_quote(id) for id in counts if id not in targets]
    repeated = [f"{_quote(id)} {n} times" for id, n in counts.items() if n > 1]
    return [
        f"{_count(found, 'id')} {fault}: {_some(found)}; {way_out}"
        for found, fault, way_out in (
            (missing, "missing", f"predict each of the {len(targets)} test ids"),
            (extra, "unknown", "the benchmark's test split has none of that name"),
            (repeated, "repeated", "predict each test id once"),
        )
        if found
    ]


def _prediction_problems(
    table: _Table, classes: dict[str, int | str], known: list[int | str]
) -> list[str]:
    bad = [
        f"line {line}: {_quote(text)}"
        for line, text in zip(table.lines, table.predictions, strict=True)
        if text not in classes
    ]
    if not bad:
        return []
    return [
        f"{_count(bad, 'prediction')} not a class: {_some(bad)}; the classes are {_some(known, 10)}"
    ]


def _target_problems(
    table: _Table, classes: dict[str, int | str], targets: dict[str, int | str]
) -> list[str]:
    bad = [
        f"line {line}: {_quote(text)} instead of {targets[id]!r}"
        for line, id, text in zip(table.lines, table.ids, table.targets, strict=False)  # or none
        if id in targets and classes.get(text) != targets[id]
    ]
    if not bad:
        return []
    return [
        f"{_count(bad, 'target')} unlike the benchmark's: {_some(bad)}; mend or leave out target"
    ]


def _count(found: Sequence[object], noun: str) -> str:
    return f"{len(found)} {noun}{'s' if len(found) > 1 else ''}"


def _some(found: Sequence[object], limit: int = _EXAMPLES) -> str:
    return ", ".join(map(str, found[:limit])) + (", …" if len(found) > limit else "")


def _quote(value: object) -> str:
    """Show a stranger's value on one short line, control characters escaped."""
    return _REPR.repr(value)


def _is_mapping(value: object, fits: Callable[[object], bool]) -> bool:
    return isinstance(value, dict) and all(map(fits, value.values()))


def _is_duration(value: object) -> bool:
    # JARVIS' own contributions hold "" where nobody took the time.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value == ""
    return 0 <= value < math.inf


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0
