"""Predictions: a CSV in a zip, read with suspicion and written with care.

What is wrong with a file that others sent comes back as a list of problems, one line of text each,
so that one check serves the leaderboard, a checklist and a pull request alike.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import ResultName
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import member_name, read_zip, write_bytes, zip_bytes
from jarvis_stem.utils.messages import count, quote, some

COLUMNS = ("id", "target", "prediction")
_BASE_LIMIT = 2**20  # bytes of a CSV, and
_ROW_LIMIT = 2**10  # this much for each id: cells cost a reader many times their text
_ENDING = ".jpg"  # of the real benchmark's ids, and easily lost
_BLANKS = " \t"  # around a class; what else looks blank other readers take for a part of it
_NONE = np.empty(0, np.intp)
_INTEGER = re.compile(r"(-?[0-9]{1,18})(\.0+)?")


class _Table(NamedTuple):
    """The columns of a predictions file, as text; `targets` is empty where there is none."""

    text: str
    ids: list[str]
    predictions: list[str]
    targets: list[str]


def read_predictions(
    path: Path, name: ResultName, benchmark: Benchmark
) -> tuple[NDArray[np.intp], list[str]]:
    """Read predictions and check them against the benchmark.

    Integer classes may be written ``2``, ``2.0`` or `` 2 ``; nothing else is rounded or guessed.

    Args:
        path: The zip; its only member is read whatever its name, see `member_problems`.
        name: The result's name.
        benchmark: The benchmark that it is about; it has the result's split.

    Returns:
        The index in `benchmark.classes` of each id's predicted class, intp[n], in the benchmark's
        order, and the problems; where there are problems there are no predictions.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> from jarvis_stem.formats.names import bravais_result
        >>> tiny = Benchmark(Path("tiny.json.zip"), {"test": {"a.jpg": 0, "b.jpg": 2}})
        >>> with TemporaryDirectory() as folder:
        ...     path = write_predictions(Path(folder), bravais_result("tiny"), ["a.jpg"], [0], [2])
        ...     read_predictions(path, bravais_result("tiny"), tiny)
        (array([], dtype=int64), ["1 id missing: 'b.jpg'; predict each of the 2 test ids"])
    """
    split = benchmark.split(name.split)
    limit = _BASE_LIMIT + _ROW_LIMIT * len(split)
    try:
        content = read_zip(path, limit=limit, sealed=True)
        plain = benchmark.plain_rows[name.split].read(content)
        if plain is not None:
            return plain, []
        table = _read_table(_decode(content, path), path, len(split))
    except StemError as error:
        return _NONE, [str(error).removeprefix(f"{path}: ")]
    classes = {
        text: known
        for text in {*table.predictions, *table.targets}
        if (known := _as_class(text, benchmark.classes)) is not None
    }
    problems = [
        *_id_problems(table.ids, split),
        *_prediction_problems(table, classes, benchmark.classes),
        *_target_problems(table, classes, split),
    ]
    if problems:
        return _NONE, problems
    by_id = dict(zip(table.ids, table.predictions, strict=True))
    return benchmark.indices(classes[by_id[id]] for id in split), []


def member_problems(path: Path, name: ResultName) -> list[str]:
    """Say what is to be mended of a zip that was read, though it does not change the score."""
    if (member := member_name(path)) == name.csv_name:
        return []
    return [f"expected the single member {name.csv_name!r}, got {quote(member)}; rename it"]


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

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> from jarvis_stem.formats.names import bravais_result
        >>> with TemporaryDirectory() as folder:
        ...     write_predictions(Path(folder), bravais_result("tiny"), ["a.jpg"], [0], [2]).name
        'AI-ImageClass-bravais_class-tiny-test-acc.csv.zip'
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(zip(ids, targets, predictions, strict=True))
    path: Path = folder / name.predictions_name
    write_bytes(path, zip_bytes(name.csv_name, text.getvalue().encode()))
    return path


def _read_table(text: str, path: Path, expected: int) -> _Table:
    """Read a predictions file's columns; a StemError says why they cannot be told apart."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    # All cells in one list: a list for each row would keep the garbage collector busy.
    cells: list[str] = []
    widths: list[int] = []
    try:
        # All faults show in twice the rows, and memory stays bounded.
        for row in islice(filter(None, reader), 2 * expected + 2):
            cells += row
            widths.append(len(row))
    except csv.Error as error:
        raise StemError(f"{path}: line {reader.line_num} is not CSV ({error})") from None
    names = [name.strip() for name in cells[: widths[0]]] if widths else []
    if names.count("id") != 1 or names.count("prediction") != 1 or names.count("target") > 1:
        raise StemError(
            f"{path}: expected a header with the columns id and prediction once each (target may "
            f"be there too), got {quote(','.join(names))}"
        )
    if len(widths) > 2 * expected + 1:
        raise StemError(f"{path}: expected {expected} rows, got more than {2 * expected}")
    if {*widths} != {len(names)}:
        found = [
            f"line {line} has {width}"
            for line, width in zip(_lines(text), widths, strict=True)
            if width != len(names)
        ]
        raise StemError(
            f"{path}: {count(found, 'row')} without exactly the header's {len(names)} fields: "
            f"{some(found)}"
        )
    columns = {name: cells[len(names) + at :: len(names)] for at, name in enumerate(names)}
    return _Table(text, *(columns.get(name, []) for name in ("id", "prediction", "target")))


def _decode(content: bytes, path: Path) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StemError(f"{path}: not UTF-8 at byte {error.start}; save the CSV as UTF-8") from None
    if "\0" in text:
        raise StemError(f"{path}: a NUL at character {text.index(chr(0))}; save the CSV as UTF-8")
    return text


def _lines(text: str) -> list[int]:
    """The line that each row ends on, blank ones left out: wanted only for a message."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    return [reader.line_num for row in reader if row]


def _as_class(text: str, classes: list[int | str]) -> int | str | None:
    """The class that a cell means, or None."""
    text = text.strip(_BLANKS)
    if text in classes:
        return text
    whole = _INTEGER.fullmatch(text)
    return int(whole[1]) if whole and int(whole[1]) in classes else None


def _id_problems(ids: list[str], split: Mapping[str, int | str]) -> list[str]:
    if len(ids) == len(split) and {*ids} == split.keys():
        return []
    counts = Counter(ids)
    missing = [quote(id) for id in split if id not in counts]
    miswritten, extra = _near_misses([id for id in counts if id not in split], split)
    repeated = [f"{quote(id)} {n} times" for id, n in counts.items() if n > 1]
    return [
        f"{count(found, 'id')} {fault}: {some(found)}; {way_out}"
        for found, fault, way_out in (
            (missing, "missing", f"predict each of the {len(split)} test ids"),
            (miswritten, "miswritten", "write ids exactly as the benchmark does"),
            (extra, "unknown", "the benchmark's test split has none of that name"),
            (repeated, "repeated", "predict each test id once"),
        )
        if found
    ]


def _near_misses(unknown: list[str], split: Mapping[str, int | str]) -> tuple[list[str], list[str]]:
    """Part unknown ids into those that are a known one but for their writing, and the rest."""
    known = {_essence(id): id for id in split} if unknown else {}
    miswritten, extra = [], []
    for id in unknown:
        meant = known.get(_essence(id))
        if meant is None:
            extra.append(quote(id))
        else:
            miswritten.append(f"{quote(id)} for {quote(meant)} ({_difference(id, meant)})")
    return miswritten, extra


def _essence(id: str) -> str:
    return id.strip().casefold().removesuffix(_ENDING)


def _difference(id: str, meant: str) -> str:
    bare = id.strip()
    faults = {
        "stray spaces": bare != id,
        "upper or lower case": bare
        not in (meant, meant.removesuffix(_ENDING), f"{meant}{_ENDING}"),
        f"{_ENDING} missing or extra": bare.casefold().endswith(_ENDING)
        != meant.casefold().endswith(_ENDING),
    }
    return ", ".join(fault for fault, found in faults.items() if found)


def _prediction_problems(
    table: _Table, classes: Mapping[str, int | str], known: list[int | str]
) -> list[str]:
    if classes.keys() >= {*table.predictions}:
        return []
    bad = [row for row, text in enumerate(table.predictions) if text not in classes]
    lines = _lines(table.text)
    found = [f"line {lines[row + 1]}: {quote(table.predictions[row])}" for row in bad]
    return [
        f"{count(bad, 'prediction')} not a class: {some(found)}; the classes are {some(known, 10)}"
    ]


def _target_problems(
    table: _Table, classes: Mapping[str, int | str], split: Mapping[str, int | str]
) -> list[str]:
    if not table.targets:
        return []
    stated = list(map(classes.get, table.targets))
    if stated == list(map(split.get, table.ids)):
        return []
    bad = [
        row
        for row, (id, target) in enumerate(zip(table.ids, stated, strict=True))
        if id in split and target != split[id]
    ]
    if not bad:
        return []
    lines = _lines(table.text)
    found = [
        f"line {lines[row + 1]}: {quote(table.targets[row])} instead of {split[table.ids[row]]!r}"
        for row in bad
    ]
    return [
        f"{count(bad, 'target')} unlike the benchmark's: {some(found)}; mend or leave out target"
    ]
