"""A benchmark's images as one uint8 array, rendered from structures or read from a folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jarvis.core.atoms import Atoms
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from jarvis_stem import stem
from jarvis_stem.errors import StemError
from jarvis_stem.progress import track

_WHITE = 200  # of 255; JPEG noise in the margin stays above, the image's dark border stays below
_MARGIN_SHARE = 0.98  # of a row or column that must be white for it to be margin
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


def render(structures: Mapping[str, Atoms], ids: Sequence[str]) -> ImageSet:
    """Render the structures of a list of ids, with a progress bar.

    Args:
        structures: Structures by image id.
        ids: Image ids; those without a structure end up in `ImageSet.missing`.
    """
    have = tuple(i for i in ids if i in structures)
    batches = stem.batches(structures[i] for i in track(have, "Rendering"))
    return _image_set(ids, have, batches)


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
            than the benchmark's or under two of them, or a file that is not an image.
    """
    paths = _folder_files(folder, [str(c) for c in classes])
    have = tuple(i for i in ids if i in paths)
    for image_id in have:
        if paths[image_id].parent.name != str(ids[image_id]):
            raise StemError(f"{paths[image_id]}: the benchmark's class is {ids[image_id]}")
    files = track(have, "Reading")
    return _image_set(ids, have, (read_image(paths[i])[None] for i in files))


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read one picture as the benchmark's images are: without white margin, grey, 256x256.

    Args:
        path: A JPEG or PNG, for example one saved by matplotlib.

    Returns:
        uint8[256, 256], stretched to 0..255.

    Raises:
        StemError: Not a readable image, or nothing but margin.
    """
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("L"))
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise StemError(f"{path}: not a readable image ({error})") from None
    content = Image.fromarray(_without_margin(pixels, path))
    size = (stem.IMAGE_SIZE, stem.IMAGE_SIZE)
    resized = np.asarray(content.resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
    return stem.to_uint8(resized[None])[0]


def _without_margin(pixels: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    white = pixels > _WHITE
    rows = np.flatnonzero(white.mean(axis=1) < _MARGIN_SHARE)
    if rows.size == 0:
        raise StemError(f"{path}: nothing but white margin")
    inside = slice(rows[0], rows[-1] + 1)
    # Columns are judged within the found rows: above and below them every column is white.
    columns = np.flatnonzero(white[inside].mean(axis=0) < _MARGIN_SHARE)
    return pixels[inside, columns[0] : columns[-1] + 1]


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


def _image_set(
    ids: Iterable[str], have: tuple[str, ...], batches: Iterable[NDArray[np.uint8]]
) -> ImageSet:
    images = np.empty((len(have), stem.IMAGE_SIZE, stem.IMAGE_SIZE), np.uint8)
    filled = 0
    for batch in batches:
        images[filled : filled + len(batch)] = batch
        filled += len(batch)
    known = set(have)
    return ImageSet(have, images, tuple(i for i in ids if i not in known))
