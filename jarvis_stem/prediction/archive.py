"""Answers as a folder of Parquet files, each whole or not there, and what they are answers to."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, read_json_object, sweep, write_bytes, write_text
from jarvis_stem.utils.messages import quote

MANIFEST = "_manifest.json"  # readers of Parquet take names that begin so for no data
_FORMAT = 1
_PART = re.compile(r"part-(\d{6,})\.parquet")
_WAY_OUT = "name another folder, or remove this one"


@dataclass(frozen=True)
class Archive:
    """A folder of answers, one file a batch.

    Attributes:
        folder: Its path.
        manifest: What the answers are of: a JSON object. It has the number of batches as
            ``batches``.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def begin(cls, folder: Path, manifest: Mapping[str, Any]) -> Archive:
        """Make the folder, or go on with one that was begun.

        Args:
            folder: Its path.
            manifest: See the class. What an earlier command began has to have the same.

        Raises:
            StemError: There is something else, or answers to something else.
            OSError: It cannot be made.
        """
        archive = cls(folder, {"format": _FORMAT, **manifest})
        if (folder / MANIFEST).exists():
            sweep(folder)
            _refuse_other(folder, read_json_object(folder / MANIFEST), archive.manifest)
            return archive
        if folder.exists() and not folder.is_dir():
            raise StemError(f"{folder}: is a file; name a folder for the answers")
        if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
            raise StemError(f"{folder}: is there and has no answers of this command; {_WAY_OUT}")
        write_text(folder / MANIFEST, json_text(archive.manifest))
        return archive

    @classmethod
    def read(cls, folder: Path) -> Archive:
        """Open a folder of answers.

        Raises:
            StemError: It is none.
        """
        path = folder / MANIFEST
        if not path.is_file():
            raise StemError(
                f"{folder}: no folder of answers; jarvis-stem predict --output makes one"
            )
        return cls(folder, read_json_object(path))

    @property
    def n_batches(self) -> int:
        """How many parts there are when all is done."""
        return int(self.manifest["batches"])

    def done(self) -> set[int]:
        """Numbers of the batches whose answers are there."""
        found = (_PART.fullmatch(path.name) for path in self.folder.iterdir())
        return {int(one[1]) for one in found if one} & set(range(self.n_batches))

    def write(self, number: int, answers: pa.Table) -> None:
        """Write a batch's answers, whole or not at all.

        Args:
            number: Of the batch, from 0.
            answers: A row for each picture.

        Raises:
            OSError: The folder cannot be written, or the disk is full.
        """
        buffer = io.BytesIO()
        pq.write_table(answers, buffer, compression="zstd")
        write_bytes(self._part(number), buffer.getvalue())

    def tables(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Answers of each batch that is there, in order.

        Args:
            columns: Which, by default all.

        Raises:
            StemError: A file is damaged, or has not these columns.
        """
        for number in sorted(self.done()):
            path = self._part(number)
            try:
                yield ds.dataset(path, format="parquet").to_table(columns=columns)
            except (pa.ArrowException, OSError) as error:
                reason = str(error).splitlines()[0]
                raise StemError(
                    f"{path}: cannot be read ({reason}); remove it, and the command that made it "
                    "makes it again"
                ) from None

    def summary(self) -> Summary:
        """Count what there is.

        Raises:
            StemError: See `tables`.
        """
        rows, classes, errors, shown = 0, dict[str, int](), 0, list[str]()
        for table in self.tables(["class_name", "error"]):
            rows += table.num_rows
            for one in pc.value_counts(table["class_name"].drop_null()).to_pylist():
                classes[one["values"]] = classes.get(one["values"], 0) + one["counts"]
            faults = table["error"].drop_null()
            errors += len(faults)
            shown += faults.slice(0, max(_SHOWN - len(shown), 0)).to_pylist()
        return Summary(str(self.folder), rows, dict(sorted(classes.items())), errors, tuple(shown))

    def _part(self, number: int) -> Path:
        return self.folder / f"part-{number:06d}.parquet"


_SHOWN = 3  # errors


@dataclass(frozen=True)
class Summary:
    """What a folder of answers has.

    Attributes:
        output: The folder.
        rows: Answers and errors.
        classes: How many answers there are of each class, by its name.
        errors: Rows that are errors.
        shown: The first few of them.
    """

    output: str
    rows: int
    classes: Mapping[str, int]
    errors: int
    shown: tuple[str, ...]

    def __str__(self) -> str:
        """All but the errors in a line."""
        of = ", ".join(f"{name} {count:,}" for name, count in self.classes.items())
        answers = self.rows - self.errors
        return (
            f"{self.output}: {answers:,} answers{f' ({of})' if of else ''}, {self.errors:,} errors"
        )


def _refuse_other(folder: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with answers to something else, naming the first difference."""
    for key in ("format", "package", "model", "columns", "command", "inputs", "batches"):
        if then.get(key) == now.get(key):
            continue
        old, new = then.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            part = next(one for one in {**old, **new} if old.get(one) != new.get(one))
            key, old, new = f"{key}, {part}", old.get(part), new.get(part)
        raise StemError(
            f"{folder}: was begun by another command ({key}: {quote(old)} then, {quote(new)} now); "
            f"{_WAY_OUT}"
        )
