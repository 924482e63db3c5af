"""A contribution's predictions for a benchmark of pictures, by the command that writes them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graphs import store_graph, tiny_graph
from helpers import REAL, SHARED, SMALL_SPLITS, add_benchmark, command
from small_benchmark import BY_HAND, CLASSES, HEXAGONAL, NAME, SQUARE, TEXT, add_real, contents, put

from jarvis_stem.api import load_model, predict
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.metadata import blank
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.formats.predictions import read_predictions
from jarvis_stem.prediction.benchmark_answers import read_benchmark
from jarvis_stem.scoring import leaderboard
from jarvis_stem.utils.files import json_text, write_text

SEEN = bravais_result("stem_2d_real")
PICTURES = SHARED / "real_images"
LEARNED = {"train": {**SMALL_SPLITS["train"], "x.jpg": 3, "y.jpg": 4, "z.jpg": 3}, "test": {}}


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return contents()


@pytest.fixture
def root(tmp_path: Path, files: dict[str, bytes]) -> Path:
    """A repository with two models that learned from drawn images, and a folder of pictures."""
    add_benchmark(tmp_path / "benchmarks", REAL, LEARNED)
    add_real(tmp_path / "benchmarks", files)
    for n, model in enumerate(("first", "second")):
        _add_model(tmp_path / "contributions" / model, seed=n)
    put(tmp_path / "pictures", files)
    return tmp_path


def _add_model(folder: Path, seed: int) -> None:
    store_graph(folder, REAL, tiny_graph(seed=seed))
    write_text(folder / "metadata.json", json_text({**blank(), "model_name": folder.name}))


def run(root: Path, *more: str, status: int = 0) -> Any:
    done = command(
        *("predict", "--benchmark", NAME.dataset, "--images", "pictures"),
        *("--contributions", "contributions", *more, "--json"),
        cwd=root,
    )
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def written(root: Path, model: str) -> list[int]:
    """What a contribution's file predicts, in the benchmark's order."""
    benchmark = Benchmark.read(root / "benchmarks", NAME)
    path = root / "contributions" / model / NAME.predictions_name
    predictions, problems = read_predictions(path, NAME, benchmark)
    assert problems == []
    return predictions.tolist()


def test_the_predictions_are_the_answers_for_the_files(root: Path) -> None:
    (contributed,) = run(root, "--contribution", "first", status=1)
    model = load_model("first", contributions=root / "contributions")
    seen = [HEXAGONAL, SQUARE, BY_HAND]
    answers = predict([root / "pictures" / id for id in seen], model=model)
    expected = {id: a.bravais_class for id, a in zip(seen, answers, strict=True)} | {TEXT: 3}
    assert written(root, "first") == [expected[id] for id in CLASSES]
    assert contributed["contribution"] == "first"
    assert contributed["file"].endswith(f"contributions/first/{NAME.predictions_name}")
    assert (contributed["ids"], contributed["fallback"]) == (4, 3)
    assert contributed["correct"] == sum(expected[id] == c for id, c in CLASSES.items())
    assert list(contributed["unanswered"]) == [TEXT]


@pytest.mark.skipif(not PICTURES.is_dir(), reason=f"no pictures in {PICTURES}")
def test_every_picture_of_the_committed_benchmark_can_be_read(repository: Path) -> None:
    ids = list(Benchmark.read(repository / "benchmarks", SEEN).split("test"))
    outcomes = read_benchmark(ids, PICTURES)
    assert [outcome.name for outcome in outcomes] == [str(PICTURES / id) for id in ids]
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    assert all(outcome.picture for outcome in outcomes)


def test_a_person_reads_how_many_were_answered(root: Path) -> None:
    (root / "pictures" / BY_HAND).unlink()
    done = command(
        *("predict", "--benchmark", NAME.dataset, "--images", "pictures"),
        *("--contributions", "contributions", "--contribution", "second"),
        cwd=root,
    )
    assert done.returncode == 1
    assert "2 of 4 ids answered, " in done.stdout
    assert done.stdout.endswith("correct; 2 ids without an answer got class 3\n")
    missing, broken = sorted(done.stderr.splitlines(), key=lambda line: TEXT in line)
    assert missing.startswith(f"error: {BY_HAND}: no answer: pictures/{BY_HAND}: ")
    assert broken.startswith(f"error: {TEXT}: no answer: pictures/{TEXT}: ")


def test_all_are_those_with_a_model_and_metadata_says_what_was_done(root: Path) -> None:
    shutil.copytree(root / "contributions/first", root / "contributions/without")
    (root / "contributions/without" / REAL.run_record_name).unlink()
    done = run(root, "--contribution", "all", status=1)
    assert [one["contribution"] for one in done] == ["first", "second"]
    metadata = json.loads((root / "contributions/first/metadata.json").read_text())
    assert metadata["time_taken_seconds"] == {NAME.predictions_name: ""}
    assert metadata["missing_structures"] == {NAME.predictions_name: 1}
    assert metadata["model_name"] == "first"
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    run(root, "--contribution", "all", status=1)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_what_was_written_is_scored(root: Path) -> None:
    done = run(root, "--contribution", "first", "--contribution", "second", status=1)
    built = leaderboard.build(root / "contributions", root / "benchmarks")
    (board,) = built.benchmarks
    assert built.all_rejected == []
    assert (board.name, board.n_test, board.pictures, board.baseline) == (str(NAME), 4, True, None)
    assert {r.contribution: r.n_correct for r in board.results} == {
        one["contribution"]: one["correct"] for one in done
    }
    for result in board.results:
        assert [one.n for one in result.classes] == [2, 2, 0, 0, 0]
        assert [one.recall is None for one in result.classes] == [False, False, True, True, True]
        recalls = [one.recall for one in result.classes if one.recall is not None]
        assert result.balanced_accuracy == round(float(np.mean(recalls)), 4)
        assert result.n_missing_structures == 1
        low, high = result.interval
        assert low <= result.score <= high


def test_what_cannot_be_answered_is_refused_before_anything_is_written(root: Path) -> None:
    on = ("predict", "--contributions", "contributions", "--contribution")
    for arguments, status, message in (
        (("first", "--benchmark", REAL.dataset), 1, "not a benchmark of real pictures"),
        (("first", "--benchmark", "other"), 1, "no such benchmark"),
        (("third", "--benchmark", NAME.dataset, "--images", "pictures"), 1, "third"),
        (("first", "--benchmark", NAME.dataset, "x.png"), 2, "exclude each other"),
    ):
        done = command(*on, *arguments, cwd=root)
        assert (done.returncode, done.stdout) == (status, "")
        assert message in done.stderr
    for option in ("--pixel-size=1", "--frame=all", "--model=x", "--csv=-", "--plot", "--data=x"):
        done = command(*on, "first", "--benchmark", NAME.dataset, option, cwd=root)
        assert (done.returncode, "exclude each other" in done.stderr) == (2, True)
    done = command("predict", "x.png", "--images", "pictures", cwd=root)
    assert (done.returncode, "goes with --contribution" in done.stderr) == (2, True)
    done = command("predict", cwd=root)
    assert done.returncode == 2
    assert "Missing argument 'PATH...', or --contribution" in done.stderr
    assert list(root.rglob("*.csv.zip")) == []
