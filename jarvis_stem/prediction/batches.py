"""Work in numbered batches, the same for the same inputs, so that it can be gone on with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from jarvis_stem.prediction.inputs import Frames, Input, Reading
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.progress import track

_BATCHES = 200  # enough to share among workers evenly
_FEWEST = 16  # pictures of a batch, so that it takes a second and sending it a thousandth of that
_MOST = 256  # so that what a killed worker had begun is half a minute's work
_LARGE = 2**20  # bytes of a file whose frames are shared among batches

Batch = tuple[Input, ...]


@dataclass(frozen=True)
class Work:
    """What is to be answered.

    Attributes:
        inputs: In the order of the answers.
    """

    inputs: Sequence[Input]

    @cached_property
    def pictures(self) -> int:
        """How many there are, each file counted once whose frames are not shared among batches."""
        return sum(map(count, self.inputs))

    @cached_property
    def size(self) -> int:
        """Pictures of a batch, of which the last has fewer."""
        return min(max(self.pictures // _BATCHES, _FEWEST), _MOST)

    @property
    def n_batches(self) -> int:
        """How many there are."""
        return -(-self.pictures // self.size)

    def batches(self) -> Iterator[Batch]:
        """Every batch in order, made when it is asked for."""
        batch: list[Input] = []
        room = self.size
        for one in self.inputs:
            for part in _cut(one, room, self.size):
                batch.append(part)
                room -= count(part)
                if room == 0:
                    yield tuple(batch)
                    batch, room = [], self.size
        if batch:
            yield tuple(batch)

    def digest(self) -> str:
        """A checksum of all inputs: names, sizes and times of files, frames, structures."""
        sha256 = hashlib.sha256()
        for one in self.inputs:
            sha256.update(f"{one.name}\0{_identity(one)}\n".encode(errors="surrogateescape"))
        return sha256.hexdigest()


def work_of(inputs: Iterable[Input], reading: Reading) -> Work:
    """Make work of inputs.

    Args:
        inputs: As `inputs.find_inputs` lists them.
        reading: How they are read. Where all frames are, those of large files are counted.
    """
    found = list(inputs)
    if reading.frame == "all":
        found = [_with_frames(one) for one in track(found, "Counting frames")]
    return Work(found)


def count(one: Input) -> int:
    """How many pictures an input counts for."""
    return len(one.of) if isinstance(one.of, range) else 1


def separate(batch: Batch) -> list[Input]:
    """A batch picture by picture, as far as its pictures were counted."""
    return [part for one in batch for part in _cut(one, 1, 1)]


def _with_frames(one: Input) -> Input:
    """A file with the range of its frames if it is large, with all of them if it is not."""
    from jarvis_stem.imaging import structure_files
    from jarvis_stem.imaging.picture import count_frames

    path = Path(one.name)
    if one.of is not None or structure_files.is_structure(path):
        return one
    try:
        if path.is_dir() or path.stat().st_size > _LARGE:
            return replace(one, of=range(count_frames(path)))
    except (StemError, OSError, ModuleNotFoundError):  # reading it says so
        pass
    return replace(one, of=Frames.EVERY)


def _cut(one: Input, room: int, size: int) -> Iterator[Input]:
    """An input in parts: the first of so many pictures at most, the others of a whole batch."""
    if not isinstance(one.of, range):
        yield one
        return
    left = one.of
    while left:
        yield replace(one, of=left[:room])
        left, room = left[room:], size


def _identity(one: Input) -> str:
    """What tells an input from another one of its name."""
    if isinstance(one.of, StemError):
        return str(one.of)
    if one.of is None or isinstance(one.of, range | Frames):
        try:
            state = Path(one.name).stat()
        except (OSError, ValueError):
            return "-"
        return f"{one.of} {state.st_size} {state.st_mtime_ns}"
    return json.dumps(one.of if isinstance(one.of, Mapping) else one.of.to_dict(), sort_keys=True)
