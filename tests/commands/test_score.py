from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import signal
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import (
    ALL_RIGHT,
    GOLDEN,
    HALF_RIGHT,
    HEADER,
    METADATA,
    OTHER,
    PATIENCE,
    REAL,
    REPOSITORY,
    SMALL,
    SMALL_SPLITS,
    add_benchmark,
    add_contribution,
    command,
    needs_golden,
    python,
    run_record,
    start,
)
from markdown_it import MarkdownIt

from jarvis_stem import site
from jarvis_stem.formats.manifest import MANIFEST
from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.project_metadata import About, Project
from jarvis_stem.formats.published import REFERENCE_SUFFIX, Published, Reference, fingerprint
from jarvis_stem.scoring.board import Board, Cost
from jarvis_stem.scoring.jarvis_page import page_markdown
from jarvis_stem.scoring.leaderboard import build
from jarvis_stem.scoring.table import p_value, rows
from jarvis_stem.utils.files import json_text

PUBLISHED_URL = "https://github.com/usnistgov/jarvis_leaderboard/tree/main/jarvis_leaderboard"
SMALL_PAGE = SMALL.page_path("")
SITE_PAGE = "site/benchmarks/small_bravais_class.html"
TARGETS = [0, 1, 2, 2]


def score(root: Path, *more: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, with its defaults."""
    return command("score", "--repository-url", "https://example.org/r", *more, cwd=root)


def leaderboard(root: Path) -> dict[str, Any]:
    data = json.loads((root / "docs" / "leaderboard.json").read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return data


def only_board(root: Path) -> Board:
    (board,) = build(root / "contributions", root / "benchmarks").benchmarks
    return board


def page_of(board: Board) -> str:
    """JARVIS' page."""
    return page_markdown(board, About("Title"), "https://example.org/r")


def add_run(root: Path, model: str, accuracy: float, **more: Any) -> None:
    """Write the record of a run beside a contribution's predictions."""
    path = root / "contributions" / model / SMALL.run_record_name
    path.write_text(json.dumps(run_record(accuracy) | more), encoding="utf-8")


def add_published(root: Path, **predictions: list[int | str]) -> None:
    """Write the small benchmark's reference file: the predictions of its test ids by name."""
    published = {}
    for name, classes in predictions.items():
        right = np.array(classes) == TARGETS
        published[name] = Published(
            score=float(right.mean()),
            source=f"there, https://example.org/there/{name}",
            right_ids=base64.b64encode(np.packbits(right).tobytes()).decode(),
            predictions_sha256=fingerprint(classes),
        )
    path = root / "benchmarks" / SMALL.page_path(REFERENCE_SUFFIX)
    path.write_text(json_text(Reference(published=published).model_dump()), encoding="utf-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one small benchmark and two good contributions."""
    add_benchmark(tmp_path / "benchmarks")
    add_contribution(tmp_path / "contributions", "half", HALF_RIGHT)
    add_contribution(tmp_path / "contributions", "right", ALL_RIGHT)
    return tmp_path


def test_the_leaderboard_and_its_table(root: Path) -> None:
    done = score(root)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:7] == [
        "AI-ImageClass-bravais_class-small-test-acc",
        "rank  contribution               accuracy      95% interval  correct  time",
        "   1  right                        1.0000  0.5101 to 1.0000      4/4  12 s",
        "   1  half                         0.5000  0.1500 to 0.8500      2/4  12 s",
        "   -  majority class (baseline)    0.2500  0.0456 to 0.6994      1/4     -",
        "rank: results whose difference to the best of their rank is not significant",
        "  (exact McNemar, Holm-corrected, 5%) share it",
    ]
    assert "note:" not in done.stdout
    (board,) = leaderboard(root)["benchmarks"]
    results = board.pop("results")
    baseline = board.pop("baseline")
    assert board == {
        "name": str(SMALL),
        "dataset": "small",
        "property": "bravais_class",
        "split": "test",
        "metric": "acc",
        "classes": [0, 1, 2],
        "n_test": 4,
        "dataset_size": 7,
        "pictures": False,
        "references": [],
        "rejected": [],
        "notices": [],
    }
    assert [result["contribution"] for result in results] == ["right", "half"]
    assert results[1] == {
        "contribution": "half",
        "file": SMALL.predictions_name,
        "rank": 1,
        "score": 0.5,
        "interval": [0.15, 0.85],
        "n_correct": 2,
        "balanced_accuracy": 0.3333,
        "macro_f1": 0.2222,
        "matthews": 0.0,
        "classes": [
            {"name": 0, "n": 1, "recall": 0.0, "precision": None},
            {"name": 1, "n": 1, "recall": 0.0, "precision": None},
            {"name": 2, "n": 2, "recall": 1.0, "precision": 0.5},
        ],
        "confusion": [[0, 0, 1], [0, 0, 1], [0, 0, 2]],
        "with_structure": None,
        "without_structure": None,
        "comparisons": [
            {"against": "right", "only_this": 0, "only_other": 2, "p": 0.5, "p_holm": 0.5},
            {"against": "majority class", "only_this": 2, "only_other": 1, "p": 1, "p_holm": 1},
        ],
        "same_predictions_as": [],
        "n_missing_structures": 0,
        "model_name": "CNN",
        "team_name": "team",
        "date_submitted": "01-31-2024",
        "time_taken_seconds": 12,
        "cost": None,
        "project_url": "https://example.org",
        "notices": [],
    }
    assert baseline.keys() == results[1].keys()
    assert (baseline["contribution"], baseline["rank"], baseline["score"]) == (
        "majority class",
        None,
        0.25,
    )


def test_all_columns_or_those_that_are_named(root: Path) -> None:
    wide = score(root, "--wide").stdout.splitlines()[1:3]
    assert wide == [
        "rank  contribution               accuracy      95% interval  correct  balanced accuracy"
        "  macro F1     MCC  with structure  time  parameters  date",
        "   1  right                        1.0000  0.5101 to 1.0000      4/4             1.0000"
        "    1.0000  1.0000               -  12 s           -  01-31-2024",
    ]
    named = score(root, "--columns", "MCC, team").stdout.splitlines()[1:3]
    assert named == [
        "contribution                  MCC  team",
        "right                      1.0000  team",
    ]
    unknown = score(root, "--columns", "MCC,recall")
    assert unknown.returncode == 2
    assert "'recall': expected names of rank, contribution, accuracy," in unknown.stderr
    both = score(root, "--wide", "--columns", "MCC")
    assert both.returncode == 2
    assert "'--wide' and '--columns' exclude each other" in both.stderr


def test_what_is_committed_fits_80_columns(tmp_path: Path) -> None:
    contributions, benchmarks = REPOSITORY / "contributions", REPOSITORY / "benchmarks"
    done = python(
        *("-m", "jarvis_stem.score", "--site", str(tmp_path), "--output", str(tmp_path)),
        *("--contributions", str(contributions), "--benchmarks", str(benchmarks)),
        cwd=REPOSITORY,
    )
    lines = [line for line in done.stdout.splitlines() if not line.startswith("page: ")]
    assert len(lines) > 20
    assert max(map(len, lines)) <= 80


def test_json_is_all_that_json_prints(root: Path) -> None:
    done = score(root, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == leaderboard(root)


def test_the_same_input_gives_the_same_bytes_and_no_rewrite(root: Path) -> None:
    def files(folder: str) -> dict[Path, tuple[bytes, int]]:
        paths = [path for path in (root / folder).rglob("*") if path.is_file()]
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}

    score(root)
    before = files("docs"), files("site")
    score(root)
    assert (files("docs"), files("site")) == before
    assert {path.name for path in before[0]} == {"leaderboard.json", "small_bravais_class.md"}
    pages = [path.relative_to(root) for path in before[1] if path.suffix == ".html"]
    assert sorted(map(str, pages)) == [
        "site/about.html",
        "site/benchmarks/small_bravais_class.html",
        "site/faq.html",
        "site/index.html",
        "site/submit.html",
    ]


def test_results_of_the_same_rank_stand_by_accuracy_then_name(root: Path) -> None:
    add_contribution(root / "contributions", "also_right", ALL_RIGHT)
    done = score(root)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines[2:5]] == [
        ["1", "also_right"],
        ["1", "right"],
        ["1", "half"],
    ]
    note = "also_right has the same predictions as right"
    assert f"note: {note}" in lines
    assert f"<li>{note}.</li>" in page_of(only_board(root))


def test_a_significant_difference_makes_a_rank(tmp_path: Path) -> None:
    ids = [f"{i}.jpg" for i in range(60)]
    splits = {"train": {"a.jpg": 0, "b.jpg": 0, "c.jpg": 1}, "test": dict.fromkeys(ids, 1)}
    add_benchmark(tmp_path / "benchmarks", splits=splits)
    for model, n_right in (("best", 60), ("tied", 55), ("worse", 30)):
        csv = HEADER + "".join(f"{id},{int(i < n_right)}\n" for i, id in enumerate(ids))
        add_contribution(tmp_path / "contributions", model, csv)
    board = only_board(tmp_path)
    # 5 ids to 0: p = 2 / 2**5 = 0.0625; 30 to 0: 2 / 2**30, doubled by Holm's correction.
    assert [(row.cells["contribution"], row.cells.get("rank")) for row in rows(board)] == [
        ("best", "1"),
        ("tied", "1"),
        ("worse", "3"),
        ("majority class (baseline)", ""),
    ]
    text = page_of(board)
    cells = _Tags(text).cells
    assert ["1", "tied", "0.9167"] in [line[:3] for line in cells]
    assert ["3", "worse", "0.5000"] in [line[:3] for line in cells]
    assert ["tied", "best", "0", "5", "0.0625", "0.0625"] in cells
    assert ["worse", "best", "0", "30", "< 0.001", "< 0.001"] in cells
    p = board.results[2].comparisons[0]
    assert (p.p, p.p_holm) == (1.86e-9, 3.73e-9)  # the data keep what the page shortens


def test_published_results_and_the_baseline_stand_by_their_accuracy(root: Path) -> None:
    add_published(root, old=[0, 1, 2, 1], modèle=[0, 0, 0, 0], half=[2, 2, 2, 2], right=[0] * 4)
    done = score(root)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line[6:43] for line in lines[2:8]] == [
        "right                        1.0000  ",
        "published old                0.7500  ",
        "half                         0.5000  ",
        "published modèle             0.2500  ",
        "published right              0.2500  ",  # not the right of here; half is
        "majority class (baseline)    0.2500  ",
    ]
    assert [line[3] for line in lines[2:8]] == ["1", "-", "1", "-", "-", "-"]
    assert (
        "note: half has the same predictions as published half note: published modèle has the same "
        "predictions as published right, majority class page: "
    ) in " ".join(done.stdout.split())
    text = page_of(only_board(root))
    table = _Tags(text)
    assert ["-", "published old", "0.7500"] in [line[:3] for line in table.cells]
    assert ["-", "majority class (baseline)", "0.2500"] in [line[:3] for line in table.cells]
    assert table.kinds == [
        *("contribution", "published", "contribution", "published", "published", "baseline")
    ]
    assert ["half", "published old", "1", "2", "1", "1"] in table.cells
    same = "published modèle has the same predictions as published right, majority class"
    assert f"<li>{same}.</li>" in text


def test_the_chart_has_intervals_and_a_line_for_each_level(root: Path) -> None:
    add_published(root, old=[0, 1, 2, 1], none=[0, 0, 0, 0])
    text = page_of(only_board(root))
    chart = _figure(text)
    assert chart["data"]["x"] == ["half", "right"]
    assert chart["data"]["error_y"]["array"] == [0.35, 0.0]
    assert chart["data"]["error_y"]["arrayminus"] == [0.35, 0.4899]
    lines = [(line["y0"], line["line"]["dash"]) for line in chart["layout"]["shapes"]]
    assert lines == [(0.75, "dash"), (0.25, "dash")]
    assert [label["text"] for label in chart["layout"]["annotations"]] == [
        "published<br>old<br>0.7500",
        "published<br>none<br>majority class<br>0.2500",
    ]
    (root / "benchmarks" / SMALL.page_path(REFERENCE_SUFFIX)).unlink()
    chart = _figure(page_of(only_board(root)))
    (line,) = chart["layout"]["shapes"]
    assert (line["y0"], line["line"]["dash"]) == (0.25, "dot")


def test_cost_is_shown_where_a_run_was_recorded(root: Path) -> None:
    add_run(root, "half", 0.5, hardware="Prozessor µ, 2 Kerne")
    text = page_of(only_board(root))
    table = _Tags(text)
    (columns,) = (line for line in table.heads if "CPU time" in line)
    found = {
        cells[1]: dict(zip(columns, cells, strict=True))
        for cells in table.cells
        if len(cells) == len(columns)
    }
    names = ("time", "CPU time", "memory", "parameters", "epochs", "hardware")
    assert [found["half"][name] for name in names] == [
        *("12 s", "4 s", "9 MB", "7", "1", "Prozessor µ, 2 Kerne")
    ]
    assert [found["right"][name] for name in names] == ["12 s", *["-"] * 5]
    assert [found["majority class (baseline)"][name] for name in names] == ["-"] * 6
    assert only_board(root).results[0].cost is None


@pytest.mark.parametrize(
    ("seconds", "megabytes", "parameters", "shown"),
    [
        (0.2, 0, 0, ["0 s", "0 MB", "0"]),
        (59, 1023, 999, ["59 s", "1023 MB", "999"]),
        (60, 1024, 1000, ["1.0 min", "1.0 GB", "1.0 k"]),
        (2605.4, 3672, 6_974_661, ["43.4 min", "3.6 GB", "7.0 M"]),
        (86_400, 1e6, 175e9, ["24.0 h", "976.6 GB", "175.0 G"]),
    ],
)
def test_costs_are_short(
    root: Path, seconds: float, megabytes: float, parameters: float, shown: list[str]
) -> None:
    cost = Cost("CPU", seconds, 0, megabytes, int(parameters), 1, 0)
    board = only_board(root)
    board.results = [replace(board.results[0], cost=cost)]
    cells = rows(board)[0].cells
    assert [cells[name] for name in ("time", "memory", "parameters")] == shown


@pytest.mark.parametrize(
    ("p", "shown"),
    [
        (1.0, "1"),
        (0.0496, "0.0496"),
        (0.00203, "0.00203"),
        (0.001, "0.001"),
        (0.000999, "< 0.001"),
        (7.19e-321, "< 0.001"),
        (0.0, "< 0.001"),
    ],
)
def test_small_p_values_are_not_spelt_out(p: float, shown: str) -> None:
    assert p_value(p) == shown


def test_a_contribution_need_not_be_on_every_board(root: Path) -> None:
    add_benchmark(root / "benchmarks", OTHER)
    add_contribution(root / "contributions", "right", HALF_RIGHT, OTHER)
    boards = build(root / "contributions", root / "benchmarks").benchmarks
    assert {board.name: [r.contribution for r in board.results] for board in boards} == {
        str(SMALL): ["right", "half"],
        str(OTHER): ["right"],
    }
    (result,) = next(board for board in boards if board.name == str(OTHER)).results
    assert (result.rank, result.time_taken_seconds) == (1, None)


def test_a_listed_board_without_results_or_training_ids(tmp_path: Path) -> None:
    add_benchmark(tmp_path / "benchmarks", splits={"test": {"d.jpg": 0}})
    (tmp_path / "contributions").mkdir()
    (tmp_path / "metadata.json").write_text(json.dumps(project()), encoding="utf-8")
    done = score(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].startswith("rank  contribution  accuracy  95% interval")
    assert done.stdout.splitlines()[2].startswith("rank: ")
    text = (tmp_path / "docs" / f"{SMALL_PAGE}.md").read_text(encoding="utf-8")
    assert "<h2>Statistics</h2>" in text
    assert "<h2>Comparisons</h2>" not in text
    assert "<h2>Classes</h2>" not in text


def test_what_is_not_defined_is_null_and_a_dash(tmp_path: Path) -> None:
    splits = {"train": {"a.jpg": 0, "b.jpg": 1}, "test": {"c.jpg": 0}}
    add_benchmark(tmp_path / "benchmarks", splits=splits)
    add_contribution(tmp_path / "contributions", "m", HEADER + "c.jpg,0\n")
    done = score(tmp_path, "--json")
    (board,) = json.loads(done.stdout, parse_constant=pytest.fail)["benchmarks"]
    assert board["results"][0]["classes"][1] == {
        "name": 1,
        "n": 0,
        "recall": None,
        "precision": None,
    }
    text = page_of(only_board(tmp_path))
    assert ["m", "1.0000 / 1.0000", "- / -"] in _Tags(text).cells


@pytest.mark.parametrize(
    ("name", "splits", "csv"),
    [
        (
            "AI-TextClass-categories-arXiv-test-acc",
            {"train": {}, "test": {"0704.0752": "cond-mat.soft", "1": "cond-mat.other"}},
            "id,prediction\n0704.0752,cond-mat.soft\n1,cond-mat.soft\n",
        ),
        (
            "AI-SinglePropertyClass-optb88vdw_bandgap-dft_3d-test-acc",
            {"test": {"JVASP-1": 0, "JVASP-2": 1}},
            "id,target,prediction\nJVASP-1,0,0.0\nJVASP-2,1.0,0\n",
        ),
    ],
)
def test_other_benchmarks_score(tmp_path: Path, name: str, splits: Any, csv: str) -> None:
    result_name = ResultName.parse(name)
    add_benchmark(tmp_path / "benchmarks", result_name, splits)
    add_contribution(tmp_path / "contributions", "m", csv, result_name)
    done = build(tmp_path / "contributions", tmp_path / "benchmarks")
    assert done.all_rejected == []
    assert [(board.name, board.results[0].score) for board in done.benchmarks] == [(name, 0.5)]


FORGERIES = {
    "junk": (HEADER + "d.jpg,0\n" + "".join(f"x{i},0\n" for i in range(3)), "3 ids missing"),
    "again": (HEADER + "d.jpg,0\n" * 4, "1 id repeated: 'd.jpg' 4 times"),
    "nan": (ALL_RIGHT.replace("d.jpg,0", "d.jpg,nan"), "line 2: 'nan'"),
    "columns": (ALL_RIGHT.replace("prediction", "guess"), "expected a header"),
    "empty": ("", "expected a header"),
}


def test_bad_contributions_are_named_and_good_ones_keep_their_score(root: Path) -> None:
    contributions = root / "contributions"
    for model, (csv, _) in FORGERIES.items():
        add_contribution(contributions, model, csv)
    add_contribution(contributions, "metadata", ALL_RIGHT, metadata=[])
    add_contribution(contributions, "no_zip", ALL_RIGHT).write_bytes(b"no zip")
    done = score(root)
    assert done.returncode == 1
    (board,) = leaderboard(root)["benchmarks"]
    assert [(r["contribution"], r["score"]) for r in board["results"]] == [
        ("right", 1.0),
        ("half", 0.5),
    ]
    reasons = {r["contribution"]: r["problems"] for r in board["rejected"]}
    assert reasons.keys() == {*FORGERIES, "metadata", "no_zip"}
    for model, (_, reason) in FORGERIES.items():
        assert any(reason in problem for problem in reasons[model]), model
    page = (root / "docs" / f"{SMALL_PAGE}.md").read_text(encoding="utf-8")
    for model, problems in reasons.items():
        assert f"<li><strong>{model}</strong>, {SMALL.predictions_name}" in page
        for problem in problems:
            assert f"rejected: {model}/{SMALL.predictions_name}: {problem}\n" in done.stderr


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ("nonsense.csv.zip", "expected <CAT>-<SUBCAT>-<prop>-<dataset>-<split>-<metric>.csv.zip"),
        (REAL.predictions_name, "no benchmark AI/ImageClass/stem_2d_image_bravais_class.json.zip"),
        ("..-..-bravais_class-small-test-acc.csv.zip", "no benchmark ../../small_bravais_class"),
        ("AI-ImageClass-class-small_bravais-test-acc.csv.zip", f"is scored as {SMALL}; rename"),
        ("\udcff\n\x1b[2J.csv.zip", "expected <CAT>"),
        (None, "no predictions: expected a file named <CAT>"),
    ],
)
def test_files_of_no_benchmark_are_not_lost(root: Path, file: str | None, problem: str) -> None:
    path = add_contribution(root / "contributions", "stray", ALL_RIGHT)
    if file is None:
        path.unlink()
    else:
        path.rename(path.with_name(file))
    done = build(root / "contributions", root / "benchmarks")
    (rejection,) = done.rejected
    assert rejection.contribution == "stray"
    assert problem in rejection.problems[0]
    assert f"{rejection.file}{rejection.problems}".isprintable()
    assert len(done.benchmarks[0].results) == 2


def test_a_name_that_is_no_name(root: Path) -> None:
    add_contribution(root / "contributions", "<img src=x onerror=alert(1)>", ALL_RIGHT)
    done = score(root)
    assert done.returncode == 1
    assert done.stderr.startswith("rejected: <img src=x onerror=alert(1)>/AI-ImageClass")
    assert "expected a name of letters" in done.stderr
    page = (root / "docs" / f"{SMALL_PAGE}.md").read_text(encoding="utf-8")
    assert "img" not in _Tags(page).tags


class _Tags(HTMLParser):
    """The tags of a page and where its links go."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.kinds: list[str] = []  # of the rows of the table of results
        self.heads: list[list[str]] = []
        self.cells: list[list[str]] = []  # of every row, those of column heads left out
        self._row: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self._row, self._tag = [], ""
            self.kinds += [value or "" for key, value in attrs if key == "class"]
        if tag in ("td", "th"):
            self._row.append("")
            self._tag = tag
        self.links += [value or "" for key, value in attrs if key == "href"]
        assert not [key for key, _ in attrs if key.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._row:
            self._row[-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr":
            (self.heads if self._tag == "th" else self.cells).append(self._row)
            self._row = []


def test_what_strangers_write_stays_text(root: Path) -> None:
    evil = (
        '</td></script><script>alert(1)</script><a href="javascript:alert(1)" onclick="x">'
        "**bold** [link](javascript:alert(1)) `code` {{ 7 * 7 }}"
    )

    def parsed() -> list[_Tags]:
        page = page_of(only_board(root))
        return [_Tags(page), _Tags(MarkdownIt().render(page))]

    add_run(root, "right", 1.0)
    harmless = parsed()
    metadata = {**METADATA, **dict.fromkeys(("team_name", "model_name", "hardware_used"), evil)}
    add_contribution(root / "contributions", "right", ALL_RIGHT, metadata=metadata)
    add_run(root, "right", 1.0, hardware=evil, command=evil)
    attacked = parsed()
    assert [one.tags for one in attacked] == [one.tags for one in harmless]
    assert [one.links for one in attacked] == [one.links for one in harmless]
    assert all(evil in one.text for one in attacked)
    add_contribution(root / "contributions", "bad", ALL_RIGHT.replace("d.jpg,0", f"{evil},1"))
    assert score(root).returncode == 1
    assert [one.links for one in parsed()] == [one.links for one in harmless]


def test_unicode_stays_what_it_is(root: Path) -> None:
    team = "Équipe 日本 Ωmega 🔬"
    metadata = {**METADATA, "team_name": team}
    add_contribution(root / "contributions", "right", ALL_RIGHT, metadata=metadata)
    add_run(root, "right", 1.0, hardware="Prozessor für α")
    assert score(root).returncode == 0
    for file in ("docs/leaderboard.json", f"docs/{SMALL_PAGE}.md", SITE_PAGE):
        text = (root / file).read_text(encoding="utf-8")
        assert team in text
        assert "Prozessor für α" in text


def test_ids_without_a_structure_are_shown(root: Path) -> None:
    metadata = {**METADATA, "missing_structures": {SMALL.predictions_name: 3}}
    add_contribution(root / "contributions", "half", HALF_RIGHT, metadata=metadata)
    score(root)
    assert [r["n_missing_structures"] for r in leaderboard(root)["benchmarks"][0]["results"]] == [
        0,
        3,
    ]
    page = (root / "docs" / f"{SMALL_PAGE}.md").read_text(encoding="utf-8")
    assert "<li>half: 3 of 4</li>" in page
    assert "<li>right:" not in page


def project(**more: object) -> dict[str, object]:
    entry = {"name": str(SMALL), "title": "Small & fine", "description": "What it is."}
    references = {"references": ["https://example.org/paper"]}
    return {"repository_url": "https://example.org/mine", "benchmarks": [entry | references | more]}


def test_the_project_gives_links_and_title(root: Path) -> None:
    add_published(root, half=[2, 2, 2, 2], right=[0, 1, 2, 1])
    (root / "metadata.json").write_text(json.dumps(project()), encoding="utf-8")
    done = command("score", cwd=root)
    assert done.returncode == 0
    (board,) = leaderboard(root)["benchmarks"]
    source = "there, https://example.org/there/right"
    assert board["references"] == [  # the other one is scored here
        {
            "name": "right",
            "score": 0.75,
            "interval": [0.3006, 0.9544],
            "n_correct": 3,
            "source": source,
        }
    ]
    page = (root / "docs" / f"{SMALL_PAGE}.md").read_text(encoding="utf-8")
    assert page.startswith("# Small &amp; fine\n<!--benchmark_description--> - Description: What")
    assert "[https://example.org/paper](https://example.org/paper)<br>\n" in page
    assert '<a href="https://example.org/mine/contributions/half" target="_blank">half</a>' in page
    assert '<li>right: 0.75 (there, <a href="https://example.org/there/right"' in page
    assert _table(page).count("<tr><td>") == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{", "metadata.json: not JSON"),
        ({}, "metadata.json: expected a key 'repository_url', got none"),
        (project(title=None), "'benchmarks'[0]['title']: expected a valid string, got None"),
        (project(name="x"), "'x': expected <CAT>"),
        (project(references=["javascript:alert(1)"]), "expected an address that starts with http"),
        (project() | {"repository_url": "file:///etc"}, "'repository_url': expected an address"),
    ],
)
def test_broken_project_metadata(root: Path, data: object, message: str) -> None:
    text = data if isinstance(data, str) else json.dumps(data)
    (root / "metadata.json").write_text(text, encoding="utf-8")
    done = command("score", cwd=root)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert not (root / "docs").exists()


def test_the_projects_own_metadata_is_sound() -> None:
    names = [str(name) for name in Project.read(REPOSITORY / "metadata.json").benchmarks]
    assert names[0] == str(REAL)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--contributions", "nowhere"], 1, "error: nowhere: no such folder of contributions"),
        (["--benchmarks", "nowhere"], 1, "error: nowhere: no such folder of benchmarks"),
        (["--output", "/proc/nowhere"], 1, "error: /proc/nowhere"),
        (["--output", "benchmarks/AI/ImageClass/small_bravais_class.json.zip"], 1, "error: bench"),
        (["--repository-url", "javascript:alert(1)"], 1, "error: 'javascript:alert(1)': expected"),
        (["--nonsense"], 2, "No such option '--nonsense'"),
        (["--jsn"], 2, "Did you mean '--json'?"),
    ],
)
def test_what_a_user_can_get_wrong(
    root: Path, arguments: list[str], status: int, message: str
) -> None:
    done = score(root, *arguments)
    assert done.returncode == status
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_changed_benchmark_stops_the_scoring(root: Path) -> None:
    benchmarks = root / "benchmarks"
    path = benchmarks / SMALL.page_path(".json.zip")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    line = f"{digest}  {path.relative_to(benchmarks).as_posix()}\n"
    (benchmarks / MANIFEST).write_text(line, encoding="utf-8")
    assert score(root, "--output", "before").returncode == 0
    add_benchmark(
        benchmarks, splits=SMALL_SPLITS | {"test": dict.fromkeys(SMALL_SPLITS["test"], 2)}
    )
    done = score(root)
    assert (done.returncode, done.stdout) == (1, "")
    assert "small_bravais_class.json.zip: SHA-256" in done.stderr
    assert f"SHA256SUMS has {digest}; restore the file" in done.stderr
    assert not (root / "docs").exists()


def test_without_project_metadata_an_address_is_asked_for(root: Path) -> None:
    done = command("score", cwd=root)
    assert done.returncode == 1
    assert "metadata.json: no such file" in done.stderr


def test_a_full_disk_behind_the_output(root: Path) -> None:
    program = (
        f"{sys.executable} -m jarvis_stem.score --repository-url https://x.org --json >/dev/full"
    )
    done = start(["sh", "-c", program], root)
    assert (done.returncode, done.stderr) == (1, "error: output: No space left on device\n")


def links(root: Path) -> set[str]:
    """Where the page of the small benchmark leads to."""
    return set(_Tags((root / SITE_PAGE).read_text(encoding="utf-8")).links)


def test_names_the_page_and_links_what_has_no_card_to_the_repository(root: Path) -> None:
    done = score(root)
    assert f"page: {SITE_PAGE}" in done.stdout.splitlines()
    assert "https://example.org/r/contributions/half" in links(root)
    assert all((root / SITE_PAGE).parent.joinpath(link).is_file() for link in local(links(root)))


def local(links: set[str]) -> list[str]:
    return [link for link in links if not link.startswith(("http", "#"))]


def test_keeps_and_links_what_a_whole_site_has(root: Path) -> None:
    (root / "metadata.json").write_text(json.dumps(project()), encoding="utf-8")
    with contextlib.chdir(root):
        assert site.main(["--no-images", "--quiet"]) == 0
    url = ("--repository-url", "https://example.org/mine")
    whole = {path: path.read_bytes() for path in (root / "site").rglob("*") if path.is_file()}
    assert score(root, *url).returncode == 0
    assert {p: p.read_bytes() for p in (root / "site").rglob("*") if p.is_file()} == whole
    assert "../contributions/half.html" in links(root)
    (root / "site/contributions/half.html").unlink()
    score(root, *url)
    assert "https://example.org/mine/contributions/half" in links(root)
    assert "../contributions/right.html" in links(root)


def test_a_page_that_somebody_else_wrote_is_left_alone(root: Path) -> None:
    (root / "site").mkdir()
    (root / "site/index.html").write_text("mine")
    done = score(root)
    assert done.returncode == 1
    assert "error: site/index.html: not made by this command; name another folder" in done.stderr
    assert (root / "site/index.html").read_text() == "mine"


def test_ctrl_c_ends_without_a_traceback() -> None:
    code = (
        "import sys, time; from jarvis_stem import cli\n"
        "def main():\n print('ready', flush=True); time.sleep(10**6)\n"
        "sys.exit(cli.run(main))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert process.stderr.read() == "interrupted\n"


def test_no_torch_and_no_slow_import() -> None:
    code = (
        "import sys, jarvis_stem.score\n"
        "from jarvis_stem.scoring import jarvis_page\n"
        "from jarvis_stem.web import board, builder, cards, gallery, home, image_pages\n"
        "print({'torch', 'jarvis', 'pandas', 'sklearn', 'scipy', 'itables'} & set(sys.modules))"
    )
    assert python("-c", code).stdout == "set()\n"


@needs_golden
def test_the_published_page(tmp_path: Path) -> None:
    done = command(
        *("score", "--repository-url", PUBLISHED_URL),
        *("--output", tmp_path, "--site", tmp_path / "site"),
        *("--contributions", GOLDEN / "contributions", "--benchmarks", GOLDEN / "benchmarks"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "note: resnet_model has the same predictions as majority class\n" in done.stdout
    (board,) = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))["benchmarks"]
    assert board["references"] == []
    assert [r["rank"] for r in board["results"]] == [1, 2]
    assert (board["n_test"], board["dataset_size"]) == (2288, 9150)
    assert [(r["contribution"], r["score"], r["n_correct"]) for r in board["results"]] == [
        ("densenet_model", 0.8304, 1900),
        ("resnet_model", 0.2924, 669),
    ]
    page = REAL.page_path(".md")
    ours = (tmp_path / page).read_text(encoding="utf-8")
    theirs = (GOLDEN / "docs" / page).read_text(encoding="utf-8")
    theirs = theirs.replace('run.sh "', 'run.sh"').replace('metadata.json "', 'metadata.json"')
    assert _table(ours) == _best_first(_table(theirs))
    assert ours[: ours.index("<div")] == theirs[: theirs.index("<div")]
    assert _references(ours) == _references(theirs)
    for part in (
        '"x":["resnet_model","densenet_model"],"y":[0.2924,0.8304]',
        '"title":{"text":"ACC (bravais_class)"}',
        '"text":"AI-ImageClass-bravais_class-stem_2d_image-test-acc","x":0.5',
    ):
        assert part in theirs
    chart = _figure(ours)
    assert chart["data"]["x"] == ["resnet_model", "densenet_model"]
    assert chart["data"]["y"] == [0.2924, 0.8304]
    assert chart["layout"]["title"]["text"] == str(REAL)
    assert chart["layout"]["title"]["x"] == 0.5
    assert chart["layout"]["yaxis"]["title"]["text"] == "ACC (bravais_class)"


def _table(page: str) -> str:
    return page[page.index("<h2>Model benchmarks</h2>") : page.index("</table>")]


def _best_first(table: str) -> str:
    head, worst, best, foot = table.split("<!--table_content-->")
    return "<!--table_content-->".join([head, best, worst, foot])


def _references(page: str) -> str:
    return page[page.index("<br>Reference(s)") : page.index("<h2>Model benchmarks</h2>")]


def _figure(page: str) -> dict[str, Any]:
    decoder = json.JSONDecoder()
    at = page.index("[{", page.index("Plotly.newPlot("))
    (data,), end = decoder.raw_decode(page, at)
    layout, _ = decoder.raw_decode(page, page.index("{", end))
    return {"data": data, "layout": layout}
