"""What looks too good to be true is said with its numbers, on page, check and judge alike."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from helpers import (
    PROTO,
    REAL,
    REPOSITORY,
    SMALL,
    add_benchmark,
    add_complete,
    command,
    run_record,
)

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.predictions import read_predictions
from jarvis_stem.formats.published import REFERENCE_SUFFIX, Reference, RightIds
from jarvis_stem.formats.weights_file import count_numbers
from jarvis_stem.scoring.checklist import check
from jarvis_stem.scoring.doubts import TooGood, near_copies
from jarvis_stem.scoring.leaderboard import build
from jarvis_stem.utils.files import json_text
from jarvis_stem.utils.git import git

N = 500
IDS = [f"{n}.jpg" for n in range(N)]
TRUTH = {id: n % 3 for n, id in enumerate(IDS)}


def csv(classes: list[int]) -> str:
    return "id,prediction\n" + "".join(f"{i},{c}\n" for i, c in zip(IDS, classes, strict=True))


def with_errors(seed: int, n_wrong: int) -> list[int]:
    generator = np.random.default_rng(seed)
    classes = list(TRUTH.values())
    for number in generator.choice(N, n_wrong, replace=False):
        classes[number] = (classes[number] + int(generator.integers(1, 3))) % 3
    return classes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A benchmark of 500 ids, and a contribution with 100 of them wrong."""
    splits = {"train": {"a": 0, "b": 0, "c": 1, "d": 2}, "test": TRUTH}
    add_benchmark(tmp_path / "benchmarks", splits=splits)
    add_complete(tmp_path / "contributions", "first", csv(with_errors(1, 100)))
    project = {"repository_url": "https://example.org", "benchmarks": []}
    (tmp_path / "metadata.json").write_text(json_text(project), encoding="utf-8")
    return tmp_path


def notices(root: Path) -> dict[str, list[str]]:
    (board,) = build(root / "contributions", root / "benchmarks").benchmarks
    return {result.contribution: result.notices for result in board.results}


def test_a_copy_with_a_few_changes_is_named_with_the_ids(root: Path) -> None:
    classes = with_errors(1, 100)
    for number in (5, 77, 300):
        classes[number] = TRUTH[IDS[number]]
    changed = [i for i, c, d in zip(IDS, classes, with_errors(1, 100), strict=True) if c != d]
    for number in (6, 78):
        classes[number] = (classes[number] + 1) % 3
    copy = add_complete(root / "contributions", "copy", csv(classes))
    n = 2 + len(changed)
    said = notices(root)
    (of_copy,) = said["copy"]
    assert of_copy.startswith(f"differs from first in {n} of 500 ids: '")
    (of_first,) = said["first"]
    assert of_first.startswith(f"differs from copy in {n} of 500 ids: '")
    lines = {line.check: line for line in check(copy, root / "benchmarks").lines}
    beside = lines[f"{SMALL.predictions_name} beside the others"]
    assert (beside.status, beside.details) == ("pass", [of_copy])
    assert f"note: copy: {of_copy}\n" in command("score", cwd=root).stdout
    page = (root / "site/benchmarks" / f"{SMALL.benchmark_name}.html").read_text(encoding="utf-8")
    assert f"differs from first in {n} of 500 ids" in page


def test_independent_models_are_no_copies(root: Path) -> None:
    for seed in range(2, 9):
        add_complete(root / "contributions", f"m{seed}", csv(with_errors(seed, 9 * seed)))
    assert not any(notices(root).values())


def test_pairs_are_those_of_the_definition() -> None:
    generator = np.random.default_rng(0)
    targets = generator.integers(0, 3, N)
    predicted = []
    for _ in range(12):
        one = targets.copy()
        at = generator.choice(N, 100, replace=False)
        one[at] = (one[at] + 1) % 3
        for copied in (0, 3, 30):
            other = one.copy()
            at = generator.choice(N, copied, replace=False)
            other[at] = generator.integers(0, 3, copied)
            predicted.append(other)
    predicted.sort(key=lambda one: int(np.count_nonzero(one != targets)))
    expected = []
    for i, one in enumerate(predicted):
        for j, other in list(enumerate(predicted))[i + 1 :]:
            n = int(np.count_nonzero(one != other))
            either = np.count_nonzero((one != targets) | (other != targets))
            if 0 < n <= min(10, 0.1 * either):
                expected.append((i, j, n))
    found = [(i, j, len(differ)) for i, j, differ in near_copies(predicted, targets)]
    assert found == expected
    assert len(expected) >= 10
    assert near_copies([], targets) == []


def test_ids_without_a_structure_that_are_all_right(root: Path) -> None:
    path = root / "benchmarks" / SMALL.page_path(REFERENCE_SUFFIX)
    path.write_text(Reference(without_structure=IDS[:6]).model_dump_json(), encoding="utf-8")
    guessed = [0 if n < 6 else c for n, c in enumerate(with_errors(3, 0))]
    add_complete(root / "contributions", "guessed", csv(guessed))
    add_complete(root / "contributions", "perfect", csv(with_errors(3, 0)))
    said = notices(root)
    assert said["guessed"] == []
    sentence = (
        "right for all 6 test ids that have no structure, hence no image, though 4 of them are not "
        "of the most frequent class"
    )
    assert said["perfect"] == [sentence]
    assert f"notice: {sentence}" in details(root, "perfect", SMALL.predictions_name)


def test_more_right_than_who_is_told_the_structures(root: Path) -> None:
    path = root / "benchmarks" / SMALL.page_path(REFERENCE_SUFFIX)
    targets = np.array(list(TRUTH.values()))
    told = np.array(with_errors(4, 50)) == targets
    right = base64.b64encode(np.packbits(told).tobytes()).decode()
    oracle = RightIds(score=0.9, right_ids=right)
    path.write_text(Reference(oracle=oracle).model_dump_json(), encoding="utf-8")
    for name, n_wrong in (("equal", 50), ("better", 45), ("above", 10)):
        add_complete(root / "contributions", name, csv(with_errors(5, n_wrong)))
    said = notices(root)
    ours = np.array(with_errors(5, 10)) == targets
    only = [int(np.count_nonzero(one)) for one in (ours & ~told, told & ~ours)]
    p = scipy.stats.binomtest(only[0], sum(only)).pvalue
    sentence = (
        "right for 490 of 500 ids (0.9800), where an oracle that is told the exact projected "
        f"structures is for 450 (0.9000): {only[0]} only this, {only[1]} only the oracle, "
        f"p = {p:.1g}"
    )
    assert (said["equal"], said["better"]) == ([], [])
    assert said["above"] == [sentence]
    assert f"notice: {sentence}" in details(root, "above", SMALL.predictions_name)


@pytest.mark.parametrize(("name", "right"), [(REAL, 2209), (PROTO, 373)], ids=["image", "proto"])
def test_no_committed_model_is_above_the_committed_oracle(name: ResultName, right: int) -> None:
    benchmark = Benchmark.read(REPOSITORY / "benchmarks", name)
    targets = benchmark.targets("test")
    oracle = benchmark.reference.oracle
    assert oracle is not None
    assert oracle.correct(len(targets)).sum() == right
    assert oracle.score == round(right / len(targets), 4)
    too_good = TooGood(benchmark)
    # A perfect one is, unless the oracle is perfect, too.
    assert bool(too_good.notices(targets)) == (right < len(targets))
    for path in REPOSITORY.glob(f"contributions/*/{name.predictions_name}"):
        predictions, _ = read_predictions(path, name, benchmark)
        assert too_good.notices(predictions) == []


def test_a_date_after_the_commit_is_named_whatever_the_clock_says(root: Path) -> None:
    folder = root / "contributions" / "first"
    data = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    for model, day in (("first", "02-03-2024"), ("second", "02-02-2024")):
        add_complete(root / "contributions", model, csv(with_errors(7, len(model))))
        text = json.dumps({**data, "date_submitted": day})
        (root / "contributions" / model / "metadata.json").write_text(text, encoding="utf-8")
    assert not any(notices(root).values())  # in no commit: what a clock says is not for scores
    identity = {
        f"GIT_{who}_{what}": "x@x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    identity |= {"GIT_COMMITTER_DATE": "2024-02-02T09:00:00Z", "GIT_CONFIG_GLOBAL": os.devnull}
    for step in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        git(*step, cwd=root, env=identity)
    said = notices(root)
    assert said["first"] == ["submitted on 2024-02-03, after it was committed (2024-02-02)"]
    assert said["second"] == []
    (failure,) = check(folder, root / "benchmarks").failures
    assert "expected a date that is not after it was committed on 2024-02-02" in failure
    (folder / "metadata.json").write_text(json.dumps(data), encoding="utf-8")
    assert notices(root)["first"] == []


def details(root: Path, model: str, name: str) -> list[str]:
    """What the checklist says beside a check."""
    checked = check(root / "contributions" / model, root / "benchmarks")
    assert checked.ok
    return {line.check: line.details for line in checked.lines}[name]


def test_dates_times_and_parameters_that_contradict_each_other(root: Path) -> None:
    folder = root / "contributions" / "first"
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    metadata |= {"date_submitted": "12-31-2021", "time_taken_seconds": {SMALL.predictions_name: 9}}
    (folder / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    record = run_record(0.8)
    record["costs"] |= {"wall_seconds": 100, "parameters": 1000}
    record["history"] = [{"epoch": n, "seconds": 60} for n in (1, 2)]
    header = json.dumps({"a": {"dtype": "F16", "shape": [4, 5], "data_offsets": [0, 40]}}).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(40)
    record["weights"] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (folder / SMALL.weights_name).write_bytes(content)
    (folder / SMALL.run_record_name).write_text(json.dumps(record), encoding="utf-8")
    said = [
        "submitted on 2021-12-31, before there was a leaderboard (2022-01-01)",
        "training took 9 s by its metadata, 100 s by the record of the run",
        "its epochs took 120 s, the whole training 100 s",
    ]
    assert notices(root)["first"] == said
    checked = check(folder, root / "benchmarks")
    assert checked.ok
    lines = {line.check: line.details for line in checked.lines}
    assert lines[f"record of {SMALL.predictions_name}"] == [
        *(f"notice: {sentence}" for sentence in said[1:]),
        "notice: 1000 parameters by the record of the run, 20 numbers in the weights",
    ]
    assert lines["metadata.json"] == [f"notice: {said[0]}"]


@pytest.mark.parametrize("content", [b"", b"12345678", b"\xff" * 99, b"\2" + bytes(7) + b"[]"])
def test_weights_without_a_header_have_no_count(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    assert count_numbers(tmp_path / "x") is None
    assert count_numbers(tmp_path / "none") is None
