"""Benchmarks on disk and the JARVIS file-name convention that ties predictions to them.

A benchmark is ``<benchmarks>/<CAT>/<SUBCAT>/<dataset>_<prop>.json.zip``: one JSON object that maps
each split to ``{id: class}``. A result is named
``<CAT>-<SUBCAT>-<prop>-<dataset>-<split>-<metric>`` and its predictions are in that name's
``.csv.zip``. Source: JARVIS-Leaderboard, ``jarvis_leaderboard/rebuild.py``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.formats.manifest import ChangedFileError, verify
from jarvis_stem.formats.names import BENCHMARK_SUFFIX, SCORED_METRIC, SCORED_SPLIT, ResultName
from jarvis_stem.formats.plain_rows import PlainRows
from jarvis_stem.formats.published import Reference
from jarvis_stem.formats.sources import SOURCES_SUFFIX, Sources
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import distinct, read_zip
from jarvis_stem.utils.messages import count, quote, some

_SIZE_LIMIT = 2**28  # bytes of a benchmark's JSON; the largest have a million ids
_SIMILAR = 3  # names to show for one that is unknown


@dataclass(frozen=True)
class Benchmark:
    """One benchmark: every split's ids and their classes, in file order.

    Attributes:
        path: The zip it was read from.
        splits: ``{split: {id: class}}``; classes are integers or strings.
        sources: Where its pictures are published; None where its images are drawn from structures.
        reference: Published results, and ids without a structure.

    Examples:
        >>> splits = {"train": {"a.jpg": 2}, "test": {"b.jpg": 0}}
        >>> benchmark = Benchmark(Path("tiny.json.zip"), splits)
        >>> benchmark.split("test"), benchmark.classes, benchmark.size
        ({'b.jpg': 0}, [0, 2], 2)
    """

    path: Path
    splits: dict[str, dict[str, int | str]]
    sources: Sources | None = None
    reference: Reference = field(default_factory=Reference)

    @classmethod
    def read(cls, root: Path, name: ResultName) -> Benchmark:
        """Read the benchmark that a result is about.

        Args:
            root: Folder of all benchmarks.
            name: The result's name.

        Raises:
            ChangedFileError: A checksum is not the one that the manifest lists.
            StemError: No such benchmark, its zip or JSON is not one, or its sources or its
                reference are not.
        """
        path = root / name.page_path(BENCHMARK_SUFFIX)
        if not path.is_file():
            known = [p.relative_to(root).as_posix() for p in benchmark_files(root)]
            raise StemError(
                f"{path}: no such benchmark; {_similar(path.relative_to(root).as_posix(), known)}"
            )
        verify(root, path)
        content = read_zip(path, f"{name.benchmark_name}.json", limit=_SIZE_LIMIT)
        splits = _parse_splits(path, content)
        sources = _read_sources(root, name, splits)
        return cls(path, splits, sources, Reference.read(root, name))

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

    def in_two_splits(self) -> list[str]:
        """Say which ids are in two splits: a model can learn what it is tested on."""
        found = []
        for pair in combinations(self.splits, 2):
            # The split that is scored comes first in the sentence.
            one, other = sorted(pair, key=lambda split: split != SCORED_SPLIT)
            if shared := [quote(id) for id in self.splits[one] if id in self.splits[other]]:
                verb = "is" if len(shared) == 1 else "are"
                found.append(f"{count(shared, f'{one} id')} {verb} also in {other}: {some(shared)}")
        return found

    @property
    def majority_class(self) -> int | str:
        """The most frequent class of the training split.

        Raises:
            StemError: There is no training split, or it is empty.
        """
        return Counter(self.split("train").values()).most_common(1)[0][0]

    @cached_property
    def classes(self) -> list[int | str]:
        """The distinct classes over all splits and of the sources, sorted."""
        classes = {c for split in self.splits.values() for c in split.values()}
        return sorted(classes.union(self.sources.classes if self.sources else ()), key=_sort_key)

    def indices(self, classes: Iterable[int | str]) -> NDArray[np.intp]:
        """Where each class is in `classes`, intp[n].

        Raises:
            KeyError: One is no class of the benchmark.
        """
        return np.fromiter(map(self._index.__getitem__, classes), np.intp)

    def named(self, indices: NDArray[np.intp]) -> list[int | str]:
        """The class that each index stands for."""
        return list(map(self.classes.__getitem__, indices.tolist()))

    def targets(self, split: str) -> NDArray[np.intp]:
        """Index of the class of each id in a split, intp[n]; made once, not to be changed.

        Raises:
            StemError: The benchmark has no such split, or it is empty.
        """
        if split not in self._targets:
            self._targets[split] = self.indices(self.split(split).values())
        return self._targets[split]

    @cached_property
    def plain_rows(self) -> dict[str, PlainRows]:
        """By split, the plain way to write its predictions."""
        return {name: PlainRows(ids, self.classes) for name, ids in self.splits.items()}

    @cached_property
    def _index(self) -> dict[int | str, int]:
        return {known: index for index, known in enumerate(self.classes)}

    @cached_property
    def _targets(self) -> dict[str, NDArray[np.intp]]:
        return {}


class Benchmarks:
    """The benchmarks below a root, each verified and read once, when it is first asked for.

    stem_2d + image_bravais_class and stem_2d_image + bravais_class make the same file name. Listed
    names say which of them a benchmark is; where none is listed, the first result that comes does.
    """

    def __init__(self, root: Path, listed: Iterable[ResultName] = ()) -> None:
        """Find the benchmarks.

        Args:
            root: Folder of all benchmarks.
            listed: Results that are scored, if there is a benchmark for them.

        Raises:
            StemError: The root is not a folder.
        """
        self.root = root
        self._files = set(benchmark_files(root))
        self._paths: dict[ResultName, Path] = {}
        self._names = {self._path(name): name for name in listed}
        self._read: dict[Path, Benchmark | StemError] = {}

    def __contains__(self, name: ResultName) -> bool:
        """Whether there is a benchmark for a result of that name."""
        return self._path(name) in self._files

    def problems(self, name: ResultName) -> list[str]:
        """Say why results of that name are not scored.

        Raises:
            ChangedFileError: A checksum is not the one that the manifest lists.
        """
        if not name.is_scored:
            return [
                f"split {name.split!r} and metric {name.metric!r}: only {SCORED_SPLIT!r} and "
                f"{SCORED_METRIC!r} are scored here"
            ]
        path = self._path(name)
        if path not in self._files:
            wanted = name.page_path(BENCHMARK_SUFFIX).as_posix()
            known = [p.relative_to(self.root).as_posix() for p in self._files]
            return [f"no benchmark {wanted}; {_similar(wanted, known)}"]
        if (first := self._names.get(path, name)) != name:
            return [f"{path.name} is scored as {first}; rename the file to that"]
        found = self._load(path, name)
        return [f"its benchmark has a fault: {found}"] if isinstance(found, StemError) else []

    def open(self, name: ResultName) -> Benchmark:
        """Read the benchmark that a result is scored on; `problems` has found none.

        Raises:
            StemError: The benchmark itself is broken.
        """
        path = self._path(name)
        found = self._load(path, name)
        if isinstance(found, StemError):
            raise found
        self._names.setdefault(path, name)
        return found

    @property
    def faults(self) -> dict[str, str]:
        """What is wrong with those that were asked for and cannot be scored on, by path."""
        return {
            path.relative_to(self.root).as_posix(): str(found).removeprefix(f"{path}: ")
            for path, found in self._read.items()
            if isinstance(found, StemError)
        }

    def _load(self, path: Path, name: ResultName) -> Benchmark | StemError:
        """The benchmark, or why it cannot be scored on; a changed one is nobody's to score on."""
        if path not in self._read:
            try:
                benchmark = Benchmark.read(self.root, name)
                benchmark.split(SCORED_SPLIT)
                self._read[path] = benchmark
            except ChangedFileError:
                raise
            except StemError as error:
                self._read[path] = error
        return self._read[path]

    def _path(self, name: ResultName) -> Path:
        if name not in self._paths:
            self._paths[name] = self.root / name.page_path(BENCHMARK_SUFFIX)
        return self._paths[name]


def benchmark_files(root: Path) -> list[Path]:
    """Zips of all benchmarks below a root, sorted.

    Raises:
        StemError: The root is not a folder.
    """
    if not root.is_dir():
        raise StemError(f"{root}: no such folder of benchmarks")
    return sorted(root.glob(f"*/*/*{BENCHMARK_SUFFIX}"))


def _sort_key(value: int | str) -> tuple[bool, int | str]:
    return (isinstance(value, str), value)


def _parse_splits(path: Path, content: bytes) -> dict[str, dict[str, int | str]]:
    try:
        splits = json.loads(content, object_pairs_hook=distinct)
    except (ValueError, RecursionError) as error:
        raise StemError(f"{path}: its member is not JSON ({error})") from None
    if not isinstance(splits, dict) or not splits or not all(map(_is_split, splits.values())):
        raise StemError(f"{path}: expected {{split: {{id: class}}}} with integer or string classes")
    return {split: {id: _plain(c) for id, c in ids.items()} for split, ids in splits.items()}


def _read_sources(
    root: Path, name: ResultName, splits: dict[str, dict[str, int | str]]
) -> Sources | None:
    """Where a benchmark's pictures are published, if it is one of pictures."""
    path = root / name.page_path(SOURCES_SUFFIX)
    if not path.exists():
        return None
    verify(root, path)
    sources = Sources.read(path)
    ids = {id for split in splits.values() for id in split}
    if other := sorted(ids ^ sources.pictures.keys()):
        raise StemError(
            f"{path}: expected the benchmark's ids, got {count(other, 'id')} that only one of the "
            f"two has: {some(list(map(quote, other)))}"
        )
    return sources


def _is_split(split: object) -> bool:
    return isinstance(split, dict) and all(map(_is_class, split.values()))


def _is_class(value: object) -> bool:
    return type(value) in (int, str) or (isinstance(value, float) and value.is_integer())


def _plain(value: float | str) -> int | str:
    """A class without the point that some programs write behind an integer."""
    return int(value) if isinstance(value, float) else value


def _similar(wanted: str, known: Iterable[str]) -> str:
    """Names like an unknown one, few of however many."""
    known = sorted(known)
    close = get_close_matches(wanted, known, _SIMILAR)
    return f"similar: {', '.join(close)}" if close else f"none of the {len(known)} here is like it"
