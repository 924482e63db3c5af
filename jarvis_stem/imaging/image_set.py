"""A benchmark's images, rendered from structures or read from a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging import stem
from jarvis_stem.imaging.conditions import CLEAN, Conditions, each
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.progress import bar, track

if TYPE_CHECKING:
    from jarvis.core.atoms import Atoms

_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class ImageSet:
    """Images of the ids for which there is one, and the ids for which there is none.

    Attributes:
        ids: The N ids with an image.
        images: uint8[N, 256, 256], x along rows, in the order of the ids.
        missing: Ids without an image.
    """

    ids: tuple[str, ...]
    images: NDArray[np.uint8]
    missing: tuple[str, ...]


class KeptStructures(Mapping[str, "Atoms"]):
    """Structures of which is known what is drawn of them; they are read when one is asked for."""

    def __init__(
        self, digests: Mapping[str, bytes], read: Callable[[], Mapping[str, Atoms]]
    ) -> None:
        """Know structures that need not be drawn again.

        Args:
            digests: What `digest_of` gives, by image id.
            read: Gives the structures.
        """
        self.digests = digests
        self._read = cache(read)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self.digests

    def __getitem__(self, image_id: str) -> Atoms:
        return self._read()[image_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.digests)

    def __len__(self) -> int:
        return len(self.digests)


@dataclass(frozen=True)
class ImageSource:
    """Images that are drawn or read when they are asked for.

    Attributes:
        ids: The N ids with an image.
        missing: Ids without an image.
        draw: Gives the images from a number up to another one, uint8[n, 256, 256], with a progress
            bar.
        content: Gives all that decides what these images are, besides code and packages.
    """

    ids: tuple[str, ...]
    missing: tuple[str, ...]
    draw: Callable[[int, int], NDArray[np.uint8]]
    content: Callable[[int, int], bytes]

    def all(self) -> ImageSet:
        """Have all images."""
        return ImageSet(self.ids, self.draw(0, len(self.ids)), self.missing)


def render(
    structures: Mapping[str, Atoms],
    ids: Sequence[str],
    conditions: Conditions | Sequence[Conditions] = CLEAN,
    *,
    seed: int = 0,
) -> ImageSet:
    """Render the structures of a list of ids on all cores, with a progress bar; see `renders`."""
    return renders(structures, ids, conditions, seed=seed).all()


def renders(
    structures: Mapping[str, Atoms],
    ids: Sequence[str],
    conditions: Conditions | Sequence[Conditions] = CLEAN,
    *,
    seed: int = 0,
) -> ImageSource:
    """Make a source of images that are rendered from the structures of a list of ids.

    Args:
        structures: Structures by image id.
        ids: Image ids; those without a structure end up in `ImageSource.missing`.
        conditions: Of all images, or of each id that has a structure.
        seed: Of the noise; see `conditions.degrade`.

    Raises:
        StemError: Another number of conditions than structures.
    """
    have = tuple(i for i in ids if i in structures)
    every = each(conditions, len(have))

    def draw(first: int, last: int) -> NDArray[np.uint8]:
        images = _empty(last - first)
        drawn = [structures[i] for i in have[first:last]]
        with bar() as progress:
            task = progress.add_task("Rendering", total=len(drawn))
            for done in stem.render(drawn, images, every[first:last], seed=seed, first=first):
                progress.update(task, completed=done)
        return images

    def content(first: int, last: int) -> bytes:
        some = every[first:last]
        noise = f"{seed} {first} {some}" if some.count(CLEAN) < len(some) else ""
        return b"".join((noise.encode(), *(_digest(structures, i) for i in have[first:last])))

    return ImageSource(have, _without(ids, have), draw, content)


def read_folder(
    folder: Path, ids: Mapping[str, int | str], classes: Sequence[int | str]
) -> ImageSet:
    """Read images in AtomVision's layout, with a progress bar; see `files`."""
    return files(folder, ids, classes).all()


def files(folder: Path, ids: Mapping[str, int | str], classes: Sequence[int | str]) -> ImageSource:
    """Make a source of images in AtomVision's layout, ``<folder>/<class>/<id>.jpg``.

    Args:
        folder: Folder with one subfolder a class.
        ids: Class by image id; those without a file end up in `ImageSource.missing`.
        classes: The benchmark's classes.

    Raises:
        StemError: No such folder, a subfolder that is not a class, an image under another class
            than the benchmark's or under two of them; when it is asked for an image, a file that
            cannot be read.
    """
    paths = _folder_files(folder, [str(c) for c in classes])
    have = tuple(i for i in ids if i in paths)
    for image_id in have:
        if paths[image_id].parent.name != str(ids[image_id]):
            raise StemError(f"{paths[image_id]}: the benchmark's class is {ids[image_id]}")

    def draw(first: int, last: int) -> NDArray[np.uint8]:
        images = _empty(last - first)
        for image, image_id in zip(images, track(have[first:last], "Reading"), strict=True):
            image[...] = read_image(paths[image_id])
        return images

    def content(first: int, last: int) -> bytes:
        read = (paths[i] for i in have[first:last])
        return b"".join(hashlib.sha256(path.read_bytes()).digest() for path in read)

    return ImageSource(have, _without(ids, have), draw, content)


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read one picture as the benchmark's images are, uint8[256, 256]; see `picture.read_picture`.

    Raises:
        StemError: It cannot be read so.
    """
    from jarvis_stem.imaging import picture  # its formats need much that drawings do not

    return picture.read_picture(path).pixels


def _folder_files(folder: Path, classes: Sequence[str]) -> dict[str, Path]:
    if not folder.is_dir():
        raise StemError(f"{folder}: no such folder of images")
    paths: dict[str, Path] = {}
    for subfolder in sorted(p for p in folder.iterdir() if p.is_dir()):
        if subfolder.name not in classes:
            raise StemError(f"{subfolder}: unknown class; expected one of {', '.join(classes)}")
        for path in sorted(p for p in subfolder.iterdir() if p.suffix.lower() in _SUFFIXES):
            image_id = f"{path.stem}.jpg"
            if image_id in paths:
                raise StemError(f"{path}: {image_id} is also at {paths[image_id]}")
            paths[image_id] = path
    if not paths:
        raise StemError(f"{folder}: no image at <class>/<id>.jpg in it")
    return paths


def _empty(n_images: int) -> NDArray[np.uint8]:
    return np.empty((n_images, stem.IMAGE_SIZE, stem.IMAGE_SIZE), np.uint8)


def _without(ids: Iterable[str], have: tuple[str, ...]) -> tuple[str, ...]:
    known = set(have)
    return tuple(i for i in ids if i not in known)


def _digest(structures: Mapping[str, Atoms], image_id: str) -> bytes:
    if isinstance(structures, KeptStructures):
        return structures.digests[image_id]
    return digest_of(structures[image_id])


def digest_of(atoms: Atoms) -> bytes:
    """Digest of what is drawn of a structure, 32 bytes."""
    elements = f"{len(atoms.elements)} {' '.join(atoms.elements)}|"
    numbers = (np.asarray(part, float).tobytes() for part in (atoms.lattice_mat, atoms.cart_coords))
    return hashlib.sha256(b"".join((elements.encode(), *numbers))).digest()
