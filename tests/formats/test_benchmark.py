from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import replace
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

from jarvis_stem.formats.benchmark import Benchmark, Benchmarks, benchmark_files
from jarvis_stem.formats.manifest import MANIFEST, verify
from jarvis_stem.formats.names import BENCHMARK_SUFFIX, ResultName
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import read_zip, zip_bytes

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
        b'{"test": {"a": 1, "a": 2}}',
        b'{"test": {"a": 1}, "test": {"b": 1}}',
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
    with pytest.raises(StemError, match=r"no such benchmark; similar: AI.ImageClass.small_bravais"):
        Benchmark.read(tmp_path, REAL)
    path.write_bytes(b"not a zip")
    with pytest.raises(StemError, match="not a readable zip"):
        Benchmark.read(tmp_path, SMALL)
    write_zip(path, {"a": b"", "b": b""})
    with pytest.raises(StemError, match="expected the single member 'small"):
        Benchmark.read(tmp_path, SMALL)


def write_manifest(root: Path, lines: Mapping[str, str]) -> None:
    text = "".join(f"{checksum}  {path}\n" for path, checksum in lines.items())
    (root / MANIFEST).write_text(text, encoding="utf-8")


def test_a_changed_benchmark_is_not_read(tmp_path: Path) -> None:
    path = add_benchmark(tmp_path)
    relative = path.relative_to(tmp_path).as_posix()
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    write_manifest(tmp_path, {relative: checksum})
    assert Benchmark.read(tmp_path, SMALL).size == 7
    splits = {**SMALL_SPLITS, "test": {**SMALL_SPLITS["test"], "d.jpg": 1}}
    add_benchmark(tmp_path, splits=splits)
    changed = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(StemError) as caught:
        Benchmark.read(tmp_path, SMALL)
    assert str(caught.value) == (
        f"{path}: SHA-256 {changed}, but {tmp_path / MANIFEST} has {checksum}; restore the file, "
        f"or record a change on purpose: cd {tmp_path} && sha256sum */*/* > {MANIFEST}"
    )
    write_manifest(tmp_path, {relative: changed})
    assert Benchmark.read(tmp_path, SMALL).splits == splits


def test_a_benchmark_that_is_not_listed_is_not_read(tmp_path: Path) -> None:
    add_benchmark(tmp_path)
    write_manifest(tmp_path, {"AI/ImageClass/other_bravais_class.json.zip": "0" * 64})
    with pytest.raises(StemError, match="SHA256SUMS has no line for it; restore the file"):
        Benchmark.read(tmp_path, SMALL)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x", "line 1: expected <sha256>  <path>, got 'x'"),
        (f"{'0' * 64}  a\n{'0' * 63}  b\n", "line 2: expected <sha256>  <path>, got '000"),
        (f"{'A' * 64}  a", "line 1: expected"),
        (f"{'0' * 64} a", "line 1: expected"),
        ("\x00\x1b[2J", r"got '\\x00\\x1b\[2J'"),
    ],
)
def test_other_manifests_are_refused(tmp_path: Path, text: str, line: str) -> None:
    path = add_benchmark(tmp_path)
    (tmp_path / MANIFEST).write_text(text, encoding="utf-8")
    with pytest.raises(StemError, match=rf"SHA256SUMS: .*{line}"):
        verify(tmp_path, path)


def test_the_manifest_is_as_sha256sum_writes_it(tmp_path: Path) -> None:
    path = add_benchmark(tmp_path)
    command = ["bash", "-c", f"sha256sum */*/* > {MANIFEST} && sha256sum --check {MANIFEST}"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    verify(tmp_path, path)
    subprocess.run(
        ["bash", "-c", f"sha256sum --binary */*/* > {MANIFEST}"], cwd=tmp_path, check=True
    )
    verify(tmp_path, path)


def test_benchmarks_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = add_benchmark(tmp_path)
    known = Benchmarks(tmp_path)
    assert SMALL in known
    assert REAL not in known
    assert known.problems(SMALL) == []
    benchmark = known.open(SMALL)
    path.unlink()
    assert known.open(SMALL) is benchmark
    with pytest.raises(StemError, match="no such folder of benchmarks"):
        Benchmarks(tmp_path / "missing")


def test_why_a_name_is_not_scored(tmp_path: Path) -> None:
    add_benchmark(tmp_path)
    known = Benchmarks(tmp_path)
    for name, problem in (
        (replace(SMALL, split="train"), "split 'train' and metric 'acc': only 'test' and 'acc' "),
        (replace(SMALL, metric="mae"), "split 'test' and metric 'mae': only"),
        (REAL, "no benchmark AI/ImageClass/stem_2d_image_bravais_class.json.zip; similar: "),
        (replace(SMALL, category="..", subcategory=".."), "no benchmark ../../small_bravais"),
    ):
        assert known.problems(name)[0].startswith(problem)
    (tmp_path / SMALL.page_path(BENCHMARK_SUFFIX)).unlink()
    assert Benchmarks(tmp_path).problems(SMALL)[0].endswith("none of the 0 here is like it")


def test_a_benchmark_has_one_name(tmp_path: Path) -> None:
    """The listed one, or else the first that comes."""
    add_benchmark(tmp_path, REAL)
    twin = replace(REAL, dataset="stem_2d", property="image_bravais_class")
    listed = Benchmarks(tmp_path, [REAL])
    assert listed.problems(REAL) == []
    assert listed.problems(twin) == [
        f"stem_2d_image_bravais_class.json.zip is scored as {REAL}; rename the file to that"
    ]
    first = Benchmarks(tmp_path)
    assert first.problems(REAL) == first.problems(twin) == []
    first.open(twin)
    assert first.problems(twin) == []
    assert first.problems(REAL) == [
        f"stem_2d_image_bravais_class.json.zip is scored as {twin}; rename the file to that"
    ]


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
