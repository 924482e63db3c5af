from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import (
    SMALL,
    add_benchmark,
    add_complete,
    add_contribution,
    complete_metadata,
    run_record,
)

from jarvis_stem.formats.benchmark import Benchmarks
from jarvis_stem.formats.folder import check_folder_name, contribution_folders, prediction_files
from jarvis_stem.scoring.contribution import read_contribution
from jarvis_stem.utils.errors import StemError

GOOD = "id,prediction\nd.jpg,0\ne.jpg,1\nf.jpg,2\ng.jpg,1\n"


def test_finding_contributions(tmp_path: Path) -> None:
    path = add_contribution(tmp_path, "b", GOOD)
    for other in ("a", ".git", "__pycache__"):
        (tmp_path / other).mkdir()
    (tmp_path / "README.md").touch()
    assert [folder.name for folder in contribution_folders(tmp_path)] == ["a", "b"]
    assert prediction_files(tmp_path / "b") == [path]
    with pytest.raises(StemError, match="no such folder of contributions"):
        contribution_folders(tmp_path / "missing")


def test_names_of_contributions() -> None:
    assert check_folder_name(Path("densenet_model-2.1+x")) == []
    for name in ("a b", "<b>", "é", "a\nb", "\udcff", "-x", "_x", ".x", ""):
        (problem,) = check_folder_name(Path(name))
        assert "expected a name of letters" in problem
        assert problem.isprintable()


def test_a_contribution_is_read(tmp_path: Path) -> None:
    add_benchmark(tmp_path / "benchmarks")
    folder = add_complete(tmp_path, "m", GOOD)
    (folder / SMALL.run_record_name).write_text(json.dumps(run_record(0.75)), encoding="utf-8")
    contribution = read_contribution(folder, Benchmarks(tmp_path / "benchmarks"))
    assert contribution.metadata is not None
    assert contribution.metadata.model_dump(exclude_defaults=True) == complete_metadata()
    assert contribution.missing_predictions == []
    assert contribution.name_problems == contribution.metadata_problems == []
    (submission,) = contribution.submissions
    assert submission.name == SMALL
    assert submission.predictions.tolist() == [0, 1, 2, 1]
    assert submission.n_correct == 3
    assert submission.run is not None
    assert submission.run.costs.cpu_seconds == 3.5
    assert submission.problems == submission.run_problems == []


def test_faults_keep_to_where_they_are(tmp_path: Path) -> None:
    add_benchmark(tmp_path / "benchmarks")
    folder = add_complete(tmp_path, "m", GOOD)
    (folder / "a.csv.zip").touch()
    (folder / "metadata.json").unlink()
    contribution = read_contribution(folder, Benchmarks(tmp_path / "benchmarks"))
    good, bad = contribution.submissions
    assert bad.problems != []
    assert (good.problems, good.n_correct) == ([], 3)
    assert bad.predictions.size == bad.n_correct == 0
    assert contribution.metadata_problems == ["metadata.json: no such file"]


def test_a_record_that_is_right_to_four_digits(tmp_path: Path) -> None:
    """A record keeps more digits than a score."""
    add_benchmark(tmp_path / "benchmarks", splits={"test": {"a": 0, "b": 0, "c": 1}})
    folder = add_complete(tmp_path, "m", "id,prediction\na,0\nb,0\nc,0\n")
    path = folder / SMALL.run_record_name
    for accuracy, n_problems in ((2 / 3, 0), (0.6667, 0), (0.6666, 1), (0.67, 1)):
        path.write_text(json.dumps(run_record(accuracy)), encoding="utf-8")
        (submission,) = read_contribution(folder, Benchmarks(tmp_path / "benchmarks")).submissions
        assert len(submission.run_problems) == n_problems
