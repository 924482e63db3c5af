"""Image folders in AtomVision's layout: what is read, and what is said of bad ones."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from helpers import REAL
from matplotlib.figure import Figure
from PIL import Image

from jarvis_stem.imaging import image_set, prototypes, stem, structures
from jarvis_stem.utils.errors import StemError

CLASSES = [0, 1, 2, 3, 4]


def draw_as_published(picture: np.ndarray, path: Path) -> None:
    """Save a picture the way AtomVision does: matplotlib, axes off, 640x480."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure()
    axes = figure.subplots()
    axes.imshow(picture, interpolation="gaussian", cmap="gray")
    axes.axis("off")
    figure.savefig(path, dpi=100)


@pytest.fixture(scope="module")
def rendered() -> dict[str, np.ndarray]:
    chosen = dict(list(prototypes.structures().items())[::400])
    pictures = stem.to_uint8(stem.simulate(list(chosen.values())))
    return dict(zip(chosen, pictures, strict=True))


def test_margin_is_cropped_and_the_picture_comes_back(
    rendered: dict[str, np.ndarray], tmp_path: Path
) -> None:
    for number, picture in enumerate(rendered.values()):
        path = tmp_path / f"{number}.jpg"
        draw_as_published(picture, path)
        read = image_set.read_image(path)
        assert read.shape == (256, 256)
        assert np.corrcoef(read.ravel(), picture.ravel())[0, 1] > 0.97


def test_picture_without_margin_is_kept_whole(
    rendered: dict[str, np.ndarray], tmp_path: Path
) -> None:
    picture = next(iter(rendered.values()))
    Image.fromarray(picture).save(tmp_path / "plain.png")
    assert np.array_equal(image_set.read_image(tmp_path / "plain.png"), picture)


def test_folder_gives_ids_in_order_and_names_the_missing(
    rendered: dict[str, np.ndarray], tmp_path: Path
) -> None:
    ids = {name: n % 5 for n, name in enumerate(rendered)}
    for name, picture in list(rendered.items())[1:]:
        draw_as_published(picture, tmp_path / str(ids[name]) / name)
    found = image_set.read_folder(tmp_path, ids, CLASSES)
    assert found.ids == tuple(ids)[1:]
    assert found.missing == (next(iter(ids)),)
    assert found.images.shape == (len(ids) - 1, 256, 256)


def test_published_sample_is_read_whole_and_is_what_we_render(shared: Path) -> None:
    paths = (shared / "atomvision_sample").glob("*/*.jpg")
    ids = {path.name: int(path.parent.name) for path in paths}
    found = image_set.read_folder(shared / "atomvision_sample", ids, CLASSES)
    assert len(found.ids) == 270
    assert not found.missing
    atoms = structures.for_dataset(REAL.dataset, found.ids, data=str(shared / "jarvis_data"))
    rendered = image_set.render(atoms, found.ids).images
    for name, published, ours in zip(found.ids, found.images, rendered, strict=True):
        assert np.corrcoef(published.ravel(), ours.ravel())[0, 1] > 0.97, name


def save(path: Path, size: tuple[int, int] = (32, 32), grey: int = 40) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, grey).save(path)


def test_unknown_class_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "hexagonal" / "x.jpg")
    with pytest.raises(StemError, match=r"hexagonal: unknown class; expected one of 0, 1, 2, 3, 4"):
        image_set.read_folder(tmp_path, {"x.jpg": 0}, CLASSES)


def test_image_under_another_class_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "1" / "x.jpg")
    with pytest.raises(StemError, match=r"x\.jpg: the benchmark's class is 0"):
        image_set.read_folder(tmp_path, {"x.jpg": 0}, CLASSES)


def test_image_under_two_classes_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "0" / "x.jpg")
    save(tmp_path / "1" / "x.jpg")
    with pytest.raises(StemError, match=re.escape("x.jpg is also at")):
        image_set.read_folder(tmp_path, {"x.jpg": 0}, CLASSES)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\xff\xd8\xff\xe0 cut short"])
def test_unreadable_jpeg_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "0" / "x.jpg"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StemError, match=r"x\.jpg: not a readable image"):
        image_set.read_folder(tmp_path, {"x.jpg": 0}, CLASSES)


def test_truncated_jpeg_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(StemError, match=r"x\.jpg: not a readable image"):
        image_set.read_image(path)


def test_white_page_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "x.jpg", grey=255)
    with pytest.raises(StemError, match="nothing but white margin"):
        image_set.read_image(tmp_path / "x.jpg")


def test_missing_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StemError, match="no such folder of images"):
        image_set.read_folder(tmp_path / "nowhere", {}, CLASSES)
    with pytest.raises(StemError, match=r"no image at <class>/<id>\.jpg"):
        image_set.read_folder(tmp_path, {}, CLASSES)
