"""Our scores against scikit-learn's and against those of the PyPI package jarvis-leaderboard.

The package is installed into an environment of its own, or found by the interpreter that the
variable JARVIS_LEADERBOARD_PYTHON names; those tests are nightly.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers import (
    GOLDEN,
    METADATA,
    REAL,
    REPOSITORY,
    add_benchmark,
    add_contribution,
    needs_golden,
    on_disk,
    python,
    write_zip,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.metadata import blank
from jarvis_stem.formats.names import ResultName, bravais_result
from jarvis_stem.scoring.leaderboard import build

PACKAGE = "jarvis-leaderboard==2024.10.30"
FULL = {**blank(), **METADATA, "author_email": "someone@example.org"}
EXTRA = st.sampled_from(["", "0.5", "nan", "a,b", 'say "x"'])
BATCH = 1000  # submissions that one process of JARVIS-Leaderboard scores


@dataclass(frozen=True)
class Submission:
    """A small benchmark, valid predictions of it, and what they mean."""

    splits: dict[str, dict[str, int | str]]
    csv: bytes
    deflated: bool
    truth: list[int | str]
    predicted: list[int | str]

    def write(self, root: Path, dataset: str) -> ResultName:
        """Add it to a repository as the contribution of that name."""
        name = bravais_result(dataset)
        add_benchmark(root / "benchmarks", name, self.splits)
        path = add_contribution(root / "contributions", dataset, self.csv, name, FULL)
        if self.deflated:
            write_zip(path, {name.csv_name: self.csv})
        return name


@st.composite
def submissions(draw: st.DrawFn) -> Submission:
    """Valid submissions that JARVIS-Leaderboard's reader takes as they are meant."""
    ids = draw(
        st.lists(
            st.from_regex(r"[A-Za-z0-9][A-Za-z0-9é ,_-]{0,6}\.jpg", fullmatch=True),
            min_size=2,
            max_size=12,
            unique=True,
        )
    )
    some_class: st.SearchStrategy[int | str] = draw(
        st.sampled_from(
            [st.integers(-9, 99), st.from_regex(r"c[a-zé ,;\"']{0,4}x", fullmatch=True)]
        )
    )
    classes = draw(st.lists(some_class, min_size=2, max_size=5, unique=True))
    truth = [draw(st.sampled_from(classes)) for _ in ids]
    predicted = [draw(st.sampled_from(classes)) for _ in ids]
    splits = {
        "train": {f"train-{i}.png": c for i, c in enumerate(classes)},
        "test": dict(zip(ids, truth, strict=True)),
    }
    rows = [
        {"id": i, "target": written(draw, t), "prediction": written(draw, p), "extra": draw(EXTRA)}
        for i, t, p in zip(ids, truth, predicted, strict=True)
    ]
    columns = draw(
        st.permutations(["id", "prediction", *draw(st.sets(st.sampled_from(["target", "extra"])))])
    )
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(
        text,
        columns,
        extrasaction="ignore",
        lineterminator=end,
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )
    writer.writeheader()
    for row in draw(st.permutations(rows)):
        if end != "\r" and draw(st.integers(0, 9)) == 0:
            text.write(end)  # a blank line
        writer.writerow(row)
    encoded = text.getvalue().encode(draw(st.sampled_from(["utf-8", "utf-8-sig"])))
    return Submission(splits, encoded, draw(st.booleans()), truth, predicted)


def written(draw: st.DrawFn, value: int | str) -> str:
    """A class in one of its valid writings; upstream reads words as they stand."""
    if isinstance(value, str):
        return value
    return draw(st.sampled_from(["{}", "{}.0", " {} ", " {}.00", "{}\t"])).format(value)


@on_disk
@given(submission=submissions())
def test_our_accuracy_is_that_of_scikit_learn(submission: Submission, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)
    submission.write(tmp_path, "d")
    leaderboard = build(tmp_path / "contributions", tmp_path / "benchmarks")
    assert leaderboard.all_rejected == []
    (board,) = leaderboard.benchmarks
    (result,) = board.results
    assert result.score == round(accuracy_score(submission.truth, submission.predicted), 4)


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has JARVIS-Leaderboard's package."""
    if named := os.environ.get("JARVIS_LEADERBOARD_PYTHON"):
        return Path(named)
    environment = tmp_path_factory.mktemp("upstream") / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    interpreter = environment / "bin" / "python"
    done = subprocess.run(
        [
            interpreter,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--constraint",
            "constraints.txt",
            PACKAGE,
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if "Retrying" in done.stderr or f"No matching distribution found for {PACKAGE}" in done.stderr:
        pytest.skip(f"no package index that has {PACKAGE}")
    assert done.returncode == 0, done.stderr
    return interpreter


def upstream_score(interpreter: Path, root: Path) -> dict[str, Any]:
    """What JARVIS-Leaderboard makes of a folder: results and complaints."""
    done = subprocess.run(
        [interpreter, REPOSITORY / "tests" / "upstream_score.py", root],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert isinstance(data, dict)
    return data


@pytest.mark.nightly
def test_our_accuracy_is_that_of_jarvis_leaderboard(upstream: Path, tmp_path: Path) -> None:
    batch: list[Submission] = []

    @settings(max_examples=BATCH)
    @given(submissions())
    def collect(submission: Submission) -> None:
        batch.append(submission)

    collect()
    names = [submission.write(tmp_path, f"d{n}") for n, submission in enumerate(batch)]
    theirs = upstream_score(upstream, tmp_path)["results"]
    leaderboard = build(tmp_path / "contributions", tmp_path / "benchmarks")
    assert leaderboard.all_rejected == []
    ours = {board.dataset: board.results[0].score for board in leaderboard.benchmarks}
    assert len(batch) == len(ours) == len(theirs) >= BATCH
    for name, submission in zip(names, batch, strict=True):
        result = theirs[f"{name.dataset}/{name.predictions_name}"]
        assert result.get("score") == ours[name.dataset], (result, submission)


CLASSES: dict[str, int | str] = {"d.jpg": 0, "e.jpg": 1, "f.jpg": 2, "g.jpg": 2}
WORDS: dict[str, int | str] = {"d.jpg": "x", "e.jpg": "y", "f.jpg": "2", "g.jpg": "null"}
NUMBERS: dict[str, int | str] = {"007": 0, "8": 1, "9": 2}
HEADER = "id,prediction\n"
DIFFERENCES = [
    # pandas keeps the spaces of a header, so there is no column "id".
    ("header", None, " id , prediction\nd.jpg,0\ne.jpg,1\nf.jpg,2\ng.jpg,2\n", "KeyError"),
    # The benchmark's classes are merged under that name.
    (
        "a column named actual",
        None,
        "id,prediction,actual\nd.jpg,0,9\ne.jpg,1,9\nf.jpg,2,9\ng.jpg,2,9\n",
        "KeyError",
    ),
    # pandas strips ASCII blanks only; the column stays text and scikit-learn refuses the mix.
    ("no-break space", None, HEADER + "d.jpg,\xa00\ne.jpg,1\nf.jpg,2\ng.jpg,2\n", "ValueError"),
    # After a blank line that ends in CR alone pandas drops an empty first field; the row then
    # matches no id and does not count, here the only wrong one.
    (
        "empty field after CR",
        None,
        "x,id,prediction\r\r,d.jpg,1\r,e.jpg,1\r,f.jpg,2\r,g.jpg,2",
        1.0,
    ),
    # Words keep their blanks and are then wrong.
    ("padded words", WORDS, HEADER + "d.jpg, x\ne.jpg,y \nf.jpg,x\ng.jpg,x\n", 0.0),
    # pandas takes some words for a missing value, and digits for numbers.
    ("null", WORDS, HEADER + "d.jpg,x\ne.jpg,y\nf.jpg,x\ng.jpg,null\n", "TypeError"),
    ("digits", WORDS, HEADER + "d.jpg,2\ne.jpg,2\nf.jpg,2\ng.jpg,2\n", "ValueError"),
    # Ids that are all numbers lose their leading zeros, and rows that match no id are dropped.
    ("numeric ids", NUMBERS, HEADER + "007,1\n8,1\n9,2\n", 1.0),
]


@pytest.mark.nightly
def test_where_jarvis_leaderboard_differs(upstream: Path, tmp_path: Path) -> None:
    names = []
    for n, (_, test, text, _) in enumerate(DIFFERENCES):
        name = bravais_result(f"d{n}")
        splits = {"train": {"a.jpg": 0}, "test": test or CLASSES}
        add_benchmark(tmp_path / "benchmarks", name, splits)
        add_contribution(tmp_path / "contributions", f"d{n}", text, name, FULL)
        names.append(name)
    (tmp_path / "metadata.json").write_text(
        json.dumps({"repository_url": "https://example.org", "benchmarks": []})
    )
    done = python("-m", "jarvis_stem.export", "--jarvis", "jarvis", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    ours = {
        board.dataset: board.results[0].score
        for board in build(tmp_path / "contributions", tmp_path / "benchmarks").benchmarks
    }
    direct = upstream_score(upstream, tmp_path)["results"]
    exported = upstream_score(upstream, tmp_path / "jarvis")["results"]
    for name, (what, test, _, expected) in zip(names, DIFFERENCES, strict=True):
        file = f"{name.dataset}/{name.predictions_name}"
        if isinstance(expected, str):
            assert direct[file]["error"].startswith(expected), what
        else:
            assert direct[file]["score"] == expected != ours[name.dataset], what
        if test is None:  # the export mends what is a matter of writing
            assert exported[file]["score"] == ours[name.dataset], what


@pytest.mark.nightly
def test_jarvis_leaderboard_takes_the_export(upstream: Path, tmp_path: Path) -> None:
    done = python("-m", "jarvis_stem.export", "--jarvis", tmp_path)
    assert done.returncode == 0, done.stderr
    # Its own benchmarks under ours, as in its repository.
    find = "import jarvis_leaderboard as j; print(j.__path__[0])"
    package = subprocess.run([upstream, "-c", find], capture_output=True, text=True, check=True)
    theirs = Path(package.stdout.strip()) / "benchmarks" / "AI" / "ImageClass"
    for path in theirs.glob("*.zip"):
        copy = tmp_path / "benchmarks" / "AI" / "ImageClass" / path.name
        assert not copy.exists()
        shutil.copyfile(path, copy)
    report = upstream_score(upstream, tmp_path)
    boards = build(REPOSITORY / "contributions", REPOSITORY / "benchmarks").benchmarks
    assert {file: result["score"] for file, result in report["results"].items()} == {
        f"{result.contribution}/{result.file}": result.score
        for board in boards
        for result in board.results
    }
    assert len(report["results"]) >= 4
    assert report["checks"] and not any(report["checks"].values()), report["checks"]


@needs_golden
@pytest.mark.nightly
def test_the_published_results_score_alike(upstream: Path) -> None:
    results = upstream_score(upstream, GOLDEN)["results"]
    boards = build(GOLDEN / "contributions", GOLDEN / "benchmarks").benchmarks
    ours = {f"{r.contribution}/{r.file}": r.score for board in boards for r in board.results}
    assert {file: result["score"] for file, result in results.items()} == ours
    assert sorted(ours.values()) == [0.2924, 0.8304]


@pytest.mark.nightly
def test_forgeries_that_jarvis_leaderboard_takes_for_perfect(
    upstream: Path, tmp_path: Path
) -> None:
    benchmarks = tmp_path / "benchmarks"
    shutil.copytree(REPOSITORY / "benchmarks", benchmarks)
    split = Benchmark.read(benchmarks, REAL).split("test")
    known, its_class = next(iter(split.items()))
    junk = "".join(f"junk-{n}.jpg,0\n" for n in range(len(split) - 1))
    forgeries = {
        "junk": f"{HEADER}{known},{its_class}\n{junk}",
        "repeated": HEADER + f"{known},{its_class}\n" * len(split),
    }
    for model, text in forgeries.items():
        add_contribution(tmp_path / "contributions", model, text, REAL, FULL)
        (tmp_path / "contributions" / model / "run.sh").write_text("")
    report = upstream_score(upstream, tmp_path)
    scores = {file.split("/")[0]: r["score"] for file, r in report["results"].items()}
    assert scores == {"junk": 1.0, "repeated": 1.0}
    assert not any(report["checks"].values())

    leaderboard = build(tmp_path / "contributions", benchmarks)
    assert all(not board.results for board in leaderboard.benchmarks)
    problems = {r.contribution: "\n".join(r.problems) for r in leaderboard.all_rejected}
    missing = f"{len(split) - 1} ids missing"
    assert missing in problems["junk"] and f"{len(split) - 1} ids unknown" in problems["junk"]
    assert missing in problems["repeated"]
    assert f"1 id repeated: {known!r} {len(split)} times" in problems["repeated"]
