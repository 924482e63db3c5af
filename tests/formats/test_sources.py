"""Where a benchmark's pictures are published: what a sources.json may say, and what follows."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pytest
from helpers import SHARED
from small_benchmark import BY_HAND, CLASSES, HEXAGONAL, NAME, add_real, edit, sources

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.formats.predictions import read_predictions, write_predictions
from jarvis_stem.formats.sources import SOURCES_SUFFIX, Sources
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, write_text

REAL = bravais_result("stem_2d_real")
PICTURES = SHARED / "real_images"
FILES = {id: id.encode() for id in CLASSES}


def test_a_benchmark_of_pictures_has_no_training_split_and_all_classes(tmp_path: Path) -> None:
    add_real(tmp_path, FILES)
    benchmark = Benchmark.read(tmp_path, NAME)
    assert benchmark.split("test") == CLASSES
    assert benchmark.classes == [0, 1, 2, 3, 4]
    assert benchmark.sources is not None
    assert benchmark.sources.pictures[BY_HAND].by_hand == "ask for it"
    with pytest.raises(StemError, match="no ids in a split 'train'"):
        _ = benchmark.majority_class


def test_a_class_that_no_picture_shows_can_be_predicted(tmp_path: Path) -> None:
    add_real(tmp_path, FILES)
    benchmark = Benchmark.read(tmp_path, NAME)
    path = write_predictions(tmp_path, NAME, list(CLASSES), list(CLASSES.values()), [4, 0, 3, 2])
    predicted, problems = read_predictions(path, NAME, benchmark)
    assert (predicted.tolist(), problems) == ([4, 0, 3, 2], [])
    path = write_predictions(tmp_path, NAME, list(CLASSES), list(CLASSES.values()), [5, 0, 0, 0])
    _, problems = read_predictions(path, NAME, benchmark)
    assert problems == ["1 prediction not a class: line 2: '5'; the classes are 0, 1, 2, 3, 4"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"by_hand": "ask"}, "expected either an address or how to get it by hand"),
        ({"address": ""}, "expected either an address or how to get it by hand"),
        ({"address": "file:///etc/passwd"}, "expected an address that starts with https://"),
        ({"sha256": "0"}, "String should match pattern"),
        ({"pixel_size": -1.0}, "greater than or equal to 0"),
        ({"remark": "x"}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_with_a_source_is_named(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    edit(add_real(tmp_path, FILES), HEXAGONAL, **changes)
    with pytest.raises(StemError, match=rf"(?s)pictures_bravais_class\.sources\.json: .*{message}"):
        Benchmark.read(tmp_path, NAME)


@pytest.mark.parametrize("id", ["../x.png", "/x.png", "a/../x.png", "a//x.png", ".x.png", "a/b,c"])
def test_an_id_cannot_leave_the_folder_of_pictures(id: str, tmp_path: Path) -> None:
    path = tmp_path / "x.sources.json"
    write_text(path, json_text(sources("https://example.org", {id: b""})))
    with pytest.raises(StemError, match=r"expected a path like folder/picture\.tif"):
        Sources.read(path)


def test_sources_of_other_ids_are_refused(tmp_path: Path) -> None:
    path = add_real(tmp_path, FILES)
    data = json.loads(path.read_text())
    del data["pictures"][HEXAGONAL]
    write_text(path, json_text(data))
    with pytest.raises(StemError, match=f"1 id that only one of the two has: '{HEXAGONAL}'"):
        Benchmark.read(tmp_path, NAME)


def test_sources_are_verified_as_the_benchmark_is(tmp_path: Path) -> None:
    path = add_real(tmp_path, FILES)
    zipped = path.with_name(path.name.replace(SOURCES_SUFFIX, ".json.zip"))
    checksum = hashlib.sha256(zipped.read_bytes()).hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{checksum}  {zipped.relative_to(tmp_path)}\n")
    with pytest.raises(StemError, match=r"sources\.json: SHA-256 .* no line for it"):
        Benchmark.read(tmp_path, NAME)


def test_the_committed_sources_name_a_file_at_a_commit_or_how_to_get_it(repository: Path) -> None:
    benchmark = Benchmark.read(repository / "benchmarks", REAL)
    assert benchmark.sources is not None
    assert np.bincount(list(map(int, benchmark.split("test").values()))).tolist() == [19, 5, 4, 5]
    assert benchmark.splits["train"] == {}
    for id, source in benchmark.sources.pictures.items():
        assert urlparse(source.page).netloc == "github.com", id
        if source.address:
            owner, name, raw, commit, *path = urlparse(source.address).path.split("/")[1:]
            assert source.page == f"https://github.com/{owner}/{name}/tree/{commit}"
            assert (raw, len(commit), bool(path)) == ("raw", 40, True)
        assert source.licence
        assert source.material


@pytest.mark.skipif(not PICTURES.is_dir(), reason=f"no pictures in {PICTURES}")
def test_the_committed_benchmark_is_of_the_collected_pictures(repository: Path) -> None:
    benchmark = Benchmark.read(repository / "benchmarks", REAL)
    assert benchmark.sources is not None
    head, *lines = (PICTURES / "table.tsv").read_text().splitlines()
    rows = [dict(zip(head.split("\t"), line.split("\t"), strict=True)) for line in lines]
    names = ["hexagonal", "square", "rectangle", "rhombus", "parallelogram"]
    listed = {row["file"]: names.index(row["class"]) for row in rows if row["class"] in names}
    assert listed.pop("ncem/16_STOimage.emi") == listed["ncem/16_STOimage_1.ser"]  # one picture
    assert benchmark.split("test") == listed
    for row in rows:
        if source := benchmark.sources.pictures.get(row["file"]):
            content = (PICTURES / row["file"]).read_bytes()
            assert source.sha256 == row["sha256"] == hashlib.sha256(content).hexdigest()
            assert (str(source.pixel_size or "0").rstrip("0"), source.kind) == (
                (row["pixel_size"] or "0").rstrip("0"),
                row["kind"],
            )
