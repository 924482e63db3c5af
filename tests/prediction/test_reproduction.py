"""Stored models give the predictions beside them, and `check --reproduce` says how many not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers import PROTO, REPOSITORY, command

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.predictions import read_predictions, write_predictions
from jarvis_stem.prediction.reproduction import differing_ids
from jarvis_stem.utils.errors import StemError

MODEL = "lattice_model"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a committed contribution, with its result on the built-in benchmark alone."""
    copy = tmp_path / "contributions" / MODEL
    shutil.copytree(REPOSITORY / "contributions" / MODEL, copy)
    for path in copy.glob("AI-*"):
        if PROTO.dataset not in path.name:
            path.unlink()
    return copy


def test_committed_models_give_their_predictions(folder: Path) -> None:
    differ, n = differing_ids(folder, PROTO, REPOSITORY / "benchmarks")
    assert n == 373
    assert len(differ) <= 2  # another machine's arithmetic


def test_changed_predictions_are_counted(folder: Path) -> None:
    benchmark = Benchmark.read(REPOSITORY / "benchmarks", PROTO)
    predicted = read_predictions(folder / PROTO.predictions_name, PROTO, benchmark)[0]
    predicted = (predicted + 1) % 5
    truth = benchmark.split("test")
    write_predictions(folder, PROTO, list(truth), list(truth.values()), benchmark.named(predicted))
    done = command("check", folder, "--reproduce", "--benchmarks", REPOSITORY / "benchmarks")
    assert done.returncode == 1
    assert f"fail  {PROTO.model_name} gives its predictions" in done.stdout
    assert " of 373 predictions differ: 'proto-" in done.stdout


def test_without_a_record_there_is_nothing_to_reproduce(folder: Path) -> None:
    (folder / PROTO.run_record_name).unlink()
    with pytest.raises(StemError, match=r"run\.json: no such file; train the model"):
        differing_ids(folder, PROTO, REPOSITORY / "benchmarks")
