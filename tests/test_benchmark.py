from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import (
    GOLDEN,
    REAL,
    REPOSITORY,
    SMALL,
    SMALL_SPLITS,
    add_benchmark,
    needs_golden,
    write_zip,
)
from hypothesis import given
from hypothesis import strategies as st

from jarvis_stem.benchmark import BENCHMARK_SUFFIX, Benchmark, ResultName, benchmark_files
from jarvis_stem.errors import StemError
from jarvis_stem.files import read_zip, zip_bytes

PART = st.text("abzABZ019_.+", min_size=1)


@given(st.builds(ResultName, PART, PART, PART, PART, PART, PART))
def test_a_name_reads_back_with_and_without_suffix(name: ResultName) -> None:
    assert ResultName.parse(str(name)) == name
    assert ResultName.parse(name.predictions_name) == name


@given(st.text())
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        assert str(ResultName.parse(text)) == text.removesuffix(".csv.zip")
    except StemError as error:
        assert "<CAT>-<SUBCAT>-<prop>-<dataset>-<split>-<metric>" in str(error)


@pytest.mark.parametrize("text", ["", "a-b-c-d-e", "a-b-c-d-e-f-g", "a-b-c-d--f", "a/b-c-d-e-f-g"])
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(StemError, match="expected <CAT>"):
        ResultName.parse(text)


def test_the_parts_of_the_real_name() -> None:
    assert REAL.dataset == "stem_2d_image"
    assert REAL.property == "bravais_class"
    assert REAL.csv_name == "AI-ImageClass-bravais_class-stem_2d_image-test-acc.csv"
    assert REAL.page_path(".md") == Path("AI/ImageClass/stem_2d_image_bravais_class.md")


def test_a_benchmark_is_read_in_file_order(tmp_path: Path) -> None:
    path = add_benchmark(tmp_path)
    benchmark = Benchmark.read(tmp_path, SMALL)
    assert benchmark_files(tmp_path) == [path]
    assert list(benchmark.split("test").items()) == list(SMALL_SPLITS["test"].items())
    assert benchmark.size == 7
    assert benchmark.classes == [0, 1, 2]


def test_classes_may_be_text(tmp_path: Path) -> None:
    add_benchmark(tmp_path, splits={"test": {"x": "b", "y": "a"}})
    assert Benchmark.read(tmp_path, SMALL).classes == ["a", "b"]


@pytest.mark.parametrize("splits", [{}, {"train": {"a": 1}}, {"train": {"a": 1}, "test": {}}])
def test_a_benchmark_without_the_split(tmp_path: Path, splits: dict[str, dict[str, int]]) -> None:
    add_benchmark(tmp_path, splits=splits)
    with pytest.raises(StemError, match=r"no ids in a split 'test'; it has train|expected \{split"):
        Benchmark.read(tmp_path, SMALL).split("test")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"test": 1}',
        b'{"test": {"a": 1.5}}',
        b'{"test": {"a": true}}',
        b"[" * 100_000,
    ],
)
def test_other_json_is_refused(tmp_path: Path, content: bytes) -> None:
    path = add_benchmark(tmp_path)
    path.write_bytes(zip_bytes(f"{SMALL.benchmark_name}.json", content))
    with pytest.raises(StemError, match=r"not JSON|expected \{split: \{id: class\}\}"):
        Benchmark.read(tmp_path, SMALL)


def test_a_benchmark_that_is_missing_or_no_zip(tmp_path: Path) -> None:
    with pytest.raises(StemError, match="no such folder of benchmarks"):
        benchmark_files(tmp_path / "missing")
    path = add_benchmark(tmp_path)
    with pytest.raises(StemError, match=r"no such benchmark; known: AI.ImageClass.small_bravais"):
        Benchmark.read(tmp_path, REAL)
    path.write_bytes(b"not a zip")
    with pytest.raises(StemError, match="not a readable zip"):
        Benchmark.read(tmp_path, SMALL)
    write_zip(path, {"a": b"", "b": b""})
    with pytest.raises(StemError, match="expected the single member 'small"):
        Benchmark.read(tmp_path, SMALL)


def test_our_copy_of_the_real_benchmark() -> None:
    benchmark = Benchmark.read(REPOSITORY / "benchmarks", REAL)
    assert {name: len(ids) for name, ids in benchmark.splits.items()} == {
        "train": 6862,
        "test": 2288,
    }
    assert benchmark.classes == [0, 1, 2, 3, 4]


@needs_golden
def test_our_copy_equals_the_published_one() -> None:
    path = REAL.page_path(BENCHMARK_SUFFIX)
    member = f"{REAL.benchmark_name}.json"
    ours = json.loads(read_zip(REPOSITORY / "benchmarks" / path, member))
    theirs = json.loads(read_zip(GOLDEN / "benchmarks" / path, member))
    assert json.dumps(ours) == json.dumps(theirs)  # the order counts
