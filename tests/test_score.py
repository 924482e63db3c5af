from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from helpers import (
    GOLDEN,
    METADATA,
    REAL,
    REPOSITORY,
    SMALL,
    add_benchmark,
    add_contribution,
    needs_golden,
    python,
)

from jarvis_stem.benchmark import ResultName
from jarvis_stem.leaderboard import build
from jarvis_stem.project import Project

PUBLISHED_URL = "https://github.com/usnistgov/jarvis_leaderboard/tree/main/jarvis_leaderboard"
HEADER = "id,prediction\n"
ALL_RIGHT = HEADER + "d.jpg,0\ne.jpg,1\nf.jpg,2\ng.jpg,2\n"
HALF_RIGHT = HEADER + "d.jpg,2\ne.jpg,2\nf.jpg,2\ng.jpg,2\n"
SMALL_PAGE = SMALL.page_path("")


def score(root: Path, *more: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the real command in a folder, with its defaults."""
    return python(
        "-m", "jarvis_stem.score", "--repository-url", "https://example.org/r", *more, cwd=root
    )


def leaderboard(root: Path) -> dict[str, Any]:
    data = json.loads((root / "docs" / "leaderboard.json").read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return data


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
    assert done.stdout.splitlines()[:4] == [
        "AI-ImageClass-bravais_class-small-test-acc",
        "rank  contribution  accuracy  correct  no structure  date",
        "   1  right           1.0000      4/4             0  11-22-2026",
        "   2  half            0.5000      2/4             0  11-22-2026",
    ]
    (board,) = leaderboard(root)["benchmarks"]
    results = board.pop("results")
    assert board == {
        "name": str(SMALL),
        "dataset": "small",
        "property": "bravais_class",
        "split": "test",
        "metric": "acc",
        "n_test": 4,
        "dataset_size": 7,
        "references": [],
        "rejected": [],
    }
    assert [result["contribution"] for result in results] == ["right", "half"]
    assert results[1] == {
        "contribution": "half",
        "file": SMALL.predictions_name,
        "score": 0.5,
        "n_correct": 2,
        "n_missing_structures": 0,
        "model_name": "CNN",
        "team_name": "team",
        "date_submitted": "11-22-2026",
        "time_taken_seconds": 12,
        "project_url": "https://example.org",
    }


def test_json_is_all_that_json_prints(root: Path) -> None:
    done = score(root, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == leaderboard(root)


def test_the_same_input_gives_the_same_bytes_and_no_rewrite(root: Path) -> None:
    def files() -> dict[Path, tuple[bytes, int]]:
        paths = [path for path in (root / "docs").rglob("*") if path.is_file()]
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}

    score(root)
    before = files()
    score(root)
    assert files() == before
    assert {path.name for path in before} == {
        "leaderboard.json",
        "plotly.min.js",
        "small_bravais_class.md",
        "small_bravais_class.html",
    }


def test_equal_scores_share_a_rank_and_stand_by_name(root: Path) -> None:
    add_contribution(root / "contributions", "also_right", ALL_RIGHT)
    lines = score(root).stdout.splitlines()
    assert [line.split()[:2] for line in lines[2:5]] == [
        ["1", "also_right"],
        ["1", "right"],
        ["3", "half"],
    ]


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
    page = (root / "docs" / f"{SMALL_PAGE}.html").read_text(encoding="utf-8")
    for model, problems in reasons.items():
        assert f"<li><strong>{model}</strong>, {SMALL.predictions_name}" in page
        for problem in problems:
            assert f"rejected: {model}/{SMALL.predictions_name}: {problem}\n" in done.stderr


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ("nonsense.csv.zip", "expected <CAT>-<SUBCAT>-<prop>-<dataset>-<split>-<metric>.csv.zip"),
        (SMALL.predictions_name.replace("acc", "mae"), "metric 'mae': only 'test' and 'acc'"),
        (SMALL.predictions_name.replace("test", "train"), "split 'train'"),
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
    page = (root / "docs" / f"{SMALL_PAGE}.html").read_text(encoding="utf-8")
    assert "img" not in _Tags(page).tags


class _Tags(HTMLParser):
    """The tags of a page and where its links go."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for key, value in attrs if key == "href"]
        assert not [key for key, _ in attrs if key.startswith("on")]


def test_what_strangers_write_stays_text(root: Path) -> None:
    def pages() -> list[str]:
        paths = [root / "docs" / f"{SMALL_PAGE}{suffix}" for suffix in (".md", ".html")]
        return [path.read_text(encoding="utf-8") for path in paths]

    score(root)
    harmless = [_Tags(page) for page in pages()]
    evil = '</td></script><script>alert(1)</script><a href="javascript:alert(1)" onclick="x">'
    keys = ("team_name", "model_name", "date_submitted", "project_url")
    metadata = {**METADATA, **dict.fromkeys(keys, evil)}
    add_contribution(root / "contributions", "right", ALL_RIGHT, metadata=metadata)
    score(root)
    attacked = [_Tags(page) for page in pages()]
    assert [page.tags for page in attacked] == [page.tags for page in harmless]
    assert [page.links for page in attacked] == [page.links for page in harmless]
    assert all("&lt;script&gt;" in page for page in pages())
    add_contribution(root / "contributions", "bad", ALL_RIGHT.replace("d.jpg,0", f"{evil},1"))
    assert score(root).returncode == 1
    assert [_Tags(page).links for page in pages()] == [page.links for page in harmless]


def test_ids_without_a_structure_are_shown(root: Path) -> None:
    metadata = {**METADATA, "missing_structures": {SMALL.predictions_name: 3}}
    add_contribution(root / "contributions", "half", HALF_RIGHT, metadata=metadata)
    score(root)
    assert [r["n_missing_structures"] for r in leaderboard(root)["benchmarks"][0]["results"]] == [
        0,
        3,
    ]
    for suffix in (".md", ".html"):
        page = (root / "docs" / f"{SMALL_PAGE}{suffix}").read_text(encoding="utf-8")
        assert "<li>half: 3 of 4</li>" in page
        assert "<li>right:" not in page


def project(**more: object) -> dict[str, object]:
    entry = {"name": str(SMALL), "title": "Small & fine", "description": "What it is."}
    lists = {"references": ["https://example.org/paper"], "published": []}
    return {"repository_url": "https://example.org/mine", "benchmarks": [entry | lists | more]}


def test_the_project_gives_links_title_and_published_results(root: Path) -> None:
    published = [
        {"name": "half", "score": 0.5, "source": "here"},
        {"name": "right", "score": 0.75, "source": "there, https://example.org/there"},
    ]
    data = json.dumps(project(published=published))
    (root / "metadata.json").write_text(data, encoding="utf-8")
    done = python("-m", "jarvis_stem.score", cwd=root)
    assert done.returncode == 0
    assert "   -  published right    0.7500\n" in done.stdout
    (board,) = leaderboard(root)["benchmarks"]
    assert board["references"] == [published[1]]  # the other one is scored here
    page = (root / "docs" / f"{SMALL_PAGE}.md").read_text(encoding="utf-8")
    assert page.startswith("# Small &amp; fine\n<!--benchmark_description--> - Description: What")
    assert "[https://example.org/paper](https://example.org/paper)<br>\n" in page
    assert '<a href="https://example.org/mine/contributions/half" target="_blank">half</a>' in page
    assert '<li>right: 0.75 (there, <a href="https://example.org/there"' in page
    assert page.count("published<br>") + page.count("published\\u003cbr\\u003e") == 1
    assert page.count("<tr><td>") == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{", "metadata.json: not JSON"),
        ({}, "metadata.json: expected a list under 'benchmarks', got None"),
        (project(title=None), "benchmarks[0]: expected a str under 'title', got None"),
        (project(name="x"), "'x': expected <CAT>"),
        (project(references=["javascript:alert(1)"]), "expected an address that starts with http"),
        (project(published=[{"name": "x"}]), "published[0]: expected a float under 'score'"),
        (project() | {"repository_url": "file:///etc"}, "'file:///etc': expected an address"),
    ],
)
def test_broken_project_metadata(root: Path, data: object, message: str) -> None:
    text = data if isinstance(data, str) else json.dumps(data)
    (root / "metadata.json").write_text(text, encoding="utf-8")
    done = python("-m", "jarvis_stem.score", cwd=root)
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
        (["--nonsense"], 2, "unrecognized arguments"),
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


def test_a_broken_benchmark_stops_the_scoring(root: Path) -> None:
    (root / "metadata.json").write_text(json.dumps(project()), encoding="utf-8")
    (root / "benchmarks" / SMALL.page_path(".json.zip")).write_bytes(b"broken")
    done = score(root)
    assert (done.returncode, done.stdout) == (1, "")
    assert "small_bravais_class.json.zip: not a readable zip" in done.stderr
    assert not (root / "docs").exists()


def test_without_project_metadata_an_address_is_asked_for(root: Path) -> None:
    done = python("-m", "jarvis_stem.score", cwd=root)
    assert done.returncode == 1
    assert "metadata.json: no such file" in done.stderr


def test_a_full_disk_behind_the_output(root: Path) -> None:
    command = [sys.executable, "-m", "jarvis_stem.score", "--repository-url", "https://x.org"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*command, "--json"],
            cwd=root,
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b"error: output: No space left on device\n"


def test_ctrl_c_ends_without_a_traceback() -> None:
    code = (
        "import sys, time; from jarvis_stem import cli\n"
        "def main():\n print('ready', flush=True); time.sleep(30)\n"
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
        assert process.wait(10) == 130
        assert process.stderr.read() == "interrupted\n"


def test_help_says_how_it_ends() -> None:
    done = python("-m", "jarvis_stem.score", "--help")
    assert done.returncode == 0
    assert "exit status:" in done.stdout
    assert "examples:" in done.stdout


def test_no_torch_and_no_slow_import() -> None:
    code = (
        "import sys, jarvis_stem.score, jarvis_stem.page\n"
        "print({'torch', 'jarvis', 'pandas', 'sklearn', 'scipy'} & set(sys.modules))"
    )
    assert python("-c", code).stdout == "set()\n"


@needs_golden
def test_the_published_page(tmp_path: Path) -> None:
    start = time.perf_counter()
    done = python(
        *("-m", "jarvis_stem.score", "--repository-url", PUBLISHED_URL, "--output", tmp_path),
        *("--contributions", GOLDEN / "contributions", "--benchmarks", GOLDEN / "benchmarks"),
    )
    assert time.perf_counter() - start < 10  # 0.5 s on an idle core
    assert (done.returncode, done.stderr) == (0, "")
    (board,) = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))["benchmarks"]
    assert board["references"] == []
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


@needs_golden
def test_the_published_scores_that_we_quote() -> None:
    listed = Project.read(REPOSITORY / "metadata.json").benchmarks
    (board,) = build(GOLDEN / "contributions", GOLDEN / "benchmarks").benchmarks
    assert {(r.contribution, r.score) for r in board.results} == {
        (published.name, published.score) for published in listed[REAL].published
    }


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
