from __future__ import annotations

from pathlib import Path

import pytest
from helpers import SMALL, add_benchmark, add_contribution, on_disk, write_zip
from hypothesis import given
from hypothesis import strategies as st

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.predictions import read_predictions, write_predictions
from jarvis_stem.utils.files import zip_bytes

GOOD = "id,target,prediction\nd.jpg,0,0\ne.jpg,1,1\nf.jpg,2,2\ng.jpg,2,1\n"
PREDICTED = {"d.jpg": 0, "e.jpg": 1, "f.jpg": 2, "g.jpg": 1}


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
    assert predictions.tolist() == list(PREDICTED.values())


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
        (GOOD.replace("d.jpg", "D.jpg"), "1 id miswritten: 'D.jpg' for 'd.jpg' (upper or lower"),
        (
            GOOD.replace("g.jpg,2,1", "g.jpg,2,\u00a01"),
            r"1 prediction not a class: line 5: '\xa01'",
        ),
        (GOOD.replace("g.jpg,2,1", "g.jpg,2,\x0b1"), r"1 prediction not a class: line 5: '\x0b1'"),
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
    assert predictions.size == 0
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
    assert predictions.size == 0
    assert len(problems) == 1
    assert problems[0].startswith("1 prediction not a class: line 3: '")
    assert problems[0].endswith("; the classes are 0, 1, 2")
    assert len(problems[0]) < 200


def test_classes_that_are_text(tmp_path: Path) -> None:
    add_benchmark(tmp_path, splits={"test": {"x": "cond-mat", "y": "2"}})
    benchmark = Benchmark.read(tmp_path, SMALL)
    path = add_contribution(tmp_path, "m", "id,prediction\nx, cond-mat\ny,2\n")
    predictions, problems = read_predictions(path, SMALL, benchmark)
    assert (benchmark.named(predictions), problems) == (["cond-mat", "2"], [])
    path = add_contribution(tmp_path, "m", "id,prediction\nx,Cond-mat\ny,2.0\n")
    assert read_predictions(path, SMALL, benchmark)[1] == [
        "2 predictions not a class: line 2: 'Cond-mat', line 3: '2.0'; the classes are 2, cond-mat"
    ]


def test_zips_that_hold_no_predictions(tmp_path: Path, benchmark: Benchmark) -> None:
    path = tmp_path / "m" / SMALL.predictions_name
    _, problems = read_predictions(path, SMALL, benchmark)
    assert problems == ["no such file"]
    for members in ({}, {SMALL.csv_name: b"", "more": b""}):
        _, problems = read_predictions(write_zip(path, members), SMALL, benchmark)
        assert problems[0].startswith("expected a single member, got")
    path.write_bytes(b"not a zip")
    _, problems = read_predictions(path, SMALL, benchmark)
    assert problems == ["not a readable zip (File is not a zip file); zip the file anew"]


@on_disk
@given(st.lists(st.sampled_from(["a b", "é", 'say "x"', "1,2", "line\nfeed"]), min_size=1))
def test_what_is_written_reads_back(tmp_path: Path, classes: list[str]) -> None:
    name = ResultName.parse("AI-TextClass-prop-texts-test-acc")
    targets = {f"id, {i}": value for i, value in enumerate(classes)}
    add_benchmark(tmp_path, name, {"test": targets})
    path = write_predictions(tmp_path / "m", name, list(targets), classes, classes)
    benchmark = Benchmark.read(tmp_path, name)
    predictions, problems = read_predictions(path, name, benchmark)
    assert (benchmark.named(predictions), problems) == (list(targets.values()), [])


def test_the_bytes_that_are_written(tmp_path: Path) -> None:
    columns = list(PREDICTED), [0, 1, 2, 2], list(PREDICTED.values())
    path = write_predictions(tmp_path, SMALL, *columns)
    assert path.name == "AI-ImageClass-bravais_class-small-test-acc.csv.zip"
    assert path.read_bytes() == zip_bytes(SMALL.csv_name, GOOD.encode())
    with pytest.raises(ValueError, match="shorter"):
        write_predictions(tmp_path, SMALL, ["x"], [1], [])
    assert path.read_bytes() == zip_bytes(SMALL.csv_name, GOOD.encode())


@pytest.mark.parametrize(
    ("id", "fault"),
    [
        ("x-1.jpg", ".jpg missing or extra"),
        ("X-1", "upper or lower case"),
        ("x-1\u00a0", "stray spaces"),
        (" X-1.JPG", "stray spaces, upper or lower case, .jpg missing or extra"),
    ],
)
def test_ids_without_an_ending(tmp_path: Path, id: str, fault: str) -> None:
    add_benchmark(tmp_path, splits={"test": {"x-1": 0, "y": 1}})
    benchmark = Benchmark.read(tmp_path, SMALL)
    path = add_contribution(tmp_path, "m", f"id,prediction\n{id},0\ny,0\n")
    _, problems = read_predictions(path, SMALL, benchmark)
    assert problems == [
        "1 id missing: 'x-1'; predict each of the 2 test ids",
        f"1 id miswritten: {id!r} for 'x-1' ({fault}); write ids exactly as the benchmark does",
    ]


def test_more_rows_are_admitted_the_more_ids_there_are(tmp_path: Path) -> None:
    """Cells take many times their text in memory, so the text is bounded."""
    splits = {"test": dict.fromkeys(map(str, range(1000)), 0)}
    add_benchmark(tmp_path, splits=splits)
    wide = "id,prediction,note\n" + "".join(f"{i},0,{i:01500d}\n" for i in range(1000))
    path = add_contribution(tmp_path, "m", wide)
    predictions, problems = read_predictions(path, SMALL, Benchmark.read(tmp_path, SMALL))
    assert (predictions.tolist(), problems) == ([0] * 1000, [])
    path = add_contribution(tmp_path, "m", wide + "x" * 600_000)
    _, (problem,) = read_predictions(path, SMALL, Benchmark.read(tmp_path, SMALL))
    assert problem.endswith("bytes are more than the 2072576 that are read")
