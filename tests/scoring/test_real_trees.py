"""JARVIS-Leaderboard's own tree, as published, and trees with the oddities that it has."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from helpers import (
    ALL_RIGHT,
    HALF_RIGHT,
    METADATA,
    OTHER,
    SHARED,
    SMALL,
    SMALL_SPLITS,
    add_benchmark,
    add_complete,
    add_contribution,
    command,
    write_zip,
)
from sklearn.metrics import accuracy_score

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.manifest import MANIFEST, ChangedFileError
from jarvis_stem.formats.names import BENCHMARK_SUFFIX, ResultName
from jarvis_stem.scoring.checklist import check
from jarvis_stem.scoring.leaderboard import build
from jarvis_stem.utils.files import json_text, zip_bytes

PUBLISHED = SHARED / "jarvis_leaderboard_acc" / "jarvis_leaderboard"
needs_published = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason=f"no part of JARVIS-Leaderboard's tree in {PUBLISHED}"
)


def upstreams_accuracy(path: Path, root: Path) -> float:
    """What JARVIS-Leaderboard's rule gives: merged on the id, scikit-learn's accuracy."""
    name = ResultName.parse(path.name)
    with zipfile.ZipFile(root / name.page_path(BENCHMARK_SUFFIX)) as archive:
        truth = json.loads(archive.read(archive.namelist()[0]))[name.split]
    predicted = pd.read_csv(path, dtype={"id": str})
    merged = predicted.merge(pd.DataFrame({"id": list(truth), "actual": list(truth.values())}))
    return round(accuracy_score(merged["actual"], merged["prediction"]), 4)


@needs_published
def test_every_published_score_is_upstreams() -> None:
    done = build(PUBLISHED / "contributions", PUBLISHED / "benchmarks")
    ours = {
        f"{result.contribution}/{result.file}": result.score
        for board in done.benchmarks
        for result in board.results
    }
    theirs = {
        f"{path.parent.name}/{path.name}": upstreams_accuracy(path, PUBLISHED / "benchmarks")
        for path in PUBLISHED.glob("contributions/*/*-acc.csv.zip")
    }
    assert ours == theirs
    assert len(ours) == 23
    assert done.all_rejected == []
    assert done.faults == {}


@needs_published
def test_what_is_odd_about_published_results_is_noticed() -> None:
    done = build(PUBLISHED / "contributions", PUBLISHED / "benchmarks")
    notices = {board.dataset + "_" + board.property: board.notices for board in done.benchmarks}
    assert notices["dft_3d_mbj_bandgap"] == ["1 test id is also in train: 'JVASP-96735'"]
    forests = [r for b in done.benchmarks for r in b.results if r.contribution == "matminer_rf"]
    assert len(forests) == 7
    for result in forests:
        member, key = result.notices
        assert member.startswith("expected the single member 'AI-SinglePropertyClass-")
        assert key == "metadata.json: expected a key 'database_version', got none; add it"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two benchmarks, and a contribution to each that is all right."""
    for name in (SMALL, OTHER):
        add_benchmark(tmp_path / "benchmarks", name)
        add_contribution(tmp_path / "contributions", f"on_{name.dataset}", ALL_RIGHT, name)
    (tmp_path / "metadata.json").write_text(
        json_text({"repository_url": "https://example.org", "benchmarks": []}), encoding="utf-8"
    )
    return tmp_path


def scores(root: Path) -> dict[str, float]:
    done = build(root / "contributions", root / "benchmarks")
    return {r.contribution: r.score for board in done.benchmarks for r in board.results}


FAULTS: dict[str, tuple[bytes, str]] = {
    "no zip": (b"broken", "not a readable zip"),
    "numbers": (b'{"test": {"d.jpg": 0.5}}', "expected {split: {id: class}}"),
    "no test split": (b'{"train": {"a.jpg": 0}}', "no ids in a split 'test'"),
    "an empty test split": (b'{"train": {"a.jpg": 0}, "test": {}}', "no ids in a split 'test'"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_benchmark_with_a_fault_does_not_stop_the_others(root: Path, kind: str) -> None:
    content, fault = FAULTS[kind]
    path = root / "benchmarks" / SMALL.page_path(BENCHMARK_SUFFIX)
    member = f"{SMALL.benchmark_name}.json"
    path.write_bytes(content if kind == "no zip" else zip_bytes(member, content))
    done = command("score", cwd=root)
    assert done.returncode == 1
    where = f"benchmark not scored: {SMALL.page_path(BENCHMARK_SUFFIX)}: {fault}"
    assert where in done.stderr
    assert f"rejected: on_small/{SMALL.predictions_name}: its benchmark has a fault" in done.stderr
    assert scores(root) == {"on_other": 1.0}
    home = (root / "site" / "index.html").read_text(encoding="utf-8")
    assert fault.split("{")[0] in home.replace("&#39;", "'")
    listed = build(root / "contributions", root / "benchmarks", [SMALL, OTHER])
    assert [board.name for board in listed.benchmarks] == [str(OTHER)]
    (line,) = [x for x in done.stderr.splitlines() if x.startswith("benchmark not scored")]
    checked = check(root / "contributions" / "on_small", root / "benchmarks")
    assert any(fault in failure for failure in checked.failures), line


def test_a_reference_with_a_fault_does_not_stop_the_others(root: Path) -> None:
    (root / "benchmarks" / SMALL.page_path(".reference.json")).write_text("{}[", encoding="utf-8")
    done = build(root / "contributions", root / "benchmarks")
    assert "not JSON" in done.faults[SMALL.page_path(BENCHMARK_SUFFIX).as_posix()]
    assert scores(root) == {"on_other": 1.0}


def test_only_a_changed_checksum_of_a_listed_benchmark_stops_the_run(root: Path) -> None:
    manifest = root / "benchmarks" / MANIFEST
    path = SMALL.page_path(BENCHMARK_SUFFIX).as_posix()
    manifest.write_text(f"{'0' * 64}  {path}\n", encoding="utf-8")
    with pytest.raises(ChangedFileError, match=r"small_bravais_class\.json\.zip: SHA-256"):
        scores(root)
    manifest.write_text(f"{'0' * 64}  elsewhere.json.zip\n", encoding="utf-8")
    done = build(root / "contributions", root / "benchmarks")
    assert done.faults.keys() == {path, OTHER.page_path(BENCHMARK_SUFFIX).as_posix()}
    assert all("has no line for it" in fault for fault in done.faults.values())


SHARED_IDS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "one": ({"train": {"d.jpg": 0}}, ["1 test id is also in train: 'd.jpg'"]),
    "of another class": ({"train": {"d.jpg": 2}}, ["1 test id is also in train: 'd.jpg'"]),
    "all": (
        {"train": {}, "val": SMALL_SPLITS["test"]},
        ["4 test ids are also in val: 'd.jpg', 'e.jpg', 'f.jpg', …"],
    ),
    "train and val": (
        {"train": {"a.jpg": 0}, "val": {"a.jpg": 0, "b.jpg": 1}},
        ["1 train id is also in val: 'a.jpg'"],
    ),
}


@pytest.mark.parametrize("kind", SHARED_IDS)
def test_an_id_in_two_splits_is_noticed_and_scored(root: Path, kind: str) -> None:
    splits, notices = SHARED_IDS[kind]
    add_benchmark(root / "benchmarks", splits={**splits, "test": SMALL_SPLITS["test"]})
    done = command("score", "--json", cwd=root)
    assert (done.returncode, done.stderr) == (0, "")
    board = json.loads(done.stdout)["benchmarks"][1]
    assert board["notices"] == notices
    assert board["results"][0]["score"] == 1.0
    told = command("score", cwd=root).stdout
    assert f"note: {notices[0]}\n" in told
    markdown = (root / "docs" / SMALL.page_path(".md")).read_text(encoding="utf-8")
    page = (root / "site/benchmarks" / f"{SMALL.benchmark_name}.html").read_text(encoding="utf-8")
    for text in (markdown, page):
        assert notices[0] in text.replace("&#39;", "'")


def test_a_member_of_another_name_is_scored_and_fails_the_checklist(root: Path) -> None:
    folder = add_complete(root / "contributions", "renamed", HALF_RIGHT)
    write_zip(folder / SMALL.predictions_name, {"folder/x.csv": HALF_RIGHT.encode()})
    assert scores(root)["renamed"] == 0.5
    checked = check(folder, root / "benchmarks")
    expected = f"expected the single member '{SMALL.csv_name}', got 'folder/x.csv'; rename it"
    assert checked.failures == [f"{SMALL.predictions_name}: {expected}"]
    assert f"note: renamed: {expected} page:" in " ".join(command("score", cwd=root).stdout.split())


@pytest.mark.parametrize("key", sorted(METADATA))
def test_a_missing_key_of_metadata_is_noticed_and_fails_the_checklist(root: Path, key: str) -> None:
    folder = add_complete(root / "contributions", "short", HALF_RIGHT)
    data = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    del data[key]
    (folder / "metadata.json").write_text(json.dumps(data), encoding="utf-8")
    done = build(root / "contributions", root / "benchmarks")
    (result,) = [r for b in done.benchmarks for r in b.results if r.contribution == "short"]
    assert (result.score, done.all_rejected) == (0.5, [])
    expected = f"metadata.json: expected a key '{key}', got none; add it"
    assert result.notices == [expected]
    assert expected in " ".join(check(folder, root / "benchmarks").failures)
    assert command("site", "--no-images", cwd=root).returncode == 0
    card = (root / "site/contributions/short.html").read_text(encoding="utf-8")
    assert "expected a key" in card


def test_results_of_other_metrics_are_left_out_with_a_word(root: Path) -> None:
    for dataset in ("small", "other"):
        name = replace(SMALL, dataset=dataset, metric="mae")
        add_contribution(root / "contributions", "regression", "id,prediction\n", name)
    name = replace(SMALL, subcategory="MLFF", split="val", metric="multimae")
    add_contribution(root / "contributions", "regression", "id,prediction\n", name)
    done = command("score", cwd=root)
    assert (done.returncode, done.stderr) == (0, "")
    note = "left out, for only test-acc is scored here: 2 of test-mae, 1 of val-multimae"
    assert " ".join(done.stdout.split()).endswith(f"note: {note}")
    assert note in (root / "site" / "index.html").read_text(encoding="utf-8")
    assert scores(root) == {"on_other": 1.0, "on_small": 1.0}
    failures = check(root / "contributions" / "regression", root / "benchmarks").failures
    assert sum("only 'test' and 'acc' are scored here" in failure for failure in failures) == 3


def test_whole_numbers_with_a_point_are_classes(root: Path) -> None:
    splits = {s: {id: float(c) for id, c in ids.items()} for s, ids in SMALL_SPLITS.items()}
    add_benchmark(root / "benchmarks", splits=splits)
    assert Benchmark.read(root / "benchmarks", SMALL).classes == [0, 1, 2]
    assert scores(root)["on_small"] == 1.0


def test_a_large_benchmark_is_read(root: Path) -> None:
    ids = {f"{n:07d}.{'x' * 80}": "condensed matter" for n in range(700_000)}
    content = json.dumps({"train": ids, "test": SMALL_SPLITS["test"]}).encode()
    assert len(content) > 64 * 2**20
    path = root / "benchmarks" / SMALL.page_path(BENCHMARK_SUFFIX)
    write_zip(path, {f"{SMALL.benchmark_name}.json": content})
    assert Benchmark.read(root / "benchmarks", SMALL).size == 700_004


def test_an_unknown_benchmark_is_told_of_at_most_three_alike(root: Path) -> None:
    for n in range(9):
        add_benchmark(root / "benchmarks", replace(SMALL, dataset=f"small_{n}"))
    name = replace(SMALL, dataset="tiny_small")
    path = add_contribution(root / "contributions", "unknown", ALL_RIGHT, name)
    far = replace(SMALL, category="ES", subcategory="Quite", property="another", dataset="thing")
    shutil.copyfile(path, path.with_name(far.predictions_name))
    done = build(root / "contributions", root / "benchmarks")
    near, distant = sorted((r.problems[0] for r in done.rejected), key=lambda p: "similar" not in p)
    assert near.startswith(
        "no benchmark AI/ImageClass/tiny_small_bravais_class.json.zip; similar: "
    )
    assert "small_bravais_class" in near
    assert near.count(".json.zip") == 4
    assert distant == "no benchmark ES/Quite/thing_another.json.zip; none of the 11 here is like it"
