"""Many images and their descriptions, drawn and measured in chunks, kept on disk where they can be.

What is measured of an image is kept, small as it is; images and spectra are kept too where a
network reads these, and then stay on disk, where they are read a batch at a time, if they are many.
What is kept is found again by what it is of: structures or files, conditions and seed of the noise,
this package's code and that of the packages that it computes with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.formats.description import SHAPES, VERSION
from jarvis_stem.imaging import _kernels, description
from jarvis_stem.imaging.description import Measured, described
from jarvis_stem.imaging.image_set import ImageSource
from jarvis_stem.imaging.stem import IMAGE_SIZE
from jarvis_stem.utils.array_cache import ArrayCache, StoredRows
from jarvis_stem.utils.progress import overall

Floats = NDArray[np.float32]
Array = NDArray[Any]
Rows = Array | StoredRows
CHUNK = 1024  # images that are in memory at once, while they are measured
_IN_MEMORY = 2**28  # bytes up to which all images, or all spectra, are in memory
_PACKAGES = ("numpy", "scipy")
WHOLE = {
    "image": np.dtype([("row", "u1", (IMAGE_SIZE, IMAGE_SIZE))]),
    "spectrum": np.dtype([("row", "f4", SHAPES["spectrum"])]),
}
"""Parts of the description that are large, as one is kept; mirrored, their rows are turned over."""
_LATTICE = np.dtype([("vectors", "f4", (2, 2)), ("scalars", "f4", 3), ("harmonics", "c8", 84)])
_KINDS = {
    "image": ("image",),
    "lattice": ("lattice",),
    "harmonics": ("lattice",),
    "cell": ("lattice",),
    "errors": ("lattice", "errors"),
    "spectrum": ("spectrum",),
}
"""What is kept for each part of the description."""


@dataclass(frozen=True)
class _Chunk:
    """Images of a source from a number up to another one."""

    source: ImageSource
    first: int
    last: int

    @property
    def count(self) -> int:
        return self.last - self.first

    @cached_property
    def digest(self) -> str:
        """Of all that decides what is measured of it."""
        content = self.source.content(self.first, self.last)
        return hashlib.sha256(code_digest() + content).hexdigest()

    def draw(self) -> NDArray[np.uint8]:
        return self.source.draw(self.first, self.last)


class DescribedImages:
    """Images by their number, of which some are taken at a time, as they are or described."""

    def __init__(
        self, sources: Sequence[ImageSource], cache: ArrayCache, *, chunk: int = CHUNK
    ) -> None:
        """Take images of several sources, one after the other.

        Args:
            sources: Of the images, which are drawn when they are asked for.
            cache: Where they are kept, and what is measured of them.
            chunk: How many are drawn and measured at once.
        """
        self._store = _Store(_chunks(sources, chunk), cache)
        self._rows = np.arange(sum(len(source.ids) for source in sources))

    @classmethod
    def of(cls, images: NDArray[np.uint8]) -> DescribedImages:
        """Take images that are in memory, uint8[N, 256, 256]; nothing is kept on disk."""
        source = ImageSource(
            tuple(map(str, range(len(images)))), (), lambda a, b: images[a:b], lambda _a, _b: b""
        )
        return cls([source], ArrayCache(None), chunk=max(len(images), 1))

    def subset(self, rows: NDArray[np.int64]) -> DescribedImages:
        """Some of the images, by their numbers here; what is measured is shared."""
        made = DescribedImages.__new__(DescribedImages)
        made._store, made._rows = self._store, self._rows[rows]
        return made

    def __len__(self) -> int:
        return len(self._rows)

    def drawn(self, count: int) -> NDArray[np.uint8]:
        """Draw or read the first few images alone, uint8[n, 256, 256]."""
        return np.concatenate([self._store.drawn(row) for row in self._rows[:count]])

    def prepare(self, parts: Iterable[str], order: Callable[[int], Iterable[int]] = range) -> None:
        """Have parts of the description of all images ready to be taken; those of a subset, too.

        Args:
            parts: Their names.
            order: Given how many chunks there are, the order to see to them in: a chunk that
                another process has described meanwhile is there when its turn comes.

        Raises:
            StemError: An image cannot be drawn or read.
        """
        self._store.prepare(parts, order)

    def take(
        self, part: str, which: NDArray[np.int64], mirrored: NDArray[np.bool_]
    ) -> NDArray[np.float32 | np.uint8]:
        """A part of the description of some images, which was prepared.

        Args:
            part: Its name.
            which: Numbers of the images, int64[n].
            mirrored: Of which the mirror image is meant, bool[n].

        Returns:
            float32[n, ...] of the shape in `SHAPES`; images as uint8[n, 256, 256].
        """
        rows = self._rows[which]
        if part not in WHOLE:
            return self._store.small[part][mirrored.astype(np.int64), rows]
        taken = _rows(self._store.whole[part], rows)
        taken[mirrored] = taken[mirrored][:, ::-1]
        return taken

    def descriptions(
        self, parts: Sequence[str], count: int
    ) -> Iterator[tuple[list[Floats], list[Floats]]]:
        """Describe the images and their reflections, a few at a time; see `description.describe`.

        Args:
            parts: Names of the parts, which were prepared.
            count: How many images at a time.
        """
        for first in range(0, len(self), count):
            which = np.arange(first, min(first + count, len(self)))
            plain, mirrored = (
                [_as_described(part, self.take(part, which, turned)) for part in parts]
                for turned in (np.zeros(len(which), bool), np.ones(len(which), bool))
            )
            yield plain, mirrored


class _Store:
    """What is known of all images of some chunks.

    Attributes:
        small: Small parts of the description, float32[2, N, ...]: of the images and mirrored ones.
        whole: Images and spectra: one array, or one for each chunk.
    """

    def __init__(self, chunks: list[_Chunk], cache: ArrayCache) -> None:
        self._chunks, self._cache = chunks, cache
        self._starts = np.cumsum([0, *(chunk.count for chunk in chunks)])
        self.small: dict[str, Floats] = {}
        self.whole: dict[str, list[Rows]] = {}

    def drawn(self, row: int) -> NDArray[np.uint8]:
        """One image by itself, uint8[1, 256, 256]."""
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        chunk = self._chunks[number]
        place = chunk.first + int(row - self._starts[number])
        return chunk.source.draw(place, place + 1)

    def prepare(self, parts: Iterable[str], order: Callable[[int], Iterable[int]]) -> None:
        new = [part for part in parts if part not in self.small and part not in self.whole]
        if not new:
            return
        total = int(self._starts[-1])
        small = {
            part: np.empty((2, total, *SHAPES[part]), np.float32)
            for part in new
            if part not in WHOLE
        }
        whole = {part: dtype for part, dtype in WHOLE.items() if part in new}
        large = [part for part, dtype in whole.items() if total * dtype.itemsize > _IN_MEMORY]
        in_one = {
            part: np.empty(total, dtype)["row"]
            for part, dtype in whole.items()
            if part not in large and len(self._chunks) > 1
        }
        apart: dict[str, dict[int, Rows]] = {part: {} for part in whole if part not in in_one}
        kinds = sorted({kind for part in new for kind in _KINDS[part]})
        with overall(total, "Describing") as advance:
            for number in order(len(self._chunks)):
                chunk, rows = self._chunks[number], slice(*self._starts[number : number + 2])
                found = self._found(chunk, kinds)
                both = _both(found, chunk.count)
                for part, array in small.items():
                    array[:, rows] = [described(measured, [part])[0] for measured in both]
                for part, array in in_one.items():
                    array[rows] = found[part]
                for part, arrays in apart.items():
                    on_disk = self._on_disk(chunk, part) if part in large else None
                    arrays[number] = found[part] if on_disk is None else on_disk
                advance(chunk.count)
        self.small |= small
        self.whole |= {part: [array] for part, array in in_one.items()}
        self.whole |= {part: [arrays[n] for n in sorted(arrays)] for part, arrays in apart.items()}

    def _found(self, chunk: _Chunk, kinds: Sequence[str]) -> dict[str, Array]:
        """What is kept of a chunk; what is missing is drawn, measured and kept."""
        found: dict[str, Array] = {}
        if self._cache.is_used:
            kept = {kind: self._cache.get(f"{kind}-{chunk.digest}") for kind in kinds}
            found = {kind: array for kind, array in kept.items() if array is not None}
        missing = [kind for kind in kinds if kind not in found]
        if missing:
            new = _measured(found["image"] if "image" in found else chunk.draw(), missing)
            if self._cache.is_used:
                for kind, array in new.items():
                    self._cache.put(f"{kind}-{chunk.digest}", array)
            found |= new
        return found

    def _on_disk(self, chunk: _Chunk, kind: str) -> StoredRows | None:
        return self._cache.rows(f"{kind}-{chunk.digest}") if self._cache.is_used else None


def _rows(chunks: Sequence[Rows], rows: NDArray[np.int64]) -> Array:
    """Rows of arrays that follow each other, in a new array."""
    if len(chunks) == 1 and isinstance(chunks[0], np.ndarray):
        return chunks[0][rows]
    starts = np.cumsum([0, *(len(chunk) for chunk in chunks)])
    numbers = np.searchsorted(starts, rows, side="right") - 1
    places = rows - starts[numbers]
    taken = np.empty((len(rows), *chunks[0].shape[1:]), chunks[0].dtype)
    for out, number, place in zip(taken, numbers.tolist(), places.tolist(), strict=True):
        chunk = chunks[number]
        if isinstance(chunk, StoredRows):
            chunk.read_into(out, place)
        else:
            out[...] = chunk[place]
    return taken


def _measured(images: NDArray[np.uint8], kinds: Sequence[str]) -> dict[str, Array]:
    """Measure what is missing; each kind as it is kept."""
    measured = description.measure(images, kinds)
    found: dict[str, Array] = {}
    for kind in kinds:
        if kind == "lattice":
            table = np.empty(len(images), _LATTICE)
            for field in _LATTICE.names or ():
                table[field] = getattr(measured, field)
            found[kind] = table
        else:
            found[kind] = images if kind == "image" else getattr(measured, kind)
    return found


def _both(found: dict[str, Array], count: int) -> tuple[Measured, Measured]:
    """What is measured of a chunk's images and of their reflections; the images are not there."""
    table = found.get("lattice", np.empty(0, _LATTICE))
    measured = Measured(
        images=np.empty((count, 0), np.uint8),
        vectors=np.ascontiguousarray(table["vectors"]),
        scalars=np.ascontiguousarray(table["scalars"]),
        harmonics=np.ascontiguousarray(table["harmonics"]),
        errors=found.get("errors", np.empty((0, 3), np.float32)),
        spectrum=np.empty((0, *SHAPES["spectrum"]), np.float32),
    )
    return measured, measured.mirrored()


def _as_described(part: str, taken: NDArray[np.float32 | np.uint8]) -> Floats:
    if part == "image":
        return np.asarray(taken[:, None].astype(np.float32) / np.float32(255))
    return np.asarray(taken, np.float32)


def _chunks(sources: Sequence[ImageSource], size: int) -> list[_Chunk]:
    return [
        _Chunk(source, first, min(first + size, len(source.ids)))
        for source in sources
        for first in range(0, len(source.ids), size)
    ]


@lru_cache(maxsize=1)
def code_digest() -> bytes:
    """Digest of all code that draws and measures; what other code has kept is not found again."""
    digest = hashlib.sha256(f"{VERSION} {CHUNK}".encode())
    compiled = Path(_kernels.__file__ or "")
    for path in [*sorted(Path(__file__).parent.rglob("*.py")), compiled]:
        digest.update(path.read_bytes())
    for package in _PACKAGES:
        digest.update(f"{package} {metadata.version(package)}".encode())
    return digest.digest()
