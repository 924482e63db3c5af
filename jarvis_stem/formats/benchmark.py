"""Benchmarks on disk and the JARVIS file-name convention that ties predictions to them.

A benchmark is ``<benchmarks>/<CAT>/<SUBCAT>/<dataset>_<prop>.json.zip``: one JSON object that maps
each split to ``{id: class}``. A result is named
``<CAT>-<SUBCAT>-<prop>-<dataset>-<split>-<metric>`` and its predictions are in that name's
``.csv.zip``. Source: JARVIS-Leaderboard, ``jarvis_leaderboard/rebuild.py``.

Where ``<benchmarks>/SHA256SUMS`` is, no file is read whose checksum is not in it: scores mean
nothing on a benchmark that was changed. ``sha256sum`` writes and checks that file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.formats.names import BENCHMARK_SUFFIX, SCORED_METRIC, SCORED_SPLIT, ResultName
from jarvis_stem.formats.plain_rows import PlainRows
from jarvis_stem.formats.sources import SOURCES_SUFFIX, Sources
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import distinct, read_zip
from jarvis_stem.utils.messages import count, quote, some

MANIFEST = "SHA256SUMS"
_MANIFEST_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


@dataclass(frozen=True)
class Benchmark:
    """One benchmark: every split's ids and their classes, in file order.

    Attributes:
        path: The zip it was read from.
        splits: ``{split: {id: class}}``; classes are integers or strings.
        sources: Where its pictures are published; None where its images are drawn from structures.

    Examples:
        >>> splits = {"train": {"a.jpg": 2}, "test": {"b.jpg": 0}}
        >>> benchmark = Benchmark(Path("tiny.json.zip"), splits)
        >>> benchmark.split("test"), benchmark.classes, benchmark.size
        ({'b.jpg': 0}, [0, 2], 2)
    """

    path: Path
    splits: dict[str, dict[str, int | str]]
    sources: Sources | None = None

    @classmethod
    def read(cls, root: Path, name: ResultName) -> Benchmark:
        """Read the benchmark that a result is about.

        Args:
            root: Folder of all benchmarks.
            name: The result's name.

        Raises:
            StemError: No such benchmark, its checksum is not the manifest's, its zip or JSON is not
                one, an id is in two splits, or its sources are of other ids.
        """
        path = root / name.page_path(BENCHMARK_SUFFIX)
        if not path.is_file():
            known = ", ".join(str(p.relative_to(root)) for p in benchmark_files(root)) or "none"
            raise StemError(f"{path}: no such benchmark; known: {known}")
        verify(root, path)
        splits = _parse_splits(path, read_zip(path, f"{name.benchmark_name}.json"))
        return cls(path, splits, _read_sources(root, name, splits))

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
        self._read: dict[Path, Benchmark] = {}

    def __contains__(self, name: ResultName) -> bool:
        """Whether there is a benchmark for a result of that name."""
        return self._path(name) in self._files

    def problems(self, name: ResultName) -> list[str]:
        """Say why results of that name are not scored."""
        if (name.split, name.metric) != (SCORED_SPLIT, SCORED_METRIC):
            return [
                f"split {name.split!r} and metric {name.metric!r}: only {SCORED_SPLIT!r} and "
                f"{SCORED_METRIC!r} are scored here"
            ]
        path = self._path(name)
        if path not in self._files:
            known = ", ".join(sorted(p.name for p in self._files)) or "none"
            return [f"no benchmark {name.page_path(BENCHMARK_SUFFIX)}; known: {known}"]
        first = self._names.get(path, name)
        return [f"{path.name} is scored as {first}; rename the file to that"] * (first != name)

    def open(self, name: ResultName) -> Benchmark:
        """Read the benchmark that a result is scored on; `problems` has found none.

        Raises:
            StemError: The benchmark itself is broken.
        """
        path = self._path(name)
        if path not in self._read:
            self._names.setdefault(path, name)
            self._read[path] = Benchmark.read(self.root, name)
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


def verify(root: Path, path: Path) -> None:
    """Compare a file with its checksum in the manifest; without a manifest nothing is compared.

    Args:
        root: Folder of all benchmarks.
        path: A file below it.

    Raises:
        StemError: The manifest is not one, does not list the file, or lists another checksum.
    """
    manifest = root / MANIFEST
    if not manifest.exists():  # JARVIS-Leaderboard's own folder has none
        return
    relative = path.relative_to(root).as_posix()
    expected = _checksums(manifest).get(relative)
    got = hashlib.sha256(path.read_bytes()).hexdigest()
    if got != expected:
        raise StemError(
            f"{path}: SHA-256 {got}, but {manifest} has {expected or 'no line for it'}; restore "
            f"the file, or record a change on purpose: cd {root} && sha256sum */*/* > {MANIFEST}"
        )


def _checksums(manifest: Path) -> dict[str, str]:
    """Checksums by path, as ``sha256sum`` writes them."""
    checksums = {}
    for number, line in enumerate(manifest.read_text("utf-8", "replace").splitlines(), 1):
        if not (found := _MANIFEST_LINE.fullmatch(line)):
            raise StemError(
                f"{manifest}: line {number}: expected <sha256>  <path>, got {quote(line)}"
            )
        checksums[found[2]] = found[1]
    return checksums


def _sort_key(value: int | str) -> tuple[bool, int | str]:
    return (isinstance(value, str), value)


def _parse_splits(path: Path, content: bytes) -> dict[str, dict[str, int | str]]:
    try:
        splits = json.loads(content, object_pairs_hook=distinct)
    except (ValueError, RecursionError) as error:
        raise StemError(f"{path}: its member is not JSON ({error})") from None
    if not isinstance(splits, dict) or not splits or not all(map(_is_split, splits.values())):
        raise StemError(f"{path}: expected {{split: {{id: class}}}} with integer or string classes")
    if shared := _in_two_splits(splits):
        raise StemError(f"{path}: {count(shared, 'id')} in two splits: {some(shared)}")
    return splits


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


def _in_two_splits(splits: dict[str, dict[str, int | str]]) -> list[str]:
    """Ids that a model could learn from and be tested on."""
    seen: set[str] = set()
    shared = []
    for ids in splits.values():
        shared += [quote(id) for id in ids if id in seen]
        seen.update(ids)
    return shared


def _is_split(split: object) -> bool:
    return isinstance(split, dict) and all(type(c) in (int, str) for c in split.values())
