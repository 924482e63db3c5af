"""Benchmarks on disk and the JARVIS file-name convention that ties predictions to them.

A benchmark is ``<benchmarks>/<CAT>/<SUBCAT>/<dataset>_<prop>.json.zip``: one JSON object that maps
each split to ``{id: class}``. A result is named
``<CAT>-<SUBCAT>-<prop>-<dataset>-<split>-<metric>`` and its predictions are in that name's
``.csv.zip``. Source: JARVIS-Leaderboard, ``jarvis_leaderboard/rebuild.py``.
"""

from __future__ import annotations

import builtins
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jarvis_stem.errors import StemError
from jarvis_stem.files import read_zip

PREDICTIONS_SUFFIX = ".csv.zip"
BENCHMARK_SUFFIX = ".json.zip"
CONVENTION = "<CAT>-<SUBCAT>-<prop>-<dataset>-<split>-<metric>"


@dataclass(frozen=True, order=True)
class ResultName:
    """A result's six-part name; see `CONVENTION`."""

    category: str
    subcategory: str
    property: str
    dataset: str
    split: str
    metric: str

    @classmethod
    def parse(cls, name: str) -> ResultName:
        """Read a result's name, with or without the suffix of its predictions.

        Args:
            name: For example ``AI-ImageClass-bravais_class-stem_2d_image-test-acc.csv.zip``.

        Raises:
            StemError: Not six non-empty parts of letters, digits, '_', '.' and '+'.
        """
        parts = name.removesuffix(PREDICTIONS_SUFFIX).split("-")
        if len(parts) != 6 or not all(_is_plain(part) for part in parts):
            raise StemError(f"{name!r}: expected {CONVENTION}{PREDICTIONS_SUFFIX}")
        return cls(*parts)

    def __str__(self) -> str:
        return "-".join(
            (
                self.category,
                self.subcategory,
                self.property,
                self.dataset,
                self.split,
                self.metric,
            )
        )

    @builtins.property  # the field takes the plain name
    def csv_name(self) -> str:
        """Name of the CSV inside the predictions' zip."""
        return f"{self}.csv"

    @builtins.property
    def predictions_name(self) -> str:
        """Name of the predictions' zip."""
        return f"{self}{PREDICTIONS_SUFFIX}"

    @builtins.property
    def benchmark_name(self) -> str:
        """Name shared by the benchmark's JSON, its zip and its page."""
        return f"{self.dataset}_{self.property}"

    def page_path(self, suffix: str) -> Path:
        """Path of one of the benchmark's files below a root: its zip, its page."""
        return Path(self.category, self.subcategory, self.benchmark_name + suffix)


@dataclass(frozen=True)
class Benchmark:
    """One benchmark: every split's ids and their classes, in file order.

    Attributes:
        path: The zip it was read from.
        splits: ``{split: {id: class}}``; classes are integers or strings.
    """

    path: Path
    splits: dict[str, dict[str, int | str]]

    @classmethod
    def read(cls, root: Path, name: ResultName) -> Benchmark:
        """Read the benchmark that a result is about.

        Args:
            root: Folder of all benchmarks.
            name: The result's name.

        Raises:
            StemError: No such benchmark, or its zip or JSON is not one.
        """
        path = root / name.page_path(BENCHMARK_SUFFIX)
        if not path.is_file():
            known = ", ".join(str(p.relative_to(root)) for p in benchmark_files(root)) or "none"
            raise StemError(f"{path}: no such benchmark; known: {known}")
        return cls(path, _parse_splits(path, read_zip(path, f"{name.benchmark_name}.json")))

    @property
    def size(self) -> int:
        """Number of ids over all splits."""
        return sum(map(len, self.splits.values()))

    def split(self, name: str) -> dict[str, int | str]:
        """Ids and classes of one split.

        Raises:
            StemError: The benchmark has no such split, or it is empty.
        """
        if not self.splits.get(name):
            known = ", ".join(f"{split} ({len(ids)} ids)" for split, ids in self.splits.items())
            raise StemError(f"{self.path}: no ids in a split {name!r}; it has {known}")
        return self.splits[name]

    @cached_property
    def classes(self) -> list[int | str]:
        """The distinct classes over all splits, sorted."""
        return sorted({c for split in self.splits.values() for c in split.values()}, key=_sort_key)


def benchmark_files(root: Path) -> list[Path]:
    """Zips of all benchmarks below a root, sorted.

    Raises:
        StemError: The root is not a folder.
    """
    if not root.is_dir():
        raise StemError(f"{root}: no such folder of benchmarks")
    return sorted(root.glob(f"*/*/*{BENCHMARK_SUFFIX}"))


def _is_plain(part: str) -> bool:
    return part != "" and all(c.isascii() and (c.isalnum() or c in "_.+") for c in part)


def _sort_key(value: int | str) -> tuple[bool, int | str]:
    return (isinstance(value, str), value)


def _parse_splits(path: Path, content: bytes) -> dict[str, dict[str, int | str]]:
    try:
        splits = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise StemError(f"{path}: its member is not JSON ({error})") from None
    if not isinstance(splits, dict) or not splits or not all(map(_is_split, splits.values())):
        raise StemError(f"{path}: expected {{split: {{id: class}}}} with integer or string classes")
    return splits


def _is_split(split: object) -> bool:
    return isinstance(split, dict) and all(type(c) in (int, str) for c in split.values())
