"""What the repository claims: its contributions' scores, their records, the pages made of them."""

from __future__ import annotations

import hashlib
import html
import importlib
import json
import shutil
from pathlib import Path

import pytest
from helpers import GOLDEN, PROTO, REAL, command, needs_golden, python

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.manifest import MANIFEST
from jarvis_stem.formats.predictions import read_predictions
from jarvis_stem.formats.project_metadata import METADATA, Project
from jarvis_stem.formats.published import REFERENCE_SUFFIX
from jarvis_stem.imaging import prototypes
from jarvis_stem.scoring import leaderboard
from jarvis_stem.scoring.board import Board, Leaderboard
from jarvis_stem.scoring.table import p_value
from jarvis_stem.utils.files import json_text
from jarvis_stem.web.content import board_page

BARS = {
    "densenet_model": 0.945,
    "lattice_cnn_model": 0.955,
    "lattice_model": 0.955,
    "resnet_model": 0.945,
    "robust_lattice_cnn_model": 0.8304,
}


def _real(boards: Leaderboard) -> Board:
    return next(board for board in boards.benchmarks if board.name == str(REAL))


@pytest.fixture(scope="module")
def boards(repository: Path) -> Leaderboard:
    return leaderboard.build(repository / "contributions", repository / "benchmarks")


def test_every_committed_contribution_is_scored(boards: Leaderboard) -> None:
    assert boards.all_rejected == []


def test_a_board_has_one_page_wherever_it_is_named(repository: Path, boards: Leaderboard) -> None:
    page = board_page(_real(boards))
    readme = (repository / "README.md").read_text()
    site = Project.read(repository / METADATA).site_url
    assert f"`site/{page}`" in readme  # where score and site write it by default
    assert f"({site}/{page})" in readme
    proto = next(board for board in boards.benchmarks if board.name == str(prototypes.RESULT_NAME))
    assert f'"The page: site/{board_page(proto)}"' in (repository / "run.sh").read_text()


@pytest.mark.parametrize("name", BARS)
def test_models_clear_the_published_bar(name: str, boards: Leaderboard) -> None:
    result = next(r for r in _real(boards).results if r.contribution == name)
    assert result.score >= BARS[name]


def test_densenet_model_is_better_than_the_published_one(
    repository: Path, boards: Leaderboard
) -> None:
    result = next(r for r in _real(boards).results if r.contribution == "densenet_model")
    one = next(c for c in result.comparisons if c.against == "published densenet_model")
    assert one.only_this > one.only_other
    assert one.p_holm < 0.05
    page = (repository / "docs" / REAL.page_path(".md")).read_text()
    ps = [html.escape(p_value(p)) for p in (one.p, one.p_holm)]
    cells = ("densenet_model", one.against, one.only_this, one.only_other, *ps)
    assert "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>" in page


@needs_golden
@pytest.mark.parametrize("name", BARS)
def test_the_published_predictions_say_the_same(
    repository: Path, boards: Leaderboard, name: str
) -> None:
    benchmark = Benchmark.read(repository / "benchmarks", REAL)
    targets = benchmark.targets("test")

    def right(folder: Path) -> list[bool]:
        predictions, problems = read_predictions(folder / REAL.predictions_name, REAL, benchmark)
        assert problems == []
        return (predictions == targets).tolist()

    theirs = right(GOLDEN / "contributions" / "densenet_model")
    ours = right(repository / "contributions" / name)
    result = next(r for r in _real(boards).results if r.contribution == name)
    one = next(c for c in result.comparisons if c.against == "published densenet_model")
    pairs = list(zip(ours, theirs, strict=True))
    assert (one.only_this, one.only_other) == (
        pairs.count((True, False)),
        pairs.count((False, True)),
    )


def test_the_published_resnet_is_the_majority_class(repository: Path, boards: Leaderboard) -> None:
    baseline = _real(boards).baseline
    assert baseline is not None
    assert baseline.same_predictions_as == ["published resnet_model"]
    page = (repository / "docs" / REAL.page_path(".md")).read_text()
    assert "<li>published resnet_model has the same predictions as majority class.</li>" in page


def test_each_result_agrees_with_its_run_record(repository: Path, boards: Leaderboard) -> None:
    for board in boards.benchmarks:
        for result in [] if board.pictures else board.results:  # for pictures nothing is trained
            folder = repository / "contributions" / result.contribution
            record = json.loads((folder / f"{board.name}.run.json").read_text())
            assert record["result"]["accuracy"] == result.score
            assert record["result"]["n"] == board.n_test
            imaged = board.n_test - result.n_missing_structures
            assert record["result"]["n_with_image"] == imaged
            assert round(record["costs"]["wall_seconds"]) == result.time_taken_seconds
            chosen = record["history"][record["chosen_epoch"] - 1]
            assert chosen["validation_accuracy"] == max(
                epoch["validation_accuracy"] for epoch in record["history"]
            )


def test_committed_pages_are_what_scoring_writes(repository: Path, tmp_path: Path) -> None:
    done = command("score", "--output", tmp_path, "--site", tmp_path / "site")
    assert done.returncode == 0, done.stderr
    committed = [repository / "docs" / "leaderboard.json"]
    committed += sorted((repository / "docs").glob("*/*/*.md"))
    assert len(committed) >= 3
    for path in committed:
        fresh = tmp_path / path.relative_to(repository / "docs")
        assert fresh.read_bytes() == path.read_bytes(), path


def test_committed_tables_are_what_the_run_records_say(repository: Path, tmp_path: Path) -> None:
    pages = [tmp_path / "README.md", tmp_path / "results.md"]
    shutil.copy(repository / "README.md", pages[0])
    done = python("perf/runs.py", "--readme", pages[0], "--results", pages[1])
    assert (done.returncode, done.stderr) == (0, "")
    for page, committed in zip(pages, ("README.md", "docs/results.md"), strict=True):
        assert page.read_text() == (repository / committed).read_text()


@pytest.mark.parametrize("report", ["errors", "unseen"])
def test_committed_reports_are_what_their_figures_say(
    report: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(repository / "perf")
    path = repository / "docs" / f"{report}.json"
    content = json.loads(path.read_text())
    assert json_text(content) == path.read_text()
    page = importlib.import_module(report).page(content)
    assert page == path.with_suffix(".md").read_text()


def test_the_report_of_errors_is_of_the_committed_predictions(
    repository: Path, boards: Leaderboard
) -> None:
    models = json.loads((repository / "docs/errors.json").read_text())["models"]
    board = _real(boards)
    scored = {result.contribution: result.n_correct for result in board.results}
    scored |= {f"published {one.name}": one.n_correct for one in board.references}
    assert {model: figures["correct"] for model, figures in models.items()} == scored
    for figures in models.values():
        apart = (figures["classes"], figures["groups"])
        assert sum(one["correct"] for one in apart[0].values()) == figures["correct"]
        assert sum(one["n"] for one in apart[1].values()) >= figures["n"] == board.n_test


def test_the_report_of_errors_is_what_its_command_writes(
    repository: Path, shared: Path, tmp_path: Path
) -> None:
    data = shared / "jarvis_data"
    done = python("perf/errors.py", "--data", data, "--output", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    written, committed = (
        json.loads((folder / "errors.json").read_text()) | {"command": ""}
        for folder in (tmp_path, repository / "docs")
    )
    assert written == committed


def test_the_report_on_unseen_structures_is_of_the_committed_models(repository: Path) -> None:
    models = json.loads((repository / "docs/unseen.json").read_text())["models"]
    stored = {
        path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in repository.glob(f"contributions/*/{REAL.model_name}")
    }
    assert {model: figures["sha256"] for model, figures in models.items()} == stored


def test_committed_scores_are_json(repository: Path) -> None:
    text = (repository / "docs" / "leaderboard.json").read_text()
    json.loads(text, parse_constant=pytest.fail)


def test_every_benchmark_file_has_its_checksum(repository: Path) -> None:
    root = repository / "benchmarks"
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != MANIFEST)
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(root).as_posix()}"
        for path in files
    ]
    assert (root / MANIFEST).read_text().splitlines() == lines


def test_the_reference_is_made_from_what_was_published(
    repository: Path, shared: Path, tmp_path: Path
) -> None:
    root = tmp_path / "benchmarks"
    shutil.copytree(repository / "benchmarks", root)
    committed = root / REAL.page_path(REFERENCE_SUFFIX)
    content = committed.read_bytes()
    committed.unlink()
    source = json.loads(content)["published"]["densenet_model"]["source"]
    done = command(
        *("reference", REAL.dataset, "--benchmarks", root),
        *("--published", shared / "jarvis_leaderboard" / "contributions"),
        *("--source", source.removesuffix("/densenet_model"), "--data", shared / "jarvis_data"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    made, was = json.loads(committed.read_bytes()), json.loads(content)
    assert made["published"] == was["published"]
    # Committed results can be of models that were trained on a store of fewer structures.
    assert set(made["without_structure"]) <= set(was["without_structure"])


def test_the_reference_of_the_built_in_benchmark_is_what_the_command_makes(
    repository: Path, tmp_path: Path
) -> None:
    root = tmp_path / "benchmarks"
    shutil.copytree(repository / "benchmarks", root)
    made = root / PROTO.page_path(REFERENCE_SUFFIX)
    made.unlink()
    done = command("reference", PROTO.dataset, "--benchmarks", root)
    assert (done.returncode, done.stderr) == (0, "")
    assert made.read_bytes() == (repository / "benchmarks" / made.relative_to(root)).read_bytes()
    half = command("reference", PROTO.dataset, "--benchmarks", root, "--source", "https://x")
    assert half.returncode == 2
    assert "--published and --source need each other" in half.stderr
