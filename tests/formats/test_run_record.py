from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import REPOSITORY, run_record

from jarvis_stem.formats.run_record import read_run_record

RECORDS = sorted(REPOSITORY.glob("contributions/*/*.run.json"))


def test_a_record_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    assert read_run_record(path) == (None, [])
    path.write_text(json.dumps({**run_record(0.5), "threads": 2}), encoding="utf-8")
    run, problems = read_run_record(path)
    assert problems == []
    assert run is not None
    assert (run.recipe.epochs, run.costs.parameters, run.result.accuracy) == (1, 7, 0.5)
    assert run.model_extra == {"threads": 2}
    assert run.weights is None


def test_weights_are_recorded(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    recorded = {"sha256": "0" * 64, "bytes": 8}
    path.write_text(json.dumps({**run_record(0.5), "weights": recorded}), encoding="utf-8")
    run, problems = read_run_record(path)
    assert problems == []
    assert run is not None and run.weights is not None
    assert (run.weights.sha256, run.weights.bytes) == ("0" * 64, 8)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parent.name} {path.name}")
def test_the_committed_records_are_read(path: Path) -> None:
    run, problems = read_run_record(path)
    assert problems == []
    assert run is not None
    assert len(run.history) == run.recipe.epochs


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"seed": True}, "'seed': expected a valid integer, got True"),
        ({"git_commit": 5}, "'git_commit': expected a valid string, got 5"),
        ({"packages": ["torch"]}, "'packages': expected a valid dictionary, got ['torch']"),
        ({"recipe": {"epochs": 1.5}}, "'recipe'['epochs']: expected a valid integer, got 1.5"),
        ({"result": {"accuracy": "1", "n": 1}}, "'result'['accuracy']: expected a valid number"),
        ({"history": [{"loss": "x"}]}, "'history'[0]['loss']: expected a valid number, got 'x'"),
        (
            {"weights": "x"},
            "'weights': expected a valid dictionary or instance of Stored, got 'x'",
        ),
        ({"weights": {"bytes": 1}}, "expected a key 'weights'['sha256'], got none; add it"),
        (
            {"weights": {"sha256": "A" * 64, "bytes": 1}},
            "'weights'['sha256']: String should match pattern '^[0-9a-f]{64}$', got 'AAA",
        ),
        (
            {"weights": {"sha256": "a" * 64, "bytes": -1}},
            "'weights'['bytes']: expected greater than or equal to 0, got -1",
        ),
        ({"hardware": "\x1b[2J"}, "'hardware': expected text without control characters"),
    ],
)
def test_a_record_of_the_wrong_form(tmp_path: Path, change: dict[str, Any], expected: str) -> None:
    path = tmp_path / "x.run.json"
    path.write_text(json.dumps({**run_record(0.5), **change}), encoding="utf-8")
    run, (problem,) = read_run_record(path)
    assert run is None
    assert problem.startswith(f"x.run.json: {expected}")


def test_every_part_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "x.run.json"
    for key in run_record(0.5):
        path.write_text(json.dumps({**run_record(0.5), key: None}), encoding="utf-8")
        assert bool(read_run_record(path)[1]) == (key != "git_commit")
        path.write_text(
            json.dumps({k: v for k, v in run_record(0.5).items() if k != key}), encoding="utf-8"
        )
        assert read_run_record(path)[1] == [f"x.run.json: expected a key {key!r}, got none; add it"]
