from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from helpers import METADATA, SMALL, SMALL_SPLITS, add_benchmark, add_contribution, write_zip
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jarvis_stem.benchmark import Benchmark, ResultName
from jarvis_stem.contribution import (
    check_folder_name,
    contribution_folders,
    prediction_files,
    read_metadata,
    read_predictions,
    update_metadata,
    write_predictions,
)
from jarvis_stem.errors import StemError
from jarvis_stem.files import zip_bytes

on_disk = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
GOOD = "id,target,prediction\nd.jpg,0,0\ne.jpg,1,1\nf.jpg,2,2\ng.jpg,2,1\n"
PREDICTED = {"d.jpg": 0, "e.jpg": 1, "f.jpg": 2, "g.jpg": 1}
RUN: dict[str, Any] = {
    "date": datetime.date(2026, 11, 22),
    "seconds": 77,
    "missing_structures": 3,
    "software_used": "torch",
    "hardware_used": "CPU",
}


@pytest.fixture
def benchmark(tmp_path: Path) -> Benchmark:
    add_benchmark(tmp_path)
    return Benchmark.read(tmp_path, SMALL)


@pytest.mark.parametrize(
    "csv",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.removesuffix("\n"),
        GOOD.replace("\n", "\n\n"),
        "id,prediction\nd.jpg,0\ne.jpg,1.0\nf.jpg, 2 \ng.jpg,1.000\n",
        "prediction, id ,probability\n0,d.jpg,.9\n1,e.jpg,.8\n2,f.jpg,.7\n1,g.jpg,.6\n",
        '"id","prediction"\n"d.jpg","0"\n"e.jpg","1"\n"f.jpg","2"\n"g.jpg","1"\n',
        "id,prediction\ng.jpg,1\nf.jpg,2\ne.jpg,1\nd.jpg,0\n",
    ],
)
def test_ways_to_write_the_same_predictions(tmp_path: Path, benchmark: Benchmark, csv: str) -> None:
    predictions, problems = read_predictions(add_contribution(tmp_path, "m", csv), SMALL, benchmark)
    assert problems == []
    assert list(predictions.items()) == list(PREDICTED.items())


@pytest.mark.parametrize(
    ("csv", "expected"),
    [
        ("", "expected a header with the columns id and prediction once each"),
        ("d.jpg,0\n", "expected a header"),
        (GOOD.replace("prediction", "Prediction"), "got 'id,target,Prediction'"),
        (GOOD.replace("target", "prediction"), "expected a header"),
        (GOOD.replace("target", "id"), "expected a header"),
        ("id,prediction\n", "4 ids missing: 'd.jpg', 'e.jpg', 'f.jpg', …; predict each of the 4"),
        (GOOD.replace("d.jpg,0,0\n", ""), "1 id missing: 'd.jpg'; "),
        (GOOD.replace("d.jpg", "D.jpg"), "1 id unknown: 'D.jpg'; "),
        (GOOD + "a.jpg,0,0\n", "1 id unknown: 'a.jpg'; "),  # of the training split
        (GOOD.replace("e.jpg", "d.jpg"), "1 id repeated: 'd.jpg' 2 times; predict each test id"),
        (GOOD + "g.jpg,2,1\n", "1 id repeated: 'g.jpg' 2 times"),
        ("id,prediction\nd.jpg,0\n" + "x,0\n" * 3, "3 ids missing"),
        ("id,prediction\n" + "d.jpg,0\n" * 4, "1 id repeated: 'd.jpg' 4 times"),
        ("id,prediction\n" + "d.jpg,0\n" * 99, "expected 4 rows, got more than 8"),
        (GOOD + "h.jpg,0\n", "1 row without exactly the header's 3 fields: line 6 has 2"),
        (GOOD + "h.jpg,0,0,0\ni\n", "2 rows without exactly the header's 3 fields: line 6 has 4"),
        (GOOD.replace("0,0", "1,0"), "1 target unlike the benchmark's: line 2: '1' instead of 0"),
        (GOOD.replace("0,0", ",0"), "1 target unlike the benchmark's: line 2: '' instead of 0"),
        (GOOD + '"', "is not CSV"),
        (GOOD.replace("d.jpg", '"d.jpg" '), "is not CSV"),
        (GOOD.replace("d.jpg", "d" * 200_000), "is not CSV (field larger than field limit"),
        (GOOD.replace("d.jpg", "d\0.jpg"), "a NUL at character 22"),
        (GOOD.encode() + b"\xff", "not UTF-8 at byte 61"),
        (GOOD.encode("utf-16"), "not UTF-8 at byte 0"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, benchmark: Benchmark, csv: str | bytes, expected: str
) -> None:
    predictions, problems = read_predictions(add_contribution(tmp_path, "m", csv), SMALL, benchmark)
    assert predictions == {}
    assert any(expected in problem for problem in problems), problems


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "",
            "nan",
            "NaN",
            "inf",
            "1.5",
            "3",
            "-1",
            "0.93",
            "1e0",
            "0x1",
            "1_0",
            "+1",
            "1.",
            "1,0",
        ),
        *("²", "١", "one", "True", "[1]", "9" * 5000),
    ],
)
def test_only_classes_are_predictions(tmp_path: Path, benchmark: Benchmark, cell: str) -> None:
    csv = f'id,prediction\nd.jpg,0\ne.jpg,"{cell}"\nf.jpg,2\ng.jpg,1\n'
    predictions, problems = read_predictions(add_contribution(tmp_path, "m", csv), SMALL, benchmark)
    assert predictions == {}
    assert len(problems) == 1
    assert problems[0].startswith("1 prediction not a class: line 3: '")
    assert problems[0].endswith("; the classes are 0, 1, 2")
    assert len(problems[0]) < 200


def test_classes_that_are_text(tmp_path: Path) -> None:
    add_benchmark(tmp_path, splits={"test": {"x": "cond-mat", "y": "2"}})
    benchmark = Benchmark.read(tmp_path, SMALL)
    path = add_contribution(tmp_path, "m", "id,prediction\nx, cond-mat\ny,2\n")
    assert read_predictions(path, SMALL, benchmark) == ({"x": "cond-mat", "y": "2"}, [])
    path = add_contribution(tmp_path, "m", "id,prediction\nx,Cond-mat\ny,2.0\n")
    assert read_predictions(path, SMALL, benchmark)[1] == [
        "2 predictions not a class: line 2: 'Cond-mat', line 3: '2.0'; the classes are 2, cond-mat"
    ]


def test_zips_that_hold_no_predictions(tmp_path: Path, benchmark: Benchmark) -> None:
    path = tmp_path / "m" / SMALL.predictions_name
    _, problems = read_predictions(path, SMALL, benchmark)
    assert problems == ["no such file"]
    for members in ({}, {SMALL.csv_name: b"", "more": b""}, {"/etc/passwd": b""}):
        _, problems = read_predictions(write_zip(path, members), SMALL, benchmark)
        assert problems[0].startswith(f"expected the single member {SMALL.csv_name!r}, got")
    path.write_bytes(b"not a zip")
    _, problems = read_predictions(path, SMALL, benchmark)
    assert problems == ["not a readable zip (File is not a zip file)"]


CELL = st.sampled_from(["d.jpg", "e.jpg", "f.jpg", "g.jpg", "0", "1", "2.0", "", '"', "nan", "é"])
SHEET = st.lists(st.lists(CELL, min_size=1, max_size=4), max_size=8)


@on_disk
@given(
    st.one_of(
        st.binary(),
        st.text().map(str.encode),
        SHEET.map(lambda rows: "\n".join(map(",".join, [["id", "prediction"], *rows])).encode()),
    )
)
def test_any_bytes_give_predictions_or_problems(
    tmp_path: Path, benchmark: Benchmark, content: bytes
) -> None:
    path = add_contribution(tmp_path, "m", content)
    predictions, problems = read_predictions(path, SMALL, benchmark)
    assert bool(predictions) != bool(problems)
    assert not predictions or list(predictions) == list(SMALL_SPLITS["test"])
    assert all(problem.isprintable() for problem in problems)


@on_disk
@given(st.lists(st.sampled_from(["a b", "é", 'say "x"', "1,2", "line\nfeed"]), min_size=1))
def test_what_is_written_reads_back(tmp_path: Path, classes: list[str]) -> None:
    name = ResultName.parse("AI-TextClass-prop-texts-test-acc")
    targets = {f"id, {i}": value for i, value in enumerate(classes)}
    add_benchmark(tmp_path, name, {"test": targets})
    path = write_predictions(tmp_path / "m", name, list(targets), classes, classes)
    benchmark = Benchmark.read(tmp_path, name)
    assert read_predictions(path, name, benchmark) == (targets, [])


def test_the_bytes_that_are_written(tmp_path: Path) -> None:
    columns = list(PREDICTED), [0, 1, 2, 2], list(PREDICTED.values())
    path = write_predictions(tmp_path, SMALL, *columns)
    assert path.name == "AI-ImageClass-bravais_class-small-test-acc.csv.zip"
    assert path.read_bytes() == zip_bytes(SMALL.csv_name, GOOD.encode())
    with pytest.raises(ValueError, match="shorter"):
        write_predictions(tmp_path, SMALL, ["x"], [1], [])
    assert path.read_bytes() == zip_bytes(SMALL.csv_name, GOOD.encode())


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
    for name in ("a b", "<b>", "é", "a\nb", "\udcff"):
        (problem,) = check_folder_name(Path(name))
        assert "expected a name of letters" in problem
        assert problem.isprintable()


def test_metadata_is_read(tmp_path: Path) -> None:
    missing = {SMALL.predictions_name: 3}
    add_contribution(tmp_path, "m", GOOD, metadata={**METADATA, "missing_structures": missing})
    metadata, problems = read_metadata(tmp_path / "m")
    assert problems == []
    assert metadata.team_name == "team"
    assert metadata.seconds == {SMALL.predictions_name: 12}
    assert metadata.missing_structures == missing


def test_times_that_nobody_took(tmp_path: Path) -> None:
    times = {"x.csv.zip": "", SMALL.predictions_name: 1.5}
    add_contribution(tmp_path, "m", GOOD, metadata={**METADATA, "time_taken_seconds": times})
    metadata, problems = read_metadata(tmp_path / "m")
    assert problems == []
    assert metadata.seconds == {SMALL.predictions_name: 1.5}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"team_name": None}, "one line of text under 'team_name', got None"),
        ({"team_name": 5}, "one line of text under 'team_name', got 5"),
        ({"team_name": "a\n\n[x](javascript:alert(1))"}, "one line of text under 'team_name'"),
        ({"date_submitted": "\u202e"}, "one line of text under 'date_submitted'"),
        ({"model_name": "\ud800"}, "one line of text under 'model_name'"),
        ({"project_url": ["x"] * 99}, "one line of text under 'project_url', got ['x', 'x', "),
        ({"time_taken_seconds": 5}, "{file name: number} under 'time_taken_seconds', got 5"),
        ({"time_taken_seconds": {"a": "fast"}}, "number} under 'time_taken_seconds'"),
        ({"time_taken_seconds": {"a": -1}}, "number} under 'time_taken_seconds'"),
        ({"time_taken_seconds": {"a": True}}, "number} under 'time_taken_seconds'"),
        ({"missing_structures": {"a": 1.5}}, "{file name: count} under 'missing_structures'"),
        ({"missing_structures": {"a": -1}}, "count} under 'missing_structures'"),
        ({"missing_structures": []}, "count} under 'missing_structures', got []"),
    ],
)
def test_metadata_of_the_wrong_form(
    tmp_path: Path, change: dict[str, object], expected: str
) -> None:
    add_contribution(tmp_path, "m", GOOD, metadata={**METADATA, **change})
    _, problems = read_metadata(tmp_path / "m")
    assert len(problems) == 1
    assert problems[0].startswith("metadata.json: expected ")
    assert expected in problems[0]
    assert problems[0].isprintable()
    assert len(problems[0]) < 200


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', '{"time_taken_seconds": {"a": NaN}}'])
def test_metadata_that_is_no_json_object(tmp_path: Path, text: str) -> None:
    assert read_metadata(tmp_path)[1] == ["metadata.json: no such file"]
    (tmp_path / "metadata.json").write_text(text, encoding="utf-8")
    (problem,) = read_metadata(tmp_path)[1]
    assert problem.startswith(("metadata.json: not JSON (", "metadata.json: expected a JSON obj"))


def test_huge_and_deep_metadata(tmp_path: Path) -> None:
    for text in (
        '{"time_taken_seconds": {"a": 1e999}}',
        '{"time_taken_seconds": {"a": ' + "9" * 4000 + "}}",
        '{"team_name": ' + "[" * 900 + "]" * 900 + "}",
        '{"team_name": "' + "x" * 2_000_000 + '"}',
    ):
        (tmp_path / "metadata.json").write_text(text, encoding="utf-8")
        _, problems = read_metadata(tmp_path)
        assert problems
        assert max(map(len, problems)) < 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@on_disk
@given(st.dictionaries(st.sampled_from([*METADATA, "missing_structures"]), JSON))
def test_any_metadata_is_read_or_refused(tmp_path: Path, data: dict[str, Any]) -> None:
    (tmp_path / "metadata.json").write_text(json.dumps({**METADATA, **data}), encoding="utf-8")
    metadata, problems = read_metadata(tmp_path)
    assert bool(metadata.model_name) != bool(problems) or data.get("model_name") == ""


def test_a_run_writes_jarvis_keys(tmp_path: Path) -> None:
    path = update_metadata(tmp_path / "my_model", SMALL, **RUN)
    data = json.loads(path.read_text(encoding="utf-8"))
    assert list(data) == [
        "model_name",
        "project_url",
        "date_submitted",
        "author_email",
        "database_version",
        "team_name",
        "time_taken_seconds",
        "language",
        "os",
        "software_used",
        "hardware_used",
        "git_url",
        "missing_structures",
    ]
    assert data["model_name"] == "my_model"
    assert data["date_submitted"] == "11-22-2026"
    assert data["time_taken_seconds"] == {SMALL.predictions_name: 77}
    assert data["missing_structures"] == {SMALL.predictions_name: 3}
    assert read_metadata(tmp_path / "my_model")[1] == []


def test_a_run_keeps_what_a_person_wrote(tmp_path: Path) -> None:
    mine = {
        "team_name": "mine",
        "note": ["kept"],
        "model_name": "DenseNet",
        "date_submitted": "01-01-2020",
        "time_taken_seconds": {"other.csv.zip": 5},
    }
    (tmp_path / "metadata.json").write_text(json.dumps(mine), encoding="utf-8")
    data = json.loads(update_metadata(tmp_path, SMALL, **RUN).read_text(encoding="utf-8"))
    assert (data["team_name"], data["note"], data["model_name"]) == ("mine", ["kept"], "DenseNet")
    assert data["date_submitted"] == "11-22-2026"
    assert data["time_taken_seconds"] == {"other.csv.zip": 5, SMALL.predictions_name: 77}


@pytest.mark.parametrize("text", ["{ broken", '{"time_taken_seconds": 5}'])
def test_a_run_leaves_broken_metadata_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "metadata.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StemError, match=r"metadata.json: (not JSON|expected \{file name)"):
        update_metadata(tmp_path, SMALL, **RUN)
    assert path.read_text(encoding="utf-8") == text
