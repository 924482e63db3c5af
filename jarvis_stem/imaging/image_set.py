"""A benchmark's images as one uint8 array, rendered from structures or read from a folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jarvis_stem.imaging import picture, stem
from jarvis_stem.imaging.conditions import CLEAN, Conditions
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


def render(
    structures: Mapping[str, Atoms],
    ids: Sequence[str],
    conditions: Conditions | Sequence[Conditions] = CLEAN,
    *,
    seed: int = 0,
) -> ImageSet:
    """Render the structures of a list of ids on all cores, with a progress bar.

    Args:
        structures: Structures by image id.
        ids: Image ids; those without a structure end up in `ImageSet.missing`.
        conditions: Of all images, or of each id that has a structure.
        seed: Of the noise; see `conditions.degrade`.
    """
    have = tuple(i for i in ids if i in structures)
    images = _empty(len(have))
    with bar() as progress:
        task = progress.add_task("Rendering", total=len(have))
        for done in stem.render([structures[i] for i in have], images, conditions, seed=seed):
            progress.update(task, completed=done)
    return _image_set(ids, have, images)


def read_folder(
    folder: Path, ids: Mapping[str, int | str], classes: Sequence[int | str]
) -> ImageSet:
    """Read images in AtomVision's layout, ``<folder>/<class>/<id>.jpg``, with a progress bar.

    Args:
        folder: Folder with one subfolder a class.
        ids: Class by image id; those without a file end up in `ImageSet.missing`.
        classes: The benchmark's classes.

    Raises:
        StemError: No such folder, a subfolder that is not a class, an image under another class
            than the benchmark's or under two of them, or a file that cannot be read.
    """
    paths = _folder_files(folder, [str(c) for c in classes])
    have = tuple(i for i in ids if i in paths)
    for image_id in have:
        if paths[image_id].parent.name != str(ids[image_id]):
            raise StemError(f"{paths[image_id]}: the benchmark's class is {ids[image_id]}")
    images = _empty(len(have))
    for image, image_id in zip(images, track(have, "Reading"), strict=True):
        image[...] = read_image(paths[image_id])
    return _image_set(ids, have, images)


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read one picture as the benchmark's images are, uint8[256, 256]; see `picture.read_picture`.

    Raises:
        StemError: It cannot be read so.
    """
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


def _image_set(ids: Iterable[str], have: tuple[str, ...], images: NDArray[np.uint8]) -> ImageSet:
    known = set(have)
    return ImageSet(have, images, tuple(i for i in ids if i not in known))
