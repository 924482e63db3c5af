from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers import (
    GOLDEN,
    PROTO,
    REAL,
    REPOSITORY,
    SMALL,
    add_benchmark,
    add_complete,
    add_contribution,
    needs_golden,
)

from jarvis_stem import reference
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.manifest import MANIFEST
from jarvis_stem.formats.predictions import read_predictions
from jarvis_stem.formats.published import REFERENCE_SUFFIX, Reference, fingerprint
from jarvis_stem.scoring.leaderboard import build
from jarvis_stem.utils.errors import StemError

PUBLISHED: dict[str, Any] = {
    "score": 0.5,
    "source": "https://example.org",
    "right_ids": "oA==",  # 1010 0000
    "predictions_sha256": fingerprint([0, 0, 2, 0]),
}


def write(root: Path, data: object) -> Path:
    path = root / SMALL.page_path(REFERENCE_SUFFIX)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_without_a_file_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    assert Reference.read(tmp_path, SMALL) == Reference(published={}, without_structure=[])


def test_a_reference_is_read(tmp_path: Path) -> None:
    write(tmp_path, {"published": {"x": PUBLISHED}, "without_structure": ["d.jpg"]})
    found = Reference.read(tmp_path, SMALL)
    assert found.without_structure == ["d.jpg"]
    assert found.published["x"].correct(4).tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ([], "expected a JSON object {...}, got list"),
        ({"published": []}, "'published': expected a valid dictionary, got []"),
        ({"published": {"x": {}}}, "expected a key 'published'['x']['score'], got none; add it"),
        ({"published": {"x": {**PUBLISHED, "score": "1"}}}, "'published'['x']: expected a valid n"),
        ({"without_structure": [1]}, "'without_structure'[0]: expected a valid string, got 1"),
        ({"without": []}, "'without': Extra inputs are not permitted"),
    ],
)
def test_another_form_is_refused(tmp_path: Path, data: object, problem: str) -> None:
    path = write(tmp_path, data)
    with pytest.raises(StemError) as caught:
        Reference.read(tmp_path, SMALL)
    assert str(caught.value).startswith(f"{path}: {problem}")


def test_a_changed_reference_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {})
    relative = path.relative_to(tmp_path)
    (tmp_path / MANIFEST).write_text(f"{'0' * 64}  {relative}\n", encoding="utf-8")
    with pytest.raises(StemError, match="SHA256SUMS has 0000"):
        Reference.read(tmp_path, SMALL)


def test_a_fingerprint_tells_predictions_apart() -> None:
    known: list[list[int | str]] = [
        [0, 1],
        [1, 0],
        [0, 1, 1],
        [0, 11],
        [],
        ["0", "1"],
        ["0,1"],
        [0],
    ]
    assert len({fingerprint(predictions) for predictions in known}) == len(known)
    assert fingerprint([0, 1]) == fingerprint([0, 1])


def test_a_copy_of_a_published_result_is_recognised(tmp_path: Path) -> None:
    add_benchmark(tmp_path / "benchmarks")
    write(tmp_path / "benchmarks", {"published": {"x": PUBLISHED}})
    csv = "id,prediction\nd.jpg,0\ne.jpg,0\nf.jpg,2\ng.jpg,0\n"
    add_complete(tmp_path / "contributions", "copy", csv)
    (board,) = build(tmp_path / "contributions", tmp_path / "benchmarks").benchmarks
    assert board.results[0].same_predictions_as == ["published x"]
    assert [published.name for published in board.references] == ["x"]
    (tmp_path / "contributions" / "copy").rename(tmp_path / "contributions" / "x")
    (board,) = build(tmp_path / "contributions", tmp_path / "benchmarks").benchmarks
    assert board.references == []  # it is the published one


def test_a_reference_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = PROTO.page_path(".json.zip")
    (tmp_path / path.parent).mkdir(parents=True)
    shutil.copy(REPOSITORY / "benchmarks" / path, tmp_path / path)
    benchmark = Benchmark.read(tmp_path, PROTO)
    targets = benchmark.split("test")
    rows = [f"{id},{2 if n % 3 else target}\n" for n, (id, target) in enumerate(targets.items())]
    zipped = add_contribution(tmp_path / "theirs", "x", f"id,prediction\n{''.join(rows)}", PROTO)
    arguments = ["stem_2d_proto", "--published", str(tmp_path / "theirs"), "--source", "https://x/"]
    arguments += ["--benchmarks", str(tmp_path)]
    assert reference.main(arguments) == 0
    found = Reference.read(tmp_path, PROTO)
    predictions, _ = read_predictions(zipped, PROTO, benchmark)
    right = (predictions == benchmark.targets("test")).tolist()
    assert found.without_structure == []
    assert found.published["x"].correct(len(targets)).tolist() == right
    assert found.published["x"].score == round(sum(right) / len(right), 4)
    assert found.published["x"].source == "https://x/x"
    assert found.published["x"].predictions_sha256 == fingerprint(benchmark.named(predictions))
    said = capsys.readouterr().out.splitlines()
    assert found.oracle is not None
    # Prototypes are told by the exact lattice, but for the few whose cell is another's.
    assert found.oracle.correct(len(targets)).mean() == pytest.approx(found.oracle.score, abs=1e-4)
    assert said[:3] == [
        f"{found.published['x'].score:.4f}  x",
        f"{found.oracle.score:.4f}  an oracle that is told the structures",
        "0 test ids without a structure",
    ]
    assert found.oracle.score > 0.9
    zipped.write_bytes(b"")
    with pytest.raises(StemError, match=r"theirs/x/.*csv.zip: not a readable zip"):
        reference.main(arguments)


def test_the_committed_reference() -> None:
    found = Reference.read(REPOSITORY / "benchmarks", REAL)
    ids = Benchmark.read(REPOSITORY / "benchmarks", REAL).split("test")
    assert {
        name: (it.score, it.correct(len(ids)).sum()) for name, it in found.published.items()
    } == {
        "densenet_model": (0.8304, 1900),
        "resnet_model": (0.2924, 669),
    }
    assert found.oracle is not None
    assert found.oracle.correct(len(ids)).sum() == 2209
    assert 0 < len(found.without_structure) == len({*found.without_structure} & {*ids})
    for path in REPOSITORY.glob(f"contributions/*/{REAL.predictions_name}"):
        missing = json.loads((path.parent / "metadata.json").read_text())["missing_structures"]
        assert missing[path.name] == len(found.without_structure)


@needs_golden
def test_the_committed_reference_is_the_published_files() -> None:
    benchmark = Benchmark.read(REPOSITORY / "benchmarks", REAL)
    targets = benchmark.targets("test")
    for name, published in Reference.read(REPOSITORY / "benchmarks", REAL).published.items():
        path = GOLDEN / "contributions" / name / REAL.predictions_name
        predictions, problems = read_predictions(path, REAL, benchmark)
        assert problems == []
        assert published.predictions_sha256 == fingerprint(benchmark.named(predictions))
        assert (published.correct(len(targets)) == (predictions == targets)).all()
