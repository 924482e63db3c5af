"""The notebooks, executed as a reader would, outside the repository."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from helpers import PATIENCE, REPOSITORY
from nbclient import NotebookClient

NOTEBOOK = REPOSITORY / "docs" / "quickstart.ipynb"
OWN = REPOSITORY / "docs" / "my_model.ipynb"
HYPERSPY = REPOSITORY / "docs" / "hyperspy.ipynb"
PUBLISHED = "https://github.com/jarvis-stem/jarvis_stem"
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def read(path: Path) -> Any:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def execute(path: Path, folder: Path) -> Any:
    notebook = read(path)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3", resources=resources).execute()
    return notebook


@pytest.mark.parametrize("path", [NOTEBOOK, OWN, HYPERSPY], ids=lambda path: path.stem)
def test_it_is_kept_as_it_was_executed(path: Path) -> None:
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [one for cell in code for one in cell.outputs]
    assert len(outputs) > 5
    assert not [one for one in outputs if one.output_type == "error" or "\x1b" in str(one)]
    assert all(cell.metadata == {} for cell in code)  # nor when it was


def state() -> dict[Path, str]:
    """What is in the folders that the notebook reads from."""
    paths = [*(REPOSITORY / "contributions").rglob("*"), *(REPOSITORY / "benchmarks").rglob("*")]
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths if p.is_file()}


@pytest.fixture
def repository(tmp_path: Path, tiny_benchmarks: Path) -> Path:
    """The repository but for its benchmarks: a tiny one, to train on in seconds."""
    root = tmp_path / "repository"
    root.mkdir()
    for name in ("jarvis_stem", "contributions"):
        (root / name).symlink_to(REPOSITORY / name)
    (root / "benchmarks").symlink_to(tiny_benchmarks)
    return root


@pytest.mark.training
def test_it_does_what_it_says(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state()
    monkeypatch.setenv("PYTHONPATH", str(repository))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook = execute(NOTEBOOK, tmp_path)
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    text = "".join(one.text for one in outputs if one.get("name") == "stdout")
    assert "train 1200" in text
    assert "accuracy 0." in text
    assert "my_model" in text
    assert "default: hexagonal" in text
    assert "a 3." in text
    shown = [one for one in outputs if "image/png" in one.get("data", {})]
    assert len(shown) == 2
    assert not [one for one in outputs if one.get("name") == "stderr"]
    assert not list(tmp_path.glob("quickstart-*"))  # it tidies up
    assert state() == before


def printed(cell: Any) -> str:
    return "".join(one.text for one in cell.get("outputs", []) if one.output_type == "stream")


@pytest.mark.training
def test_ones_own_model_is_trained_scored_and_asked(
    tmp_path: Path, tiny_benchmarks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = tmp_path / "clone"
    (clone / "contributions").mkdir(parents=True)
    (clone / "jarvis_stem").symlink_to(REPOSITORY / "jarvis_stem")
    (clone / "benchmarks").symlink_to(tiny_benchmarks)
    shutil.copy(REPOSITORY / "metadata.json", clone)
    monkeypatch.setenv("PYTHONPATH", str(clone))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    made, kept = execute(OWN, clone), read(OWN)
    code = [cell for cell in made.cells if cell.cell_type == "code"]
    shown = [bool(cell.outputs) for cell in code]
    assert shown == [bool(cell.outputs) for cell in kept.cells if cell.cell_type == "code"]
    install, new, _, train, score, errors, answer, check = map(printed, code)
    assert install == ""
    assert new.startswith(
        "wrote contributions/my_model: README.md, metadata.json, model.py, run.sh"
    )
    assert "accuracy 0." in train or "accuracy 1." in train
    assert re.search(r"^my_model +1 ", score, re.MULTILINE)
    assert re.match(r"\d+ of 20 correct\n", errors)
    assert re.match(r"hexagonal [01]\.\d\d a 3\.", answer)
    assert "README.md\n      line 3 is still to be written" in check
    assert (clone / "runs" / "site" / "index.html").is_file()


@pytest.mark.nightly
def test_its_line_installs_when_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the libraries, which setup.sh brings as well, and from this clone."""
    cell = next(cell for cell in read(OWN).cells if cell.cell_type == "code")
    lines = [line.strip() for line in cell.source.splitlines() if line.startswith("    ")]
    assert [line[0] for line in lines] == ["!", "%", "%"]
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    address = f"url.{REPOSITORY.as_uri()}.insteadOf"
    for name, value in (("COUNT", "1"), ("KEY_0", address), ("VALUE_0", PUBLISHED)):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    monkeypatch.setenv("PATH", f"{tmp_path / 'venv' / 'bin'}:{os.environ['PATH']}")
    script = "set -e\n" + "\n".join(line[1:] for line in lines) + " --no-deps\n"
    done = subprocess.run(
        ["bash", "-c", script + 'python -c "import jarvis_stem; print(jarvis_stem.__file__)"'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "does not provide the extra" not in done.stderr
    assert done.stdout.strip() == str(tmp_path / "jarvis_stem" / "jarvis_stem" / "__init__.py")


def shown_by(notebook: Any) -> list[tuple[str, set[str]]]:
    """What a notebook's cells print or show, in words, and in which other forms."""
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    assert outputs
    return [
        (one.get("text") or one["data"]["text/plain"], set(one.get("data", {}))) for one in outputs
    ]


def test_the_notebook_on_hyperspy_shows_what_is_kept_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("hyperspy", reason="the extra test is not installed")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    kept, notebook = shown_by(read(HYPERSPY)), execute(HYPERSPY, tmp_path)
    for (text, forms), (before, forms_before) in zip(shown_by(notebook), kept, strict=True):
        assert forms == forms_before
        assert _NUMBER.sub("#", text) == _NUMBER.sub("#", before)
        for number, number_before in zip(*map(_NUMBER.findall, (text, before)), strict=True):
            # Whole ones are errors in brackets, in units of the last digit.
            near = {"rel": 1e-3, "abs": 0.011} if "." in number_before else {"abs": 2}
            assert float(number) == pytest.approx(float(number_before), **near)
    assert "hexagonal 0.9" in kept[1][0]
    assert list(tmp_path.iterdir()) == []
